#include "base/random.h"
#include "base/log.h"

#include <stdlib.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

static uint64_t splitmix(uint64_t *x) {
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void random_seed(struct random *random, uint64_t seed) {
    for (int i = 0; i < 4; i++) random->state[i] = splitmix(&seed);
}

static uint64_t rotate_left(uint64_t x, int bits) {
    return (x << bits) | (x >> (64 - bits));
}

uint64_t random_next(struct random *random) {
    uint64_t *s = random->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t random_below(struct random *random, uint64_t bound) {
    CHECK(bound > 0);
    /* Values under 2^64 mod bound would be hit once more than the others. */
    uint64_t unfair = -bound % bound, value;
    do value = random_next(random);
    while (value < unfair);
    return value % bound;
}

void random_os_bytes(void *data, size_t size) {
    char *at = data;
    while (size) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            log_write(LOG_WARNING, "The operating system gives no random bytes: %s", strerror(errno));
            exit(1);
        }
        at += got;
        size -= (size_t)got;
    }
}

uint64_t random_os_seed(void) {
    uint64_t seed;
    random_os_bytes(&seed, sizeof seed);
    return seed;
}

void random_os_hex(char *text, size_t count) {
    random_os_bytes(text, count);
    for (size_t i = 0; i < count; i++) text[i] = "0123456789abcdef"[(unsigned char)text[i] & 15];
    text[count] = 0;
}
