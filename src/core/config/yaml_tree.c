#include "core/config/yaml_tree.h"

#include "base/mem.h"

#include <yaml.h>

enum { DEEPEST = 32, LONGEST_TEXT = 8 * 1024 * 1024 + 64 * 1024 };

struct reader {
    yaml_parser_t parser;
    yaml_event_t event;
    struct slice text;
    size_t *offsets; /* character to byte; NULL: all are ASCII, so they are the same */
    size_t characters;
    size_t skipped; /* bytes before the first character (a byte order mark) */
    yaml_tree_problem *problem;
    void *context;
    bool is_broken; /* no more events */
    bool has_problem;
};

static void report(struct reader *reader, yaml_mark_t mark, const char *sentence) {
    reader->has_problem = true;
    reader->problem(reader->context, (unsigned)mark.line + 1, (unsigned)mark.column + 1, sentence);
}

/* The parser reads ahead, so its own mark is before the bytes that it cannot read. */
static yaml_mark_t mark_of_byte(const struct reader *reader, size_t offset) {
    yaml_mark_t mark = {.index = offset};
    for (size_t i = reader->skipped; i < MIN(offset, reader->text.size); i++) {
        mark.column++;
        if (reader->text.data[i] != '\n') continue;
        mark.line++;
        mark.column = 0;
    }
    return mark;
}

/* libyaml counts characters; an editor needs bytes. */
static void count_characters(struct reader *reader) {
    struct slice text = reader->text;
    bool is_ascii = true;
    for (size_t i = 0; is_ascii && i < text.size; i++) is_ascii = !((unsigned char)text.data[i] & 0x80);
    if (is_ascii) return;
    reader->offsets = mem_alloc((text.size + 1) * sizeof *reader->offsets);
    for (size_t i = reader->skipped; i < text.size; i++)
        if (((unsigned char)text.data[i] & 0xC0) != 0x80) reader->offsets[reader->characters++] = i;
    reader->offsets[reader->characters] = text.size;
}

static size_t offset_of(const struct reader *reader, yaml_mark_t mark) {
    if (!reader->offsets) return MIN(mark.index + reader->skipped, reader->text.size);
    return reader->offsets[MIN(mark.index, reader->characters)];
}

static bool next_event(struct reader *reader) {
    if (reader->is_broken) return false;
    if (reader->event.type != YAML_NO_EVENT) yaml_event_delete(&reader->event);
    if (yaml_parser_parse(&reader->parser, &reader->event)) return true;
    reader->is_broken = true;
    reader->event.type = YAML_NO_EVENT;
    const yaml_parser_t *parser = &reader->parser;
    char sentence[256];
    yaml_mark_t mark = parser->problem_mark;
    if (parser->error == YAML_READER_ERROR) {
        snprintf(sentence, sizeof sentence, "the file is not UTF-8 text (%s at byte %zu)", parser->problem,
                 parser->problem_offset);
        mark = mark_of_byte(reader, reader->skipped + parser->problem_offset);
    } else {
        /* What never ends is looked for where it begins. */
        if (parser->context && strstr(parser->problem ? parser->problem : "", "end of stream")) mark = parser->context_mark;
        bool is_star = parser->context && strstr(parser->context, "alias"); /* bind: * */
        snprintf(sentence, sizeof sentence, "not YAML: %s%s%s%s", parser->problem ? parser->problem : "out of memory",
                 parser->context ? " " : "", parser->context ? parser->context : "",
                 is_star ? "; a text that begins with * needs quotes" : "");
    }
    report(reader, mark, sentence);
    return false;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static void free_node(struct yaml_tree_node *node) {
    if (!node) return;
    for (size_t i = 0; i < node->count; i++) {
        free_node(node->pairs[i].key);
        free_node(node->pairs[i].value);
    }
    mem_free(node->pairs);
    mem_free((char *)(uintptr_t)node->text.data);
    mem_free(node);
}

static struct yaml_tree_node *new_node(const struct reader *reader, enum yaml_tree_kind kind) {
    struct yaml_tree_node *node = mem_zalloc(sizeof *node);
    node->kind = kind;
    node->line = (unsigned)reader->event.start_mark.line + 1;
    node->column = (unsigned)reader->event.start_mark.column + 1;
    node->start = offset_of(reader, reader->event.start_mark);
    node->end = offset_of(reader, reader->event.end_mark);
    return node;
}

static enum yaml_tree_style style_of(yaml_scalar_style_t style) {
    switch (style) {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE: return YAML_TREE_SINGLE;
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE: return YAML_TREE_DOUBLE;
    case YAML_LITERAL_SCALAR_STYLE: return YAML_TREE_LITERAL;
    case YAML_FOLDED_SCALAR_STYLE: return YAML_TREE_FOLDED;
    case YAML_ANY_SCALAR_STYLE:
    case YAML_PLAIN_SCALAR_STYLE: break;
    }
    return YAML_TREE_PLAIN;
}

static bool is_line_end(char c) {
    return c == '\n' || c == '\r';
}

static struct yaml_tree_node *read_scalar(struct reader *reader) {
    struct yaml_tree_node *node = new_node(reader, YAML_TREE_SCALAR);
    struct slice text = slice_make(reader->event.data.scalar.value, reader->event.data.scalar.length);
    node->style = style_of(reader->event.data.scalar.style);
    node->is_null = node->style == YAML_TREE_PLAIN && text.size == 0;
    if (node->style == YAML_TREE_LITERAL || node->style == YAML_TREE_FOLDED) {
        while (text.size && is_line_end(text.data[text.size - 1])) text.size--;
        /* libyaml's end is where the next token begins: go back over blank lines and the next line's indentation */
        const char *all = reader->text.data;
        while (node->end > node->start && strchr(" \t\r\n", all[node->end - 1])) node->end--;
    }
    if (memchr(text.data, 0, text.size)) report(reader, reader->event.start_mark, "a zero byte is not allowed");
    node->text = slice_make(slice_to_text(text), text.size);
    return node;
}

static struct yaml_tree_node *read_node(struct reader *reader, unsigned depth);

static void add_pair(struct yaml_tree_node *node, struct yaml_tree_node *key, struct yaml_tree_node *value) {
    if ((node->count & (node->count - 1)) == 0) /* full at the powers of two */
        node->pairs = mem_realloc(node->pairs, (node->count ? node->count * 2 : 1) * sizeof *node->pairs);
    node->pairs[node->count++] = (struct yaml_tree_pair){key, value};
}

static void read_list(struct reader *reader, struct yaml_tree_node *node, unsigned depth) {
    while (next_event(reader) && reader->event.type != YAML_SEQUENCE_END_EVENT) {
        struct yaml_tree_node *value = read_node(reader, depth + 1);
        if (!value) return;
        add_pair(node, NULL, value);
    }
}

static void read_map(struct reader *reader, struct yaml_tree_node *node, unsigned depth) {
    while (next_event(reader) && reader->event.type != YAML_MAPPING_END_EVENT) {
        yaml_mark_t mark = reader->event.start_mark;
        struct yaml_tree_node *key = read_node(reader, depth + 1);
        if (key && key->kind != YAML_TREE_SCALAR) report(reader, mark, "a key must be plain text");
        struct yaml_tree_node *value = key && next_event(reader) ? read_node(reader, depth + 1) : NULL;
        if (!value || key->kind != YAML_TREE_SCALAR) {
            free_node(key);
            free_node(value);
            if (!value) return;
            continue;
        }
        add_pair(node, key, value);
    }
}

/* A list or map whose start is the current event; afterwards its end is. */
static struct yaml_tree_node *read_collection(struct reader *reader, bool is_list, bool is_flow, unsigned depth) {
    struct yaml_tree_node *node = new_node(reader, is_list ? YAML_TREE_LIST : YAML_TREE_MAP);
    node->is_flow = is_flow;
    if (is_list)
        read_list(reader, node, depth);
    else
        read_map(reader, node, depth);
    /* a block ends where the next token begins, which is of no use to an editor */
    if (is_flow && !reader->is_broken)
        node->end = offset_of(reader, reader->event.end_mark);
    else if (node->count)
        node->end = node->pairs[node->count - 1].value->end;
    return node;
}

static void refuse_properties(struct reader *reader, const yaml_char_t *anchor, const yaml_char_t *tag) {
    if (anchor) report(reader, reader->event.start_mark, "anchors (&name) are not supported; write the value again");
    if (tag) report(reader, reader->event.start_mark, "tags (!name) are not supported; every value is text here");
}

/* The node that the current event starts; NULL: the rest of the text is of no use. */
static struct yaml_tree_node *read_node(struct reader *reader, unsigned depth) {
    const yaml_event_t *event = &reader->event;
    if (depth > DEEPEST) {
        report(reader, event->start_mark, "nested too deeply");
        reader->is_broken = true;
        return NULL;
    }
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        refuse_properties(reader, event->data.scalar.anchor, event->data.scalar.tag);
        return read_scalar(reader);
    case YAML_SEQUENCE_START_EVENT:
        refuse_properties(reader, event->data.sequence_start.anchor, event->data.sequence_start.tag);
        return read_collection(reader, true, event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE, depth);
    case YAML_MAPPING_START_EVENT:
        refuse_properties(reader, event->data.mapping_start.anchor, event->data.mapping_start.tag);
        return read_collection(reader, false, event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE, depth);
    case YAML_ALIAS_EVENT:
        report(reader, event->start_mark, "aliases (*name) are not supported; a text that begins with * needs quotes");
        struct yaml_tree_node *node = new_node(reader, YAML_TREE_SCALAR);
        node->text = slice_make(mem_strdup(""), 0);
        node->is_bad = true;
        return node;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: break;
    }
    UNREACHABLE("libyaml's events are not in the order of its grammar");
}

/* ---- documents -----------------------------------------------------------------------------------------------------
 */

static void read_stream(struct reader *reader, struct yaml_tree *tree) {
    for (unsigned documents = 0; next_event(reader) && reader->event.type != YAML_STREAM_END_EVENT;) {
        if (reader->event.type == YAML_DOCUMENT_END_EVENT && documents == 1 &&
            !reader->event.data.document_end.implicit)
            tree->document_end = offset_of(reader, reader->event.start_mark);
        if (reader->event.type != YAML_DOCUMENT_START_EVENT) continue;
        if (++documents > 1) {
            report(reader, reader->event.start_mark, "a second document: a configuration is one document");
            return;
        }
        if (next_event(reader)) tree->root = read_node(reader, 0);
    }
}

static bool is_other_unicode(struct slice text) {
    return text.size >= 2 && ((unsigned char)text.data[0] == 0xFF || (unsigned char)text.data[0] == 0xFE);
}

bool yaml_tree_parse(struct yaml_tree *tree, struct slice text, yaml_tree_problem *problem, void *context) {
    struct reader reader = {.text = text, .problem = problem, .context = context};
    *tree = (struct yaml_tree){.document_end = text.size};
    if (text.size > LONGEST_TEXT || is_other_unicode(text)) {
        problem(context, 0, 0, is_other_unicode(text) ? "the file is not UTF-8 text" : "the file is too large");
        return false;
    }
    CHECK(yaml_parser_initialize(&reader.parser));
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    if (slice_starts_with(text, "\xEF\xBB\xBF")) reader.skipped = 3;
    count_characters(&reader);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text.data + reader.skipped,
                                 text.size - reader.skipped);
    read_stream(&reader, tree);
    if (reader.event.type != YAML_NO_EVENT) yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    mem_free(reader.offsets);
    if (tree->root && tree->root->is_null && tree->root->kind == YAML_TREE_SCALAR) {
        free_node(tree->root);
        tree->root = NULL;
    }
    return !reader.has_problem;
}

void yaml_tree_fini(struct yaml_tree *tree) {
    free_node(tree->root);
    tree->root = NULL;
}

const struct yaml_tree_node *yaml_tree_find(const struct yaml_tree_node *map, const char *key) {
    if (!map || map->kind != YAML_TREE_MAP) return NULL;
    for (size_t i = 0; i < map->count; i++)
        if (slice_is(map->pairs[i].key->text, key)) return map->pairs[i].value;
    return NULL;
}
