#include "lib/unit.h"
#include "base/mem.h"
#include "base/random.h"
#include "net/resp_parse.h"
#include "net/resp_write.h"

#include <stdio.h>

static const struct resp_limits usual = {.max_bulk_bytes = 512 << 20, .block_headroom = 8};

/* Feeds `wire` in pieces of `step` bytes and prints all requests: "[GET a][SET b c]", an error ends with "!text". */
static void run(struct slice wire, size_t step, size_t max, const struct resp_limits *limits, struct bytes *out) {
    struct input input = {0};
    struct resp_parser parser = {0};
    static struct resp_batch batch;
    size_t fed = 0;
    bytes_clear(out);
    for (;;) {
        enum resp_status status = resp_parse_requests(&parser, &input, limits, &batch, max);
        if (status == RESP_ERROR) {
            bytes_add_printf(out, "!%s", parser.error);
            break;
        }
        if (status == RESP_MORE) {
            if (fed == wire.size) break;
            size_t room;
            char *at = input_space(&input, &room);
            size_t size = MIN(MIN(step, room), wire.size - fed);
            memcpy(at, wire.data + fed, size);
            input_added(&input, size);
            fed += size;
            continue;
        }
        for (uint32_t i = 0; i < batch.count; i++) {
            struct resp_request *request = &batch.requests[i];
            bytes_add_char(out, '[');
            for (uint32_t k = 0; k < request->argc; k++) {
                if (k) bytes_add_char(out, ' ');
                if (request->argv[k].size > 100)
                    bytes_add_printf(out, "(%zu,%c)", request->argv[k].size,
                                     request->argv[k].data[request->argv[k].size - 1]);
                else bytes_add_slice(out, request->argv[k]);
                if (k % 2) mem_free(resp_request_take_block(&parser, request, k));
            }
            bytes_add_char(out, ']');
            if (request->raw.data) { /* it is what it says */
                struct bytes again = {0};
                resp_print_request(&again, request->argv, request->argc);
                if (!request->has_blocks && !slice_equal(bytes_slice(&again), request->raw)) bytes_add_text(out, "?raw");
                bytes_fini(&again);
            }
            input_drop(&input, request->wire_bytes);
            resp_request_done(&parser);
        }
    }
    resp_parser_fini(&parser);
    input_fini(&input);
    resp_batch_fini(&batch);
}

static const char *parsed(const char *wire, const struct resp_limits *limits) {
    static struct bytes out;
    run(slice_text(wire), 1 << 20, RESP_BATCH, limits, &out);
    return bytes_text(&out);
}

UNIT_TEST(resp_parse, requests_in_both_forms) {
    EXPECT_TEXT(parsed("*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\n", &usual), "[GET a][PING]");
    EXPECT_TEXT(parsed("PING\r\nget  a\n\r\n\n  \r\nset 'a b' \"\\x41\\n\"\r\n", &usual), "[PING][get a][set a b A\n]");
    EXPECT_TEXT(parsed("*0\r\n*-1\r\n*1\r\n$0\r\n\r\n", &usual), "[]");
    EXPECT_TEXT(parsed("set k a\"b\\\"c\" \"d'\"\r\n", &usual), "[set k ab\"c d']");
    EXPECT_TEXT(parsed("*17\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n$1\r\n5\r\n$1\r\n6\r\n$1\r\n7\r\n$1\r\n8\r\n"
                       "$1\r\n9\r\n$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n$1\r\n5\r\n$1\r\n6\r\n$1\r\n7\r\n",
                       &usual),
                "[1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7]");
}

UNIT_TEST(resp_parse, errors_in_the_fields_words) {
    EXPECT_TEXT(parsed("*x\r\n", &usual), "!invalid multibulk length");
    EXPECT_TEXT(parsed("*3000000000\r\n", &usual), "!invalid multibulk length");
    EXPECT_TEXT(parsed("*03\r\n", &usual), "!invalid multibulk length");
    EXPECT_TEXT(parsed("*1\r\nfoo\r\n", &usual), "!expected '$', got 'f'");
    EXPECT_TEXT(parsed("*1\r\n$-1\r\n", &usual), "!invalid bulk length");
    EXPECT_TEXT(parsed("*1\r\n$\r\n", &usual), "!invalid bulk length");
    EXPECT_TEXT(parsed("*1\r\n$536870913\r\n", &usual), "!invalid bulk length");
    EXPECT_TEXT(parsed("*1\r\n$99999999999999999999\r\n", &usual), "!invalid bulk length");
    EXPECT_TEXT(parsed("set \"a\r\n", &usual), "!unbalanced quotes in request");
    EXPECT_TEXT(parsed("set \"a\"b\r\n", &usual), "!unbalanced quotes in request");
    EXPECT_TEXT(parsed("PING\r\n*1\r\n$x\r\n", &usual), "[PING]!invalid bulk length");
    struct resp_limits strangers = usual, primary = usual;
    strangers.unauthenticated = true;
    primary.no_inline = true;
    primary.max_bulk_bytes = INT64_MAX;
    EXPECT_TEXT(parsed("*11\r\n", &strangers), "!unauthenticated multibulk length");
    EXPECT_TEXT(parsed("*2\r\n$3\r\nGET\r\n$16385\r\n", &strangers), "!unauthenticated bulk length");
    EXPECT_TEXT(parsed("*1\r\n$9223372036854775807\r\nabc", &primary), "");
    EXPECT_TEXT(parsed("\nfoo\r\n", &primary), "!Master using the inline protocol. Desync?");
}

UNIT_TEST(resp_parse, headers_that_never_end) {
    static char wire[70000];
    struct bytes out = {0};
    memset(wire, '1', sizeof wire);
    run((struct slice){wire, sizeof wire}, 1000, 64, &usual, &out);
    EXPECT_TEXT(bytes_text(&out), "!too big inline request");
    wire[0] = '*';
    run((struct slice){wire, sizeof wire}, 1000, 64, &usual, &out);
    EXPECT_TEXT(bytes_text(&out), "!too big mbulk count string");
    memcpy(wire, "*1\r\n$", 5);
    run((struct slice){wire, sizeof wire}, 1000, 64, &usual, &out);
    EXPECT_TEXT(bytes_text(&out), "!too big bulk count string");
    bytes_fini(&out);
}

static void add_random_request(struct bytes *wire, struct random *random) {
    static char large[200000];
    if (!large[0]) memset(large, 'L', sizeof large);
    switch (random_below(random, 8)) {
    case 0: bytes_add_text(wire, "inline \"quoted \\x41\" 'x'\r\n"); return;
    case 1: bytes_add_text(wire, random_below(random, 2) ? "\r\n" : "*0\r\n"); return;
    default: break;
    }
    size_t argc = 1 + random_below(random, random_below(random, 10) ? 4 : 300);
    resp_print_array(wire, argc);
    for (size_t i = 0; i < argc; i++) {
        size_t size = random_below(random, random_below(random, 30) ? 20 : sizeof large);
        if (argc > 10) size = MIN(size, 40000);
        resp_print_bulk(wire, (struct slice){large, size});
    }
}

UNIT_TEST(resp_parse, pieces_make_no_difference) {
    struct random random;
    random_seed(&random, 3);
    struct bytes wire = {0}, whole = {0}, pieces = {0};
    for (int round = 0; round < 60; round++) {
        bytes_clear(&wire);
        for (int i = 0; i < 20; i++) add_random_request(&wire, &random);
        if (round % 3 == 0) bytes_add_text(&wire, "*1\r\n$z\r\n");
        run(bytes_slice(&wire), wire.size, 64, &usual, &whole);
        CU_ASSERT(strstr(bytes_text(&whole), "?raw") == NULL);
        size_t step = 1 + random_below(&random, round % 2 ? 50000 : 3000);
        run(bytes_slice(&wire), step, 1 + random_below(&random, 64), &usual, &pieces);
        CU_ASSERT(slice_equal(bytes_slice(&whole), bytes_slice(&pieces)));
    }
    bytes_fini(&wire);
    bytes_fini(&whole);
    bytes_fini(&pieces);
}

UNIT_TEST(resp_parse, every_byte_boundary) {
    struct bytes wire = {0}, whole = {0}, pieces = {0};
    static char filler[1500];
    memset(filler, 'f', sizeof filler);
    bytes_add_text(&wire, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n\r\n\r\n\r\n\r\nPING\n*0\r\nset a \"b c\"\r\n");
    resp_print_request(&wire, (struct slice[]){SLICE("SET"), {filler, sizeof filler}, SLICE("x"), SLICE("")}, 4);
    run(bytes_slice(&wire), wire.size, 64, &usual, &whole);
    for (size_t step = 1; step < 200; step++) {
        run(bytes_slice(&wire), step, 64, &usual, &pieces);
        EXPECT_TEXT(bytes_text(&pieces), bytes_text(&whole));
    }
    bytes_fini(&wire);
    bytes_fini(&whole);
    bytes_fini(&pieces);
}

UNIT_TEST(resp_parse, unexecuted_requests_come_again) {
    struct input input = {0};
    struct resp_parser parser = {0};
    static struct resp_batch batch;
    struct bytes wire = {0};
    static char large[100000];
    size_t room, fed = 0;
    resp_print_request(&wire, (struct slice[]){SLICE("SET"), SLICE("k"), {large, sizeof large}}, 3);
    resp_print_request(&wire, (struct slice[]){SLICE("PING")}, 1);
    while (fed < wire.size) {
        if (resp_parse_requests(&parser, &input, &usual, &batch, 64) != RESP_MORE) break;
        char *at = input_space(&input, &room);
        size_t size = MIN(room, wire.size - fed);
        memcpy(at, wire.data + fed, size);
        input_added(&input, size);
        fed += size;
    }
    memcpy(input_space(&input, &room), wire.data + fed, wire.size - fed);
    input_added(&input, wire.size - fed);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(resp_parse_requests(&parser, &input, &usual, &batch, 64), RESP_OK);
        CU_ASSERT_EQUAL(batch.count, 2);
        CU_ASSERT(batch.requests[0].has_blocks);
        CU_ASSERT_EQUAL(batch.requests[0].argv[2].size, sizeof large);
    }
    CU_ASSERT(resp_parser_memory(&parser) > sizeof large);
    char *block = resp_request_take_block(&parser, &batch.requests[0], 2);
    CU_ASSERT_PTR_EQUAL(block + usual.block_headroom, batch.requests[0].argv[2].data);
    CU_ASSERT_PTR_NULL(resp_request_take_block(&parser, &batch.requests[0], 1));
    input_drop(&input, batch.requests[0].wire_bytes);
    resp_request_done(&parser);
    CU_ASSERT_EQUAL(resp_parse_requests(&parser, &input, &usual, &batch, 64), RESP_OK);
    CU_ASSERT_EQUAL(batch.count, 1);
    CU_ASSERT(slice_is(batch.requests[0].argv[0], "PING"));
    mem_free(block);
    bytes_fini(&wire);
    resp_parser_fini(&parser);
    input_fini(&input);
    resp_batch_fini(&batch);
}

UNIT_TEST(resp_parse, splits_words) {
    struct bytes text = {0};
    struct slice *words;
    size_t count;
    CU_ASSERT_FATAL(resp_split_words(SLICE(" a  'b c' \"d\\te\" \"\""), &text, &words, &count));
    CU_ASSERT_EQUAL(count, 4);
    EXPECT_TEXT(words[1].data, "b c");
    EXPECT_TEXT(words[2].data, "d\te");
    EXPECT_TEXT(words[3].data, "");
    mem_free(words);
    CU_ASSERT_FALSE(resp_split_words(SLICE("a 'b"), &text, &words, &count));
    CU_ASSERT(resp_split_words(SLICE("  "), &text, &words, &count));
    CU_ASSERT_EQUAL(count, 0);
    bytes_fini(&text);
}
