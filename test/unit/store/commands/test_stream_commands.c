/* What commands on streams tell replicas and files: recorded from redis-server 7.0.15's append-only file. */
#include "lib/unit.h"
#include "base/mem.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/server.h"
#include "store/store.h"

struct fixture {
    struct server      *server;
    struct store       *store;
    struct client      *client;
    struct server_hooks hooks;
    struct bytes        told;
};

/* The words of one write, without times. */
static void note_write(struct bytes *told, const struct server_write *write) {
    for (int i = 0; i < write->argc; i++) {
        if (i) bytes_add_char(told, ' ');
        bool is_time = i && slice_is(write->argv[i - 1], "TIME");
        bytes_add_slice(told, is_time ? SLICE("T") : write->argv[i]);
    }
}

static void written(void *context, const struct server_write *writes, size_t count) {
    struct fixture *fixture = context;
    for (size_t i = 0; i < count; i++) {
        if (fixture->told.size) bytes_add_text(&fixture->told, "; ");
        note_write(&fixture->told, &writes[i]);
    }
}

static void init(struct fixture *fixture) {
    *fixture = (struct fixture){0};
    fixture->server = server_new();
    fixture->store = store_install(fixture->server);
    fixture->hooks = (struct server_hooks){.context = fixture, .written = written};
    server_add_hooks(fixture->server, &fixture->hooks);
    fixture->server->is_followed = true;
    fixture->client = client_new_fake(fixture->server);
}

static void fini(struct fixture *fixture) {
    server_free(&fixture->server);
    store_free(&fixture->store);
    bytes_fini(&fixture->told);
}

/* What is told of a command. */
static const char *told(struct fixture *fixture, const char *words) {
    struct bytes request = {0}, reply = {0};
    struct slice rest = slice_text(words), word;
    unsigned count = 0;
    bytes_clear(&fixture->told);
    while (slice_split(&rest, ' ', &word)) count++;
    bytes_add_printf(&request, "*%u\r\n", count);
    rest = slice_text(words);
    while (slice_split(&rest, ' ', &word)) bytes_add_printf(&request, "$%zu\r\n%.*s\r\n", word.size, (int)word.size, word.data);
    client_feed(fixture->client, bytes_slice(&request));
    (void)client_execute_input(fixture->client);
    reply_take(fixture->client, &reply);
    bytes_fini(&reply);
    bytes_fini(&request);
    return bytes_text(&fixture->told);
}

#define EXPECT_TOLD(words, expected) EXPECT_TEXT(told(&f, (words)), (expected))

UNIT_TEST(stream_commands, ids_and_thresholds_are_told_as_they_became) {
    struct fixture f;
    init(&f);
    EXPECT_TOLD("XADD s 1-1 a b", "XADD s 1-1 a b");
    EXPECT_TOLD("XADD s 2-* a b", "XADD s 2-0 a b");
    EXPECT_TOLD("XADD s MAXLEN ~ 100 3-1 a b", "XADD s MAXLEN = 3 3-1 a b");
    EXPECT_TOLD("XADD s MINID ~ 2 4-1 a b", "XADD s MINID = 1-1 4-1 a b");
    EXPECT_TOLD("XADD s MAXLEN = 10 5-1 a b", "XADD s MAXLEN = 10 5-1 a b");
    EXPECT_TOLD("XTRIM s MAXLEN ~ 1", "");
    EXPECT_TOLD("XTRIM s MAXLEN 2", "XTRIM s MAXLEN 2");
    EXPECT_TOLD("XDEL s 4-1 9-9", "XDEL s 4-1 9-9");
    EXPECT_TOLD("XDEL s 4-1", "");
    EXPECT_TOLD("XSETID s 50", "XSETID s 50");
    EXPECT_TOLD("XREAD STREAMS s 0", "");
    (void)told(&f, "CONFIG SET stream-node-max-entries 2");
    for (int i = 1; i <= 3; i++) (void)told(&f, (const char *[]){"XADD u 1 a b", "XADD u 2 a b", "XADD u 3 a b"}[i - 1]);
    EXPECT_TOLD("XADD u MAXLEN ~ 2 LIMIT 100 4 a b", "XADD u MAXLEN = 2 LIMIT 100 4 a b");
    EXPECT_TOLD("XADD u MINID ~ 4 5-* a b", "XADD u MINID = 3-0 5-0 a b");
    EXPECT_TOLD("XTRIM u MINID ~ 4 LIMIT 0", "");
    EXPECT_TOLD("XTRIM u MAXLEN ~ 0", "XTRIM u MAXLEN = 0");
    fini(&f);
}

UNIT_TEST(stream_commands, deliveries_are_told_as_claims) {
    struct fixture f;
    init(&f);
    for (int i = 1; i <= 5; i++)
        (void)told(&f, (const char *[]){"XADD s 1-1 a b", "XADD s 2-0 a b", "XADD s 3-1 a b", "XADD s 4-1 a b", "XADD s 5-1 a b"}[i - 1]);
    EXPECT_TOLD("XGROUP CREATE s g 0", "XGROUP CREATE s g 0");
    EXPECT_TOLD("XREADGROUP GROUP g c COUNT 1 STREAMS s >", "XCLAIM s g c 0 1-1 TIME T RETRYCOUNT 1 FORCE JUSTID LASTID 1-1");
    EXPECT_TOLD("XREADGROUP GROUP g c COUNT 1 NOACK STREAMS s >", "XGROUP SETID s g 2-0 ENTRIESREAD 2");
    EXPECT_TOLD("XREADGROUP GROUP g d COUNT 1 NOACK STREAMS s >", "XGROUP CREATECONSUMER s g d; XGROUP SETID s g 3-1 ENTRIESREAD 3");
    EXPECT_TOLD("XREADGROUP GROUP g c STREAMS s 0", "");
    EXPECT_TOLD("XREADGROUP GROUP g e STREAMS s 0", "");
    EXPECT_TOLD("XREADGROUP GROUP g c STREAMS s >", "XCLAIM s g c 0 4-1 TIME T RETRYCOUNT 1 FORCE JUSTID LASTID 4-1; "
                                                    "XCLAIM s g c 0 5-1 TIME T RETRYCOUNT 1 FORCE JUSTID LASTID 5-1");
    EXPECT_TOLD("XREADGROUP GROUP g f STREAMS s >", "");
    EXPECT_TOLD("XCLAIM s g d 0 1-1", "XCLAIM s g d 0 1-1 TIME T RETRYCOUNT 3 FORCE JUSTID LASTID 5-1");
    EXPECT_TOLD("XCLAIM s g d 0 1-1 LASTID 9-9", "XCLAIM s g d 0 1-1 TIME T RETRYCOUNT 4 FORCE JUSTID LASTID 9-9");
    EXPECT_TOLD("XCLAIM s g d 0 77-1 LASTID 10-9", "XGROUP SETID s g 10-9 ENTRIESREAD 5");
    EXPECT_TOLD("XAUTOCLAIM s g e 0 0 COUNT 1", "XCLAIM s g e 0 1-1 TIME T RETRYCOUNT 5 FORCE JUSTID LASTID 10-9");
    EXPECT_TOLD("XDEL s 1-1", "XDEL s 1-1");
    EXPECT_TOLD("XAUTOCLAIM s g e 0 0 COUNT 1", "XCLAIM s g e 0 1-1 TIME T RETRYCOUNT 5 FORCE JUSTID LASTID 10-9");
    EXPECT_TOLD("XACK s g 4-1", "XACK s g 4-1");
    EXPECT_TOLD("XACK s g 4-1", "");
    EXPECT_TOLD("XGROUP CREATECONSUMER s g z", "XGROUP CREATECONSUMER s g z");
    EXPECT_TOLD("XGROUP CREATECONSUMER s g z", "");
    EXPECT_TOLD("XGROUP DELCONSUMER s g z", "XGROUP DELCONSUMER s g z");
    EXPECT_TOLD("XGROUP SETID s g 0", "XGROUP SETID s g 0");
    EXPECT_TOLD("XGROUP DESTROY s g", "XGROUP DESTROY s g");
    fini(&f);
}

UNIT_TEST(stream_commands, transactions) {
    struct fixture f;
    init(&f);
    EXPECT_TOLD("XGROUP CREATE t g $ MKSTREAM", "XGROUP CREATE t g $ MKSTREAM");
    (void)told(&f, "MULTI");
    (void)told(&f, "XADD t 1-1 a b");
    (void)told(&f, "XREADGROUP GROUP g c STREAMS t >");
    EXPECT_TOLD("EXEC", "XADD t 1-1 a b; XCLAIM t g c 0 1-1 TIME T RETRYCOUNT 1 FORCE JUSTID LASTID 1-1");
    (void)told(&f, "MULTI");
    (void)told(&f, "XREADGROUP GROUP g c STREAMS t 0");
    EXPECT_TOLD("EXEC", "");
    (void)told(&f, "XADD t 2-1 a b");
    (void)told(&f, "MULTI");
    (void)told(&f, "XREADGROUP GROUP g c STREAMS t >");
    EXPECT_TOLD("EXEC", "XCLAIM t g c 0 2-1 TIME T RETRYCOUNT 1 FORCE JUSTID LASTID 2-1");
    fini(&f);
}
