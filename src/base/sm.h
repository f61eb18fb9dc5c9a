/* A state machine's table of states and the one function that moves from state to state.
 *
 * sm_move() stops the process on an arrow that is not in the table, so the table is the machine's picture. Every move
 * carries its reason; the observer (trace, log) and whoever asks later get it.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

struct sm_state {
    const char *name; /* as it stands on the wire and in docs */
    uint32_t    to;   /* bit n: may move to state n */
};

struct sm_table {
    const char            *machine; /* "failover" */
    const struct sm_state *states;
    unsigned               count;
};

struct sm {
    const struct sm_table *table;
    unsigned               state;
    int64_t                since_ms; /* monotonic */
    char                   reason[160];
    /* Called after each move; may be NULL. */
    void (*on_move)(void *context, const struct sm *sm, unsigned from, int64_t now_ms);
    void *context;
};

#define SM_TO(state) (1u << (state))

void sm_init(struct sm *sm, const struct sm_table *table, unsigned state, int64_t now_ms);
void sm_move(struct sm *sm, unsigned to, int64_t now_ms, const char *reason, ...) PRINTF_LIKE(4, 5);
const char *sm_name(const struct sm *sm);

struct bytes;
/* The machine's name and, a line for each, its states and where they may move to. Adds. */
void sm_print_table(const struct sm_table *table, struct bytes *out);
