/* AUTH, HELLO, PING, ECHO, QUIT, RESET and CLIENT. */
#include "core/client/blocked.h"
#include "core/client/client_filter.h"
#include "core/client/client_internal.h"
#include "core/client/reply.h"
#include "core/core_commands.h"

#include "base/mem.h"
#include "base/number.h"
#include "core/acl/user.h"
#include "core/server_internal.h"

#define COMMAND COMMAND_PROTOTYPE
#include "core/client/connection.def"
#undef COMMAND
void container_command(struct client *client);
#define COMMAND COMMAND_ROW
const struct command connection_commands[] = {
#include "core/client/connection.def"
};
#undef COMMAND
const size_t connection_command_count = COUNT_OF(connection_commands);

/* ================================ who it is ================================ */

static bool authenticate(struct client *client, struct slice name, struct slice password) {
    struct server *server = client->server;
    struct user   *user = users_authenticate(server->users, name, password);
    if (!user) {
        server->stats.acl_denied_auth++;
        SERVER_CALL_HOOKS(server, denied, client, SERVER_DENIED_AUTH, name);
        reply_error(client, "WRONGPASS invalid username-password pair or user is disabled.");
        return false;
    }
    client->user = user;
    client->is_authenticated = true;
    return true;
}

void auth_command(struct client *client) {
    if (client->argc > 3) {
        reply_syntax_error(client);
        return;
    }
    struct user *user = users_default(client->server->users);
    if (client->argc == 2 && user->nopass) {
        reply_error(client, "ERR AUTH <password> called without any password configured for the default user. Are you "
                            "sure your configuration is correct?");
        return;
    }
    struct slice name = client->argc == 2 ? SLICE("default") : client->argv[1];
    if (authenticate(client, name, client->argv[client->argc - 1])) reply_ok(client);
}

struct hello {
    int64_t      version; /* 0: as it is */
    struct slice user, password, name; /* data NULL: not given */
};

static bool read_hello(struct client *client, struct hello *hello) {
    int at = 1;
    if (client->argc > 1) {
        if (!number_parse_int(client->argv[at++], &hello->version)) {
            reply_error(client, "ERR Protocol version is not an integer or out of range");
            return false;
        }
        if (hello->version < 2 || hello->version > 3) {
            reply_error(client, "NOPROTO unsupported protocol version");
            return false;
        }
    }
    while (at < client->argc) {
        struct slice option = client->argv[at];
        int          more = client->argc - 1 - at;
        if (slice_is_nocase(option, "auth") && more >= 2) {
            hello->user = client->argv[at + 1];
            hello->password = client->argv[at + 2];
            at += 3;
        } else if (slice_is_nocase(option, "setname") && more >= 1) {
            hello->name = client->argv[at + 1];
            at += 2;
        } else {
            reply_error(client, "ERR Syntax error in HELLO option '%.*s'", (int)option.size, option.data);
            return false;
        }
    }
    return true;
}

static const char bad_name[] = "ERR Client names cannot contain spaces, newlines or special characters.";

void hello_command(struct client *client) {
    struct server *server = client->server;
    struct hello   hello = {0};
    if (!read_hello(client, &hello)) return;
    if (hello.user.data && !authenticate(client, hello.user, hello.password)) return;
    if (!client->is_authenticated && users_must_authenticate(server->users)) {
        reply_error(client, "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
                            "AUTH <user> <pass> option can be used to authenticate the client and select the "
                            "RESP protocol version at the same time");
        return;
    }
    if (hello.name.data && !client_set_name(client, hello.name)) {
        reply_error(client, bad_name);
        return;
    }
    if (hello.version) client->resp = (uint8_t)hello.version;
    reply_map(client, server->role_name ? 7 : 6);
    reply_bulk_text(client, "server");
    reply_bulk_text(client, server->settings->extended_redis_compatibility ? "redis" : "kvd");
    reply_bulk_text(client, "version");
    reply_bulk_text(client, server->version);
    reply_bulk_text(client, "proto");
    reply_int(client, client->resp);
    reply_bulk_text(client, "id");
    reply_uint(client, client->id);
    reply_bulk_text(client, "mode");
    reply_bulk_text(client, server->mode_name);
    if (server->role_name) {
        reply_bulk_text(client, "role");
        reply_bulk_text(client, server->role_name);
    }
    reply_bulk_text(client, "modules");
    reply_empty_array(client);
}

/* ================================ signs of life ================================ */

void ping_command(struct client *client) {
    if (client->argc > 2) {
        reply_wrong_arguments(client);
        return;
    }
    if (client->resp == 2 && client_has_subscriptions(client)) {
        reply_array(client, 2);
        reply_bulk_text(client, "pong");
        reply_bulk(client, client->argc == 2 ? client->argv[1] : SLICE(""));
    } else if (client->argc == 1) {
        reply_status(client, "PONG");
    } else {
        reply_bulk(client, client->argv[1]);
    }
}

void echo_command(struct client *client) {
    reply_bulk(client, client->argv[1]);
}

void quit_command(struct client *client) {
    reply_ok(client);
    client_close_after_reply(client);
}

void reset_command(struct client *client) {
    bool is_monitor = (client->flags & CLIENT_IS_MONITOR) != 0;
    if ((client->flags & (CLIENT_IS_REPLICA | CLIENT_IS_PRIMARY)) && !is_monitor) {
        reply_error(client, "ERR can only reset normal client connections");
        return;
    }
    client_reset(client);
    reply_status(client, "RESET");
}

/* ================================ CLIENT: this connection ================================ */

void client_id_command(struct client *client) {
    reply_uint(client, client->id);
}

void client_getname_command(struct client *client) {
    if (client->name) {
        reply_bulk_text(client, client->name);
    } else {
        reply_null(client);
    }
}

void client_setname_command(struct client *client) {
    if (client_set_name(client, client->argv[2])) {
        reply_ok(client);
    } else {
        reply_error(client, bad_name);
    }
}

static bool is_printable(struct slice text) {
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < '!' || text.data[i] > '~') return false;
    return true;
}

void client_setinfo_command(struct client *client) {
    struct slice option = client->argv[2], value = client->argv[3];
    bool         is_name = slice_is_nocase(option, "lib-name");
    if (!is_name && !slice_is_nocase(option, "lib-ver")) {
        reply_error(client, "ERR Unrecognized option '%.*s'", (int)option.size, option.data);
        return;
    }
    if (!is_printable(value)) {
        reply_error(client, "ERR %s cannot contain spaces, newlines or special characters.", is_name ? "lib-name" : "lib-ver");
        return;
    }
    char **field = is_name ? &client->lib_name : &client->lib_version;
    mem_free(*field);
    *field = value.size ? slice_to_text(value) : NULL;
    reply_ok(client);
}

void client_info_command(struct client *client) {
    struct bytes line = {0};
    client_describe(client, &line);
    bytes_add_char(&line, '\n');
    reply_verbatim(client, bytes_slice(&line), "txt");
    bytes_fini(&line);
}

void client_reply_command(struct client *client) {
    struct slice mode = client->argv[2];
    if (slice_is_nocase(mode, "on")) {
        client->flags &= ~(CLIENT_REPLY_SKIP | CLIENT_REPLY_OFF);
        reply_ok(client);
    } else if (slice_is_nocase(mode, "off")) {
        client->flags |= CLIENT_REPLY_OFF;
    } else if (slice_is_nocase(mode, "skip")) {
        if (!(client->flags & CLIENT_REPLY_OFF)) client->flags |= CLIENT_REPLY_SKIP_NEXT;
    } else {
        reply_syntax_error(client);
    }
}

static void switch_flag(struct client *client, uint64_t flag) {
    if (slice_is_nocase(client->argv[2], "on")) {
        client->flags |= flag;
    } else if (slice_is_nocase(client->argv[2], "off")) {
        client->flags &= ~flag;
    } else {
        reply_syntax_error(client);
        return;
    }
    reply_ok(client);
}

void client_no_evict_command(struct client *client) {
    switch_flag(client, CLIENT_NO_EVICT);
}

void client_no_touch_command(struct client *client) {
    switch_flag(client, CLIENT_NO_TOUCH);
}

/* ================================ CLIENT: the others ================================ */

void client_list_command(struct client *client) {
    struct client_filter filter;
    struct error         err;
    struct bytes         text = {0};
    if (!client_filter_read(&filter, client, 2, &err)) {
        bool is_id = strstr(err.text, "client-id") != NULL;
        reply_error(client, "%s", is_id ? "ERR Invalid client ID" : err.text);
    } else {
        LIST_EACH(&client->server->clients, node) {
            struct client *other = container_of(node, struct client, node);
            if (!client_filter_matches(&filter, other, client)) continue;
            client_describe(other, &text);
            bytes_add_char(&text, '\n');
        }
        reply_verbatim(client, bytes_slice(&text), "txt");
    }
    client_filter_fini(&filter);
    bytes_fini(&text);
}

static int64_t kill_matching(struct client *client, const struct client_filter *filter) {
    int64_t killed = 0;
    bool    is_me = false;
    LIST_EACH(&client->server->clients, node) {
        struct client *other = container_of(node, struct client, node);
        if ((other->flags & CLIENT_CLOSE_ASAP) || !client_filter_matches(filter, other, client)) continue;
        killed++;
        if (other == client) {
            is_me = true; /* it is to get its answer first */
        } else {
            client_close_asap(other);
        }
    }
    if (is_me) client_close_after_reply(client);
    return killed;
}

void client_kill_command(struct client *client) {
    struct client_filter filter = {.class = -1};
    struct error         err;
    if (client->argc == 3) { /* the old form: an address */
        filter.addr = client->argv[2];
        if (kill_matching(client, &filter)) {
            reply_ok(client);
        } else {
            reply_error(client, "ERR No such client");
        }
        return;
    }
    bool is_good = client_filter_read(&filter, client, 2, &err);
    bool has_skipme = false;
    for (int i = 2; i < client->argc; i++) has_skipme |= slice_is_nocase(client->argv[i], "skipme");
    if (!has_skipme) filter.skip_me = true;
    if (is_good) {
        reply_int(client, kill_matching(client, &filter));
    } else {
        reply_error(client, "%s", err.text);
    }
    client_filter_fini(&filter);
}

void client_unblock_command(struct client *client) {
    int64_t id;
    bool    is_error = false;
    if (client->argc == 4) {
        is_error = slice_is_nocase(client->argv[3], "error");
        if (!is_error && !slice_is_nocase(client->argv[3], "timeout")) {
            reply_error(client, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
            return;
        }
    } else if (client->argc > 4) {
        reply_syntax_error(client);
        return;
    }
    if (!number_parse_int(client->argv[2], &id)) {
        reply_not_integer(client);
        return;
    }
    struct client *other = id > 0 ? client_find(client->server, (uint64_t)id) : NULL;
    reply_int(client, other && blocked_unblock(other, is_error ? "UNBLOCKED client unblocked via CLIENT UNBLOCK" : NULL));
}

void client_pause_command(struct client *client) {
    struct server    *server = client->server;
    enum server_pause what = SERVER_PAUSE_ALL;
    int64_t           ms;
    if (client->argc > 4) {
        reply_syntax_error(client);
        return;
    }
    if (client->argc == 4) {
        if (slice_is_nocase(client->argv[3], "write")) {
            what = SERVER_PAUSE_WRITE;
        } else if (!slice_is_nocase(client->argv[3], "all")) {
            reply_error(client, "ERR CLIENT PAUSE mode must be WRITE or ALL");
            return;
        }
    }
    if (!number_parse_int(client->argv[2], &ms)) {
        reply_error(client, "ERR timeout is not an integer or out of range");
    } else if (ms < 0) {
        reply_error(client, "ERR timeout is negative");
    } else if (ms > INT64_MAX - server->wall_ms) {
        reply_error(client, "ERR timeout is out of range");
    } else {
        server_pause(server, SERVER_PAUSE_BY_CLIENT, what, server->now_ms + MIN(ms, SERVER_PAUSE_MAX_MS));
        reply_ok(client);
    }
}

void client_unpause_command(struct client *client) {
    server_unpause(client->server, SERVER_PAUSE_BY_CLIENT);
    reply_ok(client);
}

void client_help_command(struct client *client) {
    static const char *const lines[] = {
        "GETNAME",
        "    Return the name of this connection.",
        "ID",
        "    Return the id of this connection.",
        "INFO",
        "    Describe this connection.",
        "KILL <ip:port>",
        "    Close the connection from <ip:port>.",
        "KILL <option> <value> [<option> <value> [...]]",
        "    Close all connections that match. Options are:",
        "    * ADDR <ip:port>",
        "      Connected from that address.",
        "    * ID <client-id> [<client-id> ...]",
        "      With one of these ids.",
        "    * LADDR <ip:port>",
        "      Connected to that address.",
        "    * MAXAGE <seconds>",
        "      Connected for at least that long.",
        "    * NAME <name>",
        "      With that name.",
        "    * SKIPME (YES|NO)",
        "      Whether this connection is spared (default: yes).",
        "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
        "      Of that type.",
        "    * USER <username>",
        "      Authenticated as that user.",
        "LIST [<option> <value> [...]]",
        "    Describe connections, with the options of KILL.",
        "NO-EVICT (ON|OFF)",
        "    Exempt this connection from being closed for its memory.",
        "NO-TOUCH (ON|OFF)",
        "    Leave the access times of keys alone.",
        "PAUSE <timeout-ms> [WRITE|ALL]",
        "    Hold back all, or only write, commands for <timeout-ms> milliseconds.",
        "REPLY (ON|OFF|SKIP)",
        "    Control the replies sent to this connection.",
        "SETINFO (LIB-NAME|LIB-VER) <value>",
        "    Tell the name or version of the client library.",
        "SETNAME <name>",
        "    Name this connection.",
        "UNBLOCK <client-id> [TIMEOUT|ERROR]",
        "    End the wait of a blocked client.",
        "UNPAUSE",
        "    End the pause.",
        NULL,
    };
    reply_help(client, lines);
}
