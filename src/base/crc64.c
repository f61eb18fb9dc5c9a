#include "base/crc64.h"

#include <endian.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

/* A CRC is linear: the entry of a byte is the sum (XOR) of the entries of its bits, so the tables are given by the eight
 * entries of single bits. Table k says what a byte does that is followed by k others ("slicing by 8": Kounavis and
 * Berry, 2008). */
#define BITS(byte, a, b, c, d, e, f, g, h)                                                                             \
    (((byte)&1 ? a : 0) ^ ((byte)&2 ? b : 0) ^ ((byte)&4 ? c : 0) ^ ((byte)&8 ? d : 0) ^ ((byte)&16 ? e : 0) ^         \
     ((byte)&32 ? f : 0) ^ ((byte)&64 ? g : 0) ^ ((byte)&128 ? h : 0))
#define BY_4(at, ...)                                                                                                  \
    BITS((at), __VA_ARGS__), BITS((at) + 1, __VA_ARGS__), BITS((at) + 2, __VA_ARGS__), BITS((at) + 3, __VA_ARGS__)
#define BY_16(at, ...)                                                                                                 \
    BY_4((at), __VA_ARGS__), BY_4((at) + 4, __VA_ARGS__), BY_4((at) + 8, __VA_ARGS__), BY_4((at) + 12, __VA_ARGS__)
#define BY_64(at, ...)                                                                                                 \
    BY_16((at), __VA_ARGS__), BY_16((at) + 16, __VA_ARGS__), BY_16((at) + 32, __VA_ARGS__), BY_16((at) + 48, __VA_ARGS__)
#define TABLE(...) {BY_64(0, __VA_ARGS__), BY_64(64, __VA_ARGS__), BY_64(128, __VA_ARGS__), BY_64(192, __VA_ARGS__)}

static const uint64_t tables[8][256] = {
    TABLE(0x7ad870c830358979, 0xf5b0e190606b12f2, 0xc038e5739841b68f, 0xab28ecb46814fe75,
          0x7d08ff3b88be6f81, 0xfa11fe77117cdf02, 0xdf7adabd7a6e2d6f, 0x95ac9329ac4bc9b5),
    TABLE(0x89e99ffd73bddf69, 0x388a19a9bfec2db9, 0x711433537fd85b72, 0xe22866a6ffb0b6e4,
          0xef09eb1ea7f6fea3, 0xf54af06e177a6e2d, 0xc1ccc68f76634f31, 0xa8c0ab4db4510d09),
    TABLE(0xf4125129ce4038be, 0xc37d8400c417e217, 0xada22e52d0b85745, 0x701d7af6f9e73de1,
          0xe03af5edf3ce7bc2, 0xeb2ccd88bf0b64ef, 0xfd00bd4226815ab5, 0xd1585cd715952601),
    TABLE(0x8ce168638c796306, 0x329bf69440655567, 0x6537ed2880caaace, 0xca6fda510195559c,
          0xbf8692f15bbd3853, 0x545403b1efede3cd, 0xa8a80763dfdbc79a, 0x7a092894e7201c5f),
    TABLE(0x3504e58b9ba6dd1e, 0x6a09cb17374dba3c, 0xd413962e6e9b7478, 0x837e0a0f85a17b9b,
          0x2da5324c53d5645d, 0x5b4a6498a7aac8ba, 0xb694c9314f559174, 0x4670b431c63cb183),
    TABLE(0xe39d1389931b9354, 0xec6301407ea0b5c3, 0xf39f24d3a5d6f8ed, 0xcc676ff4133a62b1,
          0xb397f9bb7ee35609, 0x4c76d525a5513f79, 0x98edaa4b4aa27ef2, 0x1a8272c5cdd36e8f),
    TABLE(0x62a95de6e302eff2, 0xc552bbcdc605dfe4, 0xa1fc51c8d49c2ca3, 0x68a185c2f1afca2d,
          0xd1430b85e35f945a, 0x89df31589e28bbdf, 0x38e744e264c6e4d5, 0x71ce89c4c98dc9aa),
    TABLE(0x381d0015c96f4444, 0x703a002b92de8888, 0xe074005725bd1110, 0xebb126fd13edb14b,
          0xfc3b6ba97f4cf1fd, 0xd32ff101a60e7091, 0x8d06c450148b7249, 0x3154aef3718177f9),
};

static uint64_t load(const unsigned char *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return le64toh(word);
}

static uint64_t by_tables(uint64_t crc, const unsigned char *at, size_t left) {
    for (; left >= 8; left -= 8, at += 8) {
        uint64_t word = crc ^ load(at);
        crc = tables[7][word & 255] ^ tables[6][word >> 8 & 255] ^ tables[5][word >> 16 & 255] ^
              tables[4][word >> 24 & 255] ^ tables[3][word >> 32 & 255] ^ tables[2][word >> 40 & 255] ^
              tables[1][word >> 48 & 255] ^ tables[0][word >> 56];
    }
    for (; left; left--, at++) crc = crc >> 8 ^ tables[0][(crc ^ *at) & 255];
    return crc;
}

#ifdef __x86_64__

/* Sixteen bytes that stand n bits before others have the same remainder as their product with x^n, of which the multiplier
 * without carry makes sixteen bytes again that can be added to the others ("folding": Gopal and others, Intel, 2009). Four
 * such accumulators go side by side, 512 bits ahead; what they end as goes through the tables.
 *
 * The constants are x^(n+63) and x^(n-1) modulo the polynomial, reflected, for the first and the second eight bytes: a product
 * of reflected numbers comes out one bit low, which is the -1. */
enum { FOLD_BYTES = 64 };

__attribute__((target("pclmul,sse2"))) static __m128i fold(__m128i sum, __m128i by, __m128i next) {
    __m128i low = _mm_clmulepi64_si128(sum, by, 0x00), high = _mm_clmulepi64_si128(sum, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

__attribute__((target("pclmul,sse2"))) static __m128i fetch(const unsigned char *at) {
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

/* Takes whole FOLD_BYTES, at least one. */
__attribute__((target("pclmul,sse2"))) static uint64_t by_folding(uint64_t crc, const unsigned char *at, size_t left) {
    const __m128i by_512 = _mm_set_epi64x((long long)0xf49784a634f014e4u, (long long)0xaf86efb16d9ab4fbu);
    const __m128i by_128 = _mm_set_epi64x((long long)0x381d0015c96f4444u, (long long)0xd9d7be7d505da32cu);
    __m128i sums[4];
    unsigned char rest[16];
    for (int i = 0; i < 4; i++) sums[i] = fetch(at + i * 16);
    sums[0] = _mm_xor_si128(sums[0], _mm_set_epi64x(0, (long long)crc));
    for (at += FOLD_BYTES, left -= FOLD_BYTES; left; at += FOLD_BYTES, left -= FOLD_BYTES)
        for (int i = 0; i < 4; i++) sums[i] = fold(sums[i], by_512, fetch(at + i * 16));
    for (int i = 1; i < 4; i++) sums[i] = fold(sums[i - 1], by_128, sums[i]);
    _mm_storeu_si128((__m128i *)(void *)rest, sums[3]);
    return by_tables(0, rest, sizeof rest);
}

uint64_t crc64_update(uint64_t crc, struct slice data) {
    const unsigned char *at = (const unsigned char *)data.data;
    size_t folded = data.size - data.size % FOLD_BYTES;
    if (folded < 2 * FOLD_BYTES || !__builtin_cpu_supports("pclmul")) return by_tables(crc, at, data.size);
    return by_tables(by_folding(crc, at, folded), at + folded, data.size - folded);
}

#else

uint64_t crc64_update(uint64_t crc, struct slice data) {
    return by_tables(crc, (const unsigned char *)data.data, data.size);
}

#endif
