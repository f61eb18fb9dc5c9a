#include "base/hash.h"

#define ROTATE(x, bits) (((x) << (bits)) | ((x) >> (64 - (bits))))

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline void sip_round(struct sip *s) {
    s->v0 += s->v1;
    s->v1 = ROTATE(s->v1, 13) ^ s->v0;
    s->v0 = ROTATE(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = ROTATE(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = ROTATE(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = ROTATE(s->v1, 17) ^ s->v2;
    s->v2 = ROTATE(s->v2, 32);
}

static inline void sip_init(struct sip *s, const struct hash_key *key) {
    *s = (struct sip){key->k0 ^ 0x736f6d6570736575u, key->k1 ^ 0x646f72616e646f6du, key->k0 ^ 0x6c7967656e657261u,
                      key->k1 ^ 0x7465646279746573u};
}

static inline void sip_word(struct sip *s, uint64_t word) {
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

static inline uint64_t sip_end(struct sip *s) {
    s->v2 ^= 0xff;
    sip_round(s);
    sip_round(s);
    sip_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/* Little-endian: the first byte is the lowest. kvd is built for little-endian machines only. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a little-endian machine");

/* The last `left` < 8 bytes of the data, read as a word that may reach back into what was read before. */
static inline uint64_t last_word(struct slice data, size_t left) {
    uint64_t word = 0;
    uint32_t first, last;
    if (data.size >= 8) {
        memcpy(&word, data.data + data.size - 8, 8);
        return left ? word >> (64 - 8 * left) : 0;
    }
    if (left >= 4) {
        memcpy(&first, data.data, 4);
        memcpy(&last, data.data + left - 4, 4);
        return first | (uint64_t)last << 8 * (left - 4);
    }
    for (size_t i = 0; i < left; i++) word |= (uint64_t)(unsigned char)data.data[i] << 8 * i;
    return word;
}

uint64_t hash_slice(const struct hash_key *key, struct slice data) {
    struct sip s;
    sip_init(&s, key);
    const char *at = data.data;
    size_t left = data.size;
    for (; left >= 8; at += 8, left -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        sip_word(&s, word);
    }
    uint64_t last = last_word(data, left);
    sip_word(&s, last | (uint64_t)data.size << 56);
    return sip_end(&s);
}

uint64_t hash_slice_nocase(const struct hash_key *key, struct slice data) {
    struct sip s;
    sip_init(&s, key);
    uint64_t word = 0;
    unsigned filled = 0;
    for (size_t i = 0; i < data.size; i++) {
        unsigned char c = (unsigned char)data.data[i];
        if (c >= 'A' && c <= 'Z') c |= 0x20;
        word |= (uint64_t)c << (8 * filled);
        if (++filled == 8) {
            sip_word(&s, word);
            word = 0;
            filled = 0;
        }
    }
    sip_word(&s, word | (uint64_t)data.size << 56);
    return sip_end(&s);
}
