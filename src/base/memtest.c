#include "base/memtest.h"
#include "base/random.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <errno.h>

/* A word that depends on its place, so that shorted address lines show. */
static uint64_t pattern_at(size_t i, uint64_t seed) {
    uint64_t x = (i + 1) * 0x9e3779b97f4a7c15u ^ seed;
    return x ^ (x >> 29);
}

static bool fill_and_verify(volatile uint64_t *words, size_t count, uint64_t seed, bool inverted, struct error *err) {
    uint64_t flip = inverted ? UINT64_MAX : 0;
    for (size_t i = 0; i < count; i++) words[i] = pattern_at(i, seed) ^ flip;
    for (size_t i = 0; i < count; i++) {
        uint64_t expected = pattern_at(i, seed) ^ flip, found = words[i];
        if (found != expected)
            return error_set(err, "memory error at offset %zu: wrote %016llx, read %016llx", i * 8,
                             (unsigned long long)expected, (unsigned long long)found);
    }
    return true;
}

bool memtest_run(uint64_t megabytes, unsigned passes, struct error *err) {
    if (megabytes == 0 || megabytes > SIZE_MAX >> 21) return error_set(err, "Can't test %llu megabytes", (unsigned long long)megabytes);
    size_t size = (size_t)megabytes << 20;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return error_set(err, "Can't get %llu megabytes to test: %s", (unsigned long long)megabytes, strerror(errno));
    bool good = true;
    for (unsigned pass = 0; pass < passes && good; pass++) {
        uint64_t seed = random_os_seed();
        good = fill_and_verify(memory, size / 8, seed, false, err) && fill_and_verify(memory, size / 8, seed, true, err);
        printf("pass %u of %u: %s\n", pass + 1, passes, good ? "good" : "FAILED");
        fflush(stdout);
    }
    munmap(memory, size);
    return good;
}
