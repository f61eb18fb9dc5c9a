/* The names and lengths of the replication stream: which history of the data this is, and which parts of others it shares.
 *
 * An offset counts the bytes of the stream so far, from 0; a PSYNC request names the first byte that is missing, counted
 * from 1 (so "offset + 1"). After a promotion the history goes on under a new name; what lies before `previous_until` is
 * still known by the old one. No I/O, no clock.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

enum { HISTORY_ID_SIZE = 40 };

struct history { /* shown for embedding; only these functions write it, and who appends to the stream the offset */
    char    id[HISTORY_ID_SIZE + 1];
    char    previous_id[HISTORY_ID_SIZE + 1]; /* zeros: there is none */
    int64_t offset;         /* bytes of the stream so far */
    int64_t previous_until; /* requests for bytes up to this one, counted from 1, may name the previous id; -1: there is none */
};

void history_start(struct history *history); /* a new random name and no previous one; the offset stays */
/* What follows is the history `id` from `offset` on: after a full synchronization. No previous one. */
void history_adopt(struct history *history, struct slice id, int64_t offset);
/* We are promoted: the history goes on under a new random name, and remembers its old one. */
void history_shift(struct history *history);
/* The primary goes on under another name (it was promoted, we resumed): the old one is remembered. */
void history_rename(struct history *history, struct slice id);
/* Has a peer that wants to go on from byte `wanted` (counted from 1) of history `id` the same bytes before it? Whether
 * the bytes from there on are still kept is the backlog's to say. */
bool history_covers(const struct history *history, struct slice id, int64_t wanted);
bool history_is_id(struct slice text); /* 40 characters */
