#include "lib/unit.h"
#include "net/resp_parse.h"

static const struct resp_reply_limits usual = {.max_bytes = 4096, .max_depth = 4, .max_nodes = 100};

/* Every reply in `wire`, which comes in pieces of `step` bytes. */
static void run(struct slice wire, size_t step, struct bytes *out) {
    struct resp_reply_parser *parser = resp_reply_parser_new(&usual);
    struct bytes input = {0};
    size_t fed = 0, used;
    bytes_clear(out);
    for (;;) {
        const struct resp_reply *reply;
        enum resp_status status = resp_parse_reply(parser, bytes_slice(&input), &reply, &used);
        if (status == RESP_ERROR) {
            bytes_add_printf(out, "!%s", resp_reply_error(parser));
            if (resp_reply_is_too_large(parser)) bytes_add_text(out, "!!");
            break;
        }
        if (status == RESP_MORE) {
            if (fed == wire.size) break;
            size_t size = MIN(step, wire.size - fed);
            bytes_add(&input, wire.data + fed, size);
            fed += size;
            continue;
        }
        if (out->size) bytes_add_char(out, ' ');
        resp_reply_print(reply, out);
        bytes_drop_front(&input, used);
    }
    bytes_fini(&input);
    resp_reply_parser_free(&parser);
}

static const char *parsed(const char *wire) {
    static struct bytes whole, pieces;
    run(slice_text(wire), 100000, &whole);
    for (size_t step = 1; step < 8; step++) {
        run(slice_text(wire), step, &pieces);
        EXPECT_TEXT(bytes_text(&pieces), bytes_text(&whole));
    }
    return bytes_text(&whole);
}

UNIT_TEST(resp_parse_reply, resp2) {
    EXPECT_TEXT(parsed("+OK\r\n-ERR no\r\n:-5\r\n$3\r\na\r\n\r\n$-1\r\n*-1\r\n*0\r\n$0\r\n\r\n"),
                "OK -ERR no -5 \"a\\r\\n\" null null [] \"\"");
    EXPECT_TEXT(parsed("*3\r\n$1\r\na\r\n*2\r\n:1\r\n*0\r\n+x\r\n"), "[\"a\", [1, []], x]");
}

UNIT_TEST(resp_parse_reply, resp3) {
    EXPECT_TEXT(parsed("%1\r\n+a\r\n:1\r\n~2\r\n#t\r\n#f\r\n,1.5\r\n,inf\r\n,nan\r\n_\r\n(123456789012345678901\r\n"),
                "{a: 1} {true, false} 1.5 inf nan null 123456789012345678901");
    EXPECT_TEXT(parsed("=6\r\ntxt:hi\r\n!5\r\nERR x\r\n>2\r\n+message\r\n+hi\r\n:+5\r\n"), "\"hi\" -ERR x <message, hi> 5");
}

UNIT_TEST(resp_parse_reply, attributes_are_skipped) {
    EXPECT_TEXT(parsed("|1\r\n+ttl\r\n:5\r\n+OK\r\n"), "OK");
    EXPECT_TEXT(parsed("*2\r\n|1\r\n+k\r\n*1\r\n:2\r\n:1\r\n|0\r\n:2\r\n"), "[1, 2]");
    EXPECT_TEXT(parsed("|1\r\n|1\r\n+a\r\n+b\r\n+c\r\n+d\r\n|1\r\n+e\r\n+f\r\n:9\r\n+next\r\n"), "9 next");
}

UNIT_TEST(resp_parse_reply, what_is_no_reply) {
    EXPECT_TEXT(parsed("HTTP/1.1 400\r\n"), "!reply of an unknown type");
    EXPECT_TEXT(parsed(":x\r\n"), "!invalid number");
    EXPECT_TEXT(parsed("+OK\n"), "!line that does not end in CR LF");
    EXPECT_TEXT(parsed("$1\r\nab\r\n"), "!bulk without a line end");
    EXPECT_TEXT(parsed("$-2\r\n"), "!invalid bulk length");
    EXPECT_TEXT(parsed("*-2\r\n"), "!negative number of elements");
    EXPECT_TEXT(parsed("=2\r\nab\r\n"), "!invalid bulk length");
}

UNIT_TEST(resp_parse_reply, limits) {
    EXPECT_TEXT(parsed("*101\r\n"), "!too many elements in a reply!!");
    EXPECT_TEXT(parsed("*9223372036854775807\r\n"), "!too many elements in a reply!!");
    EXPECT_TEXT(parsed("$9223372036854775807\r\n"), "!reply is too large!!");
    EXPECT_TEXT(parsed("*60\r\n*60\r\n"), "!too many elements in a reply!!");
    EXPECT_TEXT(parsed("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"), "!reply is nested too deeply!!");
    static char line[5000];
    memset(line, '+', sizeof line - 1);
    EXPECT_TEXT(parsed(line), "!reply is too large!!");
    line[0] = ':';
    struct bytes out = {0};
    run(slice_text(line), 4, &out);
    EXPECT_TEXT(bytes_text(&out), "!length or number without an end");
    bytes_fini(&out);
}

UNIT_TEST(resp_parse_reply, questions) {
    struct resp_reply_parser *parser = resp_reply_parser_new(&usual);
    const struct resp_reply *reply;
    size_t used;
    int64_t number;
    CU_ASSERT_EQUAL(resp_parse_reply(parser, SLICE("*3\r\n$2\r\n12\r\n-NOAUTH x\r\n+pong\r\n"), &reply, &used), RESP_OK);
    CU_ASSERT(resp_reply_to_int(resp_reply_at(reply, 0), &number) && number == 12);
    CU_ASSERT(resp_reply_is_error(resp_reply_at(reply, 1), "NOAUTH"));
    CU_ASSERT_FALSE(resp_reply_is_error(resp_reply_at(reply, 1), "NOAUT"));
    CU_ASSERT(resp_reply_equals(resp_reply_at(reply, 2), "PONG"));
    CU_ASSERT_PTR_NULL(resp_reply_at(reply, 3));
    CU_ASSERT_FALSE(resp_reply_to_int(reply, &number));
    resp_reply_parser_free(&parser);
}
