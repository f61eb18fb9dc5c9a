/* The id of a stream's entry: a time in milliseconds and a sequence number, ordered as one number of 128 bits.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

struct entry_id {
    uint64_t ms, seq;
};

enum { ENTRY_ID_TEXT_SIZE = 44 };

#define ENTRY_ID_ZERO ((struct entry_id){0, 0}) /* no entry has it */
#define ENTRY_ID_MAX ((struct entry_id){UINT64_MAX, UINT64_MAX})

static inline int entry_id_compare(struct entry_id a, struct entry_id b) {
    if (a.ms != b.ms) return a.ms < b.ms ? -1 : 1;
    return a.seq < b.seq ? -1 : a.seq > b.seq;
}

static inline bool entry_id_is_zero(struct entry_id id) {
    return (id.ms | id.seq) == 0;
}

/* The next one up or down; false: there is none, and it is unchanged. */
MUST_USE bool entry_id_increase(struct entry_id *id);
MUST_USE bool entry_id_decrease(struct entry_id *id);

size_t entry_id_print(char *text, struct entry_id id); /* "5-0"; returns the length; text holds ENTRY_ID_TEXT_SIZE */

/* "5-0", or "5" with `missing_seq`. Numbers are read as strtoull() does, which the established server allows. With
 * `has_seq`, "5-*" is taken too: sequence 0, and `*has_seq` is false. */
MUST_USE bool entry_id_parse(struct slice text, uint64_t missing_seq, struct entry_id *id, bool *has_seq);
