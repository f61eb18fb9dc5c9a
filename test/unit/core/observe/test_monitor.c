#include "core/observe/monitor.h"
#include "core_fixture.h"

/* What a monitor saw, without the time at its beginning. */
static const char *seen(struct fixture *f, struct client *monitor) {
    const char *text = fixture_output(f, monitor);
    const char *rest = strchr(text, ' ');
    return text[0] == '+' && rest != NULL ? rest + 1 : text;
}

UNIT_TEST(monitor, shows_requests_but_no_secrets) {
    struct fixture f;
    fixture_init(&f);
    struct client *monitor = fixture_client(&f);
    EXPECT_TEXT(fixture_run(&f, monitor, "monitor"), "+OK|");
    (void)fixture_run(&f, f.client, "ping \"a");
    EXPECT_TEXT(seen(&f, monitor), "[0 ?:0] \"ping\" \"\\\"a\"|");
    (void)fixture_run(&f, f.client, "auth secret");
    EXPECT_TEXT(seen(&f, monitor), "[0 ?:0] \"auth\" \"(redacted)\"|");
    (void)fixture_run(&f, f.client, "slowlog len"); /* for administrators */
    (void)fixture_run(&f, f.client, "nosuch");
    (void)fixture_run(&f, f.client, "echo");
    EXPECT_TEXT(seen(&f, monitor), "");
    fixture_fini(&f);
}

UNIT_TEST(monitor, ends_with_reset_and_with_its_client) {
    struct fixture f;
    fixture_init(&f);
    struct client *monitor = fixture_client(&f), *other = fixture_client(&f);
    (void)fixture_run(&f, monitor, "monitor");
    (void)fixture_run(&f, other, "monitor");
    EXPECT_TEXT(fixture_run(&f, other, "monitor"), "+OK|"); /* twice is once */
    EXPECT_TEXT(fixture_run(&f, monitor, "reset"), "+RESET|");
    (void)fixture_output(&f, other);
    (void)fixture_run(&f, f.client, "ping");
    EXPECT_TEXT(seen(&f, monitor), "");
    EXPECT_TEXT(seen(&f, other), "[0 ?:0] \"ping\"|");
    client_free(&other);
    CU_ASSERT(list_is_empty(&f.server->monitors));
    fixture_fini(&f);
}
