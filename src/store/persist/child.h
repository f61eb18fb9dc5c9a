/* A forked child that works on the data as it was at the fork, tells how far it is, and ends with a verdict.
 *
 * The child dies with its parent, so that no port and no file stays taken. It shares no descriptor but the log and its pipe.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/error.h"

struct child;
struct child_pipe;
struct server;

/* In the child. False: `err` says why. Tells how far it is with child_tell(). */
typedef bool child_work(void *context, struct child_pipe *pipe, struct error *err); /* a function */

enum child_verdict { CHILD_SUCCEEDED, CHILD_FAILED, CHILD_KILLED /* by child_kill() */ };
/* In the parent, when the child has ended. `pid`: it was; `why`: of CHILD_FAILED, else "". */
typedef void child_on_end(void *context, enum child_verdict verdict, long pid, const char *why); /* a function */

struct child *child_new(struct server *server); /* none runs yet; keeps the server. gives: child_free() */
void          child_free(struct child **child); /* kills one that runs, without calling on_end */

/* `title` is shown by ps. False: `err`; there was no child. Only while none runs. */
MUST_USE bool child_start(struct child *child, const char *title, child_work *work, child_on_end *on_end, void *context,
                          struct error *err);
bool child_is_running(const struct child *child);
long child_pid(const struct child *child);
/* Ends it at once and waits for that; calls on_end(CHILD_KILLED). Harmless when none runs. */
void child_kill(struct child *child);

/* In the child: `done` units of work are done. Cheap; passed on at most ten times a second. */
void child_tell(struct child_pipe *pipe, uint64_t done);

/* What is known of the one that runs, and of the last one. */
struct child_state {
    uint64_t done;
    uint64_t cow_bytes, cow_peak_bytes; /* copied because both sides wrote */
    int64_t  cow_age_ms;                /* since it said so */
    uint64_t last_cow_bytes;            /* of the last that ended */
    int64_t  fork_us;                   /* that the last fork took */
    uint64_t forks;
};
void child_get_state(const struct child *child, struct child_state *state);
