/* The newest bytes of the replication stream, kept once for all: for replicas that are connected, and for those that come back.
 *
 * A chain of blocks with counts of those who still need them. The backlog itself keeps about `limit` bytes; a cursor that is
 * further behind keeps what lies between it and the end, so a slow replica costs no copy and many cost one. Offsets count
 * the bytes of the stream from 0. Knows nothing of clients or sockets.
 *
 *     [block][block][block][block]      a block goes from the front when nobody counts on it
 *     ^start      ^cursor          ^end and `limit` bytes lie behind it
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

struct backlog;
struct backlog_block;

/* Empty; the next byte is number `offset`. gives: backlog_free() */
struct backlog *backlog_new(int64_t offset, size_t limit);
/* Lent blocks stay until they are released; there must be no cursors any more. */
void backlog_free(struct backlog **backlog);

void   backlog_append(struct backlog *backlog, struct slice bytes);
void   backlog_set_limit(struct backlog *backlog, size_t limit);
size_t backlog_limit(const struct backlog *backlog);

int64_t backlog_start(const struct backlog *backlog); /* offset of the oldest byte that is there */
int64_t backlog_end(const struct backlog *backlog);   /* of the next one to come */
size_t  backlog_memory(const struct backlog *backlog); /* bytes set aside */

struct backlog_cursor { /* embedded in its owner; zeroed: it is nowhere */
    struct backlog_block *block;
    int64_t               offset;
};
/* Puts it on the byte `offset`, which is the end or before it. False: that is not there any more, and the cursor stays. */
MUST_USE bool backlog_seek(struct backlog *backlog, struct backlog_cursor *cursor, int64_t offset);
void          backlog_leave(struct backlog_cursor *cursor); /* nowhere; harmless when it is */
/* Lends the bytes from the cursor on that lie in one piece, at most `max`; empty: it is at the end. For as long as the
 * cursor stays. */
struct slice backlog_peek(struct backlog_cursor *cursor, size_t max);
void         backlog_skip(struct backlog_cursor *cursor, size_t size); /* at most what was lent */
/* Keeps what backlog_peek() lent even when the cursor goes on. gives: backlog_release(), which takes it as void * so that
 * it can be an output's */
void *backlog_keep(struct backlog_cursor *cursor);
void  backlog_release(void *kept);
