/* The packed forms of values that only this program makes (hash_short, list_short, zset_pack), edited as the bytes say and compared
 * with an array of texts after each step.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#include "base/listpack.h"
#include "base/mem.h"
#include "store/types/hash_short.h"
#include "store/types/list_short.h"
#include "store/types/zset_pack.h"

enum { ITEMS_MAX = 80, TEXT_MAX = 300 };

struct item {
    char   field[TEXT_MAX], text[TEXT_MAX];
    size_t field_size, text_size;
    double score;
};
struct model {
    struct item items[ITEMS_MAX];
    size_t      count;
};
struct reader {
    const uint8_t *at, *end;
};

static unsigned take(struct reader *reader) {
    return reader->at < reader->end ? *reader->at++ : 0;
}

/* A number, or a text of the size that the next byte says; both may be anything. */
static size_t take_text(struct reader *reader, char *text) {
    unsigned kind = take(reader);
    if (kind < 64) {
        uint64_t number = 0;
        for (unsigned i = 0; i < kind % 8 + 1; i++) number = number << 8 | take(reader);
        if (kind % 16 >= 8) number = ~number;
        return number_print_int(text, (int64_t)number);
    }
    size_t size = kind < 200 ? kind % 32 : kind + take(reader) % 60;
    for (size_t i = 0; i < size; i++) text[i] = (char)(i < 4 ? take(reader) : i);
    return size;
}

static struct slice field_of(const struct item *item) {
    return slice_make(item->field, item->field_size);
}

static struct slice text_of(const struct item *item) {
    return slice_make(item->text, item->text_size);
}

static size_t find(const struct model *model, struct slice field) {
    size_t i = 0;
    while (i < model->count && !slice_equal(field_of(&model->items[i]), field)) i++;
    return i;
}

static void insert(struct model *model, size_t at, const struct item *item) {
    memmove(&model->items[at + 1], &model->items[at], (model->count++ - at) * sizeof *item);
    model->items[at] = *item;
}

static void cut(struct model *model, size_t at, size_t count) {
    model->count -= count;
    memmove(&model->items[at], &model->items[at + count], (model->count - at) * sizeof *model->items);
}

/* ---- hashes ---- */

static void check_hash(const struct model *model, struct slice hash) {
    struct slice field, text;
    char buffer[NUMBER_TEXT_SIZE];
    size_t pair = hash_short_first(hash);
    CHECK(hash_short_count(hash) == model->count);
    for (size_t i = 0; i < model->count; i++) {
        CHECK(hash_short_find(hash, field_of(&model->items[i])) == pair);
        CHECK(hash_short_at(hash, i) == pair);
        pair = hash_short_get(hash, pair, &field, &text, buffer);
        CHECK(slice_equal(field, field_of(&model->items[i])));
        CHECK(slice_equal(text, text_of(&model->items[i])));
    }
    CHECK(pair == 0);
}

static void fuzz_hash(struct reader *reader, struct model *model) {
    char *room = mem_alloc(HASH_SHORT_MAX_BYTES), *other = mem_alloc(HASH_SHORT_MAX_BYTES);
    struct slice hash = hash_short_init(room), again;
    while (reader->at < reader->end) {
        if (take(reader) % 4 == 0 && model->count) {
            size_t i = take(reader) % model->count;
            hash_short_remove(&hash, hash_short_at(hash, i));
            cut(model, i, 1);
        } else {
            struct item item;
            item.field_size = take_text(reader, item.field);
            item.text_size = take_text(reader, item.text);
            size_t i = find(model, field_of(&item));
            if (i == ITEMS_MAX - 1) break;
            if (hash_short_put(&hash, hash_short_find(hash, field_of(&item)), field_of(&item), text_of(&item))) {
                if (i == model->count) model->count++;
                model->items[i] = item;
            }
        }
        check_hash(model, hash);
    }
    struct listpack *listpack = hash_short_to_listpack(hash);
    CHECK(listpack_is_valid(listpack_bytes(listpack)));
    CHECK(hash_short_from_listpack(&again, other, listpack));
    CHECK(slice_equal(hash, again));
    mem_free(listpack);
    mem_free(room);
    mem_free(other);
}

/* ---- lists ---- */

static void check_list(const struct model *model, const struct list_short *list) {
    const struct listpack_entry *entry = list_short_at(list, 0), *before = NULL;
    CHECK(list_short_count(list) == model->count);
    for (size_t i = 0; i < model->count; i++) {
        CHECK(entry && list_short_at(list, i) == entry);
        CHECK(listpack_is(entry, text_of(&model->items[i])));
        CHECK(list_short_previous(list, entry) == before);
        before = entry;
        entry = list_short_next(list, entry);
    }
    CHECK(!entry && !list_short_at(list, model->count));
}

static void fuzz_list(struct reader *reader, struct model *model) {
    struct list_short *list = list_short_new(0);
    while (reader->at < reader->end) {
        unsigned what = take(reader);
        size_t at = take(reader) % (model->count + 1), old = MIN(what / 4 % 4u, model->count - at);
        struct item item = {.field_size = 0};
        struct listpack_form form;
        item.text_size = take_text(reader, item.text);
        listpack_form_of(&form, text_of(&item));
        bool puts = what % 4 != 0 && list_short_has_room(list, 1, form.length);
        if (what % 4 == 1 && puts) list_short_reserve(&list, form.length);
        const struct listpack_entry *entry = list_short_edit(&list, list_short_at(list, at), old, puts ? &form : NULL);
        if (old) cut(model, at, old);
        if (puts) insert(model, at, &item);
        CHECK(entry == list_short_at(list, at));
        check_list(model, list);
    }
    struct list_short *copy = list_short_copy(list);
    check_list(model, copy);
    mem_free(copy);
    mem_free(list);
}

/* ---- sorted sets, whose order is the caller's affair ---- */

static void check_zset(const struct model *model, const struct zset_pack *pack) {
    const struct zset_pack_entry *entry = zset_pack_first(pack), *before = NULL;
    char buffer[NUMBER_TEXT_SIZE];
    CHECK(zset_pack_count(pack) == model->count);
    for (size_t i = 0; i < model->count; i++) {
        const struct item *item = &model->items[i];
        CHECK(entry && zset_pack_at(pack, i) == entry && zset_pack_find(pack, field_of(item)) == entry);
        CHECK(slice_equal(zset_pack_member(entry, buffer), field_of(item)));
        CHECK(zset_pack_score(entry) == item->score);
        CHECK(zset_pack_previous(pack, entry) == before);
        before = entry;
        entry = zset_pack_next(pack, entry);
    }
    CHECK(!entry && !zset_pack_at(pack, model->count));
}

static double take_score(struct reader *reader) {
    static const double tens[] = {1, 10, 100, 1000, 1e300};
    uint64_t bits = 0;
    double score;
    unsigned kind = take(reader);
    for (unsigned i = 0; i < (kind & 7) + 1; i++) bits = bits << 8 | take(reader);
    if (kind & 8) score = (double)(int64_t)(kind & 16 ? ~bits : bits) / tens[kind % 5];
    else memcpy(&score, &bits, sizeof score);
    return score != score ? 0 : score;
}

static void fuzz_zset(struct reader *reader, struct model *model) {
    struct zset_pack *pack = zset_pack_new();
    while (reader->at < reader->end) {
        unsigned what = take(reader);
        size_t at = take(reader) % (model->count + 1);
        if (what % 4 == 0 && at < model->count) {
            size_t count = MIN(what / 4 % 4u + 1, model->count - at);
            zset_pack_remove(&pack, zset_pack_at(pack, at), count);
            cut(model, at, count);
        } else {
            struct item item = {.text_size = 0};
            item.field_size = take_text(reader, item.field);
            item.score = take_score(reader);
            if (model->count == ITEMS_MAX || find(model, field_of(&item)) < model->count) continue;
            CHECK(zset_pack_has_room(pack, field_of(&item)));
            zset_pack_insert(&pack, zset_pack_at(pack, at), field_of(&item), item.score);
            insert(model, at, &item);
        }
        check_zset(model, pack);
    }
    struct zset_pack *copy = zset_pack_copy(pack);
    check_zset(model, copy);
    mem_free(copy);
    mem_free(pack);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const fuzz[])(struct reader *reader, struct model *model) = {fuzz_hash, fuzz_list, fuzz_zset};
    struct reader reader = {data, data + size};
    struct model *model = mem_zalloc(sizeof *model);
    fuzz[take(&reader) % 3](&reader, model);
    mem_free(model);
    return 0;
}
