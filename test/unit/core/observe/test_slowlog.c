#include "core/observe/slowlog.h"
#include "core/config/core_settings.h"
#include "core_fixture.h"

static void slow_fixture(struct fixture *f, int64_t threshold_us) {
    fixture_init(f);
    f->server->settings->slowlog_log_slower_than_us = threshold_us;
}

UNIT_TEST(slowlog, remembers_what_is_slow) {
    struct fixture f;
    slow_fixture(&f, 0);
    (void)fixture_run(&f, f.client, "ping hello");
    CU_ASSERT_EQUAL(slowlog_count(f.server->slowlog), 1);
    const char *text = fixture_run(&f, f.client, "slowlog get 1");
    CU_ASSERT_PTR_EQUAL(strstr(text, "*1|*6|:0|:"), text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "|*2|$4|ping|$5|hello|"));
    f.server->settings->slowlog_log_slower_than_us = 1000000;
    EXPECT_REPLY(&f, "slowlog len", ":2|");
    f.server->settings->slowlog_log_slower_than_us = -1;
    EXPECT_REPLY(&f, "slowlog reset", "+OK|");
    EXPECT_REPLY(&f, "slowlog len", ":0|");
    fixture_fini(&f);
}

UNIT_TEST(slowlog, keeps_the_newest_and_counts_on) {
    struct fixture f;
    slow_fixture(&f, 0);
    f.server->settings->slowlog_max_len = 2;
    for (int i = 0; i < 5; i++) (void)fixture_run(&f, f.client, "ping");
    CU_ASSERT_EQUAL(slowlog_count(f.server->slowlog), 2);
    const char *text = fixture_run(&f, f.client, "slowlog get -1");
    CU_ASSERT_PTR_EQUAL(strstr(text, "*2|*6|:4|"), text);
    fixture_fini(&f);
}

static const char *newest(struct fixture *f, const char *words) {
    (void)fixture_run(f, f->client, words);
    return fixture_run(f, f->client, "slowlog get 1");
}

UNIT_TEST(slowlog, shortens_long_requests) {
    struct fixture f;
    struct bytes   words = {0};
    slow_fixture(&f, 0);
    bytes_add_text(&words, "acl deluser");
    for (int i = 0; i < 40; i++) bytes_add_printf(&words, " u%d", i);
    const char *text = newest(&f, bytes_text(&words));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "|*32|$3|acl|$7|deluser|$2|u0|"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "|$3|u28|$23|... (11 more arguments)|"));
    bytes_clear(&words);
    bytes_add_text(&words, "ping ");
    for (int i = 0; i < 130; i++) bytes_add_char(&words, 'x');
    CU_ASSERT_PTR_NOT_NULL(strstr(newest(&f, bytes_text(&words)), "xxx... (2 more bytes)|"));
    bytes_fini(&words);
    fixture_fini(&f);
}

UNIT_TEST(slowlog, hides_secrets) {
    struct fixture f;
    slow_fixture(&f, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(newest(&f, "auth alice secret"), "|*3|$4|auth|$10|(redacted)|$10|(redacted)|"));
    CU_ASSERT_PTR_NOT_NULL(strstr(newest(&f, "hello 2 auth alice secret"), "|$4|auth|$10|(redacted)|$10|(redacted)|"));
    CU_ASSERT_PTR_NULL(strstr(newest(&f, "acl setuser bob >secret"), "secret"));
    fixture_fini(&f);
}

UNIT_TEST(slowlog, refuses_in_the_established_words) {
    struct fixture f;
    slow_fixture(&f, -1);
    EXPECT_REPLY(&f, "slowlog get -2", "-ERR count should be greater than or equal to -1|");
    EXPECT_REPLY(&f, "slowlog get x", "-ERR count should be greater than or equal to -1|");
    EXPECT_REPLY(&f, "slowlog get 1 2", "-ERR unknown subcommand or wrong number of arguments for 'get'. Try SLOWLOG HELP.|");
    EXPECT_REPLY(&f, "slowlog len x", "-ERR wrong number of arguments for 'slowlog|len' command|");
    fixture_fini(&f);
}
