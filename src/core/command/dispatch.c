#include "core/command/dispatch.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/acl/user.h"
#include "core/client/blocked.h"
#include "core/client/client_internal.h"
#include "core/client/reply.h"
#include "core/command/propagate.h"
#include "core/config/core_settings.h"
#include "core/server_internal.h"
#include "net/address.h"
#include "net/conn.h"

#include <ctype.h>

/* ================================ errors ================================ */

static int shown(struct slice text, size_t most) { /* how much of it "%.*s" shows: up to a zero byte */
    return (int)strnlen(text.data, MIN(text.size, most));
}

static void upper(struct slice text, char *out, size_t out_size) {
    size_t i = 0;
    for (; i < text.size && i < out_size - 1; i++) out[i] = (char)toupper((unsigned char)text.data[i]);
    out[i] = 0;
}

void dispatch_reply_unknown(struct client *client) {
    struct bytes text = {0};
    struct slice name = client->argv[0];
    bytes_add_printf(&text, "ERR unknown command '%.*s', with args beginning with: ", shown(name, 128), name.data);
    size_t head = text.size;
    for (int i = 1; i < client->argc && text.size - head < 128; i++) {
        size_t left = 128 - (text.size - head);
        bytes_add_printf(&text, "'%.*s' ", shown(client->argv[i], left), client->argv[i].data);
    }
    reply_error_slice(client, bytes_slice(&text));
    bytes_fini(&text);
}

void dispatch_reply_unknown_subcommand(struct client *client) {
    char name[64];
    upper(client->argv[0], name, sizeof(name));
    reply_error(client, "ERR unknown subcommand '%.*s'. Try %s HELP.", shown(client->argv[1], 128), client->argv[1].data, name);
}

void dispatch_reply_subcommand_syntax(struct client *client) {
    char name[64];
    upper(client->argv[0], name, sizeof(name));
    reply_error(client, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try %s HELP.",
                shown(client->argv[1], 128), client->argv[1].data, name);
}

void container_command(struct client *client) {
    dispatch_reply_unknown_subcommand(client);
}

/* ================================ checks ================================ */

static void reject(struct client *client, struct command_entry *entry) {
    if (entry) entry->rejected++;
    SERVER_CALL_HOOKS(client->server, rejected, client);
}

/* Says why and rejects. An EXEC that is refused has ended the transaction. */
static void refuse(struct client *client, struct command_entry *entry, const char *why) {
    bool ends = (entry->flags & COMMAND_ENDS_TRANSACTION) != 0;
    if (ends && strncmp(why, "ERR ", 4) == 0) why += 4;
    reply_error_uncounted(client, "%s%s", ends ? "EXECABORT Transaction discarded because of: " : "", why);
    reject(client, entry);
}

/* Web browsers can be made to send requests to us; the connection ends before what follows is taken for commands. */
static bool is_cross_protocol_attack(struct client *client) {
    if (!slice_is_nocase(client->argv[0], "post") && !slice_is_nocase(client->argv[0], "host:")) return false;
    char peer[CLIENT_ADDRESS_SIZE];
    client_peer_text(client, peer);
    LOG_WRITE(LOG_WARNING,
              "Possible SECURITY ATTACK detected: %s sent the HTTP word %.*s. Somebody makes a browser send requests to "
              "this port. The connection was closed.",
              peer, shown(client->argv[0], 8), client->argv[0].data);
    return true;
}

static bool arity_fits(const struct command_entry *entry, int argc) {
    int arity = entry->row->arity;
    return arity >= 0 ? argc == arity : argc >= -arity;
}

static bool is_protected_from(const struct client *client, const struct command_entry *entry) {
    if (LIKELY(!(entry->flags & COMMAND_PROTECTED))) return false;
    int permission = client->server->settings->enable_debug_command;
    if (permission == PERMISSION_YES || !client->conn) return false;
    return permission == PERMISSION_NO || !address_is_loopback(conn_peer(client->conn));
}

/* The ACL's verdict in the established words. True: allowed. */
static bool acl_allows(struct client *client, struct command_entry *entry, struct error *err) {
    if (LIKELY(client->user->unrestricted) || client->flags & CLIENT_IS_PRIMARY) return true;
    int               at = 0;
    enum user_verdict verdict = user_check(client->user, entry, client->argv, client->argc, &at);
    struct server    *server = client->server;
    switch (verdict) {
    case USER_ALLOWED: return true;
    case USER_DENIED_COMMAND:
        server->stats.acl_denied_cmd++;
        SERVER_CALL_HOOKS(server, denied, client, SERVER_DENIED_COMMAND, slice_text(entry->name));
        return error_set(err, "NOPERM this user has no permissions to run the '%s' command", entry->name);
    case USER_DENIED_KEY:
        server->stats.acl_denied_key++;
        SERVER_CALL_HOOKS(server, denied, client, SERVER_DENIED_KEY, client->argv[at]);
        return error_set(err, "NOPERM this user has no permissions to access one of the keys used as arguments");
    case USER_DENIED_CHANNEL:
        server->stats.acl_denied_channel++;
        SERVER_CALL_HOOKS(server, denied, client, SERVER_DENIED_CHANNEL, client->argv[at]);
        return error_set(err, "NOPERM this user has no permissions to access one of the channels used as arguments");
    }
    UNREACHABLE("a verdict of the ACL");
}

/* Everything that is known before the mode is asked. */
static bool passes(struct client *client, struct command_entry *entry, struct error *err) {
    if (UNLIKELY(!arity_fits(entry, client->argc)))
        return error_set(err, "ERR wrong number of arguments for '%s' command", entry->name);
    if (UNLIKELY(is_protected_from(client, entry)))
        return error_set(err,
                         "ERR %s command not allowed. If the enable-debug-command option is set to \"local\", you can run "
                         "it from a local connection, otherwise you need to set this option in the configuration file, "
                         "and then restart the server.",
                         "DEBUG");
    if (UNLIKELY(!client->is_authenticated) && !(entry->flags & COMMAND_NO_AUTH) &&
        users_must_authenticate(client->server->users))
        return error_set(err, "NOAUTH Authentication required.");
    if (UNLIKELY((client->flags & CLIENT_IN_MULTI) && (entry->flags & COMMAND_NO_MULTI)))
        return error_set(err, "ERR Command not allowed inside a transaction");
    return acl_allows(client, entry, err);
}

bool dispatch_may_run(struct client *client, struct command_entry *entry, struct error *err) {
    return passes(client, entry, err);
}

static enum server_verdict ask(const struct hook_list *hooks, bool is_take, struct client *client,
                               const struct command_entry *entry) {
    for (unsigned i = 0; i < hooks->count; i++) {
        const struct server_hooks *hook = hooks->hooks[i];
        enum server_verdict        verdict =
            is_take ? hook->take(hook->context, client, entry) : hook->refuse(hook->context, client, entry);
        if (verdict != SERVER_GO_ON) return verdict;
    }
    return SERVER_GO_ON;
}

bool dispatch_is_taken(struct client *client, const struct command_entry *entry) {
    return ask(&client->server->internal->on_take, true, client, entry) != SERVER_GO_ON;
}

/* A RESP2 client with subscriptions could not tell replies from messages. */
static bool is_wrong_in_subscriber_context(const struct client *client, const struct command_entry *entry) {
    return client->channels && client->resp == 2 && !(entry->flags & COMMAND_EXEMPT_FROM_PUBSUB_CONTEXT) &&
           client_has_subscriptions(client);
}

/* ================================ one request ================================ */

static void unknown(struct client *client, struct command_entry *container) {
    if (container) {
        dispatch_reply_unknown_subcommand(client);
    } else {
        dispatch_reply_unknown(client);
    }
    reject(client, container);
}

static bool lacks_subcommand(const struct client *client, const struct command_entry *entry) {
    return entry->subcommand_count && client->argc > 1;
}

static enum dispatch_result checked_call(struct client *client, struct command_entry *entry) {
    struct server          *server = client->server;
    struct server_internal *internal = server->internal;
    struct error            err;
    if (UNLIKELY(!entry) || UNLIKELY(lacks_subcommand(client, entry))) {
        if (!entry && is_cross_protocol_attack(client)) {
            client_close_asap(client);
            return DISPATCH_CLOSED;
        }
        unknown(client, entry);
        return DISPATCH_DONE;
    }
    if (UNLIKELY(!passes(client, entry, &err))) {
        refuse(client, entry, err.text);
        return DISPATCH_DONE;
    }
    if (ask(&internal->on_refuse, false, client, entry) != SERVER_GO_ON) {
        reject(client, entry);
        return DISPATCH_DONE;
    }
    if (UNLIKELY(is_wrong_in_subscriber_context(client, entry))) {
        (void)error_set(&err,
                        "ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are "
                        "allowed in this context",
                        entry->name);
        refuse(client, entry, err.text);
        return DISPATCH_DONE;
    }
    if (UNLIKELY(internal->paused != SERVER_PAUSE_NONE) && server_must_postpone(server, client, entry)) {
        client->flags |= CLIENT_POSTPONED;
        list_remove(&client->io->resume_node);
        list_add(&internal->postponed, &client->io->resume_node);
        return DISPATCH_LATER;
    }
    if (ask(&internal->on_take, true, client, entry) != SERVER_GO_ON) return DISPATCH_DONE;
    dispatch_call(client, entry, 0);
    return DISPATCH_DONE;
}

/* CLIENT REPLY SKIP: the command after it is the one whose reply is swallowed. */
void dispatch_step_reply_skip(struct client *client) {
    if (LIKELY(!(client->flags & (CLIENT_REPLY_SKIP | CLIENT_REPLY_SKIP_NEXT)))) return;
    bool skip_next = (client->flags & CLIENT_REPLY_SKIP_NEXT) != 0;
    client->flags &= ~(CLIENT_REPLY_SKIP | CLIENT_REPLY_SKIP_NEXT);
    if (skip_next) client->flags |= CLIENT_REPLY_SKIP;
}

enum dispatch_result dispatch_request(struct client *client, struct command_entry *entry) {
    /* A transaction may be what makes replies be held from now on. */
    if (UNLIKELY(client->server->may_hold_replies || client->flags & CLIENT_IN_MULTI))
        client->io->reply_start = client_output_place(client);
    enum dispatch_result result = checked_call(client, entry);
    if (result == DISPATCH_LATER) return result;
    client->commands++;
    if (LIKELY(!(client->flags & CLIENT_BLOCKED))) dispatch_step_reply_skip(client); /* else when it has its reply */
    client_check_output_limits(client);
    if (UNLIKELY(client->flags & CLIENT_STOPPED)) {
        if (client->flags & CLIENT_BLOCKED) return DISPATCH_BLOCKED;
        return DISPATCH_CLOSED;
    }
    return result;
}

/* ================================ the call ================================ */

static int64_t call_start_us(struct server *server) {
    struct server_internal *internal = server->internal;
    if (server->call_depth > 1 || !internal->is_clock_fresh) server_refresh_clock(server);
    return server->now_us;
}

void dispatch_call(struct client *client, struct command_entry *entry, unsigned flags) {
    struct server        *server = client->server;
    struct command_entry *outer_entry = client->entry;
    server->call_depth++;
    client->entry = entry;
    SERVER_CALL_HOOKS(server, before_call, client, entry);
    struct propagation_frame frame;
    propagate_begin(server, &frame);
    uint64_t dirty = server->dirty, errors = server->stats.error_replies;
    int64_t  start_us = call_start_us(server);

    entry->row->body(client);

    server_refresh_clock(server);
    int64_t usec = server->now_us - start_us;
    server->internal->is_clock_fresh = true;
    int64_t changes = (int64_t)(server->dirty - dirty);
    if (!(flags & DISPATCH_NO_STATS)) {
        entry->calls++;
        entry->usec += (uint64_t)usec;
        if (UNLIKELY(server->stats.error_replies > errors)) entry->failed++; /* fewer: CONFIG RESETSTAT */
        server->stats.commands_processed++;
        if (server->call_depth == 1) server->stats.loop_command_us += (uint64_t)usec;
        SERVER_CALL_HOOKS(server, after_call, client, entry, changes, usec);
    }
    propagate_end(server, &frame, client, entry, changes, (flags & DISPATCH_NO_PROPAGATE) != 0);
    client->last_entry = entry;
    client->entry = outer_entry;
    server->call_depth--;
    if (server->call_depth == 0) {
        if (UNLIKELY(server->internal->propagation.count > 0)) propagate_flush(server);
        if (UNLIKELY(server->is_unsettled)) {
            server->is_unsettled = false;
            SERVER_CALL_HOOKS(server, settled);
        }
    }
}

bool dispatch_resume(struct client *client, struct command_entry *entry, int argc, const struct slice *argv,
                     bool (*body)(struct client *client, void *context), void *context) {
    struct server *server = client->server;
    struct client *outer = server->current_client;
    server->call_depth++;
    server->current_client = client;
    client->entry = entry;
    client_set_request(client, argc, argv, (struct slice){0});
    client->io->reply_start = client_output_place(client);
    SERVER_CALL_HOOKS(server, before_call, client, entry);
    struct propagation_frame frame;
    propagate_begin(server, &frame);
    uint64_t dirty = server->dirty, errors = server->stats.error_replies;
    int64_t  start_us = call_start_us(server);

    bool is_done = body(client, context);

    server_refresh_clock(server);
    server->internal->is_clock_fresh = true;
    if (is_done) {
        entry->usec += (uint64_t)(server->now_us - start_us);
        if (server->stats.error_replies > errors) entry->failed++;
    }
    propagate_end(server, &frame, client, entry, (int64_t)(server->dirty - dirty), false);
    client_set_request(client, 0, NULL, (struct slice){0});
    client->entry = NULL;
    server->current_client = outer;
    server->call_depth--;
    if (server->call_depth == 0 && server->internal->propagation.count > 0) propagate_flush(server);
    return is_done;
}
