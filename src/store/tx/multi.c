#include "store/tx/multi.h"
#include "base/mem.h"
#include "core/acl/user.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "store/tx/session.h"
#include "store/tx/watch.h"

#define COMMAND COMMAND_PROTOTYPE
#include "store/tx/multi.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command multi_commands[] = {
#include "store/tx/multi.def"
};
#undef COMMAND
const size_t multi_command_count = COUNT_OF(multi_commands);

/* Arguments and their bytes lie in one block behind `argv`. */
struct queued_command {
    struct command_entry *entry;
    struct slice         *argv;
    int                   argc;
};

static void queue(struct session *session, const struct command_entry *entry) {
    struct client *client = session->client;
    if (session->queued == session->queue_capacity) {
        session->queue_capacity = session->queue_capacity ? session->queue_capacity * 2 : 8;
        session->queue = mem_realloc(session->queue, (size_t)session->queue_capacity * sizeof *session->queue);
    }
    size_t bytes = (size_t)client->argc * sizeof(struct slice);
    for (int i = 0; i < client->argc; i++) bytes += client->argv[i].size;
    struct slice *argv = mem_alloc(bytes);
    char *text = (char *)(argv + client->argc);
    for (int i = 0; i < client->argc; i++) {
        size_t size = client->argv[i].size;
        if (size) memcpy(text, client->argv[i].data, size);
        argv[i] = slice_make(text, size);
        text += size;
    }
    session->queue[session->queued++] = (struct queued_command){(struct command_entry *)entry, argv, client->argc};
    session->queue_bytes += bytes;
    session->queue_flags |= entry->flags;
    if (entry->flags & COMMAND_WRITE) client->flags |= CLIENT_MULTI_WRITES;
}

enum server_verdict multi_take(struct client *client, const struct command_entry *entry) {
    if (LIKELY(!(client->flags & CLIENT_IN_MULTI)) || entry->flags & COMMAND_NO_QUEUE) return SERVER_GO_ON;
    /* What can only be discarded need not be kept. */
    if (!(client->flags & (CLIENT_DIRTY_EXEC | CLIENT_DIRTY_WATCH))) queue(session_of(client), entry);
    reply_status(client, "QUEUED");
    return SERVER_TAKEN;
}

static void clear_queue(struct session *session) {
    for (int i = 0; i < session->queued; i++) mem_free(session->queue[i].argv);
    session->queued = 0;
    session->queue_bytes = 0;
    session->queue_flags = 0;
}

void multi_discard(struct client *client) {
    client->flags &= ~(CLIENT_IN_MULTI | CLIENT_MULTI_WRITES | CLIENT_DIRTY_WATCH | CLIENT_DIRTY_EXEC);
    clear_queue(session_of(client));
}

void multi_rejected(struct client *client) {
    if (slice_is_nocase(client->argv[0], "exec")) {
        /* It will not be tried again. */
        multi_discard(client);
        watch_forget_all(session_of(client));
    } else if (client->flags & CLIENT_IN_MULTI) {
        client->flags |= CLIENT_DIRTY_EXEC;
    }
}

size_t multi_memory(const struct client *client) {
    const struct session *session = session_of(client);
    return session->queue_bytes + (size_t)session->queue_capacity * sizeof *session->queue;
}

/* ---- commands ---- */

void multi_command(struct client *client) {
    if (client->flags & CLIENT_IN_MULTI) {
        reply_error(client, "ERR MULTI calls can not be nested");
        return;
    }
    client->flags |= CLIENT_IN_MULTI;
    reply_ok(client);
}

void discard_command(struct client *client) {
    if (!(client->flags & CLIENT_IN_MULTI)) {
        reply_error(client, "ERR DISCARD without MULTI");
        return;
    }
    multi_discard(client);
    watch_forget_all(session_of(client));
    reply_ok(client);
}

void watch_command(struct client *client) {
    if (client->flags & CLIENT_IN_MULTI) {
        reply_error(client, "ERR WATCH inside MULTI is not allowed");
        return;
    }
    /* A transaction that is going to fail needs no more watches. */
    if (!(client->flags & CLIENT_DIRTY_WATCH))
        for (int i = 1; i < client->argc; i++) watch_key(session_of(client), client->argv[i]);
    reply_ok(client);
}

void unwatch_command(struct client *client) {
    watch_forget_all(session_of(client));
    client->flags &= ~CLIENT_DIRTY_WATCH;
    reply_ok(client);
}

static const char *denied_reason(enum user_verdict verdict) {
    switch (verdict) {
    case USER_DENIED_COMMAND: return "no permission to execute the command or subcommand";
    case USER_DENIED_KEY: return "no permission to touch the specified keys";
    case USER_DENIED_CHANNEL: return "no permission to access one of the channels used as arguments to the command";
    case USER_ALLOWED: break;
    }
    UNREACHABLE("a verdict of the ACL");
}

static void run_queue(struct client *client, struct queued_command *queue, int count) {
    for (int i = 0; i < count; i++) {
        struct queued_command *command = &queue[i];
        client_set_request(client, command->argc, command->argv, (struct slice){0});
        int at = 0;
        bool is_trusted = (client->flags & (CLIENT_LOADING | CLIENT_IS_PRIMARY)) != 0;
        enum user_verdict verdict =
            is_trusted ? USER_ALLOWED : user_check(client->user, command->entry, command->argv, command->argc, &at);
        if (verdict != USER_ALLOWED)
            reply_error(client,
                        "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. "
                        "This command is no longer allowed for the following reason: %s",
                        denied_reason(verdict));
        else
            dispatch_call(client, command->entry, client->flags & CLIENT_LOADING ? DISPATCH_NO_STATS : 0);
    }
}

void exec_command(struct client *client) {
    struct session *session = session_of(client);
    if (!(client->flags & CLIENT_IN_MULTI)) {
        reply_error(client, "ERR EXEC without MULTI");
        return;
    }
    if (watch_has_expired(session)) client->flags |= CLIENT_DIRTY_WATCH;
    if (client->flags & (CLIENT_DIRTY_WATCH | CLIENT_DIRTY_EXEC)) {
        if (client->flags & CLIENT_DIRTY_EXEC)
            reply_error(client, "EXECABORT Transaction discarded because of previous errors.");
        else
            reply_null_array(client);
        multi_discard(client);
        watch_forget_all(session);
        return;
    }
    /* Its own writes must not mark the client. */
    watch_forget_all(session);
    int argc = client->argc, count = session->queued;
    const struct slice *argv = client->argv;
    struct slice bytes = client->bytes;
    struct queued_command *queue = session->queue;
    session->queue = NULL;
    session->queued = session->queue_capacity = 0;
    session->queue_bytes = 0;
    session->queue_flags = 0;
    reply_array(client, (size_t)count);
    run_queue(client, queue, count);
    client_set_request(client, argc, argv, bytes);
    for (int i = 0; i < count; i++) mem_free(queue[i].argv);
    mem_free(queue);
    multi_discard(client);
}
