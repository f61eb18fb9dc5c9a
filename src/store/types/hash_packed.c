#include "store/types/hash_packed.h"
#include "base/mem.h"
#include "base/table.h"

struct listpack_entry *hash_packed_find(const struct listpack *listpack, unsigned width, struct slice field) {
    return listpack_find(listpack, listpack_first(listpack), field, width - 1);
}

struct listpack_entry *hash_packed_item(const struct listpack *listpack, unsigned width, const struct listpack_entry *entry,
                                        struct hash_item *item) {
    struct listpack_entry *text = listpack_next(listpack, entry), *last = text;
    item->field = listpack_text(entry, item->field_buffer);
    item->text = listpack_text(text, item->text_buffer);
    item->deadline_ms = HASH_NEVER;
    if (width == HASH_TRIPLE) {
        last = listpack_next(listpack, text);
        int64_t at_ms = listpack_get(last).number;
        if (at_ms) item->deadline_ms = at_ms;
    }
    return listpack_next(listpack, last);
}

/* The first triple that is to lie behind one with this deadline; NULL: none. */
static struct listpack_entry *place_of(const struct listpack *listpack, int64_t deadline_ms) {
    struct listpack_entry *entry = deadline_ms == HASH_NEVER ? NULL : listpack_first(listpack);
    while (entry) {
        struct listpack_entry *last = listpack_next(listpack, listpack_next(listpack, entry));
        int64_t                at_ms = listpack_get(last).number;
        if (at_ms == 0 || at_ms > deadline_ms) break;
        entry = listpack_next(listpack, last);
    }
    return entry;
}

/* Inserts before `at` (NULL: at the end) and returns what was there. */
static struct listpack_entry *insert(struct listpack **listpack, struct listpack_entry *at, struct slice text) {
    struct listpack_entry *made = listpack_insert(listpack, at, text);
    return at ? listpack_next(*listpack, made) : NULL;
}

void hash_packed_add(struct listpack **listpack, unsigned width, struct slice field, struct slice text, int64_t deadline_ms) {
    if (LIKELY(width == HASH_PAIR)) {
        listpack_append(listpack, field);
        listpack_append(listpack, text);
        return;
    }
    char                   number[NUMBER_TEXT_SIZE];
    struct listpack_entry *at = place_of(*listpack, deadline_ms);
    at = insert(listpack, at, field);
    at = insert(listpack, at, text);
    insert(listpack, at, slice_make(number, number_print_int(number, deadline_ms == HASH_NEVER ? 0 : deadline_ms)));
}

void hash_packed_replace(struct listpack **listpack, const struct listpack_entry *entry, struct slice text) {
    (void)listpack_replace(listpack, listpack_next(*listpack, entry), text);
}

struct listpack *hash_packed_widen(const struct listpack *pairs) {
    struct listpack *triples = listpack_new_sized(listpack_size(pairs) + listpack_count(pairs));
    struct hash_item item;
    for (const struct listpack_entry *entry = listpack_first(pairs); entry;) {
        entry = hash_packed_item(pairs, HASH_PAIR, entry, &item);
        listpack_append(&triples, item.field);
        listpack_append(&triples, item.text);
        listpack_append_int(&triples, 0);
    }
    return triples;
}

/* ---- bytes from outside ---- */

static bool deadlines_are_in_order(const struct listpack *listpack) {
    const struct listpack_entry *entry = listpack_first(listpack);
    for (uint64_t before = 0; entry;) {
        const struct listpack_entry *last = listpack_next(listpack, listpack_next(listpack, entry));
        struct packed                packed = listpack_get(last);
        if (packed.text || packed.number < 0) return false;
        uint64_t at_ms = packed.number ? (uint64_t)packed.number : UINT64_MAX;
        if (at_ms < before) return false;
        before = at_ms;
        entry = listpack_next(listpack, last);
    }
    return true;
}

/* Few are compared with each other, many are put into a table. */
static bool fields_differ(const struct listpack *listpack, unsigned width, size_t fields) {
    enum { FEW = 24 };
    struct hash_item item;
    struct table    *seen = fields > FEW ? table_new() : NULL;
    bool             differ = true;
    for (const struct listpack_entry *entry = listpack_first(listpack); entry && differ;) {
        const struct listpack_entry *next = hash_packed_item(listpack, width, entry, &item);
        if (seen) {
            differ = !table_has(seen, item.field);
            table_set(seen, item.field, seen);
        } else {
            differ = !listpack_find(listpack, next, item.field, width - 1);
        }
        entry = next;
    }
    table_free(&seen, NULL);
    return differ;
}

bool hash_packed_check(const struct listpack *listpack, unsigned width) {
    size_t count = listpack_count(listpack);
    if (count == 0 || count % width != 0) return false;
    if (width == HASH_TRIPLE && !deadlines_are_in_order(listpack)) return false;
    return fields_differ(listpack, width, count / width);
}
