#include "core/observe/slowlog.h"

#include "base/list.h"
#include "base/mem.h"
#include "base/number.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/config/core_settings.h"
#include "core/observe/redact.h"
#include "core/server.h"

#define COMMAND COMMAND_PROTOTYPE
#include "core/observe/observe.def"
#undef COMMAND

enum { SLOWLOG_ARGUMENTS = 32, SLOWLOG_ARGUMENT_BYTES = 128 };

struct entry {
    struct list_node node;
    uint64_t         id;
    int64_t          wall_s, usec;
    char            *peer, *name;
    int              argc;
    struct bytes     argv[];
};

struct slowlog {
    struct list entries; /* newest first */
    size_t      count;
    uint64_t    next_id;
};

struct slowlog *slowlog_new(void) {
    struct slowlog *slowlog = mem_zalloc(sizeof *slowlog);
    list_init(&slowlog->entries);
    return slowlog;
}

static void free_entry(struct slowlog *slowlog, struct entry *entry) {
    list_remove(&entry->node);
    slowlog->count--;
    for (int i = 0; i < entry->argc; i++) bytes_fini(&entry->argv[i]);
    mem_free(entry->peer);
    mem_free(entry->name);
    mem_free(entry);
}

static void shorten(struct slowlog *slowlog, size_t max) {
    while (slowlog->count > max) free_entry(slowlog, container_of(slowlog->entries.head.prev, struct entry, node));
}

void slowlog_free(struct slowlog **slowlog) {
    if (*slowlog == NULL) return;
    shorten(*slowlog, 0);
    mem_free(*slowlog);
    *slowlog = NULL;
}

size_t slowlog_count(const struct slowlog *slowlog) {
    return slowlog->count;
}

static void add_argument(struct bytes *out, struct slice argument) {
    bytes_add(out, argument.data, MIN(argument.size, SLOWLOG_ARGUMENT_BYTES));
    if (argument.size > SLOWLOG_ARGUMENT_BYTES)
        bytes_add_printf(out, "... (%zu more bytes)", argument.size - SLOWLOG_ARGUMENT_BYTES);
}

static void remember(struct client *client, const struct command_entry *command, int64_t usec) {
    struct server  *server = client->server;
    struct slowlog *slowlog = server->slowlog;
    int             argc = MIN(client->argc, SLOWLOG_ARGUMENTS);
    struct entry   *entry = mem_zalloc(sizeof *entry + (size_t)argc * sizeof entry->argv[0]);
    char            peer[CLIENT_ADDRESS_SIZE];
    entry->id = slowlog->next_id++;
    entry->wall_s = server->wall_ms / 1000;
    entry->usec = usec;
    entry->argc = argc;
    for (int i = 0; i < argc; i++) {
        if (i == SLOWLOG_ARGUMENTS - 1 && client->argc > argc)
            bytes_add_printf(&entry->argv[i], "... (%d more arguments)", client->argc - argc + 1);
        else
            add_argument(&entry->argv[i], redact_argument(server->params, command, client->argv, client->argc, i));
    }
    client_peer_text(client, peer);
    entry->peer = mem_strdup(peer);
    entry->name = mem_strdup(client->name != NULL ? client->name : "");
    list_add_first(&slowlog->entries, &entry->node);
    slowlog->count++;
    shorten(slowlog, server->settings->slowlog_max_len);
}

void slowlog_note(struct client *client, const struct command_entry *entry, int64_t usec) {
    int64_t threshold = client->server->settings->slowlog_log_slower_than_us;
    if (LIKELY(threshold < 0 || usec < threshold) || (entry->flags & COMMAND_SKIP_SLOWLOG) != 0) return;
    remember(client, entry, usec);
}

/* ---- SLOWLOG ---- */

static void reply_entry(struct client *client, const struct entry *entry) {
    reply_array(client, 6);
    reply_uint(client, entry->id);
    reply_int(client, entry->wall_s);
    reply_int(client, entry->usec);
    reply_array(client, (size_t)entry->argc);
    for (int i = 0; i < entry->argc; i++) reply_bulk(client, bytes_slice(&entry->argv[i]));
    reply_bulk_text(client, entry->peer);
    reply_bulk_text(client, entry->name);
}

void slowlog_get_command(struct client *client) {
    struct slowlog *slowlog = client->server->slowlog;
    int64_t         count = 10;
    if (client->argc > 3) {
        reply_error(client, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try SLOWLOG HELP.",
                    (int)client->argv[1].size, client->argv[1].data);
        return;
    }
    if (client->argc == 3 && (!number_parse_int(client->argv[2], &count) || count < -1)) {
        reply_error(client, "ERR count should be greater than or equal to -1");
        return;
    }
    size_t left = count < 0 ? slowlog->count : MIN((size_t)count, slowlog->count);
    reply_array(client, left);
    LIST_EACH(&slowlog->entries, node) {
        if (left-- == 0) break;
        reply_entry(client, container_of(node, struct entry, node));
    }
}

void slowlog_len_command(struct client *client) {
    reply_uint(client, client->server->slowlog->count);
}

void slowlog_reset_command(struct client *client) {
    shorten(client->server->slowlog, 0);
    reply_ok(client);
}

void slowlog_help_command(struct client *client) {
    static const char *const lines[] = {
        "GET [<count>]",
        "    The newest entries (10, or as many as asked for; -1: all): id, time, microseconds, arguments, address and",
        "    name of the client.",
        "LEN",
        "    The number of entries.",
        "RESET",
        "    Forget all entries.",
        NULL,
    };
    reply_help(client, lines);
}
