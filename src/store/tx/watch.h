/* Who watches which key, so that EXEC fails when one of them changed.
 *
 * Each database has a table of its watched keys; it costs nothing while nobody watches. A key that changes marks its
 * watchers (CLIENT_DIRTY_WATCH).
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

struct databases;
struct keyspace;
struct session;

void   watch_key(struct session *session, struct slice key);   /* in its database; once is enough */
void   watch_forget_all(struct session *session);              /* UNWATCH */
bool   watch_has_expired(const struct session *session);       /* a watched key ended since, seen by nobody yet */
/* A key changed (keyspace hook). */
void   watch_touch(struct keyspace *keyspace, struct slice key);
/* Everything in `keyspace` is about to go or be replaced by what is in `by` (SWAPDB; else NULL): keys that are in either
 * of them count as changed. */
void   watch_touch_all(struct keyspace *keyspace, struct keyspace *by);
size_t watch_count(const struct databases *databases, size_t *clients); /* watched keys, and clients that watch any */
