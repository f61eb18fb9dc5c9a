/* Bytes to requests and to replies: the reading half of RESP2 and RESP3, without I/O.
 *
 * Requests (what a server gets) are arrays of bulk strings or lines of words. They are parsed in place: arguments are
 * slices of the input, nothing is allocated or copied per request, and a whole pipelined batch is parsed in one call.
 * Replies (what a link gets) become trees.
 * No length from outside is believed: nothing is set aside for a length before its bytes arrive.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "net/buffer.h"

enum resp_status {
    RESP_OK,
    RESP_MORE, /* not complete; call again with more bytes */
    RESP_ERROR /* the peer broke the protocol: the error text says how; the connection cannot go on */
};

/* ================================ requests ================================ */

struct resp_limits {
    int64_t max_bulk_bytes;   /* `proto-max-bulk-len` (512 MiB); INT64_MAX for a primary's stream */
    bool    unauthenticated;  /* at most 10 arguments of at most 16 KiB */
    bool    no_inline;        /* a line of words is an error: "Master using the inline protocol. Desync?" */
    size_t  block_headroom;   /* bytes left free before a large argument in its block */
};

struct resp_request {
    struct slice *argv; /* lent: see resp_parse_requests() */
    uint32_t      argc; /* at least 1 */
    bool          is_inline;
    bool          has_blocks; /* some arguments lie in blocks of their own: resp_request_take_block() */
    size_t        wire_bytes; /* that many bytes of the input are to be dropped when it was executed */
    size_t        block_bytes; /* that were read straight into blocks: they are not in the input any more */
    struct slice  raw;        /* the request as it came, to be passed on; data NULL: not in one piece, or inline */
};

enum { RESP_BATCH = 64 };

/* The requests of one call. One batch serves all connections of a thread. Owned by whoever executes requests. */
struct resp_batch {
    struct resp_request requests[RESP_BATCH];
    uint32_t            count;
    uint32_t            blank;    /* empty lines and empty arrays that were skipped (a replica's keep-alive) */
    size_t              dropped_bytes; /* of those before the first request, which were dropped already */
    struct slice       *args;     /* of all requests; grows */
    size_t              args_used, args_capacity;
    struct bytes        unquoted; /* words of inline requests */
};
void resp_batch_fini(struct resp_batch *batch); /* zeroed is a valid one */

/* What is known of a request that did not come in one piece. Embedded in the connection's owner; zeroed is a valid
 * one. */
struct resp_parser {
    struct resp_partial *partial;     /* NULL unless a long request is under way or being executed */
    bool                 is_complete; /* `partial` is the first request of the last batch */
    char                 error[48];
};
void resp_parser_fini(struct resp_parser *parser);

/* Parses up to `max` (at most RESP_BATCH) complete requests from the front of `input`, without dropping them, into
 * `batch`. Returns
 *   RESP_OK     batch->count requests are there. Execute them in order; after each, input_drop(input, wire_bytes) and
 *               resp_request_done(). Stopping in between is fine: the rest is parsed again by the next call.
 *   RESP_MORE   none is complete. Blank lines before it have been dropped.
 *   RESP_ERROR  the next one is malformed: parser->error holds what is to be sent after "-ERR Protocol error: ", in
 *               the words of redis-server 7.0. (Complete requests before it are returned by a call of their own.)
 * The arguments are lent until the input is read into again or the batch is used again. Arguments of 32 KiB and more
 * that are not complete are moved to a block of their own and read straight into it by input_space().
 * Rules may change within a batch (AUTH): parse with max 1 where that matters. */
enum resp_status resp_parse_requests(struct resp_parser *parser, struct input *input, const struct resp_limits *limits,
                                     struct resp_batch *batch, size_t max);
void resp_parser_forget(struct resp_parser *parser); /* the slow path of resp_request_done() */
/* After each request was executed: frees what only the first of a batch may hold, its blocks that nobody took. Must
 * not be left out, or that request comes again. */
static inline void resp_request_done(struct resp_parser *parser) {
    if (UNLIKELY(parser->is_complete)) resp_parser_forget(parser);
}
/* Gives the memory of argument `index` where it has a block of its own (mem_free()): limits.block_headroom bytes that
 * are free, the argument, two bytes that are free. Else NULL. Once per argument; argv still points to it. */
char *resp_request_take_block(struct resp_parser *parser, const struct resp_request *request, uint32_t index);
/* Bytes that an incomplete request holds beside its input. */
size_t resp_parser_memory(const struct resp_parser *parser);

/* Splits a line into words as inline requests (and the arguments of tools) are: blanks separate, "..." with \n \r \t
 * \b \a \xHH and \", '...' with \'. Puts each word with a zero behind it into `text` (emptied
 * first) and gives their slices in `*words` (mem_free(); NULL without any). False: unbalanced quotes. */
MUST_USE bool resp_split_words(struct slice line, struct bytes *text, struct slice **words, size_t *count);

/* ================================ replies ================================ */

enum resp_type {
    RESP_STATUS, RESP_FAILURE /* -ERR ... */, RESP_INTEGER, RESP_BULK, RESP_NULL, RESP_ARRAY,
    RESP_MAP, RESP_SET, RESP_PUSH, RESP_DOUBLE, RESP_BOOL, RESP_VERBATIM, RESP_BIG_NUMBER
};

/* One node. Attributes are skipped. RESP2's null bulk and null array are RESP_NULL; RESP3's blob error is
 * RESP_FAILURE. */
struct resp_reply {
    enum resp_type type;
    uint32_t       count; /* children; a map has two per entry */
    union {
        struct slice             text;     /* STATUS, FAILURE, BULK, VERBATIM (without "txt:"), BIG_NUMBER */
        int64_t                  integer;  /* INTEGER, BOOL (0 or 1) */
        double                   number;   /* DOUBLE */
        const struct resp_reply *children; /* ARRAY, MAP, SET, PUSH */
    };
};

struct resp_reply_limits {
    size_t   max_bytes; /* of one reply */
    unsigned max_depth; /* nesting; at most RESP_MAX_DEPTH */
    size_t   max_nodes;
};
enum { RESP_MAX_DEPTH = 32 };

struct resp_reply_parser;
struct resp_reply_parser *resp_reply_parser_new(const struct resp_reply_limits *limits); /* gives; copies */
void                      resp_reply_parser_free(struct resp_reply_parser **parser);     /* takes */
/* For the replies to come; forgets what was half seen. */
void resp_reply_parser_set_limits(struct resp_reply_parser *parser, const struct resp_reply_limits *limits);
void resp_reply_parser_reset(struct resp_reply_parser *parser); /* forget what was half seen */

/* Parses the reply at the beginning of `data`, which must begin at the same byte as at the last call that returned
 * RESP_MORE (scanned bytes are not scanned again). RESP_OK: `*reply` and its texts are lent until the next call or
 * until data changes, and the first `*used` bytes are what was parsed. */
enum resp_status resp_parse_reply(struct resp_reply_parser *parser, struct slice data, const struct resp_reply **reply,
                                  size_t *used);
const char *resp_reply_error(const struct resp_reply_parser *parser); /* why RESP_ERROR */
bool        resp_reply_is_too_large(const struct resp_reply_parser *parser); /* RESP_ERROR because of a limit */

/* Small questions to replies; all accept any type. */
bool resp_reply_is_text(const struct resp_reply *reply);                    /* STATUS, BULK or VERBATIM */
bool resp_reply_is_error(const struct resp_reply *reply, const char *code); /* FAILURE that begins with `code` ("NOAUTH") */
bool resp_reply_equals(const struct resp_reply *reply, const char *text);   /* text of STATUS or BULK, any case */
/* Integer from INTEGER or from the digits of a text. */
MUST_USE bool            resp_reply_to_int(const struct resp_reply *reply, int64_t *out);
const struct resp_reply *resp_reply_at(const struct resp_reply *reply, size_t index); /* child; NULL: none there */
void resp_reply_print(const struct resp_reply *reply, struct bytes *out); /* one line, for logs and tests: ["a", 1] */
