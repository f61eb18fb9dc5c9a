/* fsync of the append-only file, and closing of large files that are gone, away from the loop.
 *
 * Two threads of their own: a file that takes long to go must not delay an fsync. What has been synced is known by offsets
 * that only grow; after a failure nothing more counts as synced until aof_sync_forgive(), because the kernel may have
 * dropped what it could not write.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

struct aof_sync;
struct loop;

/* `on_end` is called from the loop after each fsync. Keeps all; the threads start with the first use. gives: aof_sync_free() */
struct aof_sync *aof_sync_new(struct loop *loop, void (*on_end)(void *context), void *context);
void             aof_sync_free(struct aof_sync **sync); /* waits for what runs */

/* What was written up to `offset` lies in this file. One after another, in order. The file must stay open. */
void aof_sync_start(struct aof_sync *sync, int fd, uint64_t offset);
/* Closes it when the syncs that were begun before have ended. */
void aof_sync_close(struct aof_sync *sync, int fd);
/* Closes the file, which is known under no name any more: the last one to do so has to free its blocks. */
void aof_sync_close_gone(struct aof_sync *sync, int fd);
/* The caller synced it; `failure`: errno, or 0. */
void aof_sync_note(struct aof_sync *sync, uint64_t offset, int failure);

size_t   aof_sync_running(const struct aof_sync *sync); /* syncs that have not ended */
uint64_t aof_sync_offset(const struct aof_sync *sync);  /* everything up to there is on the disk */
int      aof_sync_failure(const struct aof_sync *sync); /* errno of the last one; 0: it was good */
bool     aof_sync_has_gap(const struct aof_sync *sync); /* one failed; aof_sync_offset() stays */
uint64_t aof_sync_failures(const struct aof_sync *sync); /* how many failed, ever */
/* All that was lost is safe elsewhere (a rewrite), up to `offset`. */
void     aof_sync_forgive(struct aof_sync *sync, uint64_t offset);
void     aof_sync_drain(struct aof_sync *sync); /* waits for the syncs that run */
