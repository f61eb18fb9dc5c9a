#include "base/mem.h"
#include "base/number.h"
#include "net/resp_parse.h"

#include <math.h>
#include <stdio.h>

/* Replies, in two passes. The scan finds where the reply ends, checks every length and counts nodes; it remembers
 * where it is, so a reply that trickles in is scanned once. When the end is there the tree is built in one array,
 * which is then as large as needed and never larger than what the bytes that came can describe. */

struct level {
    size_t left;         /* elements that are still to come */
    bool   is_attribute; /* its end does not count as an element of the level below */
};

struct resp_reply_parser {
    struct resp_reply_limits limits;
    size_t                   at;    /* bytes that are scanned */
    size_t                   line;  /* bytes behind `at` that hold no line end */
    size_t                   need;  /* nothing can be decided before so many bytes are there */
    size_t                   nodes; /* seen, and announced by the open levels */
    unsigned                 depth;
    bool                     is_too_large;
    bool                     is_done; /* the reply has ended at `at` */
    struct resp_reply       *tree;
    size_t                   tree_capacity;
    struct resp_reply        single; /* a reply of one node */
    struct level             levels[RESP_MAX_DEPTH + 1];
    char                     error[96];
};

void resp_reply_parser_set_limits(struct resp_reply_parser *parser, const struct resp_reply_limits *limits) {
    CHECK(limits->max_depth <= RESP_MAX_DEPTH);
    parser->limits = *limits;
    resp_reply_parser_reset(parser);
}

struct resp_reply_parser *resp_reply_parser_new(const struct resp_reply_limits *limits) {
    struct resp_reply_parser *parser = mem_zalloc(sizeof *parser);
    resp_reply_parser_set_limits(parser, limits);
    return parser;
}

void resp_reply_parser_free(struct resp_reply_parser **parser) {
    if (*parser) mem_free((*parser)->tree);
    mem_free(*parser);
    *parser = NULL;
}

void resp_reply_parser_reset(struct resp_reply_parser *parser) {
    parser->at = parser->line = parser->need = parser->nodes = 0;
    parser->depth = 0;
    parser->is_too_large = parser->is_done = false;
}

const char *resp_reply_error(const struct resp_reply_parser *parser) {
    return parser->error;
}

bool resp_reply_is_too_large(const struct resp_reply_parser *parser) {
    return parser->is_too_large;
}

static enum resp_status fail(struct resp_reply_parser *parser, const char *words) {
    snprintf(parser->error, sizeof parser->error, "%s", words);
    return RESP_ERROR;
}

static enum resp_status too_large(struct resp_reply_parser *parser, const char *words) {
    parser->is_too_large = true;
    return fail(parser, words);
}

/* ---- the scan ---- */

static bool is_aggregate(char kind) {
    return kind == '*' || kind == '%' || kind == '~' || kind == '>' || kind == '|';
}

static bool is_bulk(char kind) {
    return kind == '$' || kind == '=' || kind == '!';
}

static struct slice without_plus(struct slice text) {
    return text.size && text.data[0] == '+' ? (struct slice){text.data + 1, text.size - 1} : text;
}

/* Is what stands between the kind and CR LF right for the kind? Lengths are looked at later. */
static bool is_valid_line(char kind, struct slice text) {
    int64_t integer;
    double number;
    switch (kind) {
    case '+':
    case '-': return true;
    case ':': return number_parse_int(without_plus(text), &integer);
    case '_': return text.size == 0;
    case '#': return text.size == 1 && (text.data[0] == 't' || text.data[0] == 'f');
    case ',': return slice_is_nocase(text, "nan") || slice_is_nocase(text, "-nan") || number_parse_double(text, &number);
    case '(': {
        size_t i = text.size && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
        if (i == text.size) return false;
        for (; i < text.size; i++)
            if (text.data[i] < '0' || text.data[i] > '9') return false;
        return true;
    }
    default: return false;
    }
}

/* An element has ended: so may have the levels that waited for it. */
static void element_ended(struct resp_reply_parser *parser) {
    while (parser->depth) {
        struct level *level = &parser->levels[parser->depth - 1];
        if (level->left > 0 && --level->left > 0) return;
        bool was_attribute = level->is_attribute;
        parser->depth--;
        if (was_attribute) return; /* the element that it describes comes next */
    }
    parser->is_done = true;
}

static enum resp_status scan_aggregate(struct resp_reply_parser *parser, char kind, int64_t count) {
    if (count == -1 && kind == '*') {
        element_ended(parser);
        return RESP_OK;
    }
    if (count < 0) return fail(parser, "negative number of elements");
    if ((uint64_t)count > parser->limits.max_nodes) return too_large(parser, "too many elements in a reply");
    size_t elements = (size_t)count * (kind == '%' || kind == '|' ? 2 : 1);
    parser->nodes += elements;
    if (parser->nodes > parser->limits.max_nodes) return too_large(parser, "too many elements in a reply");
    if (elements == 0) {
        if (kind != '|') element_ended(parser);
        return RESP_OK;
    }
    if (parser->depth >= parser->limits.max_depth) return too_large(parser, "reply is nested too deeply");
    parser->levels[parser->depth++] = (struct level){elements, kind == '|'};
    return RESP_OK;
}

static enum resp_status scan_bulk(struct resp_reply_parser *parser, struct slice data, size_t head, char kind,
                                  int64_t size) {
    if (size == -1 && kind == '$') {
        parser->at += head;
        element_ended(parser);
        return RESP_OK;
    }
    if (size < 0 || (kind == '=' && size < 4)) return fail(parser, "invalid bulk length");
    if ((uint64_t)size > parser->limits.max_bytes) return too_large(parser, "reply is too large");
    size_t end = parser->at + head + (size_t)size + 2;
    if (end > parser->limits.max_bytes) return too_large(parser, "reply is too large");
    if (data.size < end) {
        parser->need = end;
        return RESP_MORE;
    }
    if (data.data[end - 2] != '\r' || data.data[end - 1] != '\n') return fail(parser, "bulk without a line end");
    parser->at = end;
    element_ended(parser);
    return RESP_OK;
}

/* The next element, or the head of an aggregate. */
static enum resp_status scan_one(struct resp_reply_parser *parser, struct slice data) {
    const char *begin = data.data + parser->at, *end = data.data + data.size;
    if (begin == end) return RESP_MORE;
    if (!*begin || !strchr("+-:_#,($=!*%~>|", *begin)) return fail(parser, "reply of an unknown type");
    const char *newline = memchr(begin + parser->line, '\n', (size_t)(end - begin) - parser->line);
    if (!newline) {
        parser->line = (size_t)(end - begin);
        bool must_be_short = *begin != '+' && *begin != '-' && *begin != '(';
        if (must_be_short && parser->line > 512) return fail(parser, "length or number without an end");
        return RESP_MORE;
    }
    parser->line = 0;
    char kind = *begin;
    if (newline - begin < 2 || newline[-1] != '\r') return fail(parser, "line that does not end in CR LF");
    struct slice text = {begin + 1, (size_t)(newline - begin) - 2};
    size_t head = (size_t)(newline + 1 - begin);
    if (is_aggregate(kind) || is_bulk(kind)) {
        int64_t count;
        if (!number_parse_int(text, &count)) return fail(parser, "invalid length");
        if (is_bulk(kind)) return scan_bulk(parser, data, head, kind, count);
        parser->at += head;
        return scan_aggregate(parser, kind, count);
    }
    if (!is_valid_line(kind, text)) return fail(parser, "invalid number");
    parser->at += head;
    element_ended(parser);
    return RESP_OK;
}

static enum resp_status scan(struct resp_reply_parser *parser, struct slice data) {
    if (data.size == 0 || data.size < parser->need) return RESP_MORE;
    parser->need = 0;
    if (parser->at == 0 && parser->nodes == 0) parser->nodes = 1;
    while (!parser->is_done) {
        enum resp_status status = scan_one(parser, data);
        if (status == RESP_ERROR) return status;
        if ((status == RESP_OK ? parser->at : data.size) > parser->limits.max_bytes)
            return too_large(parser, "reply is too large");
        if (status == RESP_MORE) return status;
    }
    return RESP_OK;
}

/* ---- the tree ---- */

struct builder {
    const char        *at;
    struct resp_reply *tree;
    size_t             used;
};

static struct slice read_line(struct builder *builder, char *kind) {
    const char *begin = builder->at;
    const char *newline = strchr(begin, '\r'); /* heads and numbers hold no zero bytes; see read_text_line() */
    *kind = *begin;
    builder->at = newline + 2;
    return (struct slice){begin + 1, (size_t)(newline - begin) - 1};
}

static int64_t to_int(struct slice text) {
    int64_t value = 0;
    return number_parse_int(without_plus(text), &value) ? value : 0;
}

static void build(struct builder *builder, struct resp_reply *node);

static void build_children(struct builder *builder, struct resp_reply *node, size_t count) {
    struct resp_reply *children = builder->tree + builder->used;
    builder->used += count;
    node->count = (uint32_t)count;
    node->children = children;
    for (size_t i = 0; i < count; i++) build(builder, &children[i]);
}

/* An attribute's pairs are built and given back. */
static void skip_attributes(struct builder *builder) {
    while (*builder->at == '|') {
        char kind;
        struct resp_reply ignored;
        size_t used = builder->used;
        build_children(builder, &ignored, 2 * (size_t)to_int(read_line(builder, &kind)));
        builder->used = used;
    }
}

static void build_bulk(struct builder *builder, struct resp_reply *node, char kind, int64_t size) {
    if (size < 0) {
        node->type = RESP_NULL;
        return;
    }
    struct slice text = {builder->at, (size_t)size};
    builder->at += size + 2;
    node->type = kind == '!' ? RESP_FAILURE : kind == '=' ? RESP_VERBATIM : RESP_BULK;
    node->text = kind == '=' ? (struct slice){text.data + 4, text.size - 4} : text;
}

static double to_double(struct slice text) {
    double value;
    if (number_parse_double(text, &value)) return value;
    return NAN;
}

static struct slice read_text_line(struct builder *builder) {
    const char *begin = builder->at + 1, *c = begin;
    while (*c != '\n') c++;
    builder->at = c + 1;
    return (struct slice){begin, (size_t)(c - begin) - 1};
}

static void build(struct builder *builder, struct resp_reply *node) {
    char kind;
    *node = (struct resp_reply){0};
    skip_attributes(builder);
    if (*builder->at == '+' || *builder->at == '-' || *builder->at == '(') {
        kind = *builder->at;
        node->type = kind == '+' ? RESP_STATUS : kind == '-' ? RESP_FAILURE : RESP_BIG_NUMBER;
        node->text = read_text_line(builder);
        return;
    }
    struct slice text = read_line(builder, &kind);
    switch (kind) {
    case ':': node->type = RESP_INTEGER, node->integer = to_int(text); return;
    case '#': node->type = RESP_BOOL, node->integer = text.data[0] == 't'; return;
    case '_': node->type = RESP_NULL; return;
    case ',': node->type = RESP_DOUBLE, node->number = to_double(text); return;
    case '$':
    case '=':
    case '!': build_bulk(builder, node, kind, to_int(text)); return;
    default: break;
    }
    int64_t count = to_int(text);
    if (count < 0) {
        node->type = RESP_NULL;
        return;
    }
    node->type = kind == '%' ? RESP_MAP : kind == '~' ? RESP_SET : kind == '>' ? RESP_PUSH : RESP_ARRAY;
    build_children(builder, node, (size_t)count * (kind == '%' ? 2 : 1));
}

/* "+PONG", whole: nearly all that a link to a healthy peer reads. */
static bool parse_status(struct resp_reply_parser *parser, struct slice data, size_t *used) {
    if (parser->at || parser->line || parser->need || data.size < 3 || data.data[0] != '+') return false;
    const char *newline = memchr(data.data, '\n', data.size);
    if (!newline || newline[-1] != '\r') return false;
    *used = (size_t)(newline - data.data) + 1;
    if (*used > parser->limits.max_bytes) return false;
    parser->single = (struct resp_reply){.type = RESP_STATUS, .text = {data.data + 1, *used - 3}};
    return true;
}

static struct resp_reply *room_for_tree(struct resp_reply_parser *parser) {
    if (parser->nodes == 1) return &parser->single;
    if (parser->nodes > parser->tree_capacity ||
        (parser->tree_capacity > 1024 && parser->nodes < parser->tree_capacity / 4)) {
        mem_free(parser->tree);
        parser->tree_capacity = MAX(parser->nodes, (size_t)8);
        parser->tree = mem_alloc(parser->tree_capacity * sizeof *parser->tree);
    }
    return parser->tree;
}

enum resp_status resp_parse_reply(struct resp_reply_parser *parser, struct slice data, const struct resp_reply **reply,
                                  size_t *used) {
    *reply = &parser->single;
    if (LIKELY(parse_status(parser, data, used))) return RESP_OK;
    enum resp_status status = scan(parser, data);
    if (status != RESP_OK) return status;
    struct builder builder = {data.data, room_for_tree(parser), 1};
    build(&builder, builder.tree);
    CHECK(builder.used <= parser->nodes);
    CHECK(builder.at == data.data + parser->at);
    *reply = builder.tree;
    *used = parser->at;
    resp_reply_parser_reset(parser);
    return RESP_OK;
}

/* ---- questions ---- */

bool resp_reply_is_text(const struct resp_reply *reply) {
    return reply->type == RESP_STATUS || reply->type == RESP_BULK || reply->type == RESP_VERBATIM;
}

bool resp_reply_is_error(const struct resp_reply *reply, const char *code) {
    if (reply->type != RESP_FAILURE) return false;
    size_t size = strlen(code);
    return slice_starts_with(reply->text, code) && (reply->text.size == size || reply->text.data[size] == ' ');
}

bool resp_reply_equals(const struct resp_reply *reply, const char *text) {
    return resp_reply_is_text(reply) && slice_is_nocase(reply->text, text);
}

bool resp_reply_to_int(const struct resp_reply *reply, int64_t *out) {
    if (reply->type == RESP_INTEGER) {
        *out = reply->integer;
        return true;
    }
    return resp_reply_is_text(reply) && number_parse_int(reply->text, out);
}

static bool has_children(const struct resp_reply *reply) {
    return reply->type == RESP_ARRAY || reply->type == RESP_MAP || reply->type == RESP_SET || reply->type == RESP_PUSH;
}

const struct resp_reply *resp_reply_at(const struct resp_reply *reply, size_t index) {
    return has_children(reply) && index < reply->count ? &reply->children[index] : NULL;
}

static void print_children(const struct resp_reply *reply, struct bytes *out, const char *brackets) {
    bytes_add_char(out, brackets[0]);
    for (uint32_t i = 0; i < reply->count; i++) {
        if (i) bytes_add_text(out, reply->type == RESP_MAP && i % 2 ? ": " : ", ");
        resp_reply_print(&reply->children[i], out);
    }
    bytes_add_char(out, brackets[1]);
}

void resp_reply_print(const struct resp_reply *reply, struct bytes *out) {
    char number[64];
    switch (reply->type) {
    case RESP_STATUS: bytes_add_slice(out, reply->text); break;
    case RESP_FAILURE:
        bytes_add_char(out, '-');
        bytes_add_slice(out, reply->text);
        break;
    case RESP_INTEGER: bytes_add_printf(out, "%lld", (long long)reply->integer); break;
    case RESP_BULK:
    case RESP_VERBATIM: bytes_add_quoted(out, reply->text); break;
    case RESP_NULL: bytes_add_text(out, "null"); break;
    case RESP_ARRAY: print_children(reply, out, "[]"); break;
    case RESP_MAP: print_children(reply, out, "{}"); break;
    case RESP_SET: print_children(reply, out, "{}"); break;
    case RESP_PUSH: print_children(reply, out, "<>"); break;
    case RESP_DOUBLE:
        if (isnan(reply->number)) bytes_add_text(out, "nan");
        else bytes_add(out, number, number_print_double(number, reply->number));
        break;
    case RESP_BOOL: bytes_add_text(out, reply->integer ? "true" : "false"); break;
    case RESP_BIG_NUMBER: bytes_add_slice(out, reply->text); break;
    }
}
