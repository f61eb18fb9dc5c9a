#include "core/acl/acl.h"
#include "core/config/core_settings.h"
#include "core/pubsub/channel.h"
#include "core_fixture.h"

UNIT_TEST(acl, replies_as_the_established_server_does) {
    struct fixture f;
    fixture_init(&f);
    EXPECT_REPLY(&f, "acl whoami", "$7|default|");
    EXPECT_REPLY(&f, "acl setuser bob on >a +ping ~a* %R~b &c (+echo ~x)", "+OK|");
    EXPECT_REPLY(&f, "acl users", "*2|$3|bob|$7|default|");
    EXPECT_REPLY(&f, "acl getuser bob",
                 "*12|$5|flags|*1|$2|on|$9|passwords|*1|$64|ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
                 "|$8|commands|$11|-@all +ping|$4|keys|$8|~a* %R~b|$8|channels|$2|&c|$9|selectors|*1|*6|$8|commands|$11|"
                 "-@all +echo|$4|keys|$2|~x|$8|channels|$0||");
    EXPECT_REPLY(&f, "acl getuser nobody", "$-1|");
    EXPECT_REPLY(&f, "acl dryrun bob ping", "+OK|");
    EXPECT_REPLY(&f, "acl dryrun bob auth x", "+OK|");
    EXPECT_REPLY(&f, "acl dryrun bob client id", "$59|This user has no permissions to run the 'client|id' command|");
    EXPECT_REPLY(&f, "acl dryrun nobody ping", "-ERR User 'nobody' not found|");
    EXPECT_REPLY(&f, "acl dryrun bob nosuch", "-ERR Command 'nosuch' not found|");
    EXPECT_REPLY(&f, "acl deluser bob nobody", ":1|");
    EXPECT_REPLY(&f, "acl deluser default", "-ERR The 'default' user cannot be removed|");
    EXPECT_REPLY(&f, "acl setuser bob +nosuch",
                 "-ERR Error in ACL SETUSER modifier '+nosuch': Unknown command or category name in ACL|");
    EXPECT_REPLY(&f, "acl genpass 0", "-ERR ACL GENPASS argument must be the number of bits for the output password, a "
                                      "positive number up to 4096|");
    CU_ASSERT_EQUAL(strlen(fixture_run(&f, f.client, "acl genpass 5")), strlen("$2|xx|"));
    EXPECT_REPLY(&f, "acl cat nosuch", "-ERR Unknown category 'nosuch'|");
    fixture_fini(&f);
}

UNIT_TEST(acl, logs_denials_and_failed_logins) {
    struct fixture f;
    fixture_init(&f);
    EXPECT_REPLY(&f, "acl setuser bob on >p +tget ~a", "+OK|");
    struct client *bob = fixture_client(&f);
    EXPECT_TEXT(fixture_run(&f, bob, "auth bob wrong"), "-WRONGPASS invalid username-password pair or user is disabled.|");
    EXPECT_TEXT(fixture_run(&f, bob, "auth bob p"), "+OK|");
    (void)fixture_run(&f, bob, "tget b");
    (void)fixture_run(&f, bob, "tget b");
    (void)fixture_run(&f, bob, "ping");
    const char *text = fixture_run(&f, f.client, "acl log");
    CU_ASSERT_PTR_EQUAL(strstr(text, "*3|*20|$5|count|:1|$6|reason|$7|command|$7|context|$8|toplevel|$6|object|$4|ping|"
                                     "$8|username|$3|bob|$11|age-seconds|"),
                        text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "|*20|$5|count|:2|$6|reason|$3|key|"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "|$6|reason|$4|auth|$7|context|$8|toplevel|$6|object|$4|auth|$8|username|$3|bob|"));
    EXPECT_REPLY(&f, "acl log reset", "+OK|");
    EXPECT_REPLY(&f, "acl log", "*0|");
    fixture_fini(&f);
}

UNIT_TEST(acl, the_configuration_names_users) {
    struct fixture f;
    struct error   err;
    fixture_init(&f);
    param_values_add(&f.server->settings->user, (struct slice){NULL, 0}, SLICE("bob on >p +@all ~*"));
    CU_ASSERT(acl_start(f.server, &err));
    CU_ASSERT_PTR_NOT_NULL(users_authenticate(f.server->users, SLICE("bob"), SLICE("p")));
    param_values_add(&f.server->settings->user, (struct slice){NULL, 0}, SLICE("eve +nosuch"));
    CU_ASSERT_FALSE(acl_start(f.server, &err));
    EXPECT_TEXT(err.text, "Error in ACL SETUSER modifier '+nosuch': Unknown command or category name in ACL");
    fixture_fini(&f);
}

UNIT_TEST(acl, requirepass_is_the_default_users_password) {
    struct fixture      f;
    struct error        err;
    size_t              failed;
    fixture_init(&f);
    struct param_change change = {params_find(f.server->params, SLICE("requirepass")), SLICE("secret")};
    CU_ASSERT(params_change(f.server->params, &change, 1, &failed, &err));
    CU_ASSERT(users_must_authenticate(f.server->users));
    CU_ASSERT_PTR_NOT_NULL(users_authenticate(f.server->users, SLICE("default"), SLICE("secret")));
    change.text = SLICE("");
    CU_ASSERT(params_change(f.server->params, &change, 1, &failed, &err));
    CU_ASSERT_FALSE(users_must_authenticate(f.server->users));
    fixture_fini(&f);
}
