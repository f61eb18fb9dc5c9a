/* A forked child that works on the data as it was at the fork, tells how far it is, and ends with a verdict.
 *
 * There is one at a time, whatever it is for: persistence owns the one `struct child`, and everybody who forks uses it.
 * The child dies with its parent, so that no port and no file stays taken. It shares no descriptor but the log, its pipe and one
 * that the job may name.
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

enum child_purpose { CHILD_NONE, CHILD_SAVES /* the dump file */, CHILD_REWRITES /* the append-only file */,
                     CHILD_SYNCS /* sends the data to replicas */ };

struct child_job {
    enum child_purpose purpose;
    const char        *title; /* shown by ps */
    int                fd;    /* stays open in the child; 0: none */
    uint64_t           total; /* units of work to do, for INFO */
    child_work        *work;
    child_on_end      *on_end;
    void              *context; /* of both; kept */
};
/* False: `err`; there was no child. Only while none runs. */
MUST_USE bool child_start(struct child *child, const struct child_job *job, struct error *err);
bool child_is_running(const struct child *child);
enum child_purpose child_purpose(const struct child *child); /* of the one that runs */
long child_pid(const struct child *child);
/* Ends it at once and waits for that; calls on_end(CHILD_KILLED). Harmless when none runs. */
void child_kill(struct child *child);

/* In the child: `done` units of work are done. Cheap; passed on at most ten times a second. */
void child_tell(struct child_pipe *pipe, uint64_t done);

/* What is known of the one that runs, and of the last one. */
struct child_state {
    uint64_t done, total; /* 0: none runs */
    uint64_t cow_bytes, cow_peak_bytes; /* copied because both sides wrote */
    int64_t  cow_age_ms;                /* since it said so */
    uint64_t last_cow_bytes;            /* of the last that ended */
    int64_t  fork_us;                   /* that the last fork took */
    uint64_t forks;
};
void   child_get_state(const struct child *child, struct child_state *state);
double child_percent(const struct child_state *state); /* of its work that is done; 0: none runs */
