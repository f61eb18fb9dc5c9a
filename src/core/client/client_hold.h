/* Replies that are not sent yet: what they tell must be safe on the disk, or at others, first.
 *
 * A reply may wait at one or two gates at once, for the disk and for peers, each with offsets of its own that only grow; it
 * is sent when it has passed both. Later replies of the same client wait behind it, those of others do not. Needs
 * server->may_hold_replies.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/client/client.h"

enum {
    CLIENT_HOLD_DISK = 0, /* the append-only file, a sentinel's state */
    CLIENT_HOLD_PEERS = 1 /* and above: one for each kind of answer that others owe */
};

/* The reply of the running command, as far as it was added, waits at `gate` for `offset` (>= 0). */
void client_hold_replies(struct client *client, unsigned gate, int64_t offset);
/* The gate is open for offsets up to this one. Cheap when nothing is held. */
void client_hold_confirm(struct client *client, unsigned gate, int64_t offset);
/* What waits at the gate for offsets up to this one will not be confirmed: each such reply is replaced by the error (text
 * with its code, counted in errorstats once for each), which is sent in its place and waits for nothing. */
void client_hold_fail(struct client *client, unsigned gate, int64_t offset, struct slice error);
