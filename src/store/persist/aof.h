/* The append-only file while the server runs: takes what changes the data, writes it once a turn, knows what is on the disk.
 *
 *     effects --take--> buffer --before the loop sleeps, so before replies go out--> file --fsync--> disk
 *
 * appendfsync always: written and synced before a reply goes out. everysec: a thread syncs once a second; while it is at
 * it, writing waits for up to two seconds (the kernel would let it wait anyway, and us with it). What cannot be written
 * stays in the buffer and is tried again ten times a second; meanwhile aof_failure() has writes refused.
 *
 * Invariants: W1 a file ends with a whole command, unless the process died while it wrote. W2 the buffer is what follows
 * the file's last command. W3 with `always`, replies to writes are held until what they changed is synced.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/error.h"

struct aof;
struct aof_folder;
struct aof_manifest;
struct child;
struct client;
struct effects;
struct persist_settings;
struct rdb_place;
struct server;

enum { AOF_STEM_MAX = 200 }; /* bytes of appendfilename and appenddirname: numbers and types are added */
enum aof_fsync { AOF_FSYNC_NO, AOF_FSYNC_EVERYSEC, AOF_FSYNC_ALWAYS };
enum aof_state {
    AOF_OFF,
    AOF_WAITS, /* it was switched on and waits for the first rewrite: commands go to a file that is not listed yet */
    AOF_ON
};

/* Where it is noted up to which offset a client's last write goes: who keeps sessions knows. */
typedef uint64_t *aof_find_offset(const struct client *client); /* a function */

/* Keeps all. It is off. gives: aof_free() */
struct aof *aof_new(struct server *server, struct effects *effects, const struct persist_settings *settings,
                    const struct child *child, aof_find_offset *find_offset);
void        aof_free(struct aof **aof); /* writes what is left */

enum aof_state     aof_state(const struct aof *aof);
struct aof_folder *aof_folder_of(const struct aof *aof); /* lends */

/* ---- every turn ---- */
/* Writes what was taken and sees that it is synced. `now`: does not wait for a sync that runs, or for the next try after a
 * failure. */
void aof_flush(struct aof *aof, bool now);
void aof_policy_changed(struct aof *aof); /* appendfsync has a new value */
/* Why nothing can be written: "No space left on device". NULL: it works, or is off. Lends. */
const char *aof_failure(const struct aof *aof);
/* A remark: what was taken so far is the data of this place in a stream of replication. It is true for a file that ends with it. */
void aof_remark_place(struct aof *aof, const struct rdb_place *place);
/* All is written and synced before this returns. */
MUST_USE bool aof_finish(struct aof *aof, struct error *err);

/* ---- on, off, and the parts; aof_rewriting.c's and persistence.c's ---- */
/* At the start, when what the list names was loaded: goes on behind the last part, or begins one. Sizes in bytes. */
MUST_USE bool aof_open(struct aof *aof, uint64_t all_size, uint64_t base_size, struct error *err);
void          aof_wait_for_base(struct aof *aof); /* AOF_OFF -> AOF_WAITS; aof_begin_part() follows */
void          aof_close(struct aof *aof);         /* -> AOF_OFF; what was taken is written and synced */
/* What comes from here on goes into a new part: directly before the fork of a rewrite. Harmless when it is off. While a thread
 * syncs the part so far (two seconds at most, then the loop does), what comes is only collected. */
MUST_USE bool aof_begin_part(struct aof *aof, struct error *err);
/* A rewrite succeeded: its file, whole and synced, becomes the base; parts before the last are history. AOF_WAITS -> AOF_ON.
 * False also where the new part could not be begun. */
MUST_USE bool aof_take_base(struct aof *aof, const char *path, bool is_rdb, struct error *err);
void          aof_drop_part(struct aof *aof); /* it failed: what AOF_WAITS had taken is of no use */
/* An fsync failed since the last base: some of what follows it may not be on the disk, although later ones were good. */
bool aof_has_gap(const struct aof *aof);

/* ---- what is on the disk ---- */
/* Bytes that were ever taken, and up to which of them all is synced. */
uint64_t aof_offset(const struct aof *aof);
uint64_t aof_synced_offset(const struct aof *aof);
/* Called when the second has grown or the state changed. One only; keeps the context. */
void aof_set_listener(struct aof *aof, void (*on_synced)(void *context), void *context);

struct aof_info {
    uint64_t size, base_size; /* bytes: of all parts, and when the base was new */
    size_t   buffered;        /* bytes that are not written yet */
    size_t   pending_syncs;
    uint64_t delayed_syncs; /* writes that did not wait any longer for a sync */
};
void aof_get_info(const struct aof *aof, struct aof_info *info);
void aof_reset_stats(struct aof *aof);
