/* Random numbers: a generator whose state the caller holds (seeded, so reproducible), and the OS's randomness.
 *
 * The generator is xoshiro256** (Blackman and Vigna, 2018). It is not for secrets.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

struct random {
    uint64_t state[4];
};

void     random_seed(struct random *random, uint64_t seed);
uint64_t random_next(struct random *random);
uint64_t random_below(struct random *random, uint64_t bound); /* uniform in [0, bound); bound > 0 */

/* Fills from the operating system; exits when it cannot. */
void random_os_bytes(void *data, size_t size);
uint64_t random_os_seed(void);
/* `count` lower-case hexadecimal digits and a zero, from the operating system. */
void random_os_hex(char *text, size_t count);
