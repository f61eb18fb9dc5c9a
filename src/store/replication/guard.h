/* What the sentinels of a guarded set allow and forbid this server: the lease of a primary, and the fence before a promotion.
 *
 *     a primary:   may acknowledge <-- lease held, not fenced --> may not (held replies wait, new synced writes are refused)
 *     a replica:   follows --GUARD FENCE--> fenced: confirms nothing, dials nobody --REPLICAOF, GUARD RELEASE--> follows
 *
 * Nothing of it survives a restart: a primary then has no lease, and what was fenced says so no more (its run id is another).
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/error.h"
#include "store/replication/lease.h"

struct guard;
struct replication;

enum guard_lease { GUARD_LEASE_AUTO, GUARD_LEASE_YES, GUARD_LEASE_NO }; /* repl-sync-lease; AUTO: from the first grant on */

struct guard *guard_new(struct replication *replication); /* keeps. gives: guard_free() */
void          guard_free(struct guard **guard);

void          guard_apply(struct guard *guard); /* parameters have new values */

/* ---- the lease ---- */
/* GUARD LEASE: takes the offer and returns the stamp to be given back. `*is_held`: there is a lease now. On a replica the offer is
 * nothing. False: `err`. */
MUST_USE bool guard_take(struct guard *guard, const struct lease_offer *offer, int64_t *stamp, bool *is_held, struct error *err);
bool guard_needs_lease(const struct guard *guard); /* writes that wait for replicas are acknowledged under a lease only */
/* Now, by a clock that is read now: such a write may be acknowledged. */
bool guard_may_acknowledge(struct guard *guard);
/* The same as of this millisecond of the loop, for whether it may begin: cheap. */
bool guard_may_write(struct guard *guard);
/* What a replica at this address confirms counts: where there must be a lease, those who gave it know the replica. Good until
 * guard_version() is another one, which is > 0 and looked for by the two above. */
bool     guard_counts(struct guard *guard, const char *address, int port);
uint64_t guard_version(const struct guard *guard);
void     guard_become_replica(struct guard *guard); /* nobody has promised us anything any more */

/* ---- the fence ---- */
bool    guard_is_fenced(const struct guard *guard);
int64_t guard_epoch(const struct guard *guard); /* of the fence; 0: there is none */
/* GUARD FENCE: `epoch` > 0. The same again is harmless. False: `err`, it is fenced for a higher epoch, or for this one by another. */
MUST_USE bool guard_fence(struct guard *guard, int64_t epoch, struct slice leader, struct error *err);
MUST_USE bool guard_release(struct guard *guard, int64_t epoch, struct error *err); /* GUARD RELEASE */
void guard_end_fence(struct guard *guard); /* somebody ordered whom to follow */

/* Where the data is: for the answer to GUARD FENCE. */
struct guard_place {
    const char *id;      /* of the history. Lends */
    int64_t     offset;  /* that is executed; -1: the data is at no known place of it (it is being replaced, or was lost) */
    int64_t     fsynced; /* that is in the append-only file on the disk; -1: unknown, or none */
};
void guard_get_place(const struct guard *guard, struct guard_place *place);

/* ---- INFO ---- */
const char *guard_lease_word(struct guard *guard); /* "off", "held", "lost" */
size_t      guard_lease_sentinels(struct guard *guard);
int64_t     guard_lease_left_ms(struct guard *guard);
