/* What is kept of every failover: one record each, made when it ends, saved with the state.
 *
 * A record is text, so that what is saved is what is shown: lines of fields that tabs separate,
 *     epoch <tab> 7
 *     vote <tab> voter's id <tab> candidate's id
 *     replica <tab> address <tab> offset <tab> priority <tab> lag in bytes <tab> verdict <tab> why
 * Times of phases are milliseconds since the primary was found down (or, when nobody found it down, since the candidacy);
 * a phase that was not reached has no line. docs/sentinel.md describes the fields.
 *
 * T1  At most HISTORY_MAX records a primary, HISTORY_TOTAL_MAX in all, each of at most HISTORY_TEXT_MAX bytes: the oldest
 *     go first.
 * T2  Lost rounds of one trouble are one record, and give way to the record of what came of it.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

enum { HISTORY_MAX = 100, HISTORY_TOTAL_MAX = 5000, HISTORY_TEXT_MAX = 6000 };

/* Owned by its primary, in the order of the serials. */
struct history_record {
    struct list_node node;
    uint64_t serial;
    char *text;       /* owned */
    bool is_attempt;  /* nothing came of it: T2 */
    bool is_veto;     /* gives way to the next veto only */
    int64_t cause_ms; /* when the trouble began, or an operator asked; of this life; NEVER */
};

/* What is to be remembered as it is now: who voted for whom in the failover's epoch; how each replica stands and, when
 * there is one, that `target` is chosen. */
void history_note_votes(struct primary *primary);
void history_note_replicas(struct primary *primary, const struct instance *target);
void history_forget_notes(struct primary *primary);

/* The failover whose record the primary has is over. `how` says why it ended so. */
void history_add(struct primary *primary, const char *how);
/* From the state, in any order. */
void history_recall(struct primary *primary, uint64_t serial, const char *text);
void history_free(struct primary *primary);
