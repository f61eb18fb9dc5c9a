#include "store/types/stream_node.h"
#include "base/mem.h"

enum { FLAG_DELETED = 1, FLAG_SAME_FIELDS = 2 };
enum { FIXED = 3 /* flags, ms, seq */, BATCH = 64 };

/* ---- making ---- */

static struct packed number_of(int64_t number) {
    return (struct packed){.number = number};
}

static struct packed text_of(struct slice text) {
    return (struct packed){.text = text.data ? text.data : "", .size = text.size};
}

/* Elements are gathered and added together: one growth of the node for most entries. */
struct gather {
    struct listpack **node;
    size_t            count;
    struct packed     elements[BATCH];
};

static void flush(struct gather *gather) {
    listpack_append_all(gather->node, gather->elements, gather->count);
    gather->count = 0;
}

static void add(struct gather *gather, struct packed element) {
    if (gather->count == BATCH) flush(gather);
    gather->elements[gather->count++] = element;
}

static void add_entry(struct gather *gather, uint64_t ms, uint64_t seq, bool is_same, const struct slice *pairs, size_t count) {
    add(gather, number_of(is_same ? FLAG_SAME_FIELDS : 0));
    add(gather, number_of((int64_t)ms));
    add(gather, number_of((int64_t)seq));
    if (!is_same) add(gather, number_of((int64_t)count));
    for (size_t i = 0; i < count; i++) {
        if (!is_same) add(gather, text_of(pairs[2 * i]));
        add(gather, text_of(pairs[2 * i + 1]));
    }
    add(gather, number_of((int64_t)(is_same ? count + FIXED : 2 * count + FIXED + 1)));
    flush(gather);
}

struct listpack *stream_node_new(size_t capacity, const struct slice *pairs, size_t count) {
    struct listpack *node = listpack_new_sized(capacity);
    struct gather gather = {.node = &node};
    gather.count = 0;
    add(&gather, number_of(1));
    add(&gather, number_of(0));
    add(&gather, number_of((int64_t)count));
    for (size_t i = 0; i < count; i++) add(&gather, text_of(pairs[2 * i]));
    add(&gather, number_of(0));
    add_entry(&gather, 0, 0, true, pairs, count);
    return node;
}

static bool has_names(const struct listpack *node, const struct stream_node_head *head, const struct slice *pairs, size_t count) {
    if (head->field_count != count) return false;
    const struct listpack_entry *name = head->names;
    for (size_t i = 0; i < count; i++, name = listpack_next(node, name))
        if (!listpack_is(name, pairs[2 * i])) return false;
    return true;
}

void stream_node_append(struct listpack **node, struct entry_id master, struct entry_id id, const struct slice *pairs, size_t count) {
    struct listpack_entry *live = listpack_first(*node);
    const struct listpack_entry *fields = listpack_next(*node, listpack_next(*node, live));
    struct stream_node_head head = {.field_count = (size_t)listpack_get(fields).number, .names = listpack_next(*node, fields)};
    bool is_same = has_names(*node, &head, pairs, count);
    listpack_replace_int(node, live, listpack_get(live).number + 1);
    struct gather gather;
    gather.node = node;
    gather.count = 0;
    add_entry(&gather, id.ms - master.ms, id.seq - master.seq, is_same, pairs, count);
}

void stream_node_count_deleted(struct listpack **node, int64_t more) {
    struct listpack_entry *live = listpack_first(*node);
    live = listpack_replace_int(node, live, listpack_get(live).number - more);
    struct listpack_entry *deleted = listpack_next(*node, live);
    listpack_replace_int(node, deleted, listpack_get(deleted).number + more);
}

/* ---- reading ---- */

static const struct listpack_entry *skip(const struct listpack *node, const struct listpack_entry *at, size_t count) {
    while (count--) at = listpack_next(node, at);
    return at;
}

int64_t stream_node_live(const struct listpack *node) {
    return listpack_get(listpack_first(node)).number;
}

struct stream_node_head stream_node_head(const struct listpack *node) {
    struct stream_node_head head;
    const struct listpack_entry *at = listpack_first(node);
    head.live = listpack_get(at).number;
    at = listpack_next(node, at);
    head.deleted = listpack_get(at).number;
    at = listpack_next(node, at);
    head.field_count = (size_t)listpack_get(at).number;
    head.names = listpack_next(node, at);
    head.zero = skip(node, head.names, head.field_count);
    return head;
}

/* `entry->node` and the head's `names` and `field_count` are there. */
static void read_at(const struct listpack_entry *at, struct entry_id master, const struct listpack_entry *head_names,
                    size_t head_count, struct stream_entry *entry) {
    const struct listpack *node = entry->node;
    entry->start = at;
    int64_t flags = listpack_get(at).number;
    at = listpack_next(node, at);
    entry->id.ms = master.ms + (uint64_t)listpack_get(at).number;
    at = listpack_next(node, at);
    entry->id.seq = master.seq + (uint64_t)listpack_get(at).number;
    at = listpack_next(node, at);
    entry->is_deleted = flags & FLAG_DELETED;
    if (flags & FLAG_SAME_FIELDS) {
        entry->names = head_names;
        entry->field_count = head_count;
        entry->values = at;
        entry->end = skip(node, at, head_count);
    } else {
        entry->names = NULL;
        entry->field_count = (size_t)listpack_get(at).number;
        entry->values = listpack_next(node, at);
        entry->end = skip(node, entry->values, 2 * entry->field_count);
    }
}

static void read_with_head(const struct listpack_entry *at, struct entry_id master, struct stream_entry *entry) {
    const struct listpack_entry *fields = listpack_at(entry->node, 2);
    read_at(at, master, listpack_next(entry->node, fields), (size_t)listpack_get(fields).number, entry);
}

bool stream_node_first(const struct listpack *node, struct entry_id master, struct stream_entry *entry) {
    struct stream_node_head head = stream_node_head(node);
    const struct listpack_entry *at = listpack_next(node, head.zero);
    if (!at) return false;
    entry->node = node;
    read_at(at, master, head.names, head.field_count, entry);
    return true;
}

bool stream_node_next(struct entry_id master, struct stream_entry *entry) {
    const struct listpack_entry *at = listpack_next(entry->node, entry->end);
    if (!at) return false;
    read_with_head(at, master, entry);
    return true;
}

void stream_node_mark_deleted(struct listpack **node, struct entry_id master, struct stream_entry *entry) {
    int64_t flags = listpack_get(entry->start).number;
    CHECK(!(flags & FLAG_DELETED));
    /* Nothing moves, unless a node from elsewhere has the flags in a wider form than it takes. */
    const struct listpack_entry *at = listpack_replace_int(node, entry->start, flags | FLAG_DELETED);
    entry->node = *node;
    read_with_head(at, master, entry);
}

/* The entry whose last element is `last`; false: that is the head's zero. */
static bool read_ending(const struct listpack_entry *last, struct entry_id master, struct stream_entry *entry) {
    int64_t count = listpack_get(last).number;
    if (count == 0) return false;
    const struct listpack_entry *at = last;
    while (count-- > 0) at = listpack_previous(entry->node, at);
    read_with_head(at, master, entry);
    return true;
}

bool stream_node_last(const struct listpack *node, struct entry_id master, struct stream_entry *entry) {
    entry->node = node;
    return read_ending(listpack_last(node), master, entry);
}

bool stream_node_previous(struct entry_id master, struct stream_entry *entry) {
    return read_ending(listpack_previous(entry->node, entry->start), master, entry);
}

struct stream_fields stream_node_fields(const struct stream_entry *entry) {
    return (struct stream_fields){
        .node = entry->node, .next_name = entry->names, .next_value = entry->values, .left = entry->field_count};
}

bool stream_node_next_field(struct stream_fields *fields) {
    if (!fields->left) return false;
    fields->left--;
    if (fields->next_name) {
        fields->name = fields->next_name;
        fields->value = fields->next_value;
        fields->next_name = listpack_next(fields->node, fields->name);
    } else {
        fields->name = fields->next_value;
        fields->value = listpack_next(fields->node, fields->name);
    }
    fields->next_value = listpack_next(fields->node, fields->value);
    return true;
}

/* ---- bytes from outside ---- */

struct check {
    const struct listpack       *node;
    const struct listpack_entry *at; /* NULL: the end */
    size_t                       count;
};

static bool pass(struct check *check) {
    if (!check->at) return false;
    check->at = listpack_next(check->node, check->at);
    check->count++;
    return true;
}

static bool pass_many(struct check *check, int64_t count) {
    while (count-- > 0)
        if (!pass(check)) return false;
    return true;
}

static bool pass_number(struct check *check, int64_t *number) {
    if (!check->at) return false;
    struct packed packed = listpack_get(check->at);
    *number = packed.number;
    return !packed.text && pass(check);
}

static bool check_entry(struct check *check, int64_t head_fields, struct entry_id master, struct entry_id *id, bool *is_deleted) {
    int64_t flags, ms, seq, fields = head_fields, said;
    size_t start = check->count;
    if (!pass_number(check, &flags) || flags < 0 || flags > (FLAG_DELETED | FLAG_SAME_FIELDS)) return false;
    if (!pass_number(check, &ms) || !pass_number(check, &seq)) return false;
    bool is_same = flags & FLAG_SAME_FIELDS;
    if (!is_same && (!pass_number(check, &fields) || fields < 0)) return false;
    if (!pass_many(check, fields) || (!is_same && !pass_many(check, fields))) return false;
    size_t elements = check->count - start;
    if (!pass_number(check, &said) || said < 0 || (uint64_t)said != elements) return false;
    *id = (struct entry_id){master.ms + (uint64_t)ms, master.seq + (uint64_t)seq};
    *is_deleted = flags & FLAG_DELETED;
    return true;
}

bool stream_node_is_valid(const struct listpack *node, struct entry_id master) {
    struct check check = {node, listpack_first(node), 0};
    int64_t live, deleted, fields, zero;
    if (!pass_number(&check, &live) || !pass_number(&check, &deleted) || !pass_number(&check, &fields)) return false;
    if (live < 0 || deleted < 0 || fields < 0 || !pass_many(&check, fields)) return false;
    if (!pass_number(&check, &zero) || zero != 0 || !check.at) return false;
    struct entry_id last = {0, 0};
    for (bool is_first = true; check.at; is_first = false) {
        struct entry_id id;
        bool is_deleted;
        if (!check_entry(&check, fields, master, &id, &is_deleted)) return false;
        if (entry_id_compare(id, is_first ? master : last) < (is_first ? 0 : 1)) return false;
        if ((is_deleted ? deleted-- : live--) == 0) return false;
        last = id;
    }
    return live == 0 && deleted == 0;
}
