#include "core/client/reply.h"

#include "base/table.h"
#include "core_fixture.h"

UNIT_TEST(reply, types_of_resp2) {
    struct fixture f;
    fixture_init(&f);
    EXPECT_REPLY(&f, "ttypes",
                 "*11|*2|:1|$3|1.5|*1|:3|:1|$-1|*-1|$2|hi|$20|12345678901234567890|*2|$1|k|*1|:-7|*0|*1|"
                 ":18446744073709551615|-ERR a  b 7|");
    fixture_fini(&f);
}

UNIT_TEST(reply, types_of_resp3) {
    struct fixture f;
    fixture_init(&f);
    f.client->resp = 3;
    EXPECT_REPLY(&f, "ttypes",
                 "*11|%1|:1|,1.5|~1|:3|#t|_|_|=6|txt:hi|(12345678901234567890|%1|$1|k|*1|:-7|~0|>1|"
                 ":18446744073709551615|-ERR a  b 7|");
    fixture_fini(&f);
}

UNIT_TEST(reply, errors_are_counted_by_code) {
    struct fixture f;
    fixture_init(&f);
    (void)fixture_run(&f, f.client, "ttypes");
    (void)fixture_run(&f, f.client, "nosuch");
    (void)fixture_run(&f, f.client, "hello 9");
    struct server_error_stat *err = table_find(f.server->error_stats, SLICE("ERR"));
    struct server_error_stat *noproto = table_find(f.server->error_stats, SLICE("NOPROTO"));
    CU_ASSERT_EQUAL(err->count, 2);
    CU_ASSERT_EQUAL(noproto->count, 1);
    CU_ASSERT_EQUAL(f.server->stats.error_replies, 3);
    fixture_fini(&f);
}

UNIT_TEST(reply, invented_codes_do_not_grow_without_end) {
    struct fixture f;
    fixture_init(&f);
    for (int i = 0; i < 1000; i++) {
        char text[32];
        snprintf(text, sizeof(text), "CODE%d x", i);
        reply_error(f.client, "%s", text);
    }
    CU_ASSERT(table_count(f.server->error_stats) < 200);
    fixture_fini(&f);
}

UNIT_TEST(reply, a_long_error_is_not_cut) {
    struct fixture f;
    fixture_init(&f);
    char word[2001];
    memset(word, 'x', 2000);
    word[2000] = 0;
    reply_error(f.client, "ERR %s", word);
    CU_ASSERT_EQUAL(reply_pending_bytes(f.client), 2000 + 5 + 2);
    (void)fixture_output(&f, f.client);
    fixture_fini(&f);
}

static void count_release(void *owner) {
    ++*(int *)owner;
}

UNIT_TEST(reply, shared_values_are_released_once) {
    struct fixture f;
    fixture_init(&f);
    static char large[20000];
    int         released = 0;
    reply_bulk_shared(f.client, slice_make(large, sizeof(large)), count_release, &released);
    CU_ASSERT_EQUAL(released, 0);
    (void)fixture_output(&f, f.client);
    CU_ASSERT_EQUAL(released, 1);
    reply_bulk_shared(f.client, slice_make(large, 10), count_release, &released);
    CU_ASSERT_EQUAL(released, 2);
    f.client->flags |= CLIENT_REPLY_OFF;
    reply_bulk_shared(f.client, slice_make(large, sizeof(large)), count_release, &released);
    CU_ASSERT_EQUAL(released, 3);
    fixture_fini(&f);
}
