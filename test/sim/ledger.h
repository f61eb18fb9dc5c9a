/* What clients were told is confirmed, and whether a server still has it.
 *
 * A write is a place in a history: a replication id and an offset. A promoted server goes on under a new id from where it stood
 * (ledger_fork), so what a server has is its id and offset, and what these go back to. The oracle of guarded sets:
 *
 *   A1  no acknowledged confirmed write is missing on the primary of the highest epoch
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sim/invariants.h"

struct ledger;

struct ledger *ledger_new(struct verdict *verdict); /* keeps. Gives: ledger_free() */
void ledger_free(struct ledger **ledger);

/* `id` goes on from what `from` has up to `offset`. */
void ledger_fork(struct ledger *ledger, const char *id, const char *from, int64_t offset);
/* Clients of the group were told that all up to there is confirmed. */
void ledger_acknowledge(struct ledger *ledger, const char *group, const char *server, const char *id, int64_t offset);
/* Disks were lost: nothing was promised for that. */
void ledger_excuse(struct ledger *ledger, const char *group);
/* A1. `epoch`: of the configuration that makes this server the primary; older ones than seen before are not looked at. */
void ledger_check(struct ledger *ledger, const char *group, uint64_t epoch, const char *server, const char *id, int64_t offset);
uint64_t ledger_count(const struct ledger *ledger); /* writes that were acknowledged, counted as often as more were */
