/* A member of a large sorted set with its score in one allocation: a record, so that a key_table finds it.
 *
 * Of a record's header a member needs only the sizes. The rest of it (6 bytes) and 2 bytes behind the key hold the score,
 * so that a member of up to 22 bytes takes 32:
 *
 *      0           1       2              4             7
 *     +-----------+-------+--------------+-------------+----------+--------+--------+-----------+
 *     | 0..7      | flags | 8..23        | 24..47      | key_size | size   | member | 48..63    |    bits of the score
 *     +-----------+-------+--------------+-------------+----------+--------+--------+-----------+
 *                                                                  long ones
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/keyspace/record.h"

static inline struct slice member_text(const struct record *member) {
    return record_key(member);
}

static inline double member_score(const struct record *member) {
    uint16_t high;
    memcpy(&high, record_payload(member), sizeof high);
    uint64_t bits = member->kind | (uint64_t)member->inline_size << 8 | (uint64_t)member->access << 24 | (uint64_t)high << 48;
    double score;
    memcpy(&score, &bits, sizeof score);
    return score;
}

static inline void member_set_score(struct record *member, double score) {
    uint64_t bits;
    memcpy(&bits, &score, sizeof bits);
    uint16_t high = (uint16_t)(bits >> 48);
    memcpy((char *)record_payload(member), &high, sizeof high);
    member->kind = (uint8_t)bits;
    member->inline_size = (uint16_t)(bits >> 8);
    member->access = (uint32_t)(bits >> 24) & 0xffffff;
}

/* gives: record_free() */
static inline struct record *member_new(struct slice text, double score) {
    struct value two_bytes = value_of_raw_text(SLICE("xx"));
    struct record *member = record_new(text, &two_bytes, RECORD_NEVER);
    member_set_score(member, score);
    return member;
}
