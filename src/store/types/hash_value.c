#include "store/types/hash_value.h"
#include "base/mem.h"
#include "base/table.h"
#include "store/types/hash_fields.h"
#include "store/types/hash_packed.h"

/* The object of VALUE_LISTPACKEX. */
struct packed_ex {
    struct listpack *triples;
    int64_t          filed_ms;
};

static struct value hash_of(enum value_encoding encoding, void *object) {
    return (struct value){.type = VALUE_HASH, .encoding = (uint8_t)encoding, .form = VALUE_OBJECT, .object = object};
}

static struct value hash_of_short(struct slice text) {
    return (struct value){.type = VALUE_HASH, .encoding = VALUE_SHORT, .form = VALUE_TEXT, .text = text};
}

struct value hash_value_new(struct hash_room *room) {
    return hash_of_short(hash_short_init(room->bytes));
}

static bool is_short(const struct value *hash) {
    return hash->encoding == VALUE_SHORT;
}

struct value hash_value_open(const struct value *hash, struct hash_room *room) {
    if (!is_short(hash)) return *hash;
    memcpy(room->bytes, hash->text.data, hash->text.size);
    return hash_of_short(slice_make(room->bytes, hash->text.size));
}

void hash_value_free(struct value *hash) {
    if (!is_short(hash)) value_free_object(VALUE_HASH, (enum value_encoding)hash->encoding, hash->object);
}

static bool is_packed(const struct value *hash) {
    return hash->encoding == VALUE_LISTPACK || hash->encoding == VALUE_LISTPACKEX;
}

static unsigned width_of(const struct value *hash) {
    return hash->encoding == VALUE_LISTPACK ? HASH_PAIR : HASH_TRIPLE;
}

static struct listpack *pack_of(const struct value *hash) {
    return hash->encoding == VALUE_LISTPACK ? hash->object : ((struct packed_ex *)hash->object)->triples;
}

static void set_pack(struct value *hash, struct listpack *listpack) {
    if (hash->encoding == VALUE_LISTPACK)
        hash->object = listpack;
    else
        ((struct packed_ex *)hash->object)->triples = listpack;
}

const struct listpack *hash_value_listpack(const struct value *hash) {
    CHECK(is_packed(hash));
    return pack_of(hash);
}

size_t hash_value_count(const struct value *hash) {
    if (is_short(hash)) return hash_short_count(hash->text);
    return is_packed(hash) ? listpack_count(pack_of(hash)) / width_of(hash)
                           : member_table_count(hash_fields_table(hash->object));
}

static bool is_live(int64_t deadline_ms, int64_t now_ms) {
    return deadline_ms == HASH_NEVER || deadline_ms >= now_ms;
}

/* ---- forms ---- */

static void become(struct value *hash, enum value_encoding encoding, void *object) {
    hash_value_free(hash);
    *hash = hash_of(encoding, object);
}

static void item_of_member(const struct member *member, struct hash_item *item) {
    item->field = member->key;
    item->text = member->value;
    item->deadline_ms = member->deadline_ms;
}

static void add_to_fields(void *context, const struct hash_item *item) {
    (void)hash_fields_set(context, item->field, item->text, item->deadline_ms);
}

static void to_table(struct value *hash, const struct hash_key *hash_key) {
    struct hash_fields *fields = hash_fields_new(hash_key);
    hash_value_walk(hash, HASH_SEE_ALL, add_to_fields, fields);
    hash_fields_set_filed_ms(fields, hash_value_filed_ms(hash));
    become(hash, VALUE_HASHTABLE, fields);
}

static void *packed_ex_new(struct listpack *triples) {
    struct packed_ex *ex = mem_alloc(sizeof *ex);
    *ex = (struct packed_ex){triples, HASH_NEVER};
    return ex;
}

/* A short hash becomes a listpack. */
static void to_packed(struct value *hash) {
    *hash = hash_of(VALUE_LISTPACK, hash_short_to_listpack(hash->text));
}

static void to_packed_ex(struct value *hash) {
    if (is_short(hash)) to_packed(hash);
    become(hash, VALUE_LISTPACKEX, packed_ex_new(hash_packed_widen(hash->object)));
}

/* ---- one field ---- */

static size_t short_item(struct slice hash, size_t pair, struct hash_item *item) {
    item->deadline_ms = HASH_NEVER;
    return hash_short_get(hash, pair, &item->field, &item->text, item->text_buffer);
}

bool hash_value_find(const struct value *hash, int64_t now_ms, struct slice field, struct hash_item *item) {
    if (is_short(hash)) {
        size_t pair = hash_short_find(hash->text, field);
        if (pair) short_item(hash->text, pair, item);
        return pair != 0;
    }
    if (is_packed(hash)) {
        struct listpack       *listpack = pack_of(hash);
        struct listpack_entry *entry = hash_packed_find(listpack, width_of(hash), field);
        if (!entry) return false;
        hash_packed_item(listpack, width_of(hash), entry, item);
    } else {
        struct member member;
        if (!hash_fields_find(hash->object, field, &member)) return false;
        item_of_member(&member, item);
    }
    return is_live(item->deadline_ms, now_ms);
}

static bool are_short_texts(const struct hash_rules *rules, struct slice field, struct slice text) {
    return field.size <= rules->max_text_bytes && text.size <= rules->max_text_bytes;
}

static bool may_be_packed(const struct value *hash, const struct hash_rules *rules, struct slice field, struct slice text) {
    enum { DEADLINE_MAX = 11 };
    return are_short_texts(rules, field, text) &&
           listpack_has_room(pack_of(hash), listpack_entry_size(field) + listpack_entry_size(text) + DEADLINE_MAX);
}

/* The field at `entry` gets another place with its new deadline. */
static void move_packed(struct listpack **listpack, struct listpack_entry *entry, struct slice field, struct slice text,
                        int64_t deadline_ms) {
    listpack_remove(listpack, entry, HASH_TRIPLE);
    hash_packed_add(listpack, HASH_TRIPLE, field, text, deadline_ms);
}

static bool put_packed(struct value *hash, const struct hash_rules *rules, struct slice field, struct slice text,
                       int64_t deadline_ms) {
    unsigned               width = width_of(hash);
    struct listpack       *listpack = pack_of(hash);
    struct listpack_entry *entry = hash_packed_find(listpack, width, field);
    bool                   is_new = !entry;
    if (entry) {
        struct hash_item old = {.deadline_ms = HASH_NEVER};
        if (width == HASH_TRIPLE) hash_packed_item(listpack, width, entry, &old);
        is_new = !is_live(old.deadline_ms, rules->now_ms);
        if (deadline_ms == HASH_KEEP_TTL) deadline_ms = is_new ? HASH_NEVER : old.deadline_ms;
        if (deadline_ms == old.deadline_ms)
            hash_packed_replace(&listpack, entry, text);
        else
            move_packed(&listpack, entry, field, text, deadline_ms);
    } else {
        hash_packed_add(&listpack, width, field, text, deadline_ms == HASH_KEEP_TTL ? HASH_NEVER : deadline_ms);
    }
    set_pack(hash, listpack);
    if (is_new && hash_value_count(hash) > rules->max_entries) to_table(hash, rules->hash_key);
    return is_new;
}

/* False: it does not fit, and nothing was done. */
static bool put_short(struct value *hash, const struct hash_rules *rules, struct slice field, struct slice text, bool *is_new) {
    size_t pair = hash_short_find(hash->text, field);
    *is_new = !pair;
    if (!are_short_texts(rules, field, text) || (!pair && hash_short_count(hash->text) >= rules->max_entries)) return false;
    return hash_short_put(&hash->text, pair, field, text);
}

bool hash_value_put(struct value *hash, const struct hash_rules *rules, struct slice field, struct slice text,
                    int64_t deadline_ms) {
    if (is_short(hash)) {
        bool is_new;
        if (deadline_ms < 0 && put_short(hash, rules, field, text, &is_new)) return is_new;
        to_packed(hash);
    }
    if (is_packed(hash)) {
        if (may_be_packed(hash, rules, field, text)) {
            if (deadline_ms >= 0 && hash->encoding == VALUE_LISTPACK) to_packed_ex(hash);
            return put_packed(hash, rules, field, text, deadline_ms);
        }
        to_table(hash, rules->hash_key);
    }
    struct hash_fields *fields = hash->object;
    if (LIKELY(!hash_fields_expiring(fields))) return hash_fields_set(fields, field, text, MAX(deadline_ms, HASH_NEVER));
    struct member old = {.deadline_ms = HASH_NEVER};
    bool          is_new = !hash_fields_find(fields, field, &old) || !is_live(old.deadline_ms, rules->now_ms);
    if (deadline_ms == HASH_KEEP_TTL) deadline_ms = is_new ? HASH_NEVER : old.deadline_ms;
    hash_fields_set(fields, field, text, deadline_ms);
    return is_new;
}

void hash_value_set_deadline(struct value *hash, struct slice field, int64_t deadline_ms) {
    if (hash->encoding == VALUE_HASHTABLE) {
        hash_fields_set_deadline(hash->object, field, deadline_ms);
        return;
    }
    if (hash->encoding != VALUE_LISTPACKEX) to_packed_ex(hash);
    struct listpack       *listpack = pack_of(hash);
    struct listpack_entry *entry = hash_packed_find(listpack, HASH_TRIPLE, field);
    struct hash_item       item;
    struct bytes           text = {0}; /* it lies where it is removed from */
    CHECK(entry);
    hash_packed_item(listpack, HASH_TRIPLE, entry, &item);
    bytes_add_slice(&text, item.text);
    move_packed(&listpack, entry, field, bytes_slice(&text), deadline_ms);
    bytes_fini(&text);
    set_pack(hash, listpack);
}

bool hash_value_remove(struct value *hash, int64_t now_ms, struct slice field) {
    struct hash_item item;
    if (is_short(hash)) {
        size_t pair = hash_short_find(hash->text, field);
        if (pair) hash_short_remove(&hash->text, pair);
        return pair != 0;
    }
    if (hash_value_has_deadlines(hash) && !hash_value_find(hash, now_ms, field, &item)) return false;
    if (!is_packed(hash)) return hash_fields_remove(hash->object, field);
    struct listpack       *listpack = pack_of(hash);
    struct listpack_entry *entry = hash_packed_find(listpack, width_of(hash), field);
    if (!entry) return false;
    listpack_remove(&listpack, entry, width_of(hash));
    set_pack(hash, listpack);
    return true;
}

/* ---- all ---- */

struct passing {
    hash_each *each;
    void      *context;
    int64_t    now_ms;
};

static void pass_member(void *context, const struct member *member) {
    const struct passing *passing = context;
    struct hash_item      item;
    if (!is_live(member->deadline_ms, passing->now_ms)) return;
    item_of_member(member, &item);
    passing->each(passing->context, &item);
}

static void walk_packed(const struct value *hash, int64_t now_ms, hash_each *each, void *context) {
    const struct listpack *listpack = pack_of(hash);
    unsigned               width = width_of(hash);
    struct hash_item       item;
    for (struct listpack_entry *entry = listpack_first(listpack); entry;) {
        entry = hash_packed_item(listpack, width, entry, &item);
        if (is_live(item.deadline_ms, now_ms)) each(context, &item);
    }
}

static void walk_short(struct slice hash, hash_each *each, void *context) {
    struct hash_item item;
    for (size_t pair = hash_short_first(hash); pair;) {
        pair = short_item(hash, pair, &item);
        each(context, &item);
    }
}

bool hash_value_scan(const struct value *hash, int64_t now_ms, uint64_t *cursor, hash_each *each, void *context) {
    if (hash->encoding == VALUE_HASHTABLE)
        return member_table_scan(hash_fields_table(hash->object), cursor, pass_member, &(struct passing){each, context, now_ms});
    if (is_short(hash))
        walk_short(hash->text, each, context);
    else
        walk_packed(hash, now_ms, each, context);
    *cursor = 0;
    return false;
}

void hash_value_walk(const struct value *hash, int64_t now_ms, hash_each *each, void *context) {
    uint64_t cursor = 0;
    while (hash_value_scan(hash, now_ms, &cursor, each, context)) continue;
}

static void count_item(void *context, const struct hash_item *item) {
    ++*(size_t *)context;
}

size_t hash_value_live_count(const struct value *hash, int64_t now_ms) {
    if (!hash_value_has_deadlines(hash)) return hash_value_count(hash);
    size_t count = 0;
    hash_value_walk(hash, now_ms, count_item, &count);
    return count;
}

/* ---- chance ---- */

/* Any field, whether it has ended or not. */
static void any_field(const struct value *hash, struct random *random, struct hash_item *item) {
    if (is_short(hash)) {
        size_t index = (size_t)random_below(random, hash_short_count(hash->text));
        short_item(hash->text, hash_short_at(hash->text, index), item);
    } else if (is_packed(hash)) {
        int64_t                place = (int64_t)random_below(random, hash_value_count(hash)) * width_of(hash);
        const struct listpack *listpack = pack_of(hash);
        hash_packed_item(listpack, width_of(hash), listpack_at(listpack, place), item);
    } else {
        struct member member;
        CHECK(member_table_random(hash_fields_table(hash->object), random, &member));
        item_of_member(&member, item);
    }
}

/* The n-th of those that are left. */
struct nth {
    size_t            left;
    struct hash_item *item;
};

static void keep_nth(void *context, const struct hash_item *item) {
    struct nth *nth = context;
    if (nth->left-- != 0) return;
    *nth->item = *item;
    if (item->field.data == item->field_buffer) nth->item->field.data = nth->item->field_buffer;
    if (item->text.data == item->text_buffer) nth->item->text.data = nth->item->text_buffer;
}

bool hash_value_random(const struct value *hash, int64_t now_ms, struct random *random, struct hash_item *item) {
    enum { TRIES = 32 };
    if (hash_value_count(hash) == 0) return false;
    for (unsigned i = 0; i < TRIES; i++) {
        any_field(hash, random, item);
        if (is_live(item->deadline_ms, now_ms)) return true;
    }
    /* Nearly all have ended. */
    size_t live = hash_value_live_count(hash, now_ms);
    if (!live) return false;
    hash_value_walk(hash, now_ms, keep_nth, &(struct nth){(size_t)random_below(random, live), item});
    return true;
}

/* Of those that are left to see, `wanted` are to be chosen: each is with the chance that makes it come out even. */
struct choice {
    struct random *random;
    size_t         left, wanted;
    hash_each     *each;
    void          *context;
};

static void choose(void *context, const struct hash_item *item) {
    struct choice *choice = context;
    if (choice->wanted && random_below(choice->random, choice->left) < choice->wanted) {
        choice->wanted--;
        choice->each(choice->context, item);
    }
    choice->left--;
}

void hash_value_sample(const struct value *hash, int64_t now_ms, struct random *random, size_t count, hash_each *each,
                       void *context) {
    size_t all = hash_value_live_count(hash, now_ms);
    CHECK(count <= all);
    if (hash->encoding != VALUE_HASHTABLE || count > all / 3 || all < hash_value_count(hash) / 2) {
        hash_value_walk(hash, now_ms, choose, &(struct choice){random, all, count, each, context});
        return;
    }
    /* Few of many: draw until they are different. Nothing moves meanwhile, so a field is known by where it lies. */
    struct table *seen = table_new();
    while (count) {
        struct hash_item item;
        any_field(hash, random, &item);
        if (!is_live(item.deadline_ms, now_ms)) continue;
        if (table_set(seen, slice_make(&item.field.data, sizeof item.field.data), seen)) continue;
        each(context, &item);
        count--;
    }
    table_free(&seen, NULL);
}

/* ---- deadlines ---- */

/* No field has a deadline, nor had one since the hash was made. */
static bool is_plain(const struct value *hash) {
    return is_short(hash) || hash->encoding == VALUE_LISTPACK;
}

int64_t hash_value_earliest_ms(const struct value *hash) {
    if (is_plain(hash)) return HASH_NEVER;
    if (!is_packed(hash)) return hash_fields_earliest_ms(hash->object);
    const struct listpack *triples = pack_of(hash);
    struct hash_item       item;
    if (!listpack_first(triples)) return HASH_NEVER;
    hash_packed_item(triples, HASH_TRIPLE, listpack_first(triples), &item);
    return item.deadline_ms;
}

bool hash_value_has_deadlines(const struct value *hash) {
    return hash_value_earliest_ms(hash) != HASH_NEVER;
}

int64_t hash_value_filed_ms(const struct value *hash) {
    if (is_plain(hash)) return HASH_NEVER;
    return is_packed(hash) ? ((struct packed_ex *)hash->object)->filed_ms : hash_fields_filed_ms(hash->object);
}

void hash_value_set_filed_ms(struct value *hash, int64_t filed_ms) {
    CHECK(!is_plain(hash));
    if (is_packed(hash))
        ((struct packed_ex *)hash->object)->filed_ms = filed_ms;
    else
        hash_fields_set_filed_ms(hash->object, filed_ms);
}

size_t hash_value_expire(struct value *hash, int64_t now_ms, size_t max, hash_each *each, void *context) {
    if (is_plain(hash)) return 0;
    if (!is_packed(hash))
        return hash_fields_expire(hash->object, now_ms, max, pass_member, &(struct passing){each, context, HASH_SEE_ALL});
    struct listpack *triples = pack_of(hash);
    struct hash_item item;
    size_t           count = 0;
    for (struct listpack_entry *entry = listpack_first(triples); entry && count < max; count++) {
        entry = hash_packed_item(triples, HASH_TRIPLE, entry, &item);
        if (is_live(item.deadline_ms, now_ms)) break;
        each(context, &item);
    }
    if (count) listpack_remove(&triples, listpack_first(triples), count * HASH_TRIPLE);
    set_pack(hash, triples);
    return count;
}

/* ---- from a dump ---- */

bool hash_value_check_listpack(const struct listpack *listpack, bool has_deadlines) {
    return hash_packed_check(listpack, has_deadlines ? HASH_TRIPLE : HASH_PAIR);
}

static void note_longest(void *context, const struct hash_item *item) {
    size_t *longest = context;
    *longest = MAX(*longest, MAX(item->field.size, item->text.size));
}

/* Of all entries of a listpack; numbers only where they could be longer than is allowed. */
static size_t longest_in(const struct listpack *listpack, size_t allowed) {
    size_t longest = 0;
    char   buffer[NUMBER_TEXT_SIZE];
    for (const struct listpack_entry *at = listpack_first(listpack); at; at = listpack_next(listpack, at)) {
        struct packed packed = listpack_get(at);
        size_t size = packed.text ? packed.size : allowed < NUMBER_TEXT_SIZE ? listpack_text(at, buffer).size : 0;
        longest = MAX(longest, size);
    }
    return longest;
}

bool hash_value_from_short_listpack(const struct listpack *listpack, const struct hash_rules *rules, struct hash_room *room,
                                    struct value *hash) {
    struct slice text;
    if (longest_in(listpack, rules->max_text_bytes) > rules->max_text_bytes ||
        !hash_short_from_listpack(&text, room->bytes, listpack) || hash_short_count(text) > rules->max_entries)
        return false;
    *hash = hash_of_short(text);
    return true;
}

struct value hash_value_from_listpack(struct listpack **place, bool has_deadlines, const struct hash_rules *rules,
                                      struct hash_room *room) {
    struct listpack *listpack = *place;
    struct slice     text;
    size_t           longest = 0;
    *place = NULL;
    bool fits = !has_deadlines && hash_short_from_listpack(&text, room->bytes, listpack);
    if (fits) mem_free(listpack);
    struct value hash = fits ? hash_of_short(text) : has_deadlines ? hash_of(VALUE_LISTPACKEX, packed_ex_new(listpack)) : hash_of(VALUE_LISTPACK, listpack);
    hash_value_walk(&hash, HASH_SEE_ALL, note_longest, &longest);
    if (hash_value_count(&hash) > rules->max_entries || longest > rules->max_text_bytes) to_table(&hash, rules->hash_key);
    return hash;
}

/* ---- for value.c ---- */

void hash_value_free_table(void *object) {
    struct hash_fields *fields = object;
    hash_fields_free(&fields);
}

size_t hash_value_table_effort(const void *object) {
    return member_table_blocks(hash_fields_table(object));
}

size_t hash_value_table_memory(const void *object) {
    return hash_fields_memory(object);
}

void *hash_value_copy_table(const void *object) {
    return hash_fields_copy(object);
}

void hash_value_free_packed_ex(void *object) {
    mem_free(((struct packed_ex *)object)->triples);
    mem_free(object);
}

size_t hash_value_packed_ex_memory(const void *object) {
    return mem_size(object) + mem_size(((const struct packed_ex *)object)->triples);
}

void *hash_value_copy_packed_ex(const void *object) {
    return packed_ex_new(listpack_copy(((const struct packed_ex *)object)->triples));
}
