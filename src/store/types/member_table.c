#include "store/types/member_table.h"
#include "store/types/member_table_internal.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* ---- entries ---- */

static bool entry_has_key(const char *entry, struct slice key) {
    if (LIKELY((uint8_t)*entry == key.size && key.size < HEAD_SIZE))
        return !key.size || memcmp(entry + 1, key.data, key.size) == 0; /* an empty key's data may be NULL */
    if (!(*entry & (HEAD_FAR | HEAD_DEADLINE)) && (*entry & HEAD_SIZE) != HEAD_SIZE) return false;
    struct member member;
    decode(entry, NEAR_MAX, &member); /* the key does not depend on where the entry ends */
    return slice_equal(member.key, key);
}

static struct far *far_new(struct member_table *table, struct slice key, struct slice value) {
    CHECK(key.size <= UINT32_MAX);
    struct far *far = mem_alloc(sizeof *far + key.size + value.size);
    far->key_size = (uint32_t)key.size;
    far->value_size = value.size;
    if (key.size) memcpy(far->bytes, key.data, key.size);
    if (value.size) memcpy(far->bytes + key.size, value.data, value.size);
    table->memory += mem_size(far);
    table->blocks++;
    return far;
}

static void far_free(struct member_table *table, const char *entry) {
    if (LIKELY(!(*entry & HEAD_FAR))) return;
    struct far *far = far_of(entry);
    table->memory -= mem_size(far);
    table->blocks--;
    mem_free(far);
}

/* Writes entry_size() bytes. */
static void write_entry(struct member_table *table, char *at, struct slice key, struct slice value, int64_t deadline_ms) {
    bool    far = is_far(key, value);
    uint8_t head = deadline_ms == MEMBER_NEVER ? 0 : HEAD_DEADLINE;
    if (far) head |= HEAD_FAR;
    else head |= key.size < HEAD_SIZE ? (uint8_t)key.size : HEAD_SIZE;
    *at++ = (char)head;
    if (!far && key.size >= HEAD_SIZE) {
        uint16_t size = (uint16_t)key.size;
        memcpy(at, &size, sizeof size);
        at += sizeof size;
    }
    if (deadline_ms != MEMBER_NEVER) {
        memcpy(at, &deadline_ms, sizeof deadline_ms);
        at += sizeof deadline_ms;
    }
    if (far) {
        struct far *there = far_new(table, key, value);
        memcpy(at, &there, sizeof there);
        return;
    }
    if (key.size) memcpy(at, key.data, key.size);
    if (value.size) memcpy(at + key.size, value.data, value.size);
}

/* ---- blocks ---- */

static struct block *block_new(struct member_table *table, size_t bytes) {
    CHECK(bytes <= CAPACITY_MAX); /* hundreds of members in one bucket, with a keyed hash */
    size_t        size = MAX(mem_good_size(bytes) & ~(size_t)7, (size_t)24);
    struct block *block = mem_alloc(size);
    table->memory += size;
    table->blocks++;
    *block = (struct block){.capacity = (uint16_t)MIN(size, (size_t)CAPACITY_MAX)};
    return block;
}

static void block_free(struct member_table *table, struct block *block) {
    table->memory -= block_bytes(block);
    table->blocks--;
    mem_free(block);
}

static struct block *block_resized(struct member_table *table, struct block *block, size_t bytes) {
    struct block *moved = block_new(table, bytes);
    moved->used = block->used;
    moved->count = block->count;
    memcpy(end_of(moved) - block->used, end_of(block) - block->used, block->used);
    memcpy(moved->slots, block->slots, (size_t)block->count * SLOT_BYTES);
    block_free(table, block);
    return moved;
}

/* Room for `more` bytes, slots included. */
static inline struct block *block_reserve(struct member_table *table, struct block **place, size_t more) {
    struct block *block = *place;
    if (UNLIKELY(!block)) return *place = block_new(table, BLOCK_HEAD + more);
    size_t wanted = needed(block->used, block->count) + more;
    if (UNLIKELY(wanted > block->capacity)) *place = block = block_resized(table, block, wanted);
    return block;
}

/* A new last entry of `size` bytes: where to write it. */
static char *block_append(struct member_table *table, struct block **place, uint16_t tag, size_t size) {
    struct block *block = block_reserve(table, place, size + SLOT_BYTES);
    block->used = (uint16_t)(block->used + size);
    block->slots[block->count++] = (uint32_t)tag << 16 | block->used;
    if (block->count > table->longest) table->longest = block->count;
    return end_of(block) - block->used;
}

/* The `old` bytes at `at` in entry i become `size` bytes, to be written. */
static char *block_splice(struct member_table *table, struct block **place, unsigned i, const char *at, size_t old,
                          size_t size) {
    struct block *block = *place;
    size_t        distance = (size_t)(end_of(block) - at);
    if (size > old) block = block_reserve(table, place, size - old);
    char *low = end_of(block) - block->used;
    memmove(low + old - size, low, block->used - distance);
    block->used = (uint16_t)(block->used + size - old);
    for (unsigned n = i; n < block->count; n++) block->slots[n] += (uint32_t)(size - old);
    return end_of(block) - distance + old - size;
}

static void block_shrink(struct member_table *table, struct block **place) {
    struct block *block = *place;
    size_t        wanted = needed(block->used, block->count);
    if (block->count == 0) {
        block_free(table, block);
        *place = NULL;
    } else if (wanted + wanted / 2 < block->capacity && block->capacity > 48) {
        *place = block_resized(table, block, wanted);
    }
}

static void block_remove(struct member_table *table, struct block **place, unsigned i) {
    struct block *block = *place;
    size_t        size;
    const char   *entry = entry_at(block, i, &size);
    far_free(table, entry);
    block_splice(table, place, i, entry, size, 0);
    block->count--;
    memmove(&block->slots[i], &block->slots[i + 1], (size_t)(block->count - i) * SLOT_BYTES);
    block_shrink(table, place);
}

/* The place of the key; -1: it is not there. */
static inline int block_find(const struct block *block, struct slice key, uint16_t tag) {
    unsigned count = block->count;
#ifdef __SSE2__
    const __m128i wanted = _mm_set1_epi32((int)tag);
    for (unsigned i = 0; i < count; i += 4) {
        /* Behind the last slot are bytes of the block, whatever they are. */
        __m128i  slots = _mm_loadu_si128((const __m128i *)(const void *)&block->slots[i]);
        unsigned found = (unsigned)_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(_mm_srli_epi32(slots, 16), wanted)));
        for (; UNLIKELY(found); found &= found - 1) {
            unsigned at = i + (unsigned)__builtin_ctz(found);
            if (at < count && entry_has_key(end_of(block) - distance_at(block, at), key)) return (int)at;
        }
    }
#else
    for (unsigned i = 0; i < count; i++)
        if (block->slots[i] >> 16 == tag && entry_has_key(end_of(block) - distance_at(block, i), key)) return (int)i;
#endif
    return -1;
}

/* ---- the directory ---- */

/* Makes bucket number bucket_count() exist, empty. The first chunk is as large as it must be. */
static struct block **add_bucket(struct member_table *table) {
    size_t index = bucket_count(table), chunk = index >> CHUNK_BITS;
    if (chunk == table->chunk_count) {
        if (table->chunk_count == table->chunk_capacity) {
            table->chunk_capacity *= 2;
            table->chunks = mem_realloc(table->chunks, table->chunk_capacity * sizeof *table->chunks);
        }
        table->chunks[table->chunk_count++] = mem_zalloc(CHUNK_BUCKETS * sizeof(struct block *));
    } else if (chunk == 0 && (index & (index - 1)) == 0) {
        table->chunks[0] = mem_realloc(table->chunks[0], index * 2 * sizeof(struct block *));
    }
    struct block **bucket = bucket_at(table, index);
    *bucket = NULL;
    return bucket;
}

/* Bucket `index`, the last one, is gone. A chunk of slack stays. */
static void drop_bucket(struct member_table *table, size_t index) {
    size_t chunk = index >> CHUNK_BITS;
    if (chunk + 2 < table->chunk_count + 1u && table->chunk_count > 1) mem_free(table->chunks[--table->chunk_count]);
}

static bool goes_up(const struct member_table *table, const struct block *block, unsigned i, unsigned level) {
    if (LIKELY(level >= TAG_SHIFT && level < TAG_SHIFT + TAG_BITS))
        return block->slots[i] >> (16 + level - TAG_SHIFT) & 1;
    struct member member;
    member_at(block, i, &member);
    return member_table_hash(table->hash_key, member.key) >> level & 1;
}

static void split_one(struct member_table *table) {
    unsigned       level = (unsigned)__builtin_popcountll(table->low_mask);
    struct block **up = add_bucket(table), **low = bucket_at(table, table->split), *old = *low;
    if (table->split++ == table->low_mask) {
        table->low_mask = table->low_mask << 1 | 1;
        table->split = 0;
    }
    if (!old) return;
    /* Both blocks are made in the right size. */
    size_t   bytes[2] = {0, 0}, counts[2] = {0, 0}, size;
    uint64_t rises[(CAPACITY_MAX / (SLOT_BYTES + 1) + 63) / 64]; /* only as much of it as there are members is touched */
    for (unsigned i = 0; i < old->count; i++) {
        bool up_there = goes_up(table, old, i, level);
        if (i % 64 == 0) rises[i / 64] = 0;
        rises[i / 64] |= (uint64_t)up_there << i % 64;
        entry_at(old, i, &size);
        bytes[up_there] += size;
        counts[up_there]++;
    }
    if (counts[1] == 0) return;
    *low = counts[0] ? block_new(table, needed(bytes[0], counts[0])) : NULL;
    *up = block_new(table, needed(bytes[1], counts[1]));
    for (unsigned i = 0; i < old->count; i++) {
        const char *entry = entry_at(old, i, &size);
        struct block **to = rises[i / 64] >> i % 64 & 1 ? up : low;
        memcpy(block_append(table, to, (uint16_t)(old->slots[i] >> 16), size), entry, size);
    }
    block_free(table, old);
}

static void merge_one(struct member_table *table) {
    if (table->split == 0) {
        table->low_mask >>= 1;
        table->split = (size_t)table->low_mask + 1;
    }
    table->split--;
    size_t         last = bucket_count(table), size;
    struct block **low = bucket_at(table, table->split), **up = bucket_at(table, last), *old = *up;
    if (old) {
        block_reserve(table, low, old->used + (size_t)old->count * SLOT_BYTES);
        for (unsigned i = 0; i < old->count; i++) {
            const char *entry = entry_at(old, i, &size);
            memcpy(block_append(table, low, (uint16_t)(old->slots[i] >> 16), size), entry, size);
        }
        block_free(table, old);
        *up = NULL;
    }
    drop_bucket(table, last);
}

/* ---- the table ---- */

struct member_table *member_table_new(const struct hash_key *key) {
    struct member_table *table = mem_zalloc(sizeof *table);
    table->hash_key = key;
    table->chunk_capacity = table->chunk_count = 1;
    table->chunks = mem_alloc(sizeof *table->chunks);
    table->chunks[0] = mem_zalloc(sizeof(struct block *));
    return table;
}

void member_table_free(struct member_table **place) {
    struct member_table *table = *place;
    if (!table) return;
    *place = NULL;
    size_t buckets = bucket_count(table), size;
    for (size_t n = 0; n < buckets; n++) {
        struct block *block = *bucket_at(table, n);
        for (unsigned i = 0; block && i < block->count; i++) far_free(table, entry_at(block, i, &size));
        mem_free(block);
    }
    for (size_t n = 0; n < table->chunk_count; n++) mem_free(table->chunks[n]);
    mem_free(table->chunks);
    mem_free(table);
}

static void copy_member(void *context, const struct member *member) {
    struct member_table *copy = context;
    uint64_t             hash = member_table_hash(copy->hash_key, member->key);
    (void)member_table_put(copy, member->key, hash, member->value, member->deadline_ms);
}

struct member_table *member_table_copy(const struct member_table *table) {
    struct member_table *copy = member_table_new(table->hash_key);
    uint64_t             cursor = 0;
    while (member_table_scan(table, &cursor, copy_member, copy)) continue;
    return copy;
}

size_t member_table_count(const struct member_table *table) {
    return table->count;
}

const struct hash_key *member_table_hash_key(const struct member_table *table) {
    return table->hash_key;
}

size_t member_table_memory(const struct member_table *table) {
    size_t pointers = table->chunk_count > 1 ? (size_t)table->chunk_count * CHUNK_BUCKETS : bucket_count(table);
    return sizeof *table + table->chunk_capacity * sizeof *table->chunks + pointers * sizeof(struct block *) + table->memory;
}

size_t member_table_blocks(const struct member_table *table) {
    return table->blocks + table->chunk_count + 2;
}

void member_table_prefetch(const struct member_table *table, uint64_t hash) {
    __builtin_prefetch(bucket_at(table, index_of(table, hash)));
}

void member_table_prefetch_block(const struct member_table *table, uint64_t hash) {
    const struct block *block = *bucket_at(table, index_of(table, hash));
    if (!block) return;
    __builtin_prefetch(block);
    __builtin_prefetch((const char *)block + 64);
}

void member_table_prefetch_entry(const struct member_table *table, uint64_t hash) {
    const struct block *block = *bucket_at(table, index_of(table, hash));
    if (!block) return;
    unsigned i = 0, count = block->count;
    while (i < count && block->slots[i] >> 16 != tag_of(hash)) i++;
    /* Where there is none, one will be added behind the last. */
    __builtin_prefetch(end_of(block) - (i < count ? distance_at(block, i) : block->used));
}

bool member_table_find(const struct member_table *table, struct slice key, uint64_t hash, struct member *member) {
    const struct block *block = *bucket_at(table, index_of(table, hash));
    int                 place = block ? block_find(block, key, tag_of(hash)) : -1;
    if (place < 0) return false;
    if (member) member_at(block, (unsigned)place, member);
    return true;
}

static void append(struct member_table *table, struct block **bucket, struct slice key, uint64_t hash, struct slice value,
                   int64_t deadline_ms) {
    char *at = block_append(table, bucket, tag_of(hash), entry_size(key, value, deadline_ms));
    write_entry(table, at, key, value, deadline_ms);
    table->count++;
    if (table->count > bucket_count(table) * FILL_MAX) split_one(table);
}

bool member_table_add(struct member_table *table, struct slice key, uint64_t hash) {
    struct block **bucket = bucket_at(table, index_of(table, hash));
    if (*bucket && block_find(*bucket, key, tag_of(hash)) >= 0) return false;
    append(table, bucket, key, hash, (struct slice){0}, MEMBER_NEVER);
    return true;
}

/* Entry i gets another value and deadline; they do not lie in the table. */
static void rewrite(struct member_table *table, struct block **bucket, unsigned i, struct slice key, struct slice value,
                    int64_t deadline_ms) {
    size_t      size, wanted = entry_size(key, value, deadline_ms);
    const char *entry = entry_at(*bucket, i, &size);
    far_free(table, entry);
    char *to = size == wanted ? (char *)entry : block_splice(table, bucket, i, entry, size, wanted);
    write_entry(table, to, key, value, deadline_ms);
    if (wanted < size) block_shrink(table, bucket);
}

bool member_table_put(struct member_table *table, struct slice key, uint64_t hash, struct slice value, int64_t deadline_ms) {
    struct block **bucket = bucket_at(table, index_of(table, hash));
    int            place = *bucket ? block_find(*bucket, key, tag_of(hash)) : -1;
    if (place < 0) {
        append(table, bucket, key, hash, value, deadline_ms);
        return true;
    }
    rewrite(table, bucket, (unsigned)place, key, value, deadline_ms);
    return false;
}

bool member_table_set_deadline(struct member_table *table, struct slice key, uint64_t hash, int64_t deadline_ms) {
    struct block **bucket = bucket_at(table, index_of(table, hash));
    int            place = *bucket ? block_find(*bucket, key, tag_of(hash)) : -1;
    if (place < 0) return false;
    size_t      size;
    const char *entry = entry_at(*bucket, (unsigned)place, &size);
    bool        is_long = !(*entry & HEAD_FAR) && (*entry & HEAD_SIZE) == HEAD_SIZE;
    size_t      old = *entry & HEAD_DEADLINE ? 8 : 0, wanted = deadline_size(deadline_ms);
    char       *to = (char *)entry + (is_long ? 3 : 1);
    if (old != wanted) to = block_splice(table, bucket, (unsigned)place, to, old, wanted);
    char *head = (char *)entry_at(*bucket, (unsigned)place, &size);
    *head = (char)(wanted ? *head | HEAD_DEADLINE : *head & ~HEAD_DEADLINE);
    if (wanted) memcpy(to, &deadline_ms, sizeof deadline_ms);
    return true;
}

bool member_table_remove(struct member_table *table, struct slice key, uint64_t hash) {
    struct block **bucket = bucket_at(table, index_of(table, hash));
    int            place = *bucket ? block_find(*bucket, key, tag_of(hash)) : -1;
    if (place < 0) return false;
    block_remove(table, bucket, (unsigned)place);
    table->count--;
    if (table->low_mask + table->split > 0 && table->count < bucket_count(table) * FILL_MIN) merge_one(table);
    return true;
}
