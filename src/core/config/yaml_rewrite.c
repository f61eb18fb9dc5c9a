#include "core/config/yaml_rewrite.h"

#include "core/config/param_internal.h"
#include "core/config/yaml_write.h"
#include "base/mem.h"

#include <stdlib.h>

static const char marker[] = "# Added by CONFIG REWRITE";

struct edit {
    size_t start, end; /* bytes that are replaced */
    struct bytes text;
    size_t number; /* edits of one place keep their order */
};

struct rewrite {
    struct params *params;
    struct yaml_read *read;
    struct slice text;
    const char *eol;
    struct edit *edits;
    size_t count;
    struct bytes added; /* lines (or, in a root in brackets, pairs) for the end */
    bool in_brackets;   /* the root is */
    unsigned indent;    /* of the root's keys */
};

/* The new edit's text, to be filled in. */
static struct bytes *add_edit(struct rewrite *rewrite, size_t start, size_t end) {
    rewrite->edits = mem_realloc(rewrite->edits, (rewrite->count + 1) * sizeof *rewrite->edits);
    struct edit *edit = &rewrite->edits[rewrite->count];
    *edit = (struct edit){.start = start, .end = end, .number = rewrite->count++};
    return &edit->text;
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static bool is_line_end(char c) {
    return c == '\n' || c == '\r';
}

/* The first byte of the line that `at` is in. */
static size_t line_start(const struct rewrite *rewrite, size_t at) {
    while (at > 0 && !is_line_end(rewrite->text.data[at - 1])) at--;
    return at;
}

/* Behind the line end of the line that `at` is in. */
static size_t line_after(const struct rewrite *rewrite, size_t at) {
    struct slice text = rewrite->text;
    while (at < text.size && !is_line_end(text.data[at])) at++;
    if (at + 1 < text.size && text.data[at] == '\r' && text.data[at + 1] == '\n') return at + 2;
    return at < text.size ? at + 1 : at;
}

static bool is_blank_between(const struct rewrite *rewrite, size_t start, size_t end) {
    for (size_t i = start; i < end; i++)
        if (rewrite->text.data[i] != ' ' && rewrite->text.data[i] != '\t') return false;
    return true;
}

/* ---- the items of a list or map -------------------------------------------------------------------------------------
 */

/* Where an item begins: its key, or in a block list its dash. SIZE_MAX: not to be found (a comment after the dash). */
static size_t item_start(const struct rewrite *rewrite, const struct yaml_tree_node *node, size_t i) {
    if (node->kind == YAML_TREE_MAP) return node->pairs[i].key->start;
    size_t at = node->pairs[i].value->start;
    if (node->is_flow) return at;
    while (at > 0 && strchr(" \t\r\n", rewrite->text.data[at - 1])) at--;
    return at > 0 && rewrite->text.data[at - 1] == '-' ? at - 1 : SIZE_MAX;
}

static size_t item_end(const struct yaml_tree_node *node, size_t i) {
    return node->pairs[i].value->end;
}

/* Can lines be taken out of it and put into it? */
static bool has_own_lines(const struct rewrite *rewrite, const struct yaml_tree_node *node) {
    for (size_t i = 0; i < node->count; i++) {
        size_t start = item_start(rewrite, node, i);
        if (start == SIZE_MAX || !is_blank_between(rewrite, line_start(rewrite, start), start)) return false;
        if (node->pairs[i].value->kind != YAML_TREE_SCALAR) return false;
    }
    return true;
}

static void write_item(struct bytes *out, const struct param_item *item, bool in_flow) {
    if (item->key) {
        yaml_write_scalar(out, slice_text(item->key), YAML_TREE_PLAIN, in_flow);
        bytes_add_text(out, ": ");
    }
    yaml_write_scalar(out, slice_text(item->text), YAML_TREE_PLAIN, in_flow);
}

static void replace_scalar(struct rewrite *rewrite, const struct yaml_tree_node *node, const char *text, bool in_flow) {
    yaml_write_scalar(add_edit(rewrite, node->start, node->end), slice_text(text), node->style, in_flow);
}

/* New items after the item `gap - 1`; 0: before the first. The node has items, of which those that stay are known. */
static void insert_items(struct rewrite *rewrite, const struct yaml_tree_node *node, size_t gap,
                         const struct param_item *items, size_t count) {
    size_t at;
    if (node->is_flow)
        at = gap ? item_end(node, gap - 1) : item_start(rewrite, node, 0);
    else
        at = gap ? line_after(rewrite, item_end(node, gap - 1)) : line_start(rewrite, item_start(rewrite, node, 0));
    struct bytes *out = add_edit(rewrite, at, at);
    size_t first = item_start(rewrite, node, 0), indent = line_start(rewrite, first);
    bool is_cut = !node->is_flow && at > 0 && !is_line_end(rewrite->text.data[at - 1]); /* at the very end */
    for (size_t i = 0; i < count; i++) {
        if (node->is_flow) {
            if (gap) bytes_add_text(out, ", ");
            write_item(out, &items[i], true);
            if (!gap) bytes_add_text(out, ", ");
            continue;
        }
        if (is_cut) bytes_add_text(out, rewrite->eol);
        bytes_add(out, rewrite->text.data + indent, first - indent);
        if (node->kind == YAML_TREE_LIST) bytes_add_text(out, "- ");
        write_item(out, &items[i], false);
        if (!is_cut) bytes_add_text(out, rewrite->eol);
    }
}

/* Takes the items [from, to) out. Others stay. */
static void delete_items(struct rewrite *rewrite, const struct yaml_tree_node *node, size_t from, size_t to) {
    if (from == to) return;
    if (!node->is_flow) {
        for (size_t i = from; i < to; i++)
            add_edit(rewrite, line_start(rewrite, item_start(rewrite, node, i)),
                     line_after(rewrite, item_end(node, i)));
    } else if (to < node->count) {
        add_edit(rewrite, item_start(rewrite, node, from), item_start(rewrite, node, to));
    } else {
        add_edit(rewrite, item_end(node, from - 1), item_end(node, to - 1));
    }
}

static void replace_whole(struct rewrite *rewrite, const struct yaml_tree_node *node, const struct param *row,
                          const struct param_values *now) {
    struct bytes *out = add_edit(rewrite, node->start, node->end);
    if (node->column == 1) bytes_add_char(out, ' '); /* "save:" with its dashes below the s: a value must be indented */
    yaml_write_value(out, row, now, true);
}

/* ---- one parameter that stands in the file
 * ------------------------------------------------------------------------------ */

static void edit_list(struct rewrite *rewrite, const struct yaml_found *found, const struct param_values *now,
                      bool in_flow) {
    const struct yaml_tree_node *node = found->node;
    const struct param_values *file = &found->values;
    size_t same = 0, tail = 0;
    bool is_itemwise =
        node->count == file->count && node->count && now->count && (node->is_flow || has_own_lines(rewrite, node));
    if (!is_itemwise) {
        replace_whole(rewrite, node, param_row(found->entry), now);
        return;
    }
    while (same < MIN(file->count, now->count) && strcmp(file->items[same].text, now->items[same].text) == 0) same++;
    while (tail < MIN(file->count, now->count) - same &&
           strcmp(file->items[file->count - 1 - tail].text, now->items[now->count - 1 - tail].text) == 0)
        tail++;
    size_t old_middle = file->count - same - tail, new_middle = now->count - same - tail;
    size_t both = MIN(old_middle, new_middle);
    for (size_t i = same; i < same + both; i++)
        replace_scalar(rewrite, node->pairs[i].value, now->items[i].text, in_flow || node->is_flow);
    if (new_middle > both) insert_items(rewrite, node, same + both, now->items + same + both, new_middle - both);
    delete_items(rewrite, node, same + both, same + old_middle);
}

static bool is_new_key(const struct param_values *base, const struct param_item *item) {
    const char *text = param_values_find(base, item->key);
    return !text || strcmp(text, item->text) != 0;
}

/* `base`: what is in force without this file. */
static void edit_map(struct rewrite *rewrite, const struct yaml_found *found, const struct param_values *now,
                     const struct param_values *base, bool in_flow) {
    const struct yaml_tree_node *node = found->node;
    const struct param_values *file = &found->values;
    bool is_itemwise = node->kind == YAML_TREE_MAP && node->count == file->count && node->count &&
                       (node->is_flow || has_own_lines(rewrite, node));
    for (size_t i = 0; is_itemwise && i < file->count; i++)
        is_itemwise = param_values_find(now, file->items[i].key) != NULL;
    if (!is_itemwise) {
        replace_whole(rewrite, node, param_row(found->entry), now);
        return;
    }
    for (size_t i = 0; i < file->count; i++) {
        const char *text = param_values_find(now, file->items[i].key);
        if (strcmp(text, file->items[i].text) != 0)
            replace_scalar(rewrite, node->pairs[i].value, text, in_flow || node->is_flow);
    }
    for (size_t i = 0; i < now->count; i++)
        if (!param_values_find(file, now->items[i].key) && is_new_key(base, &now->items[i]))
            insert_items(rewrite, node, node->count, &now->items[i], 1);
}

/* Does a bracket enclose the node? */
static bool is_in_flow(const struct yaml_tree_node *from, const struct yaml_tree_node *node) {
    if (!from || from == node || from->kind == YAML_TREE_SCALAR) return false;
    if (from->is_flow) return node->start >= from->start && node->end <= from->end;
    for (size_t i = 0; i < from->count; i++)
        if (is_in_flow(from->pairs[i].value, node)) return true;
    return false;
}

static void edit_found(struct rewrite *rewrite, const struct yaml_found *found, const struct param_values *now,
                       const struct param_values *base) {
    const struct param *row = param_row(found->entry);
    bool in_flow = is_in_flow(yaml_read_tree(rewrite->read)->root, found->node);
    if (found->node->kind != YAML_TREE_SCALAR && row->type == PARAM_TYPE_list) {
        edit_list(rewrite, found, now, in_flow);
    } else if (row->type == PARAM_TYPE_map) {
        edit_map(rewrite, found, now, base, in_flow);
    } else if (row->type == PARAM_TYPE_list && row->words == 0 && now->count != 1) {
        replace_whole(rewrite, found->node, row, now);
    } else {
        struct bytes text = {0};
        param_values_print(now, &text);
        replace_scalar(rewrite, found->node, bytes_text(&text), in_flow);
        bytes_fini(&text);
    }
}

/* ---- parameters that are new in the file
 * ----------------------------------------------------------------------------------- */

static void append(struct rewrite *rewrite, const struct param *row, const struct param_values *now,
                   const struct param_values *base) {
    struct param_values changed = {0};
    for (size_t i = 0; i < now->count; i++) {
        const struct param_item *item = &now->items[i];
        if (row->type == PARAM_TYPE_map && !is_new_key(base, item)) continue;
        param_values_add(&changed, item->key ? slice_text(item->key) : (struct slice){0}, slice_text(item->text));
    }
    if (rewrite->in_brackets) {
        if (rewrite->added.size) bytes_add_text(&rewrite->added, ", ");
    } else {
        for (unsigned i = 0; i < rewrite->indent; i++) bytes_add_char(&rewrite->added, ' ');
    }
    bytes_add_printf(&rewrite->added, "%s: ", row->name);
    yaml_write_value(&rewrite->added, row, &changed, rewrite->in_brackets);
    if (!rewrite->in_brackets) bytes_add_text(&rewrite->added, rewrite->eol);
    param_values_fini(&changed);
}

static void place_added(struct rewrite *rewrite) {
    const struct yaml_tree *tree = yaml_read_tree(rewrite->read);
    const struct yaml_tree_node *root = tree->root;
    if (rewrite->added.size == 0) return;
    if (rewrite->in_brackets) {
        size_t at = root->count ? item_end(root, root->count - 1) : root->start + 1;
        bytes_add_printf(add_edit(rewrite, at, at), "%s%s", root->count ? ", " : "", bytes_text(&rewrite->added));
        return;
    }
    size_t at = tree->document_end;
    struct bytes *out = add_edit(rewrite, at, at);
    char *all = slice_to_text(rewrite->text);
    if (at > 0 && !is_line_end(rewrite->text.data[at - 1])) bytes_add_text(out, rewrite->eol);
    if (!strstr(all, marker)) {
        /* an empty line could become part of a block text that keeps its line ends */
        if (at > 0 && !strpbrk(all, "|>")) bytes_add_text(out, rewrite->eol);
        for (unsigned i = 0; i < rewrite->indent; i++) bytes_add_char(out, ' ');
        bytes_add_printf(out, "%s%s", marker, rewrite->eol);
    }
    bytes_add_slice(out, bytes_slice(&rewrite->added));
    mem_free(all);
}

/* ---- what the file says and what is in force
 * --------------------------------------------------------------------------------- */

/* The value as the files have it; `base`: without the main one. Both are given. Returns the main file's own. */
static const struct yaml_found *collect(const struct yaml_read *read, const struct param_entry *entry,
                                        struct param_values *effective, struct param_values *base) {
    const struct yaml_found *main_found = NULL;
    param_get_default(entry, effective);
    param_get_default(entry, base);
    for (size_t i = 0; i < yaml_read_count(read); i++) {
        const struct yaml_found *found = yaml_read_at(read, i);
        if (found->entry != entry) continue;
        param_values_apply(param_row(entry), effective, &found->values);
        if (found->is_main)
            main_found = found;
        else
            param_values_apply(param_row(entry), base, &found->values);
    }
    return main_found;
}

static bool is_touched(const struct param_entry *entry) {
    enum param_source source = param_origin(entry).source;
    return source == PARAM_FROM_COMMAND || source == PARAM_FROM_ARGUMENT || param_is_live(entry);
}

static void edit_entry(struct rewrite *rewrite, const struct param_entry *entry) {
    struct param_values effective = {0}, base = {0}, now = {0};
    const struct yaml_found *found = collect(rewrite->read, entry, &effective, &base);
    if (!param_is(entry, &effective)) {
        param_get(entry, &now);
        if (found)
            edit_found(rewrite, found, &now, &base);
        else
            append(rewrite, param_row(entry), &now, &base);
    }
    param_values_fini(&effective);
    param_values_fini(&base);
    param_values_fini(&now);
}

static bool is_include(const struct param_entry *entry) {
    return strcmp(param_row(entry)->name, "include") == 0;
}

static int compare_edits(const void *a, const void *b) {
    const struct edit *x = a, *y = b;
    if (x->start != y->start) return x->start < y->start ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static void apply_edits(struct rewrite *rewrite, struct bytes *out) {
    size_t at = 0;
    if (rewrite->count) qsort(rewrite->edits, rewrite->count, sizeof *rewrite->edits, compare_edits);
    for (size_t i = 0; i < rewrite->count; i++) {
        struct edit *edit = &rewrite->edits[i];
        CHECK(edit->start >= at && edit->end >= edit->start && edit->end <= rewrite->text.size);
        bytes_add(out, rewrite->text.data + at, edit->start - at);
        bytes_add_slice(out, bytes_slice(&edit->text));
        at = edit->end;
    }
    if (at < rewrite->text.size) bytes_add(out, rewrite->text.data + at, rewrite->text.size - at);
}

/* Reads the new text and compares: whatever an editor can get wrong is found before it is on disk. */
static bool verify(struct params *params, struct slice text, const char *path, const char *directory,
                   struct error *err) {
    struct bytes report = {0};
    struct yaml_read *read = yaml_read_new(params, &report);
    yaml_read_text(read, path, text, directory);
    bool good = yaml_read_problems(read) == 0 || error_set(err, "the new text would not be readable");
    for (size_t i = 0; good && i < params_count(params); i++) {
        const struct param_entry *entry = params_at(params, i);
        struct param_values effective = {0}, base = {0};
        if (is_include(entry) || !is_touched(entry)) continue;
        collect(read, entry, &effective, &base);
        if (!param_is(entry, &effective))
            good =
                error_set(err, "the value of %s cannot be written as YAML (is it UTF-8 text?)", param_row(entry)->name);
        param_values_fini(&effective);
        param_values_fini(&base);
    }
    yaml_read_free(&read);
    bytes_fini(&report);
    return good;
}

static void choose_layout(struct rewrite *rewrite) {
    const struct yaml_tree_node *root = yaml_read_tree(rewrite->read)->root;
    rewrite->eol = "\n";
    for (size_t i = 1; i < rewrite->text.size; i++)
        if (rewrite->text.data[i] == '\n') {
            if (rewrite->text.data[i - 1] == '\r') rewrite->eol = "\r\n";
            break;
        }
    rewrite->in_brackets = root && root->is_flow;
    if (root && !root->is_flow && root->count) rewrite->indent = root->pairs[0].key->column - 1;
}

bool yaml_rewrite(struct params *params, struct slice text, const char *path, const char *directory, struct bytes *out,
                  struct error *err) {
    struct bytes report = {0};
    struct rewrite rewrite = {.params = params, .text = text, .read = yaml_read_new(params, &report)};
    yaml_read_text(rewrite.read, path, text, directory);
    bool good = yaml_read_problems(rewrite.read) == 0;
    if (good) {
        choose_layout(&rewrite);
        for (size_t i = 0; i < params_count(params); i++) {
            const struct param_entry *entry = params_at(params, i);
            if (!is_include(entry) && is_touched(entry)) edit_entry(&rewrite, entry);
        }
        place_added(&rewrite);
        apply_edits(&rewrite, out);
        good = verify(params, bytes_slice(out), path, directory, err);
    } else {
        struct slice rest = bytes_slice(&report), line = {0};
        slice_split(&rest, '\n', &line);
        error_set(err, "the file is not a valid configuration any more: %.*s", (int)line.size, line.data);
    }
    for (size_t i = 0; i < rewrite.count; i++) bytes_fini(&rewrite.edits[i].text);
    mem_free(rewrite.edits);
    bytes_fini(&rewrite.added);
    bytes_fini(&report);
    yaml_read_free(&rewrite.read);
    if (!good) bytes_clear(out);
    return good;
}
