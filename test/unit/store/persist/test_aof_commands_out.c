/* The dataset as commands: in groups, and the same dataset when they are executed. */
#include "lib/unit.h"
#include "base/mem.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/server.h"
#include "net/resp_write.h"
#include "store/persist/aof_commands_out.h"
#include "store/persist/digest.h"
#include "store/store_internal.h"
#include "store/store.h"

struct side {
    struct server *server;
    struct store  *store;
    struct client *client;
};

static struct side side_new(void) {
    struct side side = {.server = server_new()};
    side.store = store_install(side.server);
    side.client = client_new_fake(side.server);
    return side;
}

static void side_free(struct side *side) {
    server_free(&side->server);
    store_free(&side->store);
}

/* Executes; no command fails. */
static void feed(struct side *side, struct slice requests) {
    struct bytes reply = {0};
    client_feed(side->client, requests);
    (void)client_execute_input(side->client);
    reply_take(side->client, &reply);
    CU_ASSERT_EQUAL(side->server->stats.error_replies, 0);
    if (side->server->stats.error_replies) printf("%s\n", bytes_text(&reply));
    bytes_fini(&reply);
}

static void say(struct side *side, const char *commands) {
    struct slice rest = slice_text(commands), command, word, argv[256];
    struct bytes out = {0};
    while (slice_split(&rest, ';', &command)) {
        size_t argc = 0;
        command = slice_trim(command);
        while (slice_split(&command, ' ', &word)) argv[argc++] = word;
        resp_print_request(&out, argv, argc);
    }
    feed(side, bytes_slice(&out));
    bytes_fini(&out);
}

static void keep(void *context, struct slice bytes) {
    bytes_add_slice(context, bytes);
}

/* Everything, with a buffer that drains often. */
static struct bytes written(const struct side *side) {
    struct bytes all = {0};
    struct rdb_out out;
    rdb_out_init(&out, 64, false);
    out.drain = keep;
    out.context = &all;
    CU_ASSERT_TRUE(aof_commands_out_all(&out, side->store->databases, NULL, NULL));
    rdb_out_flush(&out);
    rdb_out_fini(&out);
    return all;
}

static void expect_same(struct side *a) {
    struct side b = side_new();
    struct bytes all = written(a);
    struct digest first, second;
    char first_text[DIGEST_TEXT_SIZE], second_text[DIGEST_TEXT_SIZE];
    feed(&b, bytes_slice(&all));
    digest_of_all(&first, a->store->databases);
    digest_of_all(&second, b.store->databases);
    digest_print(&first, first_text);
    digest_print(&second, second_text);
    CU_ASSERT_STRING_EQUAL(first_text, second_text);
    struct bytes again = written(&b);
    CU_ASSERT_EQUAL(again.size, all.size); /* ids, groups and what is pending too: those that no digest counts */
    bytes_fini(&all);
    bytes_fini(&again);
    side_free(&b);
}

UNIT_TEST(aof_commands_out, the_words_are_redis_own) {
    struct side a = side_new();
    say(&a, "SET s 1;SELECT 3;ZADD z 1.5 a inf b");
    struct bytes all = written(&a);
    EXPECT_TEXT(bytes_text(&all), "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\ns\r\n$1\r\n1\r\n"
                                  "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"
                                  "*6\r\n$4\r\nZADD\r\n$1\r\nz\r\n$3\r\n1.5\r\n$1\r\na\r\n$3\r\ninf\r\n$1\r\nb\r\n");
    bytes_fini(&all);
    side_free(&a);
}

UNIT_TEST(aof_commands_out, every_type_comes_back) {
    struct side a = side_new();
    say(&a, "SET s text;SET n -17;SET t x PXAT 99999999999999;APPEND s more;RPUSH l a 1 -5;SADD i 1 2 3;SADD w a b 1;"
            "HSET h f v 1 2;HPEXPIREAT h 99999999999 FIELDS 1 f;PEXPIREAT l 88888888888888;"
            "ZADD z -inf a 0.1 b 3 c inf d;XADD x 1-1 f v g w;XADD x 2-1 f v;XADD x 5-7 g 1;XDEL x 5-7;"
            "XGROUP CREATE x one 0;XGROUP CREATE x two 1-1;XGROUP CREATECONSUMER x two lonely;"
            "XREADGROUP GROUP one c1 COUNT 1 STREAMS x >;XREADGROUP GROUP one c2 COUNT 5 STREAMS x >;"
            "XADD e 9-9 a b;XDEL e 9-9;XGROUP CREATE e g 9-9;SELECT 7;SET other database");
    expect_same(&a);
    side_free(&a);
}

UNIT_TEST(aof_commands_out, groups_of_64) {
    struct side a = side_new();
    for (int count = 63; count <= 129; count += 1 + (count > 65) * 61) {
        struct bytes text = {0};
        bytes_add_printf(&text, "RPUSH l%d", count);
        for (int i = 0; i < count; i++) bytes_add_printf(&text, " e%d", i);
        bytes_add_printf(&text, ";SADD s%d", count);
        for (int i = 0; i < count; i++) bytes_add_printf(&text, " e%d", i);
        bytes_add_printf(&text, ";HSET h%d", count);
        for (int i = 0; i < count && i < 125; i++) bytes_add_printf(&text, " f%d v", i);
        bytes_add_printf(&text, ";ZADD z%d", count);
        for (int i = 0; i < count && i < 125; i++) bytes_add_printf(&text, " %d m%d", i, i);
        say(&a, bytes_text(&text));
        bytes_fini(&text);
    }
    struct bytes all = written(&a);
    CU_ASSERT_PTR_NOT_NULL(strstr(bytes_text(&all), "*66\r\n$5\r\nRPUSH\r\n$3\r\nl64\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(bytes_text(&all), "*3\r\n$5\r\nRPUSH\r\n$3\r\nl65\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(bytes_text(&all), "*130\r\n$5\r\nHMSET\r\n$3\r\nh64\r\n"));
    bytes_fini(&all);
    expect_same(&a);
    side_free(&a);
}

static bool stop(void *context, uint64_t keys) {
    *(uint64_t *)context = keys;
    return false;
}

UNIT_TEST(aof_commands_out, it_stops_when_it_is_told_to) {
    struct side a = side_new();
    struct rdb_out out;
    uint64_t keys = 0;
    for (int i = 0; i < 3000; i++) {
        char text[64];
        snprintf(text, sizeof text, "SET k%d v", i);
        say(&a, text);
    }
    rdb_out_init(&out, 64, false);
    CU_ASSERT_FALSE(aof_commands_out_all(&out, a.store->databases, stop, &keys));
    CU_ASSERT_EQUAL(keys, 1024);
    rdb_out_fini(&out);
    side_free(&a);
}
