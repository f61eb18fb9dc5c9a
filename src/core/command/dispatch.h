/* From a parsed request to an executed command: look up, check, call, propagate, count.
 *
 * The checks and their order are the established server's: unknown command and arity, authentication, ACL, the mode's
 * refusals (memory, disk, read-only replica, stale, loading), subscriber context, paused clients, MULTI queueing.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

struct error;
struct server;
struct client;

/* What became of a request. */
enum dispatch_result {
    DISPATCH_DONE,    /* replied (an error perhaps), queued, or swallowed */
    DISPATCH_BLOCKED, /* the client waits now: stop executing its input until blocked_end() */
    DISPATCH_LATER,   /* not executed: postpone the same request (CLIENT PAUSE) and stop executing */
    DISPATCH_CLOSED   /* the client was freed or is to be closed: do not touch it any more */
};

/* Executes client->argv[0..argc) with every check. `entry`: as command_find_request() returned it (NULL: unknown). */
enum dispatch_result dispatch_request(struct client *client, struct command_entry *entry);

/* ---- for those who execute commands themselves: EXEC, scripts, AOF loading, the replication link ---- */
#define DISPATCH_NO_PROPAGATE (1u << 0) /* does not reach hooks->write_executed */
#define DISPATCH_NO_STATS (1u << 1)     /* no counters, slow log, latency or monitor */
/* Calls the body of client->argv without checks, with counters, the dirty/propagation logic and the after-command hooks.
 * client->entry is restored afterwards. */
void dispatch_call(struct client *client, struct command_entry *entry, unsigned flags);

/* Whether the mode takes the command in place of its execution: queues it for EXEC. */
bool dispatch_is_taken(struct client *client, const struct command_entry *entry);

/* Goes on with the command that a client waits in: `body` runs with this request as the client's and replies and propagates
 * as the body of a command may. False: it did nothing, the client waits on. The call was counted when it began to wait;
 * now its time and failure are. Ending the wait (blocked_end) is the caller's. Keeps argv during the call. */
bool dispatch_resume(struct client *client, struct command_entry *entry, int argc, const struct slice *argv,
                     bool (*body)(struct client *client, void *context), void *context);

/* The checks alone, without executing or queueing: for scripts and ACL DRYRUN. False: `reply_error` style text (with
 * code, without '-') is put into `err`. */
MUST_USE bool dispatch_may_run(struct client *client, struct command_entry *entry, struct error *err);

/* ---- propagation, called by bodies (all are no-ops while loading) ---- */
/* This command is propagated as `argv` instead of as it came (copied; a relative expiry made absolute, say). */
void dispatch_rewrite(struct client *client, int argc, const struct slice *argv);
/* One more command is propagated after (or, when the command itself is not, instead of) this one; copied. Several of
 * them are wrapped into MULTI/EXEC by the mode's hook. */
void dispatch_also_propagate(struct client *client, int db, int argc, const struct slice *argv);
/* Propagate nothing of this command although it changed something / even though it changed nothing. */
void dispatch_prevent_propagation(struct client *client);
void dispatch_force_propagation(struct client *client);
/* The command changes no data, but replicas are to execute it too. */
void dispatch_propagate_to_replicas(struct client *client);
/* What happened to the data by itself (a key is past its deadline, say) while a command runs, which sees it done already: it
 * is propagated before the command; without a running command at once. Copied. */
void dispatch_propagate_before(struct server *server, int db, int argc, const struct slice *argv);

/* The command of this client is done: CLIENT REPLY SKIP goes one command on. Only for blocked.c. */
void dispatch_step_reply_skip(struct client *client);

/* Writes "unknown command ..." and friends as the established server words them. */
void dispatch_reply_unknown(struct client *client);
/* "ERR unknown subcommand 'x'. Try CLIENT HELP." for bodies that read subcommands themselves. */
void dispatch_reply_unknown_subcommand(struct client *client);
/* "ERR unknown subcommand or wrong number of arguments for 'x'. Try PUBSUB HELP." */
void dispatch_reply_subcommand_syntax(struct client *client);

/* The body of every container: never called. */
void container_command(struct client *client);
