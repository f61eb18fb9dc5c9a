/* A keyed hash for tables that hold what a peer sent, so that nobody can choose keys that collide.
 *
 * SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012).
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

struct hash_key {
    uint64_t k0, k1;
};

uint64_t hash_slice(const struct hash_key *key, struct slice data);
uint64_t hash_slice_nocase(const struct hash_key *key, struct slice data); /* ASCII letters count as lower case */
