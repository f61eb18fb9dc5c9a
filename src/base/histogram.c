#include "base/histogram.h"

#include "base/mem.h"

/* Block 0 holds the values 0..127, block 1 128..255, block b > 0 the values with 7 + b bits, 128 counters each. */
enum { PARTS = 128, PART_BITS = 7 };

struct histogram {
    uint64_t  max_value, highest, count;
    unsigned  block_count;
    uint64_t *blocks[];
};

static unsigned block_of(uint64_t value) {
    return value < PARTS ? 0 : 64u - PART_BITS - (unsigned)__builtin_clzll(value);
}

/* Values of one counter differ in their lowest `shift` bits. */
static unsigned shift_of(unsigned block) {
    return block > 0 ? block - 1 : 0;
}

static unsigned part_of(uint64_t value, unsigned block) {
    return (unsigned)(value >> shift_of(block)) % PARTS;
}

static uint64_t highest_of(unsigned block, unsigned part) {
    if (block == 0) return part;
    return ((uint64_t)(PARTS + part + 1) << shift_of(block)) - 1;
}

struct histogram *histogram_new(uint64_t max_value) {
    unsigned          blocks = block_of(max_value) + 1;
    struct histogram *histogram = mem_zalloc(sizeof *histogram + blocks * sizeof histogram->blocks[0]);
    histogram->max_value = max_value;
    histogram->block_count = blocks;
    return histogram;
}

void histogram_free(struct histogram **histogram) {
    if (*histogram == NULL) return;
    for (unsigned i = 0; i < (*histogram)->block_count; i++) mem_free((*histogram)->blocks[i]);
    mem_free(*histogram);
    *histogram = NULL;
}

void histogram_add(struct histogram *histogram, uint64_t value) {
    value = MIN(value, histogram->max_value);
    unsigned block = block_of(value);
    if (UNLIKELY(histogram->blocks[block] == NULL))
        histogram->blocks[block] = mem_zalloc(PARTS * sizeof histogram->blocks[0][0]);
    histogram->blocks[block][part_of(value, block)]++;
    histogram->highest = MAX(histogram->highest, value);
    histogram->count++;
}

uint64_t histogram_count(const struct histogram *histogram) {
    return histogram->count;
}

uint64_t histogram_max(const struct histogram *histogram) {
    return histogram->highest;
}

uint64_t histogram_highest_equivalent(uint64_t value) {
    unsigned block = block_of(value);
    return highest_of(block, part_of(value, block));
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent) {
    if (histogram->count == 0) return 0;
    uint64_t wanted = (uint64_t)(MIN(MAX(percent, 0), 100) / 100 * (double)histogram->count + 0.5);
    uint64_t seen = 0;
    wanted = MAX(wanted, 1);
    for (unsigned block = 0; block < histogram->block_count; block++) {
        if (histogram->blocks[block] == NULL) continue;
        for (unsigned part = 0; part < PARTS; part++) {
            seen += histogram->blocks[block][part];
            if (seen >= wanted) return highest_of(block, part);
        }
    }
    UNREACHABLE("the counters add up to the count");
}

uint64_t histogram_count_up_to(const struct histogram *histogram, uint64_t value) {
    unsigned last_block = block_of(value), last_part = part_of(value, last_block);
    uint64_t seen = 0;
    for (unsigned block = 0; block <= last_block && block < histogram->block_count; block++) {
        if (histogram->blocks[block] == NULL) continue;
        unsigned end = block == last_block ? last_part + 1 : PARTS;
        for (unsigned part = 0; part < end; part++) seen += histogram->blocks[block][part];
    }
    return seen;
}

size_t histogram_memory(const struct histogram *histogram) {
    size_t size = mem_size(histogram);
    for (unsigned i = 0; i < histogram->block_count; i++)
        if (histogram->blocks[i] != NULL) size += mem_size(histogram->blocks[i]);
    return size;
}
