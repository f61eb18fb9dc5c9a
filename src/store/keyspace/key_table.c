#include "store/keyspace/key_table.h"
#include "base/mem.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
    SLOTS = 8,
    CHUNK_BITS = 10,
    CHUNK_BUCKETS = 1 << CHUNK_BITS,
    TAG_SHIFT = 12, /* first hash bit that a slot remembers */
    TAG_BITS = 20,
    FILL_MAX = 8,   /* records a bucket, on average, above which a bucket is split; a little more memory is spent on
                       overflow buckets than on the main ones' empty slots from here on */
    FILL_MIN = 3    /* ... below which one is merged */
};

#define LINK (1ull << 47)
#define POINTER_MASK 0x00007ffffffffff0ull
#define TAG_MASK 0xffff00000000000full

struct bucket {
    uint64_t slots[SLOTS];
} __attribute__((aligned(16))); /* 64 where the allocator does so */

struct key_table {
    struct bucket **chunks;
    uint64_t        low_mask;  /* 2^L - 1 */
    size_t          split;     /* s */
    size_t          count, overflow_count;
    size_t          chunk_count, chunk_capacity; /* in the array */
    size_t          first_capacity;              /* buckets in chunk 0 while it is the only one */
    const struct hash_key *hash_key;
};

/* ---- slots ---- */

static inline uint64_t tag_of(uint64_t hash) {
    return (hash >> TAG_SHIFT & 0xffff) << 48 | (hash >> (TAG_SHIFT + 16) & 15);
}

static inline uint64_t slot_make(const struct record *record, uint64_t hash) {
    uint64_t pointer = (uint64_t)(uintptr_t)record;
    CHECK((pointer & ~POINTER_MASK) == 0);
    return tag_of(hash) | pointer;
}

static inline struct record *slot_record(uint64_t slot) {
    return (struct record *)(uintptr_t)(slot & POINTER_MASK);
}

static inline bool slot_is_link(uint64_t slot) {
    return (slot & LINK) != 0;
}

static inline struct bucket *slot_bucket(uint64_t slot) {
    return (struct bucket *)(uintptr_t)(slot & POINTER_MASK);
}

static inline struct bucket *next_bucket(const struct bucket *bucket) { /* NULL: the last of its chain */
    uint64_t last = bucket->slots[SLOTS - 1];
    return slot_is_link(last) ? slot_bucket(last) : NULL;
}

/* Bit 4*i+3 is set when the upper 16 bits of slot i are those of `tag`. */
static inline uint32_t match(const struct bucket *bucket, uint64_t tag) {
#ifdef __SSE2__
    const __m128i wanted = _mm_set1_epi16((short)(tag >> 48));
    const __m128i *at = (const __m128i *)(const void *)bucket->slots;
    __m128i a = _mm_packs_epi16(_mm_cmpeq_epi16(_mm_load_si128(at), wanted),
                                _mm_cmpeq_epi16(_mm_load_si128(at + 1), wanted));
    __m128i b = _mm_packs_epi16(_mm_cmpeq_epi16(_mm_load_si128(at + 2), wanted),
                                _mm_cmpeq_epi16(_mm_load_si128(at + 3), wanted));
    return ((uint32_t)_mm_movemask_epi8(a) & 0x8888u) | ((uint32_t)_mm_movemask_epi8(b) & 0x8888u) << 16;
#else
    uint32_t found = 0;
    for (unsigned i = 0; i < SLOTS; i++) found |= (uint32_t)(bucket->slots[i] >> 48 == tag >> 48) << (4 * i + 3);
    return found;
#endif
}

/* ---- buckets ---- */

static inline size_t bucket_count(const struct key_table *table) {
    return (size_t)table->low_mask + 1 + table->split;
}

static inline struct bucket *bucket_at(const struct key_table *table, size_t index) {
    return &table->chunks[index >> CHUNK_BITS][index & (CHUNK_BUCKETS - 1)];
}

static inline size_t index_of(const struct key_table *table, uint64_t hash) {
    size_t index = hash & table->low_mask;
    if (index < table->split) index = hash & (table->low_mask << 1 | 1);
    return index;
}

static void chain_add(struct key_table *table, struct bucket *bucket, uint64_t slot) {
    struct bucket *next;
    while ((next = next_bucket(bucket))) bucket = next;
    for (unsigned i = 0; i < SLOTS; i++) {
        if (bucket->slots[i]) continue;
        bucket->slots[i] = slot;
        return;
    }
    struct bucket *more = mem_zalloc(sizeof *more);
    table->overflow_count++;
    more->slots[0] = bucket->slots[SLOTS - 1];
    more->slots[1] = slot;
    CHECK(((uint64_t)(uintptr_t)more & ~POINTER_MASK) == 0);
    bucket->slots[SLOTS - 1] = (uint64_t)(uintptr_t)more | LINK;
}

/* Empties `*hole`, which lies in this chain, by moving the chain's last record there (T2). */
static void chain_remove(struct key_table *table, struct bucket *bucket, uint64_t *hole) {
    struct bucket *before = NULL, *next;
    while ((next = next_bucket(bucket))) before = bucket, bucket = next;
    unsigned last = SLOTS - 1;
    while (!bucket->slots[last]) last--;
    *hole = bucket->slots[last];
    bucket->slots[last] = 0;
    if (!before || last > 1) return;
    before->slots[SLOTS - 1] = bucket->slots[0];
    mem_free(bucket);
    table->overflow_count--;
}

/* ---- growing and shrinking ---- */

/* Makes bucket number bucket_count() exist, all empty. */
static struct bucket *add_bucket(struct key_table *table) {
    size_t index = bucket_count(table), chunk = index >> CHUNK_BITS;
    if (chunk == 0 && index >= table->first_capacity) {
        size_t bytes = table->first_capacity * sizeof(struct bucket);
        table->chunks[0] = mem_realloc(table->chunks[0], bytes * 2);
        memset((char *)table->chunks[0] + bytes, 0, bytes);
        table->first_capacity *= 2;
    }
    if (chunk == table->chunk_count) {
        if (chunk == table->chunk_capacity) {
            table->chunk_capacity *= 2;
            table->chunks = mem_realloc(table->chunks, table->chunk_capacity * sizeof *table->chunks);
        }
        table->chunks[table->chunk_count++] = mem_zalloc(CHUNK_BUCKETS * sizeof(struct bucket));
    }
    return bucket_at(table, index);
}

/* Bucket `index` was the last one and is empty now. A chunk of slack stays, so that a table whose size swings around a
 * chunk's border does not give and take it all the time. */
static void drop_bucket(struct key_table *table, size_t index) {
    size_t chunk = index >> CHUNK_BITS;
    if (chunk + 2 < table->chunk_count + 1 && table->chunk_count > 1) {
        mem_free(table->chunks[--table->chunk_count]);
    } else if (chunk == 0 && table->chunk_count == 1 && table->first_capacity > 4 && index * 4 < table->first_capacity) {
        table->first_capacity /= 2;
        table->chunks[0] = mem_realloc(table->chunks[0], table->first_capacity * sizeof(struct bucket));
    }
}

static bool goes_up(const struct key_table *table, uint64_t slot, unsigned level) {
    if (level >= TAG_SHIFT && level < TAG_SHIFT + 16) return slot >> (48 + level - TAG_SHIFT) & 1;
    if (level >= TAG_SHIFT + 16 && level < TAG_SHIFT + TAG_BITS) return slot >> (level - TAG_SHIFT - 16) & 1;
    return key_table_hash(table->hash_key, record_key(slot_record(slot))) >> level & 1;
}

static void split_one(struct key_table *table) {
    struct bucket *up = add_bucket(table), *low = bucket_at(table, table->split);
    unsigned level = (unsigned)__builtin_popcountll(table->low_mask);
    struct bucket old = *low;
    *low = (struct bucket){{0}};
    for (struct bucket *bucket = &old;;) {
        struct bucket *next = next_bucket(bucket);
        for (unsigned i = 0; i < SLOTS; i++) {
            uint64_t slot = bucket->slots[i];
            if (slot && !slot_is_link(slot)) chain_add(table, goes_up(table, slot, level) ? up : low, slot);
        }
        if (bucket != &old) {
            mem_free(bucket);
            table->overflow_count--;
        }
        if (!next) break;
        bucket = next;
    }
    if (table->split++ == table->low_mask) {
        table->low_mask = table->low_mask << 1 | 1;
        table->split = 0;
    }
}

static void merge_one(struct key_table *table) {
    if (table->split == 0) {
        table->low_mask >>= 1;
        table->split = (size_t)table->low_mask + 1;
    }
    table->split--;
    size_t last = bucket_count(table);
    struct bucket *low = bucket_at(table, table->split), *up = bucket_at(table, last);
    for (struct bucket *bucket = up; bucket;) {
        struct bucket *next = next_bucket(bucket);
        for (unsigned i = 0; i < SLOTS; i++) {
            uint64_t slot = bucket->slots[i];
            if (slot && !slot_is_link(slot)) chain_add(table, low, slot);
        }
        if (bucket != up) {
            mem_free(bucket);
            table->overflow_count--;
        }
        bucket = next;
    }
    *up = (struct bucket){{0}};
    drop_bucket(table, last);
}

/* ---- the table ---- */

struct key_table *key_table_new(const struct hash_key *key) {
    struct key_table *table = mem_zalloc(sizeof *table);
    table->hash_key = key;
    table->chunk_capacity = 1;
    table->chunks = mem_alloc(sizeof *table->chunks);
    table->first_capacity = 1;
    table->chunks[0] = mem_zalloc(sizeof(struct bucket));
    table->chunk_count = 1;
    return table;
}

void key_table_reserve(struct key_table *table, size_t records) {
    size_t buckets = records / FILL_MAX;
    if (table->count || bucket_count(table) >= buckets) return;
    while (table->first_capacity < MIN(buckets, (size_t)CHUNK_BUCKETS)) table->first_capacity *= 2;
    mem_free(table->chunks[0]);
    table->chunks[0] = mem_zalloc(table->first_capacity * sizeof(struct bucket));
    table->chunk_capacity = MAX(table->chunk_capacity, (buckets + CHUNK_BUCKETS - 1) >> CHUNK_BITS);
    table->chunks = mem_realloc(table->chunks, table->chunk_capacity * sizeof *table->chunks);
    while (table->chunk_count << CHUNK_BITS < buckets)
        table->chunks[table->chunk_count++] = mem_zalloc(CHUNK_BUCKETS * sizeof(struct bucket));
    table->low_mask = 1;
    while (table->low_mask < buckets) table->low_mask <<= 1;
    table->low_mask = (table->low_mask >> 1) - 1;
    table->split = buckets - (size_t)table->low_mask - 1;
    if (table->split == (size_t)table->low_mask + 1) {
        table->low_mask = table->low_mask << 1 | 1;
        table->split = 0;
    }
}

/* Frees what is in the chain, and its overflow buckets. */
static void free_chain(struct bucket *bucket) {
    bool is_main = true;
    for (struct bucket *next; bucket; bucket = next, is_main = false) {
        next = next_bucket(bucket);
        for (unsigned i = 0; i < SLOTS; i++) {
            uint64_t slot = bucket->slots[i];
            if (!slot || slot_is_link(slot)) continue;
            record_free_object(slot_record(slot));
            record_free(slot_record(slot));
        }
        if (!is_main) mem_free(bucket);
    }
}

void key_table_free(struct key_table **place) {
    struct key_table *table = *place;
    if (!table) return;
    *place = NULL;
    size_t buckets = bucket_count(table);
    for (size_t i = 0; i < buckets; i++) free_chain(bucket_at(table, i));
    for (size_t i = 0; i < table->chunk_count; i++) mem_free(table->chunks[i]);
    mem_free(table->chunks);
    mem_free(table);
}

size_t key_table_count(const struct key_table *table) {
    return table->count;
}

const struct hash_key *key_table_hash_key(const struct key_table *table) {
    return table->hash_key;
}

size_t key_table_memory(const struct key_table *table) {
    size_t first = table->chunk_count > 1 ? CHUNK_BUCKETS : table->first_capacity;
    return sizeof *table + table->chunk_capacity * sizeof *table->chunks +
           ((table->chunk_count - 1) * CHUNK_BUCKETS + first + table->overflow_count) * sizeof(struct bucket);
}

void key_table_prefetch(const struct key_table *table, uint64_t hash) {
    __builtin_prefetch(bucket_at(table, index_of(table, hash)));
}

void key_table_prefetch_record(const struct key_table *table, uint64_t hash) {
    const struct bucket *bucket = bucket_at(table, index_of(table, hash));
    uint64_t tag = tag_of(hash);
    uint32_t found = match(bucket, tag);
    if (found) {
        const char *record = (const char *)slot_record(bucket->slots[(unsigned)__builtin_ctz(found) >> 2]);
        /* A small record may lie on two lines. */
        __builtin_prefetch(record);
        __builtin_prefetch(record + 40);
    } else {
        const struct bucket *next = next_bucket(bucket);
        if (next) __builtin_prefetch(next);
    }
}

struct record *key_table_find(const struct key_table *table, struct slice key, uint64_t hash, uint64_t **place) {
    uint64_t tag = tag_of(hash);
    for (struct bucket *bucket = bucket_at(table, index_of(table, hash)); bucket; bucket = next_bucket(bucket)) {
        for (uint32_t found = match(bucket, tag); found; found &= found - 1) {
            uint64_t *slot = &bucket->slots[(unsigned)__builtin_ctz(found) >> 2];
            /* The tag is 0 for an empty slot and for a link: neither has these low bits, pointer and link bit right. */
            if (((*slot ^ tag) & (TAG_MASK | LINK)) != 0 || !*slot) continue;
            struct record *record = slot_record(*slot);
            if (!record_has_key(record, key)) continue;
            if (place) *place = slot;
            return record;
        }
    }
    return NULL;
}

void key_table_replace(uint64_t *slot, struct record *record) {
    *slot = (*slot & TAG_MASK) | (uint64_t)(uintptr_t)record;
}

void key_table_add(struct key_table *table, struct record *record, uint64_t hash) {
    chain_add(table, bucket_at(table, index_of(table, hash)), slot_make(record, hash));
    table->count++;
    if (table->count > bucket_count(table) * FILL_MAX) split_one(table);
}

void key_table_remove(struct key_table *table, const struct record *record, uint64_t hash) {
    uint64_t wanted = slot_make(record, hash);
    struct bucket *first = bucket_at(table, index_of(table, hash));
    uint64_t *hole = NULL;
    for (struct bucket *bucket = first; bucket && !hole; bucket = next_bucket(bucket))
        for (unsigned i = 0; i < SLOTS && !hole; i++)
            if (bucket->slots[i] == wanted) hole = &bucket->slots[i];
    CHECK(hole);
    chain_remove(table, first, hole);
    table->count--;
    if (table->low_mask + table->split > 0 && table->count < bucket_count(table) * FILL_MIN) merge_one(table);
}

/* ---- walking ---- */

static uint64_t reverse_bits(uint64_t v) {
    v = __builtin_bswap64(v);
    v = (v >> 4 & 0x0f0f0f0f0f0f0f0full) | (v & 0x0f0f0f0f0f0f0f0full) << 4;
    v = (v >> 2 & 0x3333333333333333ull) | (v & 0x3333333333333333ull) << 2;
    return (v >> 1 & 0x5555555555555555ull) | (v & 0x5555555555555555ull) << 1;
}

/* The cursor counts in reversed binary, so that a bucket and the ones it may be split into or merged from come next to
 * each other: [Noordhuis 2012, in Redis' dict.c]. Here each bucket knows by its place how many bits name it (T3). */
bool key_table_scan(const struct key_table *table, uint64_t *cursor, void (*each)(void *context, struct record *record),
                    void *context) {
    uint64_t mask = table->low_mask;
    if ((*cursor & mask) < table->split) mask = mask << 1 | 1;
    for (struct bucket *bucket = bucket_at(table, *cursor & mask); bucket; bucket = next_bucket(bucket))
        for (unsigned i = 0; i < SLOTS; i++)
            if (bucket->slots[i] && !slot_is_link(bucket->slots[i])) each(context, slot_record(bucket->slots[i]));
    *cursor = reverse_bits(reverse_bits(*cursor | ~mask) + 1);
    return *cursor != 0;
}

/* The n-th record of a chain; NULL: there are fewer. */
static struct record *chain_nth(const struct bucket *bucket, unsigned n) {
    for (;;) {
        const struct bucket *next = next_bucket(bucket);
        unsigned here = next ? SLOTS - 1 : SLOTS;
        if (n < here) return slot_record(bucket->slots[n]);
        if (!next) return NULL;
        n -= here;
        bucket = next;
    }
}

/* A bucket and a place in it are drawn until there is a record: each has the same chance, as far as it is among the first
 * PLACES of its chain (with 7 to 14 on average nothing is behind that, and the fallback is for tables that we cannot have). */
struct record *key_table_random(const struct key_table *table, struct random *random) {
    enum { PLACES = 32, TRIES = 4096 };
    if (!table->count) return NULL;
    for (unsigned i = 0; i < TRIES; i++) {
        const struct bucket *bucket = bucket_at(table, (size_t)random_below(random, bucket_count(table)));
        struct record *record = chain_nth(bucket, (unsigned)(random_next(random) % PLACES));
        if (record) return record;
    }
    for (size_t i = 0;; i++) {
        struct record *record = chain_nth(bucket_at(table, i), 0);
        if (record) return record;
    }
}

void key_table_each_like(const struct key_table *table, uint64_t hash, void (*each)(void *context, struct record *record),
                         void *context) {
    uint64_t tag = tag_of(hash);
    for (struct bucket *bucket = bucket_at(table, index_of(table, hash)); bucket; bucket = next_bucket(bucket))
        for (uint32_t found = match(bucket, tag); found; found &= found - 1) {
            uint64_t slot = bucket->slots[(unsigned)__builtin_ctz(found) >> 2];
            if (slot && ((slot ^ tag) & (TAG_MASK | LINK)) == 0) each(context, slot_record(slot));
        }
}

static size_t chain_length(const struct bucket *bucket) {
    size_t length = 0;
    for (const struct bucket *next;; bucket = next, length += SLOTS - 1)
        if (!(next = next_bucket(bucket))) break;
    for (unsigned i = 0; i < SLOTS && bucket->slots[i]; i++) length++;
    return length;
}

void key_table_shape(const struct key_table *table, struct key_table_shape *shape) {
    *shape = (struct key_table_shape){.buckets = bucket_count(table), .overflow_buckets = table->overflow_count,
                                      .records = table->count};
    for (size_t i = 0; i < shape->buckets; i++) {
        size_t length = chain_length(bucket_at(table, i));
        shape->longest_chain = MAX(shape->longest_chain, length);
        shape->fill[MIN(length, COUNT_OF(shape->fill) - 1)]++;
    }
}

void key_table_check(const struct key_table *table) {
    size_t records = 0, overflow = 0;
    for (size_t i = 0; i < bucket_count(table); i++) {
        for (const struct bucket *bucket = bucket_at(table, i), *next; bucket; bucket = next) {
            next = next_bucket(bucket);
            bool ended = false;
            unsigned here = 0;
            for (unsigned n = 0; n < SLOTS; n++) {
                uint64_t slot = bucket->slots[n];
                if (slot_is_link(slot)) continue;
                CHECK(!(slot && ended)); /* T2 */
                if (!slot) CHECK(!next);
                if (!slot) ended = true;
                if (!slot) continue;
                here++;
                uint64_t hash = key_table_hash(table->hash_key, record_key(slot_record(slot)));
                CHECK(slot == slot_make(slot_record(slot), hash));
                CHECK(index_of(table, hash) == i); /* T3 */
            }
            if (bucket != bucket_at(table, i)) {
                overflow++;
                CHECK(here >= 2); /* T2 */
            }
            records += here;
        }
    }
    CHECK(records == table->count);
    CHECK(overflow == table->overflow_count);
}
