/* What the sentinel learned, saved durably before it is acted on.
 *
 * A map from keys to texts. The file is a readable snapshot followed by appended records; each record is a YAML
 * document with a serial number and a checksum:
 *
 *     # kvd sentinel state, format 1
 *     --- # 1
 *     "current-epoch": "7"
 *     "master mymaster vote": "7 0f3c..."
 *     # crc32 5d1c2a90
 *     --- # 2
 *     "current-epoch": "8"
 *     "master old vote": null
 *     # crc32 1a9b0c11
 *
 * One record is one write and one fdatasync, so what follows a record was written after that record was durable. That
 * makes the rules of loading:
 *   F1  a bad record with no good one after it is a torn tail: dropped, its changes were never acted on;
 *   F2  a bad record with a good one after it, or a bad first one (which was put in place whole), is damage: the file is
 *       refused and left as it is;
 *   F3  a file that does not begin with our first line, or with a newer format, is refused and left as it is.
 * After a failed write or sync the next attempt writes a whole new file (temporary file, fsync, rename, fsync of the
 * directory): what a kernel has of a file whose sync failed cannot be known.
 *
 * All writing happens on a worker thread. Changes made while a write runs share the next one. Owned by the driver;
 * everything but the thread runs on the loop's thread.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "base/error.h"

struct state_file;

enum state_file_load {
    STATE_FILE_OK,        /* loaded */
    STATE_FILE_ABSENT,    /* there is none: a first start */
    STATE_FILE_TAIL_LOST, /* loaded without its torn tail */
    STATE_FILE_LOST,      /* it is empty: nothing was loaded */
    STATE_FILE_REFUSED,   /* not ours, of a newer format, damaged, in use or unreadable: do not start */
};

struct state_file_stats {
    uint64_t appends, rewrites, failures; /* since the start */
    uint64_t bytes;                       /* the file's size */
    int64_t  last_sync_us;                /* how long the last successful write took, with its sync */
    int64_t  failed_since_ms;             /* monotonic; 0: no alarm */
};

/* `path` is copied. `wake(context)` is called on the worker's thread when a write has finished: it must only make the
 * owner call state_file_collect() soon. gives: state_file_free(). */
struct state_file *state_file_new(const char *path, void (*wake)(void *context), void *context);
/* takes; waits until what was committed is written or has failed. */
void        state_file_free(struct state_file **file);
const char *state_file_path(const struct state_file *file); /* lends, until free */

/* Reads the file and locks it against a second process. `err` is filled in for every result but OK and ABSENT: the
 * reason, for the log. To be called once, before anything else. */
enum state_file_load state_file_load(struct state_file *file, struct error *err);

/* lends, until the key changes; NULL: absent. */
const char *state_file_find(const struct state_file *file, const char *key);
size_t state_file_count(const struct state_file *file); /* entries */
/* In the order of the keys. Nothing may be changed meanwhile. */
void state_file_each(const struct state_file *file, void (*on_entry)(void *context, const char *key, const char *value),
                     void *context);
void state_file_set(struct state_file *file, const char *key, const char *value);
void state_file_remove(struct state_file *file, const char *key);

/* Starts to make all changes so far durable. Returns the ticket that state_file_durable() reaches when they are. When
 * nothing changed since, the ticket may already have been reached. */
uint64_t state_file_commit(struct state_file *file);
/* The next write is a whole new file, even when nothing changed. */
void     state_file_want_whole(struct state_file *file);
uint64_t state_file_durable(const struct state_file *file);

/* Takes the result of a finished write in and starts the next if something waits. True: state_file_durable() or the
 * alarm may have changed since the last call. */
bool state_file_collect(struct state_file *file);
/* Waits until nothing is being written, and collects. Blocks. */
void state_file_wait(struct state_file *file);

/* The alarm: why the state cannot be written (lends, until the next collect), NULL while it can. While there is an
 * alarm nothing is written until state_file_retry(). */
const char *state_file_alarm(const struct state_file *file);
void        state_file_retry(struct state_file *file);

/* Waits until everything so far is durable in a file without appended records. Blocks: for shutdown, start-up and an
 * operator's explicit word. */
MUST_USE bool state_file_flush(struct state_file *file, struct error *err);
void          state_file_read_stats(const struct state_file *file, struct state_file_stats *stats);
