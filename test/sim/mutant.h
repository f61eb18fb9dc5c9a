/* Planted bugs: what a host may do wrong between the machine and the world, so that the simulator can prove that it
 * would notice.
 *
 * The machine itself is always the real one; a mutant changes what the host persists, answers, hears or publishes.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

enum mutant {
    MUTANT_NONE,
    MUTANT_VOTE_NOT_SAVED, /* saves are acknowledged and lost */
    MUTANT_EARLY_SAVED,    /* saves are acknowledged before they are on disk */
    MUTANT_OLD_STATE,      /* a restart finds the state before the last save */
    MUTANT_STALE_EPOCH,    /* votes are given for epochs that have passed */
    MUTANT_DOUBLE_VOTE,    /* every candidate of an epoch is promised the vote */
    MUTANT_COUNTED_TWICE,  /* every answer counts as a vote for the one who asked */
    MUTANT_DEAF,           /* PONGs of primaries are not heard */
    MUTANT_SAME_EPOCH,     /* a switch is announced under the old configuration epoch */
    MUTANT_LOST_EVENT,     /* +sdown is not published */
    MUTANT_NO_HELLO,       /* what other sentinels announce is not heard once all know each other */
    MUTANT_LIAR,           /* every INFO names a replica that nobody has heard of */
    MUTANT_FORGETFUL,      /* a sentinel that lost its disk takes it for granted that it never voted */
    MUTANT_REJECTED,       /* who is silent looks as if it were gone */
    MUTANT_NO_GRACE,       /* the grace of the fast path is ignored */
    MUTANT_UNFENCED,       /* whatever the pre-failover script says is taken for a yes */
    MUTANT_UNPROTECTED,    /* primaries that come back empty are accepted */
    MUTANT_FAITHLESS,      /* guarded: promises are said to hold longer than they are kept */
    MUTANT_FORGED_FENCE,   /* guarded: replicas are not fenced, but taken to be */
    MUTANT_BLIND,          /* guarded: who has least is taken to have most */
    MUTANT_FORGETS_NAMES,  /* guarded: who was restarted does not know whom it had named */
    MUTANT_COUNT
};

const char *mutant_name(enum mutant mutant); /* "vote-not-saved" */
const char *mutant_help(enum mutant mutant);
/* The invariants that must notice it, with blanks between; the others are not checked. NULL: all are. */
const char *mutant_expects(enum mutant mutant);
/* The search begins no earlier: it shows in one history of thousands, and those before take minutes. */
uint64_t mutant_first_seed(enum mutant mutant);
bool mutant_is_guarded(enum mutant mutant); /* it can show in histories of guarded sets only */
/* The scenario that must notice it; NULL: random histories do. */
const char *mutant_scenario(enum mutant mutant);
bool mutant_find(const char *name, enum mutant *mutant);
