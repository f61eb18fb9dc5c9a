/* Which arguments of a request are keys, read from the command's key specifications.
 *
 * For ACL checks, COMMAND GETKEYS, cluster slots, tracking and prefetching.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

enum { KEYSPEC_INLINE_KEYS = 64 };

struct keyspec_key {
    int      place; /* index in argv */
    unsigned flags; /* KEY_... */
};

/* `{.keys = NULL}` is a valid empty one; keyspec_fini() when done. */
struct keyspec_result {
    struct keyspec_key *keys; /* NULL or `few` or memory of its own */
    unsigned            count, capacity;
    struct keyspec_key  few[KEYSPEC_INLINE_KEYS];
};

void keyspec_init(struct keyspec_result *result);
void keyspec_fini(struct keyspec_result *result);
void keyspec_add(struct keyspec_result *result, int place, unsigned flags); /* for row->find_keys functions */

/* Finds all keys of a request that passed the arity check, those marked KEY_NOT_KEY included only when `with_not_keys`.
 * False: the arguments are malformed (the body will say so), `result` is then empty. */
MUST_USE bool keyspec_find(const struct command *row, const struct slice *argv, int argc, bool with_not_keys,
                           struct keyspec_result *result);
/* Whether the row can have keys at all. */
bool keyspec_has_keys(const struct command *row);
/* Derives COMMAND INFO's first/last/step and whether COMMAND_MOVABLE_KEYS applies. */
void keyspec_legacy_range(const struct command *row, int *first, int *last, int *step, bool *is_movable);
