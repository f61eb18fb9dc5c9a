/* A sorted set's score: read as the field's servers read it, and printed digit for digit as Redis 7.0 prints it.
 *
 * A score is a double and never NaN.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

enum { SCORE_TEXT_SIZE = 40 }; /* room for any score and its zero */

/* strtod's forms, "inf" and "-inf" included; no NaN, no blanks before, nothing behind, no overflow. */
MUST_USE bool score_parse(struct slice text, double *score);
/* 17 significant digits, without zeros at the end ("3", "0.10000000000000001", "inf", "-0"). Returns the length. */
size_t score_print(char *text, double score);
/* As a listpack keeps it: the same, but an integer up to 2^62 is its digits alone ("-0" is "0"). */
size_t score_print_packed(char *text, double score);

/* One end of a range of scores: "1.5", "(1.5", "-inf". Blanks before the number are allowed here, and nothing is 0. */
MUST_USE bool score_parse_bound(struct slice text, double *score, bool *is_exclusive);

/* Scores in the order of integers; -0 and 0 are one. */
static inline uint64_t score_key(double score) {
    uint64_t bits;
    score += 0.0;
    memcpy(&bits, &score, sizeof bits);
    return bits >> 63 ? ~bits : bits | 1ull << 63;
}
