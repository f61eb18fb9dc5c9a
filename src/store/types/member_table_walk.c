#include "store/types/member_table.h"
#include "store/types/member_table_internal.h"

/* What looks at all members, or at some that chance or a hash names. */

static uint64_t reverse_bits(uint64_t v) {
    v = __builtin_bswap64(v);
    v = (v >> 4 & 0x0f0f0f0f0f0f0f0full) | (v & 0x0f0f0f0f0f0f0f0full) << 4;
    v = (v >> 2 & 0x3333333333333333ull) | (v & 0x3333333333333333ull) << 2;
    return (v >> 1 & 0x5555555555555555ull) | (v & 0x5555555555555555ull) << 1;
}

static void defrag_far(struct block *block, size_t *moved, size_t *left) {
    for (unsigned i = 0; i < block->count; i++) {
        size_t size;
        char  *entry = (char *)entry_at(block, i, &size);
        if (!(*entry & HEAD_FAR)) continue;
        struct far *copy = mem_defrag(far_of(entry));
        if (copy) memcpy(entry + 1 + (*entry & HEAD_DEADLINE ? 8 : 0), &copy, sizeof copy);
        *(copy ? moved : left) += 1;
    }
}

void member_table_defrag(struct member_table *table, uint64_t *cursor, size_t *moved, size_t *left) {
    enum { BUCKETS_AT_ONCE = 16 };
    size_t end = bucket_count(table), index = (size_t)*cursor;
    for (unsigned n = 0; n < BUCKETS_AT_ONCE && index < end; n++, index++) {
        struct block **place = bucket_at(table, index);
        if (!*place) continue;
        defrag_far(*place, moved, left);
        struct block *copy = mem_defrag(*place);
        if (copy) *place = copy;
        *(copy ? moved : left) += 1;
    }
    *cursor = index < end ? index : 0;
}

/* The cursor counts in reversed binary [Noordhuis 2012, in Redis' dict.c]; each bucket knows by its place how many bits
 * name it (M3). */
bool member_table_scan(const struct member_table *table, uint64_t *cursor, member_each *each, void *context) {
    uint64_t mask = table->low_mask;
    if ((*cursor & mask) < table->split) mask = mask << 1 | 1;
    const struct block *block = *bucket_at(table, *cursor & mask);
    for (unsigned i = 0; block && i < block->count; i++) {
        struct member member;
        member_at(block, i, &member);
        each(context, &member);
    }
    *cursor = reverse_bits(reverse_bits(*cursor | ~mask) + 1);
    return *cursor != 0;
}

/* A bucket and a place in it are drawn until there is a member: no bucket has more than `longest`, so each member has the
 * same chance, and a third of the draws or so succeed. */
bool member_table_random(const struct member_table *table, struct random *random, struct member *member) {
    while (table->count) {
        const struct block *block = *bucket_at(table, (size_t)random_below(random, bucket_count(table)));
        unsigned            place = (unsigned)random_below(random, table->longest);
        if (!block || place >= block->count) continue;
        member_at(block, place, member);
        return true;
    }
    return false;
}

void member_table_each_like(const struct member_table *table, uint64_t hash, member_each *each, void *context) {
    const struct block *block = *bucket_at(table, index_of(table, hash));
    for (unsigned i = 0; block && i < block->count; i++) {
        if (block->slots[i] >> 16 != tag_of(hash)) continue;
        struct member member;
        member_at(block, i, &member);
        each(context, &member);
    }
}

void member_table_check(const struct member_table *table) {
    size_t count = 0, memory = 0, blocks = 0;
    for (size_t n = 0; n < bucket_count(table); n++) {
        const struct block *block = *bucket_at(table, n);
        if (!block) continue;
        CHECK(block->count > 0); /* M1 */
        CHECK(block->count <= table->longest);
        CHECK(needed(block->used, block->count) <= block->capacity);
        CHECK(distance_at(block, block->count - 1u) == block->used); /* M2 */
        memory += block_bytes(block);
        blocks++;
        for (unsigned i = 0; i < block->count; i++) {
            struct member member;
            size_t        size;
            const char   *entry = entry_at(block, i, &size);
            CHECK(size <= distance_at(block, i)); /* M2 */
            member_at(block, i, &member);
            CHECK(entry_size(member.key, member.value, member.deadline_ms) == size);
            uint64_t hash = member_table_hash(table->hash_key, member.key);
            CHECK(index_of(table, hash) == n); /* M3 */
            CHECK(block->slots[i] >> 16 == tag_of(hash));
            if (*entry & HEAD_FAR) memory += mem_size(far_of(entry)), blocks++;
        }
        count += block->count;
    }
    CHECK(count == table->count);
    CHECK(memory == table->memory);
    CHECK(blocks == table->blocks);
}
