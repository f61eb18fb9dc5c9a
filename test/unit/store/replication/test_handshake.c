/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/mem.h"
#include "lib/unit.h"
#include "store/replication/handshake.h"

#define ID "0123456789abcdef0123456789abcdef01234567"
#define OTHER "abcdefabcdefabcdefabcdefabcdefabcdefabcd"
#define FULL "+FULLRESYNC " ID " 1000\r\n"
#define REPLICA_OF "*3\r\n$8\r\nREPLCONF\r\n$14\r\nlistening-port\r\n$4\r\n6380\r\n"
#define CAPA "*5\r\n$8\r\nREPLCONF\r\n$4\r\ncapa\r\n$3\r\neof\r\n$4\r\ncapa\r\n$6\r\npsync2\r\n"

static const char *const event_names[] = {"more", "continue", "all", "size", "payload", "ended", "broke"};

/* A conversation: what happened and what was sent since the last look. */
static struct {
    struct handshake handshake;
    struct bytes     events, sent;
    size_t           step; /* bytes that are shown at once; 0: all */
} talk;

static void begin(const struct handshake_settings *settings) {
    handshake_init(&talk.handshake, settings, 0);
    handshake_on_open(&talk.handshake, 10, &talk.sent);
}

static void end(void) {
    handshake_fini(&talk.handshake);
    bytes_fini(&talk.events);
    bytes_fini(&talk.sent);
    memset(&talk, 0, sizeof talk);
}

static void note(enum handshake_event event) {
    if (event == HANDSHAKE_MORE) return;
    if (event == HANDSHAKE_PAYLOAD) {
        bytes_add_slice(&talk.events, talk.handshake.piece);
        return;
    }
    bytes_add_printf(&talk.events, "<%s>", event_names[event]);
}

/* What is not taken is the stream; it is noted in brackets. */
static void hear(int64_t now_ms, struct slice text) {
    bool is_over = false;
    while (text.size && !is_over) {
        struct slice in = {text.data, talk.step ? MIN(talk.step, text.size) : text.size};
        size_t shown = in.size;
        enum handshake_event event;
        do {
            event = handshake_step(&talk.handshake, now_ms, &in, &talk.sent);
            note(event);
            is_over = talk.handshake.sm.state >= HANDSHAKE_STREAMING;
        } while (event != HANDSHAKE_MORE && !is_over);
        CHECK(is_over || !in.size);
        text.data += shown - in.size;
        text.size -= shown - in.size;
    }
    if (text.size) bytes_add_printf(&talk.events, "[%.*s]", (int)text.size, text.data);
}
#define HEAR(now_ms, literal) hear(now_ms, SLICE(literal))

static void expect(const char *sent, const char *events) {
    CU_ASSERT_STRING_EQUAL(bytes_text(&talk.sent), sent);
    CU_ASSERT_STRING_EQUAL(bytes_text(&talk.events), events);
    bytes_clear(&talk.sent);
    bytes_clear(&talk.events);
}

static const struct handshake_settings plain = {.announce_port = 6380, .timeout_ms = 60000};

static void introduce(void) {
    HEAR(20, "+PONG\r\n");
    HEAR(21, "+OK\r\n+OK\r\n");
    bytes_clear(&talk.sent);
}

UNIT_TEST(store_replication_handshake, everything_is_needed) {
    begin(&plain);
    expect("*1\r\n$4\r\nPING\r\n", "");
    HEAR(20, "+PONG\r\n");
    expect(REPLICA_OF CAPA, "");
    HEAR(21, "+OK\r\n");
    expect("", "");
    HEAR(22, "+OK\r\n");
    expect("*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n", "");
    HEAR(23, "\n\n" FULL);
    expect("", "<all>");
    CU_ASSERT_STRING_EQUAL(talk.handshake.id, ID);
    CU_ASSERT_EQUAL(talk.handshake.offset, 1000);
    HEAR(24, "\n\n$5\r\nhelloPING\r\n");
    expect("", "<size>hello<ended>[PING\r\n]");
    end();
}

UNIT_TEST(store_replication_handshake, with_password_and_address) {
    struct handshake_settings settings = plain;
    settings.user = "repl";
    settings.password = "secret";
    settings.announce_ip = "10.1.2.3";
    begin(&settings);
    bytes_clear(&talk.sent);
    HEAR(20, "-NOAUTH Authentication required.\r\n");
    expect("*3\r\n$4\r\nAUTH\r\n$4\r\nrepl\r\n$6\r\nsecret\r\n" REPLICA_OF
           "*3\r\n$8\r\nREPLCONF\r\n$10\r\nip-address\r\n$8\r\n10.1.2.3\r\n" CAPA, "");
    HEAR(21, "+OK\r\n+OK\r\n-ERR Unrecognized REPLCONF option\r\n+OK\r\n"); /* it may not know all of it */
    expect("*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n", "");
    end();
    begin(&settings);
    HEAR(20, "+PONG\r\n-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    CU_ASSERT_STRING_EQUAL(bytes_text(&talk.events), "<broke>");
    CU_ASSERT(strstr(talk.handshake.why.text, "Unable to AUTH to MASTER: '-WRONGPASS") != NULL);
    end();
}

UNIT_TEST(store_replication_handshake, resumed) {
    struct handshake_settings settings = plain;
    settings.id = ID;
    settings.next = 501;
    begin(&settings);
    HEAR(20, "+PONG\r\n+OK\r\n");
    bytes_clear(&talk.sent);
    HEAR(21, "+OK\r\n");
    expect("*3\r\n$5\r\nPSYNC\r\n$40\r\n" ID "\r\n$3\r\n501\r\n", "");
    HEAR(22, "+CONTINUE " OTHER "\r\n*1\r\n");
    expect("", "<continue>[*1\r\n]");
    CU_ASSERT_STRING_EQUAL(talk.handshake.id, OTHER);
    end();
    begin(&settings);
    introduce();
    HEAR(22, "+CONTINUE\r\n"); /* of servers before 4.0 */
    CU_ASSERT_STRING_EQUAL(bytes_text(&talk.events), "<continue>");
    CU_ASSERT_STRING_EQUAL(talk.handshake.id, "");
    end();
}

UNIT_TEST(store_replication_handshake, failover_is_asked_for_and_refused) {
    struct handshake_settings settings = plain;
    settings.id = ID;
    settings.next = 501;
    settings.is_failover = true;
    begin(&settings);
    HEAR(20, "+PONG\r\n+OK\r\n");
    bytes_clear(&talk.sent);
    HEAR(21, "+OK\r\n");
    expect("*4\r\n$5\r\nPSYNC\r\n$40\r\n" ID "\r\n$3\r\n501\r\n$8\r\nFAILOVER\r\n", "");
    HEAR(22, "-ERR PSYNC FAILOVER replid must match my replid.\r\n");
    expect("", "<broke>");
    CU_ASSERT(talk.handshake.rejected_psync);
    end();
}

UNIT_TEST(store_replication_handshake, later_and_never) {
    begin(&plain);
    introduce();
    HEAR(22, "-NOMASTERLINK Can't SYNC while not connected with my master\r\n");
    expect("", "<broke>");
    CU_ASSERT(talk.handshake.was_refused_later);
    end();
    begin(&plain);
    introduce();
    HEAR(22, "-ERR unknown command `PSYNC`\r\n");
    expect("*1\r\n$4\r\nSYNC\r\n", "<all>");
    CU_ASSERT_STRING_EQUAL(talk.handshake.id, "");
    CU_ASSERT_EQUAL(talk.handshake.offset, -1);
    HEAR(23, "$2\r\nxy");
    HEAR(24, "*1\r\n");
    expect("", "<size>xy<ended>[*1\r\n]");
    end();
}

/* The payload without a size, in pieces of every length: beginnings of the mark that are none, and the mark itself. */
UNIT_TEST(store_replication_handshake, payload_to_a_mark) {
    for (size_t step = 0; step < 130; step++) {
        begin(&plain);
        introduce();
        talk.step = step;
        HEAR(22, FULL "\n$EOF:" ID "\r\n");
        expect("", "<all><size>");
        HEAR(23, "data0123456789abcdef0123456789abcdef0123456X0120123456789abcdef0123" ID "*1\r\n");
        expect("", "data0123456789abcdef0123456789abcdef0123456X0120123456789abcdef0123<ended>[*1\r\n]");
        CU_ASSERT_EQUAL(talk.handshake.received, 67);
        end();
    }
}

UNIT_TEST(store_replication_handshake, what_is_no_answer) {
    static const char *const answers[] = {
        "+FULLRESYNC\r\n", "+FULLRESYNC " ID "\r\n", "+FULLRESYNC short 1\r\n", "+FULLRESYNC " ID " -1\r\n",
        "+FULLRESYNC " ID " 1x\r\n", "+CONTINUE " ID "\r\n" /* of nothing */, "+OK\r\n", "garbage\r\n", "$5\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        begin(&plain);
        introduce();
        hear(22, slice_text(answers[i]));
        expect("", "<broke>");
        CU_ASSERT(talk.handshake.why.text[0] != 0);
        end();
    }
    static const char *const heads[] = {"$-1\r\n", "$x\r\n", "$\r\n", "$99999999999999999999\r\n", "$EOF:short\r\n",
                                        "-ERR no\r\n", "*3\r\n", "+PONG\r\n"};
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        begin(&plain);
        introduce();
        HEAR(22, FULL);
        hear(23, slice_text(heads[i]));
        expect("", "<all><broke>");
        end();
    }
    begin(&plain);
    HEAR(20, "-ERR who are you\r\n");
    CU_ASSERT_STRING_EQUAL(bytes_text(&talk.events), "<broke>");
    end();
}

UNIT_TEST(store_replication_handshake, a_line_without_end) {
    char text[HANDSHAKE_LINE_BYTES + 1];
    memset(text, 'x', sizeof text);
    for (size_t step = 0; step < 2; step++) {
        begin(&plain);
        talk.step = step;
        hear(20, slice_make(text, HANDSHAKE_LINE_BYTES));
        CU_ASSERT_EQUAL(talk.events.size, 0);
        hear(20, slice_make(text, 1));
        CU_ASSERT_STRING_EQUAL(bytes_text(&talk.events), "<broke>");
        end();
    }
}

UNIT_TEST(store_replication_handshake, silence) {
    struct handshake handshake;
    handshake_init(&handshake, &plain, 1000);
    CU_ASSERT(!handshake_is_overdue(&handshake, 61000));
    CU_ASSERT(handshake_is_overdue(&handshake, 61001));
    CU_ASSERT_EQUAL(handshake.sm.state, HANDSHAKE_FAILED);
    handshake_fini(&handshake);
    begin(&plain);
    introduce();
    HEAR(100, FULL);
    HEAR(50000, "\n"); /* a sign of life */
    CU_ASSERT(!handshake_is_overdue(&talk.handshake, 110000));
    CU_ASSERT(handshake_is_overdue(&talk.handshake, 110001));
    CU_ASSERT(strstr(talk.handshake.why.text, "bulk data") != NULL);
    end();
}
