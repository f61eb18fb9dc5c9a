#include "store/types/zset_value.h"
#include "base/mem.h"
#include "base/table.h"
#include "store/keyspace/key_table.h"
#include "store/types/score.h"

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
        zset.object = listpack_new();
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
    return is_packed(zset) ? listpack_count(zset->object) / 2 : zset_tree_count(large_of(zset)->order);
}

/* ---- the packed form ---- */

static struct listpack_entry *packed_find(const struct listpack *listpack, struct slice member) {
    return listpack_find(listpack, listpack_first(listpack), member, 1);
}

static double entry_score(const struct listpack_entry *entry) {
    struct packed packed = listpack_get(entry);
    double        score;
    if (!packed.text) return (double)packed.number;
    CHECK(score_parse(slice_make(packed.text, packed.size), &score));
    return score;
}

static double packed_score(const struct listpack *listpack, const struct listpack_entry *member) {
    return entry_score(listpack_next(listpack, member));
}

static struct slice pack_score(char *text, double score) {
    return slice_make(text, score_print_packed(text, score));
}

/* The first member that does not lie before the bound (NULL: all do), and its rank. */
static struct listpack_entry *packed_seek(const struct listpack *listpack, const struct zset_bound *bound, size_t *rank) {
    char buffer[NUMBER_TEXT_SIZE];
    bool by_text = bound->cut == ZSET_BEFORE_TEXT || bound->cut == ZSET_AFTER_TEXT;
    *rank = 0;
    for (struct listpack_entry *member = listpack_first(listpack), *score; member; member = listpack_next(listpack, score)) {
        score = listpack_next(listpack, member);
        if (!zset_bound_is_after(bound, by_text ? 0 : entry_score(score), listpack_text(member, buffer))) return member;
        ++*rank;
    }
    return NULL;
}

static void packed_add(struct listpack **listpack, struct slice member, double score) {
    struct zset_bound bound = {ZSET_BEFORE_MEMBER, score, member};
    char              text[SCORE_TEXT_SIZE];
    size_t            rank;
    struct listpack_entry *at = packed_seek(*listpack, &bound, &rank);
    at = listpack_insert(listpack, at, member);
    listpack_insert(listpack, listpack_next(*listpack, at), pack_score(text, score));
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
    struct listpack *listpack = listpack_new();
    char             text[SCORE_TEXT_SIZE];
    zset_walk_start(&walk, zset, 0, count, false);
    while (zset_walk_next(&walk, &item)) {
        if (!may_be_packed(rules, count, item.member.size) || !listpack_has_room(listpack, item.member.size + 64)) {
            mem_free(listpack);
            return;
        }
        listpack_append(&listpack, item.member);
        listpack_append(&listpack, pack_score(text, item.score));
    }
    zset_value_free_large(zset->object);
    zset->object = listpack;
    zset->encoding = VALUE_LISTPACK;
}

/* ---- both ---- */

bool zset_value_find(const struct value *zset, struct slice member, struct zset_spot *spot, double *score) {
    if (is_packed(zset)) {
        spot->entry = packed_find(zset->object, member);
        if (spot->entry) *score = packed_score(zset->object, spot->entry);
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
    struct listpack *listpack = zset->object;
    if (may_be_packed(rules, listpack_count(listpack) / 2 + 1, member.size) &&
        listpack_has_room(listpack, listpack_entry_size(member) + SCORE_TEXT_SIZE)) {
        packed_add(&listpack, member, score);
        zset->object = listpack;
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
    struct listpack *listpack = zset->object;
    listpack_remove(&listpack, spot->entry, 2);
    packed_add(&listpack, member, score);
    zset->object = listpack;
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
        struct listpack       *listpack = zset->object;
        struct listpack_entry *entry = packed_find(listpack, member);
        if (!entry) return false;
        listpack_remove(&listpack, entry, 2);
        zset->object = listpack;
        return true;
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
        struct listpack *listpack = zset->object;
        listpack_remove(&listpack, listpack_at(listpack, (int64_t)rank * 2), count * 2);
        zset->object = listpack;
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
        walk->entry = listpack_at(zset->object, (int64_t)rank * 2);
    else
        walk->place = zset_tree_at(large_of(zset)->order, rank);
}

static void packed_step(struct zset_walk *walk, struct zset_item *item) {
    const struct listpack       *listpack = walk->zset->object;
    const struct listpack_entry *score = listpack_next(listpack, walk->entry);
    item->member = listpack_text(walk->entry, item->buffer);
    item->score = entry_score(score);
    if (!walk->left) return;
    if (walk->is_backwards)
        walk->entry = listpack_previous(listpack, listpack_previous(listpack, walk->entry));
    else
        walk->entry = listpack_next(listpack, score);
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
    char member_buffer[NUMBER_TEXT_SIZE], score_buffer[NUMBER_TEXT_SIZE];
    for (const struct listpack_entry *member = listpack_first(zset->object), *score; member; member = listpack_next(zset->object, score)) {
        score = listpack_next(zset->object, member);
        each(context, listpack_text(member, member_buffer), listpack_text(score, score_buffer));
    }
    *cursor = 0;
    return false;
}

/* ---- from outside ---- */

static bool read_score(const struct listpack_entry *entry, double *score) {
    struct packed packed = listpack_get(entry);
    if (packed.text) return score_parse(slice_make(packed.text, packed.size), score);
    *score = (double)packed.number;
    return true;
}

bool zset_value_check_listpack(const struct listpack *listpack) {
    if (listpack_count(listpack) % 2) return false;
    struct table *seen = table_new();
    char          buffer[2][NUMBER_TEXT_SIZE];
    struct slice  last = {0};
    double        last_score = 0;
    bool          is_good = true;
    unsigned      turn = 0;
    for (const struct listpack_entry *entry = listpack_first(listpack); entry && is_good;) {
        struct slice member = listpack_text(entry, buffer[turn ^= 1]);
        double       score;
        const struct listpack_entry *after = listpack_next(listpack, entry);
        is_good = after && read_score(after, &score) && table_set(seen, member, seen) == NULL &&
                  (!last.data || last_score < score || (!(last_score > score) && slice_compare(last, member) < 0));
        if (!is_good) break;
        last = member;
        last_score = score;
        entry = listpack_next(listpack, after);
    }
    table_free(&seen, NULL);
    return is_good;
}

struct value zset_value_from_listpack(struct listpack **listpack, const struct zset_rules *rules) {
    struct value zset = {.type = VALUE_ZSET, .encoding = VALUE_LISTPACK, .form = VALUE_OBJECT, .object = *listpack};
    *listpack = NULL;
    if (zset_value_count(&zset) > rules->max_entries) unpack(&zset, rules);
    return zset;
}

/* ---- the large form, for value.c ---- */

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
