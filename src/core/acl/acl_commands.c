#include "core/acl/acl_commands.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/random.h"
#include "core/acl/acl_file.h"
#include "core/acl/acl_log.h"
#include "core/acl/user.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/config/core_settings.h"
#include "core/server.h"

#include <ctype.h>
#include <openssl/crypto.h>

#define COMMAND COMMAND_PROTOTYPE
#include "core/acl/acl.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command acl_commands[] = {
#include "core/acl/acl.def"
};
#undef COMMAND
const size_t acl_command_count = COUNT_OF(acl_commands);

static const char not_configured[] =
    "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER "
    "command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store "
    "users in the Redis configuration.";

static void reply_wrong_subcommand(struct client *client) {
    struct slice name = client->argv[1];
    reply_error(client, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try ACL HELP.",
                (int)MIN(name.size, 128), name.data);
}

/* ---- users ---- */

void acl_whoami_command(struct client *client) {
    reply_bulk_text(client, client->user->name);
}

void acl_users_command(struct client *client) {
    struct users *users = client->server->users;
    size_t        count = users_count(users);
    struct user **sorted = users_sorted(users);
    reply_array(client, count);
    for (size_t i = 0; i < count; i++) reply_bulk_text(client, sorted[i]->name);
    mem_free(sorted);
}

void acl_list_command(struct client *client) {
    struct users *users = client->server->users;
    size_t        count = users_count(users);
    struct user **sorted = users_sorted(users);
    struct bytes  line = {0};
    reply_array(client, count);
    for (size_t i = 0; i < count; i++) {
        bytes_clear(&line);
        bytes_add_printf(&line, "user %s ", sorted[i]->name);
        user_describe(sorted[i], &line);
        reply_bulk(client, bytes_slice(&line));
    }
    bytes_fini(&line);
    mem_free(sorted);
}

void acl_setuser_command(struct client *client) {
    struct error err;
    struct slice name = client->argv[2];
    if (!users_is_good_name(name)) {
        reply_error(client, "ERR Usernames can't contain spaces or null characters");
        return;
    }
    if (users_apply(client->server->users, name, client->argv + 3, (size_t)client->argc - 3, NULL, &err))
        reply_ok(client);
    else
        reply_error(client, "ERR %s", err.text);
}

void acl_deluser_command(struct client *client) {
    int64_t deleted = 0;
    for (int i = 2; i < client->argc; i++) {
        if (!slice_is(client->argv[i], "default")) continue;
        reply_error(client, "ERR The 'default' user cannot be removed");
        return;
    }
    for (int i = 2; i < client->argc; i++) deleted += users_remove(client->server->users, client->argv[i]);
    reply_int(client, deleted);
}

static void reply_flags(struct client *client, const struct user *user) {
    reply_set(client, (size_t)(1 + user->nopass + (user->sanitize != 0)));
    reply_bulk_text(client, user->enabled ? "on" : "off");
    if (user->nopass) reply_bulk_text(client, "nopass");
    if (user->sanitize != 0) reply_bulk_text(client, user->sanitize > 0 ? "sanitize-payload" : "skip-sanitize-payload");
}

static void reply_selector(struct client *client, const struct user *user, size_t selector) {
    struct bytes text = {0};
    reply_bulk_text(client, "commands");
    user_describe_commands(user, selector, &text);
    reply_bulk(client, bytes_slice(&text));
    bytes_clear(&text);
    reply_bulk_text(client, "keys");
    user_describe_keys(user, selector, &text);
    reply_bulk(client, bytes_slice(&text));
    bytes_clear(&text);
    reply_bulk_text(client, "channels");
    user_describe_channels(user, selector, &text);
    reply_bulk(client, bytes_slice(&text));
    bytes_fini(&text);
}

void acl_getuser_command(struct client *client) {
    struct user *user = users_find(client->server->users, client->argv[2]);
    if (user == NULL) {
        reply_null(client);
        return;
    }
    reply_map(client, 6);
    reply_bulk_text(client, "flags");
    reply_flags(client, user);
    reply_bulk_text(client, "passwords");
    reply_array(client, user_password_count(user));
    for (size_t i = 0; i < user_password_count(user); i++) reply_bulk_text(client, user_password_hash(user, i));
    reply_selector(client, user, 0);
    reply_bulk_text(client, "selectors");
    reply_array(client, user_selector_count(user));
    for (size_t i = 1; i <= user_selector_count(user); i++) {
        reply_map(client, 3);
        reply_selector(client, user, i);
    }
}

/* ---- categories, passwords, trials ---- */

static void reply_category(struct client *client, uint64_t category) {
    struct output_hole hole = reply_later(client);
    size_t             count = 0;
    for (struct command_entry *entry = NULL; (entry = command_next(client->server->commands, entry)) != NULL;) {
        if ((entry->categories & category) == 0) continue;
        reply_bulk_text(client, entry->row->name);
        count++;
    }
    reply_array_here(client, hole, count);
}

void acl_cat_command(struct client *client) {
    if (client->argc > 3) {
        reply_wrong_subcommand(client);
        return;
    }
    if (client->argc == 2) {
        reply_array(client, COMMAND_CATEGORY_COUNT);
        for (unsigned i = 0; i < COMMAND_CATEGORY_COUNT; i++) reply_bulk_text(client, command_category_name(i));
        return;
    }
    struct slice name = client->argv[2];
    char         lower[32];
    for (size_t i = 0; i < MIN(name.size, sizeof lower); i++) lower[i] = (char)tolower((unsigned char)name.data[i]);
    uint64_t category = name.size <= sizeof lower ? command_category_find(slice_make(lower, name.size)) : 0;
    if (category == 0)
        reply_error(client, "ERR Unknown category '%.*s'", (int)MIN(name.size, 128), name.data);
    else
        reply_category(client, category);
}

void acl_genpass_command(struct client *client) {
    enum { MAX_BITS = 4096 };
    char    text[MAX_BITS / 4 + 1];
    int64_t bits = 256;
    if (client->argc > 3) {
        reply_wrong_subcommand(client);
        return;
    }
    if (client->argc == 3 && !number_parse_int(client->argv[2], &bits)) {
        reply_not_integer(client);
        return;
    }
    if (bits <= 0 || bits > MAX_BITS) {
        reply_error(client, "ERR ACL GENPASS argument must be the number of bits for the output password, a positive "
                            "number up to %d",
                    MAX_BITS);
        return;
    }
    random_os_hex(text, (size_t)(bits + 3) / 4);
    reply_bulk_text(client, text);
    OPENSSL_cleanse(text, sizeof text);
}

static bool fits_arity(const struct command_entry *entry, int argc) {
    return entry->row->arity >= 0 ? argc == entry->row->arity : argc >= -entry->row->arity;
}

void acl_dryrun_command(struct client *client) {
    const struct slice *argv = client->argv + 3;
    int                 argc = client->argc - 3, at = 0;
    struct slice        name = client->argv[2];
    struct user        *user = users_find(client->server->users, name);
    if (user == NULL) {
        reply_error(client, "ERR User '%.*s' not found", (int)MIN(name.size, 128), name.data);
        return;
    }
    struct command_entry *entry = command_find_request(client->server->commands, argv, argc);
    if (entry == NULL || entry->row->body == NULL || (entry->subcommand_count > 0 && argc > 1)) {
        reply_error(client, "ERR Command '%.*s' not found", (int)MIN(argv[0].size, 128), argv[0].data);
        return;
    }
    if (!fits_arity(entry, argc)) {
        reply_error(client, "ERR wrong number of arguments for '%s' command", entry->name);
        return;
    }
    switch (user_check(user, entry, argv, argc, &at)) {
    case USER_ALLOWED: reply_ok(client); break;
    case USER_DENIED_COMMAND:
        reply_bulk_printf(client, "This user has no permissions to run the '%s' command", entry->name);
        break;
    case USER_DENIED_KEY:
        reply_bulk_printf(client, "This user has no permissions to access the '%.*s' key", (int)argv[at].size,
                          argv[at].data);
        break;
    case USER_DENIED_CHANNEL:
        reply_bulk_printf(client, "This user has no permissions to access the '%.*s' channel", (int)argv[at].size,
                          argv[at].data);
        break;
    }
}

/* ---- the log ---- */

static void reply_log_entry(struct client *client, const struct acl_log_entry *entry) {
    reply_map(client, 10);
    reply_bulk_text(client, "count");
    reply_uint(client, entry->count);
    reply_bulk_text(client, "reason");
    reply_bulk_text(client, acl_log_reason_name(entry->reason));
    reply_bulk_text(client, "context");
    reply_bulk_text(client, acl_log_context_name(entry->context));
    reply_bulk_text(client, "object");
    reply_bulk(client, slice_make(entry->object, entry->object_size));
    reply_bulk_text(client, "username");
    reply_bulk(client, slice_make(entry->user, entry->user_size));
    reply_bulk_text(client, "age-seconds");
    reply_double(client, (double)(client->server->wall_ms - entry->updated_wall_ms) / 1000);
    reply_bulk_text(client, "client-info");
    reply_bulk(client, slice_make(entry->client, entry->client_size));
    reply_bulk_text(client, "entry-id");
    reply_uint(client, entry->id);
    reply_bulk_text(client, "timestamp-created");
    reply_int(client, entry->created_wall_ms);
    reply_bulk_text(client, "timestamp-last-updated");
    reply_int(client, entry->updated_wall_ms);
}

void acl_log_command(struct client *client) {
    struct acl_log *log = client->server->acl_log;
    int64_t         count = 10;
    if (client->argc > 3) {
        reply_wrong_subcommand(client);
        return;
    }
    if (client->argc == 3 && slice_is_nocase(client->argv[2], "reset")) {
        acl_log_clear(log);
        reply_ok(client);
        return;
    }
    if (client->argc == 3 && !number_parse_int(client->argv[2], &count)) {
        reply_not_integer(client);
        return;
    }
    size_t left = MIN((size_t)MAX(count, 0), acl_log_count(log));
    reply_array(client, left);
    LIST_EACH(acl_log_entries(log), node) {
        if (left-- == 0) break;
        reply_log_entry(client, container_of(node, struct acl_log_entry, node));
    }
}

/* ---- the file ---- */

static const char *file_of(struct client *client) {
    const char *path = client->server->settings->aclfile;
    if (path[0] != '\0') return path;
    reply_error(client, "%s", not_configured);
    return NULL;
}

void acl_load_command(struct client *client) {
    const char  *path = file_of(client);
    struct bytes problems = {0};
    if (path == NULL) return;
    if (acl_file_load(client->server->users, path, &problems))
        reply_ok(client);
    else
        reply_error(client, "ERR %s", bytes_text(&problems));
    bytes_fini(&problems);
}

void acl_save_command(struct client *client) {
    const char  *path = file_of(client);
    struct error err;
    if (path == NULL) return;
    if (acl_file_save(client->server->users, path, &err)) {
        reply_ok(client);
        return;
    }
    LOG_WRITE(LOG_WARNING, "ACL SAVE: %s", err.text);
    reply_error(client, "ERR There was an error trying to save the ACLs. Please check the server logs for more "
                        "information");
}

void acl_help_command(struct client *client) {
    static const char *const lines[] = {
        "CAT [<category>]",
        "    The categories, or the commands of one of them.",
        "DELUSER <username> [<username> ...]",
        "    Delete users and disconnect their clients.",
        "DRYRUN <username> <command> [<arg> ...]",
        "    Whether the user may run the command. It is not run.",
        "GETUSER <username>",
        "    What a user may do.",
        "GENPASS [<bits>]",
        "    A password that cannot be guessed, of 256 bits or as many as asked for.",
        "LIST",
        "    The users as the rules that make them.",
        "LOAD",
        "    Replace the users by those of the ACL file.",
        "LOG [<count> | RESET]",
        "    What was denied lately, or forget it.",
        "SAVE",
        "    Write the users to the ACL file.",
        "SETUSER <username> <attribute> [<attribute> ...]",
        "    Make or change a user by rules.",
        "USERS",
        "    The names of the users.",
        "WHOAMI",
        "    The name of the user of this connection.",
        NULL,
    };
    reply_help(client, lines);
}
