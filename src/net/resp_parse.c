#include "net/resp_parse.h"
#include "base/mem.h"
#include "base/number.h"

#include <limits.h>
#include <stdio.h>

/* Requests. The usual case parses complete requests straight into the batch and keeps nothing. A request that is not
 * complete is parsed again from its start as long as it is short (KEEP_FROM_BYTES); beyond that, or once an argument
 * has a block of its own, `struct resp_partial` remembers how far it got, so that no byte is looked at over and over.
 * Offsets count from input.begin, which does not move while a request is incomplete. */

enum {
    LINE_MAX_BYTES = 64 * 1024, /* of an inline request, and of a header that does not end */
    KEEP_FROM_BYTES = 1024,
    UNAUTHENTICATED_ARGS = 10,
    UNAUTHENTICATED_BULK = 16384,
    FAST_DIGITS = 18,
};

struct partial_arg {
    size_t offset, size;
    char  *block; /* the argument lies here instead, behind the headroom */
};

struct resp_partial {
    int64_t             total;    /* arguments that were announced */
    size_t              next;     /* where the next argument's header begins; at the end, the request's length */
    size_t              headroom; /* of its blocks */
    size_t              waiting;  /* bytes of the argument that is being read into the input's block; 0: none */
    bool                has_blocks;
    uint32_t            done, capacity;
    struct partial_arg *args;
};

static enum resp_status fail(struct resp_parser *parser, const char *words) {
    snprintf(parser->error, sizeof parser->error, "%s", words);
    return RESP_ERROR;
}

/* ---- lengths ---- */

/* Reads "<kind>number CR LF" at *at. The kind was looked at. As the field's servers do, the byte after CR is not. */
static enum resp_status read_length_slow(const char **at, const char *end, int64_t *out) {
    const char *begin = *at + 1;
    const char *cr = memchr(begin, '\r', (size_t)(end - begin));
    if (!cr || cr + 1 == end) return RESP_MORE;
    if (!number_parse_int((struct slice){begin, (size_t)(cr - begin)}, out)) return RESP_ERROR;
    *at = cr + 2;
    return RESP_OK;
}

static inline enum resp_status read_length(const char **at, const char *end, int64_t *out) {
    const char *c = *at + 1, *limit = end - c > FAST_DIGITS ? c + FAST_DIGITS : end;
    int64_t value = 0;
    while (c < limit && (unsigned char)(*c - '0') <= 9) value = value * 10 + (*c++ - '0');
    size_t digits = (size_t)(c - *at) - 1;
    if (LIKELY(end - c >= 2 && *c == '\r' && (digits == 1 || (digits > 1 && (*at)[1] != '0')))) {
        *out = value;
        *at = c + 2;
        return RESP_OK;
    }
    return read_length_slow(at, end, out);
}

/* "<kind>0" to "<kind>99" at `at`, where 5 bytes are: nearly every header there is. Returns what is behind it; NULL:
 * something else stands there. */
static inline const char *read_short_length(const char *at, char kind, int64_t *value) {
    unsigned tens = (unsigned char)(at[1] - '0');
    if (UNLIKELY(at[0] != kind || tens > 9)) return NULL;
    if (at[2] == '\r') {
        *value = tens;
        return at + 4;
    }
    unsigned ones = (unsigned char)(at[2] - '0');
    if (UNLIKELY(ones > 9 || at[3] != '\r' || tens == 0)) return NULL;
    *value = 10 * tens + ones;
    return at + 5;
}

/* ---- inline requests ---- */

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static char unescape(char c) {
    switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return '\b';
    case 'a': return '\a';
    default: return c;
    }
}

/* The quoted part that begins behind *at's quote. False: it does not end, or something follows its end. */
static bool read_quoted(const char **at, const char *end, char quote, char **to) {
    const char *c = *at + 1;
    for (; c < end && *c != quote; c++) {
        if (*c != '\\' || c + 1 >= end) {
            *(*to)++ = *c;
        } else if (quote == '\'') {
            if (c[1] == '\'') c++;
            *(*to)++ = *c;
        } else if (c[1] == 'x' && end - c >= 4 && hex_digit(c[2]) >= 0 && hex_digit(c[3]) >= 0) {
            *(*to)++ = (char)(hex_digit(c[2]) * 16 + hex_digit(c[3]));
            c += 3;
        } else {
            *(*to)++ = unescape(*++c);
        }
    }
    if (c >= end || (c + 1 < end && !is_space(c[1]))) return false;
    *at = c + 1;
    return true;
}

/* The next word of a line, written to *to, which has room for what is left of the line. */
enum word { WORD_FOUND, WORD_NONE, WORD_UNBALANCED };

static enum word next_word(const char **at, const char *end, char **to, struct slice *word) {
    const char *c = *at;
    while (c < end && is_space(*c)) c++;
    if (c == end) return WORD_NONE;
    word->data = *to;
    while (c < end && !is_space(*c)) {
        if (*c == '"' || *c == '\'') {
            if (!read_quoted(&c, end, *c, to)) return WORD_UNBALANCED;
            break; /* a blank or the end follows */
        }
        *(*to)++ = *c++;
    }
    word->size = (size_t)(*to - word->data);
    *at = c;
    return WORD_FOUND;
}

bool resp_split_words(struct slice line, struct bytes *text, struct slice **words, size_t *count) {
    const char *at = line.data, *end = line.data + line.size;
    size_t capacity = 0;
    *words = NULL;
    *count = 0;
    bytes_clear(text);
    bytes_reserve(text, 2 * line.size + 1); /* words and a zero behind each */
    char *to = text->data;
    struct slice word;
    enum word found;
    while ((found = next_word(&at, end, &to, &word)) == WORD_FOUND) {
        *to++ = 0;
        if (*count == capacity) {
            capacity = capacity ? 2 * capacity : 8;
            *words = mem_realloc(*words, capacity * sizeof **words);
        }
        (*words)[(*count)++] = word;
    }
    text->size = (size_t)(to - text->data);
    *to = 0;
    if (found == WORD_NONE) return true;
    mem_free(*words);
    *words = NULL;
    *count = 0;
    return false;
}

/* ---- the batch ---- */

void resp_batch_fini(struct resp_batch *batch) {
    mem_free(batch->args);
    bytes_fini(&batch->unquoted);
    *batch = (struct resp_batch){0};
}

/* Room for `more` arguments behind `used`. The requests that are there follow when the array moves. */
static void reserve_args(struct resp_batch *batch, size_t used, size_t more) {
    if (LIKELY(batch->args_capacity - used >= more)) return;
    struct slice *old = batch->args;
    batch->args_capacity = MAX(MAX(used + more, 2 * batch->args_capacity), 256);
    batch->args = mem_realloc(old, batch->args_capacity * sizeof *batch->args);
    for (uint32_t i = 0; i < batch->count; i++)
        batch->requests[i].argv = batch->args + (batch->requests[i].argv - old);
}

static void add_request(struct resp_batch *batch, size_t argc, struct slice raw, size_t wire_bytes, bool is_inline) {
    batch->requests[batch->count++] = (struct resp_request){
        .argv = batch->args + batch->args_used,
        .argc = (uint32_t)argc,
        .is_inline = is_inline,
        .wire_bytes = wire_bytes,
        .raw = raw,
    };
    batch->args_used += argc;
}

/* A blank line or an empty array: dropped where nothing is before it, else it goes with the request before. */
static void skip_blank(struct input *input, struct resp_batch *batch, size_t size) {
    batch->blank++;
    if (batch->count == 0) {
        input_drop(input, size);
        batch->dropped_bytes += size;
    } else {
        batch->requests[batch->count - 1].wire_bytes += size;
    }
}

static enum resp_status parse_inline(struct resp_parser *parser, const char **at, const char *end, struct input *input,
                                     const struct resp_limits *limits, struct resp_batch *batch) {
    const char *begin = *at;
    const char *newline = memchr(begin, '\n', (size_t)(end - begin));
    if (!newline) return end - begin > LINE_MAX_BYTES ? fail(parser, "too big inline request") : RESP_MORE;
    const char *line_end = newline > begin && newline[-1] == '\r' ? newline - 1 : newline;
    size_t size = (size_t)(newline + 1 - begin), argc = 0;
    /* All lines of a batch share this memory, which must not move: room for the whole input, once. */
    if (batch->unquoted.size == 0) bytes_reserve(&batch->unquoted, (size_t)(end - begin));
    char *to = batch->unquoted.data + batch->unquoted.size;
    const char *c = begin;
    struct slice word;
    enum word found;
    while ((found = next_word(&c, line_end, &to, &word)) == WORD_FOUND) {
        reserve_args(batch, batch->args_used + argc, 1);
        batch->args[batch->args_used + argc++] = word;
    }
    if (found == WORD_UNBALANCED) return fail(parser, "unbalanced quotes in request");
    *at = newline + 1;
    if (argc == 0) {
        skip_blank(input, batch, size);
        return RESP_OK;
    }
    if (limits->no_inline) return fail(parser, "Master using the inline protocol. Desync?");
    batch->unquoted.size = (size_t)(to - batch->unquoted.data);
    add_request(batch, argc, (struct slice){NULL, 0}, size, true);
    return RESP_OK;
}

/* ---- arrays ---- */

static enum resp_status read_total(struct resp_parser *parser, const char **at, const char *end,
                                   const struct resp_limits *limits, int64_t *total) {
    switch (read_length(at, end, total)) {
    case RESP_OK: break;
    case RESP_MORE: return end - *at > LINE_MAX_BYTES ? fail(parser, "too big mbulk count string") : RESP_MORE;
    case RESP_ERROR: return fail(parser, "invalid multibulk length");
    }
    if (UNLIKELY(*total > INT_MAX)) return fail(parser, "invalid multibulk length");
    if (UNLIKELY(limits->unauthenticated && *total > UNAUTHENTICATED_ARGS))
        return fail(parser, "unauthenticated multibulk length");
    return RESP_OK;
}

/* The header of an argument: *at is behind it when it is RESP_OK. */
static enum resp_status read_bulk_size(struct resp_parser *parser, const char **at, const char *end,
                                              const struct resp_limits *limits, int64_t *size) {
    if (UNLIKELY(*at >= end)) return RESP_MORE;
    const char *begin = *at;
    enum resp_status status = read_length(at, end, size);
    if (LIKELY(status == RESP_OK && *begin == '$' && (uint64_t)*size <= (uint64_t)limits->max_bulk_bytes &&
               !(limits->unauthenticated && *size > UNAUTHENTICATED_BULK)))
        return RESP_OK;
    /* In the order of the field's servers: the line must end before its kind is looked at. */
    if (!memchr(begin, '\r', (size_t)(end - begin)) && end - begin > LINE_MAX_BYTES)
        return fail(parser, "too big bulk count string");
    bool is_blank = *begin == '\r' && end - begin >= 2; /* the line is its end only */
    if (status == RESP_MORE && !is_blank) return RESP_MORE;
    if (*begin != '$') {
        snprintf(parser->error, sizeof parser->error, "expected '$', got '%c'", *begin);
        return RESP_ERROR;
    }
    if (status == RESP_ERROR || *size < 0 || *size > limits->max_bulk_bytes)
        return fail(parser, "invalid bulk length");
    return fail(parser, "unauthenticated bulk length");
}

static void add_partial_arg(struct resp_partial *partial, struct partial_arg arg) {
    if (partial->done == partial->capacity) {
        partial->capacity = partial->capacity ? partial->capacity * 2 : 16;
        partial->args = mem_realloc(partial->args, partial->capacity * sizeof *partial->args);
    }
    partial->args[partial->done++] = arg;
}

static struct resp_partial *partial_new(int64_t total, size_t next) {
    struct resp_partial *partial = mem_zalloc(sizeof *partial);
    partial->total = total;
    partial->next = next;
    return partial;
}

static void partial_free(struct resp_partial *partial) {
    for (uint32_t i = 0; i < partial->done; i++) mem_free(partial->args[i].block);
    mem_free(partial->args);
    mem_free(partial);
}

/* A complete request goes into the batch; else RESP_MORE, and `parser->partial` may have been begun. */
static enum resp_status parse_array(struct resp_parser *parser, const char **at, const char *end, struct input *input,
                                    const struct resp_limits *limits, struct resp_batch *batch) {
    const char *begin = *at, *c = begin;
    int64_t total, size = 0, argc = 0;
    enum resp_status status = RESP_OK;
    const char *behind = LIKELY(end - c >= 5 && !limits->unauthenticated) ? read_short_length(c, '*', &total) : NULL;
    if (LIKELY(behind != NULL)) c = behind;
    else if ((status = read_total(parser, &c, end, limits, &total)) != RESP_OK) return status;
    if (UNLIKELY(total <= 0)) {
        *at = c;
        skip_blank(input, batch, (size_t)(c - begin));
        return RESP_OK;
    }
    size_t used = batch->args_used;
    bool has_short = limits->max_bulk_bytes >= 99;
    const char *header = c;
    reserve_args(batch, used, (size_t)MIN(total, 16));
    struct slice *args = batch->args + used;
    for (; argc < total; argc++) {
        header = c;
        behind = LIKELY(end - c >= 5 && has_short) ? read_short_length(c, '$', &size) : NULL;
        if (LIKELY(behind != NULL)) {
            c = behind;
        } else {
            status = read_bulk_size(parser, &c, end, limits, &size);
            if (UNLIKELY(status != RESP_OK)) break;
        }
        if (UNLIKELY(end - c - 2 < size)) {
            status = RESP_MORE;
            break;
        }
        if (UNLIKELY(total > 16)) {
            reserve_args(batch, used + (size_t)argc, 1);
            args = batch->args + used;
        }
        args[argc] = (struct slice){c, (size_t)size};
        c += size + 2;
    }
    if (LIKELY(status == RESP_OK)) {
        size_t wire = (size_t)(c - begin);
        add_request(batch, (size_t)total, (struct slice){begin, wire}, wire, false);
        *at = c;
        return RESP_OK;
    }
    if (status == RESP_ERROR) return status;
    bool wants_block = size >= INPUT_BLOCK_MIN && c > header;
    if (batch->count > 0 || (end - begin < KEEP_FROM_BYTES && !wants_block)) return RESP_MORE;
    struct resp_partial *partial = parser->partial = partial_new(total, (size_t)(header - begin));
    for (int64_t i = 0; i < argc; i++)
        add_partial_arg(partial, (struct partial_arg){(size_t)(args[i].data - begin), args[i].size, NULL});
    return RESP_MORE;
}

/* ---- requests that come in pieces ---- */

static enum resp_status resume(struct resp_parser *parser, struct input *input, const struct resp_limits *limits) {
    struct resp_partial *partial = parser->partial;
    if (partial->waiting) {
        if (!input_block_is_full(input)) return RESP_MORE;
        add_partial_arg(partial, (struct partial_arg){0, partial->waiting - 2, input_block_take(input)});
        partial->waiting = 0;
    }
    struct slice data = input_slice(input);
    const char *at = data.data + partial->next, *end = data.data + data.size;
    while (partial->done < partial->total) {
        int64_t size;
        enum resp_status status = read_bulk_size(parser, &at, end, limits, &size);
        if (status != RESP_OK) return status;
        size_t offset = (size_t)(at - data.data);
        if (end - at - 2 >= size) {
            add_partial_arg(partial, (struct partial_arg){offset, (size_t)size, NULL});
            at += size + 2;
            partial->next = offset + (size_t)size + 2;
            continue;
        }
        if (size < INPUT_BLOCK_MIN) return RESP_MORE;
        partial->headroom = limits->block_headroom;
        if (!input_block_begin(input, offset, (size_t)size + 2, partial->headroom))
            return fail(parser, "no memory for an argument");
        partial->waiting = (size_t)size + 2;
        partial->has_blocks = true;
        partial->next = offset; /* what follows the block comes here */
        return RESP_MORE;
    }
    return RESP_OK;
}

/* Puts the complete partial request into the batch, as its first. */
static void add_partial_request(struct resp_parser *parser, struct input *input, struct resp_batch *batch) {
    struct resp_partial *partial = parser->partial;
    const char *begin = input_slice(input).data;
    reserve_args(batch, 0, partial->done);
    for (uint32_t i = 0; i < partial->done; i++) {
        struct partial_arg *arg = &partial->args[i];
        batch->args[i] = (struct slice){arg->block ? arg->block + partial->headroom : begin + arg->offset, arg->size};
    }
    struct slice raw = {partial->has_blocks ? NULL : begin, partial->has_blocks ? 0 : partial->next};
    add_request(batch, partial->done, raw, partial->next, false);
    batch->requests[0].has_blocks = partial->has_blocks;
    for (uint32_t i = 0; partial->has_blocks && i < partial->done; i++)
        if (partial->args[i].block) batch->requests[0].block_bytes += partial->args[i].size + 2;
    parser->is_complete = true;
}

void resp_parser_forget(struct resp_parser *parser) {
    if (parser->partial) partial_free(parser->partial);
    parser->partial = NULL;
    parser->is_complete = false;
}

void resp_parser_fini(struct resp_parser *parser) {
    resp_parser_forget(parser);
}

size_t resp_parser_memory(const struct resp_parser *parser) {
    const struct resp_partial *partial = parser->partial;
    if (!partial) return 0;
    size_t total = sizeof *partial + partial->capacity * sizeof *partial->args;
    for (uint32_t i = 0; i < partial->done; i++) total += mem_size(partial->args[i].block);
    return total;
}

char *resp_request_take_block(struct resp_parser *parser, const struct resp_request *request, uint32_t index) {
    if (!request->has_blocks) return NULL;
    CHECK(parser->is_complete);
    CHECK(index < parser->partial->done);
    char *block = parser->partial->args[index].block;
    parser->partial->args[index].block = NULL;
    return block;
}

/* A request that was given a block but came again because it was not executed would point to memory that was taken:
 * whoever takes a block has executed the request. */

enum resp_status resp_parse_requests(struct resp_parser *parser, struct input *input, const struct resp_limits *limits,
                                     struct resp_batch *batch, size_t max) {
    enum resp_status status = RESP_MORE;
    batch->count = batch->blank = 0;
    batch->dropped_bytes = 0;
    batch->args_used = batch->unquoted.size = 0;
    max = MIN(max, (size_t)RESP_BATCH);
    if (UNLIKELY(parser->partial != NULL)) {
        status = parser->is_complete ? RESP_OK : resume(parser, input, limits);
        if (status != RESP_OK) return status;
        add_partial_request(parser, input, batch);
    }
    struct slice data = input_slice(input);
    if (data.size == 0) return batch->count ? RESP_OK : RESP_MORE;
    const char *at = data.data, *end = data.data + data.size;
    if (batch->count) at += batch->requests[0].wire_bytes;
    while (batch->count < max && at < end) {
        status = LIKELY(*at == '*') ? parse_array(parser, &at, end, input, limits, batch)
                                    : parse_inline(parser, &at, end, input, limits, batch);
        if (UNLIKELY(status != RESP_OK)) break;
    }
    if (LIKELY(batch->count > 0)) return RESP_OK;
    if (status == RESP_ERROR) return status;
    if (parser->partial) { /* just begun: a large argument gets its block at once */
        status = resume(parser, input, limits);
        return status == RESP_ERROR ? status : RESP_MORE;
    }
    return RESP_MORE;
}
