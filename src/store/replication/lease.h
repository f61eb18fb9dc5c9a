/* The lease of a primary: for how long a majority of its sentinels has promised not to put another in its place.
 *
 * A sentinel says with each ping for how long (`ms`) after the last answer that it got it will not vote for another primary, and
 * gives the stamp of that answer back. The stamp is our time when we answered, so before it was received: until stamp + ms, less a
 * sixteenth for clocks that do not run alike, the promise holds.
 *
 *     we answer, stamp 1000 ----> received, by its clock: no vote for 800 ms from now
 *     we read "stamp 1000, 800 ms" at 1300: its grant ends at 1750
 *
 * L1 the lease is held while unexpired grants of more than half of the sentinels are there: of the largest number that one of those
 *    who gave them knows. L2 a replica is named when each unexpired grant names it: then whoever wins an election hears of it.
 * No I/O, no clock: `now_ms` is a clock that only grows, also while the machine sleeps.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

enum {
    LEASE_SENTINELS_MAX = 256,
    LEASE_REPLICAS_MAX = 256,         /* that one grant names */
    LEASE_NAME_MAX = 300,             /* bytes of a name */
    LEASE_LONGEST_MS = 10 * 60 * 1000 /* a longer promise is not believed for longer; nor an older stamp at all */
};

struct lease;

struct lease *lease_new(int64_t now_ms, uint64_t salt); /* `salt`: by chance, so that stamps of another process are none. gives */
void          lease_free(struct lease **lease);

int64_t lease_stamp(const struct lease *lease, int64_t now_ms); /* > 0; says nothing to others */

struct lease_offer {
    struct slice        sentinel;  /* its run id: bytes that are compared */
    int                 sentinels; /* that it knows, itself included: 1 to LEASE_SENTINELS_MAX */
    int64_t             ms;        /* >= 0 */
    int64_t             stamp;     /* ours, given back; 0 or one that we never gave: no promise */
    const struct slice *replicas;  /* "10.0.0.1:6379", no newlines, at most LEASE_REPLICAS_MAX; compared without regard to case */
    size_t              count;
};
/* Takes what a sentinel says: its promise if there is one (never shorter than one before), and in any case whom it knows now.
 * False: so many sentinels have a grant that there is no room. */
MUST_USE bool lease_take(struct lease *lease, int64_t now_ms, const struct lease_offer *offer);
void lease_drop(struct lease *lease); /* nobody has promised anything any more: the role changed */

bool   lease_is_held(struct lease *lease, int64_t now_ms);
bool   lease_was_granted(const struct lease *lease); /* ever, by anybody */
size_t lease_count(struct lease *lease, int64_t now_ms); /* unexpired grants */
int64_t lease_left_ms(struct lease *lease, int64_t now_ms); /* it is held for so long at least; 0: it is not */

/* Grows whenever lease_names() may answer differently than before. */
uint64_t lease_version(struct lease *lease, int64_t now_ms);
bool     lease_names(struct lease *lease, int64_t now_ms, struct slice replica); /* L2; false without any grant */
