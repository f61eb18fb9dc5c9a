/* A digest of the data that tells whether two servers hold the same: DEBUG DIGEST and DIGEST-VALUE.
 *
 * The same as redis-server's: SHA-1 of each element, mixed in order where there is one and added (XOR) where there is none.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

struct databases;
struct record;

struct digest {
    unsigned char bytes[20];
};
enum { DIGEST_TEXT_SIZE = 41 };

void digest_of_value(struct digest *digest, const struct record *record); /* the key does not count; digest is zeroed first */
void digest_of_all(struct digest *digest, struct databases *databases);
void digest_print(const struct digest *digest, char *text); /* 40 hex digits and a zero */
