#include "store/types/zset_value.h"
#include "base/mem.h"
#include "base/table.h"
#include "store/keyspace/key_table.h"
#include "store/types/score.h"
#include "store/types/zset_pack.h"

enum { MEMORY_SAMPLES = 64 };

struct large {
    struct key_table *members; /* owns them */
    struct zset_tree *order;
};

static bool is_packed(const struct value *zset) {
    return zset->encoding == VALUE_LISTPACK;
}

static struct large *large_of(const struct value *zset) {
    return zset->object;
}

static struct large *large_new(const struct hash_key *hash_key) {
    struct large *large = mem_alloc(sizeof *large);
    large->members = key_table_new(hash_key);
    large->order = zset_tree_new();
    return large;
}

static bool may_be_packed(const struct zset_rules *rules, size_t count, size_t member_bytes) {
    return count <= rules->max_entries && member_bytes <= rules->max_member_bytes;
}

struct value zset_value_new(const struct zset_rules *rules, size_t count, size_t member_bytes) {
    struct value zset = {.type = VALUE_ZSET, .encoding = VALUE_LISTPACK, .form = VALUE_OBJECT};
    if (may_be_packed(rules, MAX(count, 1), member_bytes)) {
        zset.object = zset_pack_new();
    } else {
        zset.encoding = VALUE_SKIPLIST;
        zset.object = large_new(rules->hash_key);
    }
    return zset;
}

void zset_value_free(struct value *zset) {
    value_free_object(VALUE_ZSET, (enum value_encoding)zset->encoding, zset->object);
    zset->object = NULL;
}

size_t zset_value_count(const struct value *zset) {
    return is_packed(zset) ? zset_pack_count(zset->object) : zset_tree_count(large_of(zset)->order);
}

/* ---- the packed form ---- */

/* The first member that does not lie before the bound (NULL: all do), and its rank. */
static const struct zset_pack_entry *packed_seek(const struct zset_pack *pack, const struct zset_bound *bound, size_t *rank) {
    char                          buffer[NUMBER_TEXT_SIZE];
    const struct zset_pack_entry *entry = zset_pack_first(pack);
    for (*rank = 0; entry; ++*rank, entry = zset_pack_next(pack, entry))
        if (!zset_bound_is_after(bound, zset_pack_score(entry), zset_pack_member(entry, buffer))) break;
    return entry;
}

static void packed_add(struct value *zset, struct slice member, double score) {
    struct zset_bound bound = {ZSET_BEFORE_MEMBER, score, member};
    struct zset_pack *pack = zset->object;
    size_t            rank;
    zset_pack_insert(&pack, packed_seek(pack, &bound, &rank), member, score);
    zset->object = pack;
}

static void packed_remove(struct value *zset, const struct zset_pack_entry *entry, size_t count) {
    struct zset_pack *pack = zset->object;
    zset_pack_remove(&pack, entry, count);
    zset->object = pack;
}

/* ---- the large form ---- */

static struct record *large_find(const struct large *large, struct slice member, uint64_t *hash) {
    *hash = key_table_hash(key_table_hash_key(large->members), member);
    return key_table_find(large->members, member, *hash, NULL);
}

static void large_add(struct large *large, struct slice text, double score, uint64_t hash) {
    struct record *member = member_new(text, score);
    key_table_add(large->members, member, hash);
    zset_tree_add(large->order, member);
}

/* Out of the table too; it has left the tree. */
static void forget(struct large *large, struct record *member, uint64_t hash) {
    key_table_remove(large->members, member, hash);
    record_free(member);
}

static struct large *to_large(const struct value *zset, const struct hash_key *hash_key) {
    struct large    *large = large_new(hash_key);
    struct zset_walk walk;
    struct zset_item item;
    zset_walk_start(&walk, zset, 0, SIZE_MAX, false);
    while (zset_walk_next(&walk, &item)) large_add(large, item.member, item.score, key_table_hash(hash_key, item.member));
    return large;
}

static void unpack(struct value *zset, const struct zset_rules *rules) {
    struct large *large = to_large(zset, rules->hash_key);
    mem_free(zset->object);
    zset->object = large;
    zset->encoding = VALUE_SKIPLIST;
}

void zset_value_pack(struct value *zset, const struct zset_rules *rules) {
    size_t           count = zset_value_count(zset);
    struct zset_walk walk;
    struct zset_item item;
    if (is_packed(zset) || count > rules->max_entries) return;
    struct zset_pack *pack = zset_pack_new();
    zset_walk_start(&walk, zset, 0, count, false);
    while (zset_walk_next(&walk, &item)) {
        if (!may_be_packed(rules, count, item.member.size) || !zset_pack_has_room(pack, item.member)) {
            mem_free(pack);
            return;
        }
        zset_pack_insert(&pack, NULL, item.member, item.score);
    }
    zset_value_free_large(zset->object);
    zset->object = pack;
    zset->encoding = VALUE_LISTPACK;
}

/* ---- both ---- */

bool zset_value_find(const struct value *zset, struct slice member, struct zset_spot *spot, double *score) {
    if (is_packed(zset)) {
        spot->entry = zset_pack_find(zset->object, member);
        if (spot->entry) *score = zset_pack_score(spot->entry);
        return spot->entry != NULL;
    }
    spot->record = large_find(zset->object, member, &spot->hash);
    if (spot->record) *score = member_score(spot->record);
    return spot->record != NULL;
}

bool zset_value_score(const struct value *zset, struct slice member, double *score) {
    struct zset_spot spot;
    return zset_value_find(zset, member, &spot, score);
}

void zset_value_add(struct value *zset, const struct zset_rules *rules, struct slice member, double score,
                    const struct zset_spot *spot) {
    if (!is_packed(zset)) {
        large_add(zset->object, member, score, spot->hash);
        return;
    }
    if (may_be_packed(rules, zset_value_count(zset) + 1, member.size) && zset_pack_has_room(zset->object, member)) {
        packed_add(zset, member, score);
    } else {
        unpack(zset, rules);
        large_add(zset->object, member, score, key_table_hash(rules->hash_key, member));
    }
}

void zset_value_change(struct value *zset, struct slice member, double score, const struct zset_spot *spot) {
    if (!is_packed(zset)) {
        zset_tree_set_score(large_of(zset)->order, spot->record, score);
        return;
    }
    packed_remove(zset, spot->entry, 1);
    packed_add(zset, member, score);
}

bool zset_value_set(struct value *zset, const struct zset_rules *rules, struct slice member, double score) {
    struct zset_spot spot;
    double           old;
    bool             is_new = !zset_value_find(zset, member, &spot, &old);
    if (is_new)
        zset_value_add(zset, rules, member, score, &spot);
    else if (score < old || score > old)
        zset_value_change(zset, member, score, &spot);
    return is_new;
}

bool zset_value_remove(struct value *zset, struct slice member) {
    if (is_packed(zset)) {
        const struct zset_pack_entry *entry = zset_pack_find(zset->object, member);
        if (entry) packed_remove(zset, entry, 1);
        return entry != NULL;
    }
    uint64_t       hash;
    struct record *record = large_find(zset->object, member, &hash);
    if (!record) return false;
    zset_tree_remove(large_of(zset)->order, record);
    forget(zset->object, record, hash);
    return true;
}

void zset_value_remove_range(struct value *zset, size_t rank, size_t count) {
    if (is_packed(zset)) {
        packed_remove(zset, zset_pack_at(zset->object, rank), count);
        return;
    }
    struct large  *large = zset->object;
    struct record *run[ZSET_RUN_MAX];
    for (size_t here; (here = zset_tree_remove_run(large->order, rank, count, run)) > 0; count -= here)
        for (size_t i = 0; i < here; i++)
            forget(large, run[i], key_table_hash(key_table_hash_key(large->members), member_text(run[i])));
}

size_t zset_value_rank(const struct value *zset, const struct zset_bound *bound) {
    size_t rank;
    if (!is_packed(zset)) return zset_tree_rank(large_of(zset)->order, bound);
    packed_seek(zset->object, bound, &rank);
    return rank;
}

/* ---- walking ---- */

void zset_walk_start(struct zset_walk *walk, const struct value *zset, size_t rank, size_t count, bool is_backwards) {
    size_t all = zset_value_count(zset);
    *walk = (struct zset_walk){.zset = zset, .is_backwards = is_backwards};
    if (rank >= all) return;
    walk->left = MIN(count, is_backwards ? rank + 1 : all - rank);
    if (!walk->left) return;
    if (is_packed(zset))
        walk->entry = zset_pack_at(zset->object, rank);
    else
        walk->place = zset_tree_at(large_of(zset)->order, rank);
}

static void packed_step(struct zset_walk *walk, struct zset_item *item) {
    const struct zset_pack *pack = walk->zset->object;
    item->member = zset_pack_member(walk->entry, item->buffer);
    item->score = zset_pack_score(walk->entry);
    walk->entry = walk->is_backwards ? zset_pack_previous(pack, walk->entry) : zset_pack_next(pack, walk->entry);
}

bool zset_walk_next(struct zset_walk *walk, struct zset_item *item) {
    if (!walk->left) return false;
    walk->left--;
    if (is_packed(walk->zset)) {
        packed_step(walk, item);
        return true;
    }
    const struct record *member = zset_place_member(walk->place);
    item->member = member_text(member);
    item->score = member_score(member);
    if (walk->left) walk->place = walk->is_backwards ? zset_place_previous(walk->place) : zset_place_next(walk->place);
    return true;
}

struct passing {
    zset_each *each;
    void      *context;
};

static void pass_member(void *context, struct record *member) {
    const struct passing *passing = context;
    char                  text[SCORE_TEXT_SIZE];
    passing->each(passing->context, member_text(member), slice_make(text, score_print(text, member_score(member))));
}

bool zset_value_scan(const struct value *zset, uint64_t *cursor, zset_each *each, void *context) {
    if (!is_packed(zset)) return key_table_scan(large_of(zset)->members, cursor, pass_member, &(struct passing){each, context});
    struct zset_walk walk;
    struct zset_item item;
    char             text[SCORE_TEXT_SIZE];
    zset_walk_start(&walk, zset, 0, SIZE_MAX, false);
    while (zset_walk_next(&walk, &item)) each(context, item.member, slice_make(text, score_print_packed(text, item.score)));
    *cursor = 0;
    return false;
}

/* ---- listpacks ---- */

static bool read_score(const struct listpack_entry *entry, double *score) {
    struct packed packed = listpack_get(entry);
    if (packed.text) return score_parse(slice_make(packed.text, packed.size), score);
    *score = (double)packed.number;
    return true;
}

/* ---- members that are there twice: a bit of a filter tells of most that they are not ---- */

enum { FILTER_BITS = 2048, FILTER_MEMBERS = 256 }; /* more members: a table */

struct seen {
    uint64_t      bits[FILTER_BITS / 64];
    struct table *table; /* NULL: it is not needed */
};

/* From its size and up to eight bytes at each end. */
static unsigned place_in_filter(struct slice member) {
    uint64_t first = 0, last = 0;
    size_t size = MIN(member.size, sizeof first);
    if (size) memcpy(&first, member.data, size);
    if (size) memcpy(&last, member.data + member.size - size, size);
    return (unsigned)((((first + member.size) * 0x9e3779b97f4a7c15u) ^ last) * 0xff51afd7ed558ccdu >> 53);
}

static bool is_before(const struct listpack *listpack, const struct listpack_entry *end, struct slice member) {
    const struct listpack_entry *entry = listpack_first(listpack);
    while (entry != end && !listpack_is(entry, member)) entry = listpack_next(listpack, listpack_next(listpack, entry));
    return entry != end;
}

static bool was_seen(struct seen *seen, const struct listpack *listpack, const struct listpack_entry *entry, struct slice member) {
    if (seen->table) return table_set(seen->table, member, seen) != NULL;
    unsigned place = place_in_filter(member);
    uint64_t bit = (uint64_t)1 << (place & 63), before = seen->bits[place / 64];
    seen->bits[place / 64] |= bit;
    return before & bit && is_before(listpack, entry, member);
}

bool zset_value_check_listpack(const struct listpack *listpack) {
    size_t count = listpack_count(listpack);
    if (count % 2) return false;
    struct seen  seen = {.table = count / 2 > FILTER_MEMBERS ? table_new() : NULL};
    char         buffer[2][NUMBER_TEXT_SIZE];
    struct slice last = {0};
    double       last_score = 0;
    bool         is_good = true;
    unsigned     turn = 0;
    for (const struct listpack_entry *entry = listpack_first(listpack); entry && is_good;) {
        struct slice member = listpack_text(entry, buffer[turn ^= 1]);
        double       score;
        const struct listpack_entry *after = listpack_next(listpack, entry);
        is_good = after && read_score(after, &score) && !was_seen(&seen, listpack, entry, member) &&
                  (!last.data || last_score < score || (!(last_score > score) && slice_compare(last, member) < 0));
        if (!is_good) break;
        last = member;
        last_score = score;
        entry = listpack_next(listpack, after);
    }
    table_free(&seen.table, NULL);
    return is_good;
}

/* What was packed elsewhere stays so, of whatever length its members are. */
static struct value packed_from(const struct listpack *listpack) {
    struct zset_pack *pack = zset_pack_new_sized(listpack_size(listpack));
    char              buffer[NUMBER_TEXT_SIZE];
    for (const struct listpack_entry *entry = listpack_first(listpack); entry; entry = listpack_next(listpack, entry)) {
        struct slice member = listpack_text(entry, buffer);
        double       score;
        entry = listpack_next(listpack, entry);
        CHECK(read_score(entry, &score));
        zset_pack_insert(&pack, NULL, member, score);
    }
    zset_pack_shrink(&pack);
    return (struct value){.type = VALUE_ZSET, .encoding = VALUE_LISTPACK, .form = VALUE_OBJECT, .object = pack};
}

struct value zset_value_from_listpack(const struct listpack *listpack, const struct zset_rules *rules) {
    size_t count = listpack_count(listpack) / 2;
    if (may_be_packed(rules, MAX(count, 1), 0)) return packed_from(listpack);
    struct value zset = zset_value_new(rules, count, 0);
    char         buffer[NUMBER_TEXT_SIZE];
    for (const struct listpack_entry *entry = listpack_first(listpack); entry; entry = listpack_next(listpack, entry)) {
        struct slice     member = listpack_text(entry, buffer);
        struct zset_spot spot = {.hash = key_table_hash(rules->hash_key, member)};
        double           score;
        entry = listpack_next(listpack, entry);
        CHECK(read_score(entry, &score));
        zset_value_add(&zset, rules, member, score, &spot);
    }
    return zset;
}

struct listpack *zset_value_to_listpack(const struct value *zset) {
    struct listpack *listpack = listpack_new();
    struct zset_walk walk;
    struct zset_item item;
    char             text[SCORE_TEXT_SIZE];
    zset_walk_start(&walk, zset, 0, SIZE_MAX, false);
    while (zset_walk_next(&walk, &item)) {
        listpack_append(&listpack, item.member);
        listpack_append(&listpack, slice_make(text, score_print_packed(text, item.score)));
    }
    return listpack;
}

/* ---- the forms, for value.c ---- */

void zset_value_free_large(void *object) {
    struct large *large = object;
    zset_tree_free(&large->order);
    key_table_free(&large->members);
    mem_free(large);
}

size_t zset_value_large_effort(const void *object) {
    return zset_tree_count(((const struct large *)object)->order);
}

size_t zset_value_large_memory(const void *object) {
    const struct large *large = object;
    size_t              count = zset_tree_count(large->order), bytes = 0, samples = MIN(count, MEMORY_SAMPLES);
    if (samples) {
        struct zset_place place = zset_tree_at(large->order, 0);
        for (size_t i = 0; i < samples; i++, place = zset_place_next(place)) bytes += mem_size(zset_place_member(place));
        bytes = (size_t)((double)bytes / (double)samples * (double)count);
    }
    return mem_size(large) + key_table_memory(large->members) + zset_tree_memory(large->order) + bytes;
}

void *zset_value_copy_large(const void *object) {
    const struct large *large = object;
    struct value        zset = {.type = VALUE_ZSET, .encoding = VALUE_SKIPLIST, .form = VALUE_OBJECT, .object = (void *)(uintptr_t)object};
    return to_large(&zset, key_table_hash_key(large->members));
}

void *zset_value_defrag_large(void *object, uint64_t *cursor, size_t *moved, size_t *left) {
    enum { MEMBERS_AT_ONCE = 64 };
    struct large *large = object;
    size_t count = zset_tree_count(large->order), rank = (size_t)*cursor, end = MIN(rank + MEMBERS_AT_ONCE, count);
    for (; rank < end; rank++) {
        struct record *member = zset_place_member(zset_tree_at(large->order, rank));
        struct slice   text = member_text(member);
        uint64_t      *slot, hash = key_table_hash(key_table_hash_key(large->members), text);
        CHECK(key_table_find(large->members, text, hash, &slot) == member);
        struct record *copy = mem_defrag(member);
        *(copy ? moved : left) += 1;
        if (!copy) continue;
        key_table_replace(slot, copy);
        zset_tree_replace(large->order, rank, copy);
    }
    *cursor = rank < count ? rank : 0;
    return object;
}

void *zset_value_copy_packed(const void *object) {
    return zset_pack_copy(object);
}
