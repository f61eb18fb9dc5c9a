#include "store/types/bits.h"

static uint64_t load(const char *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static unsigned masked(struct slice text, int64_t byte, unsigned mask) {
    return (unsigned char)text.data[byte] & mask;
}

/* Masks of the bits of the first and the last byte that belong to a range. */
static unsigned head_mask(int64_t first) {
    return 0xffu >> (first & 7);
}
static unsigned tail_mask(int64_t last) {
    return 0xff00u >> ((last & 7) + 1) & 0xffu;
}

static int ones(uint64_t x) {
    x -= x >> 1 & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (int)(x * 0x0101010101010101u >> 56);
}

int64_t bits_count(struct slice text, int64_t first, int64_t last) {
    int64_t byte = first / 8, end = last / 8;
    if (byte == end) return ones(masked(text, byte, head_mask(first) & tail_mask(last)));
    int64_t count = ones(masked(text, byte, head_mask(first))) + ones(masked(text, end, tail_mask(last)));
    for (byte++; byte + 8 <= end; byte += 8) count += ones(load(text.data + byte));
    for (; byte < end; byte++) count += ones(masked(text, byte, 0xff));
    return count;
}

/* The first set bit of a byte, which is not 0. */
static int first_one(unsigned byte) {
    return __builtin_clz(byte) - 24;
}

int64_t bits_find(struct slice text, bool bit, int64_t first, int64_t last) {
    unsigned flip = bit ? 0 : 0xff;
    uint64_t idle = bit ? 0 : UINT64_MAX;
    int64_t byte = first / 8, end = last / 8;
    unsigned head = (masked(text, byte, 0xff) ^ flip) & head_mask(first);
    if (byte == end) head &= tail_mask(last);
    if (head) return byte * 8 + first_one(head);
    if (byte == end) return -1;
    byte++;
    while (byte + 8 <= end && load(text.data + byte) == idle) byte += 8;
    for (; byte < end; byte++)
        if (masked(text, byte, 0xff) != (flip)) return byte * 8 + first_one(masked(text, byte, 0xff) ^ flip);
    unsigned tail = (masked(text, end, 0xff) ^ flip) & tail_mask(last);
    return tail ? end * 8 + first_one(tail) : -1;
}

static void combine_one(enum bits_operator operator, struct slice text, char *out, size_t size) {
    size_t both = MIN(text.size, size);
    if (operator == BITS_AND) {
        for (size_t i = 0; i < both; i++) out[i] = (char)(out[i] & text.data[i]);
        memset(out + both, 0, size - both);
    } else if (operator == BITS_OR) {
        for (size_t i = 0; i < both; i++) out[i] = (char)(out[i] | text.data[i]);
    } else {
        for (size_t i = 0; i < both; i++) out[i] = (char)(out[i] ^ text.data[i]);
    }
}

void bits_combine(enum bits_operator operator, const struct slice *texts, size_t count, char *out, size_t size) {
    size_t both = MIN(texts[0].size, size);
    if (both) memcpy(out, texts[0].data, both);
    memset(out + both, 0, size - both);
    if (operator == BITS_NOT)
        for (size_t i = 0; i < size; i++) out[i] = (char)~out[i];
    else
        for (size_t i = 1; i < count; i++) combine_one(operator, texts[i], out, size);
}

uint64_t bits_read(struct slice text, uint64_t at, unsigned width) {
    uint64_t number = 0, end = at + width;
    while (at < end) {
        unsigned skip = at & 7, take = (unsigned)MIN(8 - skip, end - at);
        unsigned byte = at / 8 < text.size ? (unsigned char)text.data[at / 8] : 0;
        number = number << take | (byte >> (8 - skip - take) & ((1u << take) - 1));
        at += take;
    }
    return number;
}

void bits_write(char *text, uint64_t at, unsigned width, uint64_t number) {
    uint64_t end = at + width;
    while (at < end) {
        unsigned skip = at & 7, take = (unsigned)MIN(8 - skip, end - at);
        unsigned shift = 8 - skip - take, mask = ((1u << take) - 1) << shift;
        unsigned bits = (unsigned)(number >> (end - at - take)) << shift & mask;
        text[at / 8] = (char)(((unsigned char)text[at / 8] & ~mask) | bits);
        at += take;
    }
}
