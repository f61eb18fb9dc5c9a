/* Any bytes, in any pieces: requests and replies are parsed the same as in one piece, and nothing breaks.
 *
 * Input: a byte of options, a byte of piece size, then the stream.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "base/mem.h"
#include "net/resp_parse.h"
#include "net/resp_write.h"

enum { UNAUTHENTICATED = 1, NO_INLINE = 2, REPLIES = 4, TAKE_BLOCKS = 8, ONE_BY_ONE = 16, LARGE_PIECES = 32 };

static void add_request(struct resp_parser *parser, const struct resp_request *request, unsigned options,
                        struct bytes *out) {
    CHECK(request->argc > 0);
    for (uint32_t i = 0; i < request->argc; i++) {
        bytes_add_printf(out, "%zu:", request->argv[i].size);
        bytes_add_slice(out, request->argv[i]);
    }
    bytes_add_char(out, '\n');
    if (request->raw.data) {
        struct bytes again = {0};
        resp_print_request(&again, request->argv, request->argc);
        CHECK(again.size == request->raw.size);
        bytes_fini(&again);
    }
    if (options & TAKE_BLOCKS)
        for (uint32_t i = 0; i < request->argc; i += 2) mem_free(resp_request_take_block(parser, request, i));
}

static void parse_requests(const char *data, size_t size, size_t piece, unsigned options, struct bytes *out) {
    struct resp_limits limits = {.max_bulk_bytes = 1 << 20,
                                 .unauthenticated = options & UNAUTHENTICATED,
                                 .no_inline = options & NO_INLINE,
                                 .block_headroom = 24};
    struct input input = {0};
    struct resp_parser parser = {0};
    static struct resp_batch batch;
    size_t fed = 0;
    for (;;) {
        enum resp_status status =
            resp_parse_requests(&parser, &input, &limits, &batch, options & ONE_BY_ONE ? 1 : RESP_BATCH);
        if (status == RESP_ERROR) {
            bytes_add_text(out, parser.error);
            break;
        }
        if (status == RESP_MORE) {
            size_t room;
            if (fed == size) break;
            char *at = input_space(&input, &room);
            CHECK(at && room > 0);
            size_t more = MIN(MIN(piece, size - fed), room);
            memcpy(at, data + fed, more);
            input_added(&input, more);
            fed += more;
            continue;
        }
        CHECK(batch.count > 0);
        for (uint32_t i = 0; i < batch.count; i++) {
            add_request(&parser, &batch.requests[i], options, out);
            input_drop(&input, batch.requests[i].wire_bytes);
            resp_request_done(&parser);
        }
    }
    resp_parser_fini(&parser);
    input_fini(&input);
    resp_batch_fini(&batch);
}

static void parse_replies(const char *data, size_t size, size_t piece, struct bytes *out) {
    struct resp_reply_limits limits = {.max_bytes = 1 << 16, .max_depth = 8, .max_nodes = 10000};
    struct resp_reply_parser *parser = resp_reply_parser_new(&limits);
    struct bytes input = {0};
    size_t fed = 0, used;
    for (;;) {
        const struct resp_reply *reply;
        enum resp_status status = resp_parse_reply(parser, bytes_slice(&input), &reply, &used);
        if (status == RESP_ERROR) break; /* limits may be noticed earlier or later, so the words may differ */
        if (status == RESP_MORE) {
            if (fed == size) break;
            size_t more = MIN(piece, size - fed);
            bytes_add(&input, data + fed, more);
            fed += more;
            continue;
        }
        resp_reply_print(reply, out);
        bytes_add_char(out, '\n');
        CHECK(used > 0);
        bytes_drop_front(&input, used);
    }
    bytes_fini(&input);
    resp_reply_parser_free(&parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    unsigned options = data[0];
    size_t piece = data[1] + 1u;
    if (options & LARGE_PIECES) piece *= 100;
    const char *wire = (const char *)data + 2;
    struct bytes whole = {0}, pieces = {0};
    size -= 2;
    if (options & REPLIES) {
        parse_replies(wire, size, size + 1, &whole);
        parse_replies(wire, size, piece, &pieces);
    } else {
        parse_requests(wire, size, size + 1, options, &whole);
        parse_requests(wire, size, piece, options, &pieces);
    }
    CHECK(slice_equal(bytes_slice(&whole), bytes_slice(&pieces)));
    bytes_fini(&whole);
    bytes_fini(&pieces);
    return 0;
}
