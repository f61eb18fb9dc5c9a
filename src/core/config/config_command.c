#include "core/config/config_command.h"

#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/config/config_file.h"
#include "core/config/core_settings.h"
#include "core/server.h"
#include "net/address.h"
#include "net/conn.h"
#include "base/glob.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"

static void config_get_command(struct client *client);
static void config_help_command(struct client *client);
static void config_resetstat_command(struct client *client);
static void config_rewrite_command(struct client *client);
static void config_set_command(struct client *client);

const struct command config_commands[] = {
#define COMMAND COMMAND_ROW
#include "core/config/config.def"
#undef COMMAND
};
const size_t config_command_count = COUNT_OF(config_commands);

/* ---- GET -------------------------------------------------------------------------------------------------------- */

struct answer {
    struct client *client;
    struct params *params;
    struct table *shown; /* names that were answered, in any case */
    size_t count;
};

static void answer_text(struct answer *answer, struct slice name, struct slice value) {
    if (table_has(answer->shown, name)) return;
    table_set(answer->shown, name, answer);
    reply_bulk(answer->client, name);
    reply_bulk(answer->client, value);
    answer->count++;
}

static void answer_entry(struct answer *answer, struct slice name, const struct param_entry *entry) {
    struct bytes value = {0};
    param_get_text(entry, &value);
    answer_text(answer, name, bytes_slice(&value));
    bytes_fini(&value);
}

static bool is_pattern(struct slice text) {
    for (size_t i = 0; i < text.size; i++)
        if (strchr("*?[\\", text.data[i]) && text.data[i]) return true;
    return false;
}

/* A name without pattern characters is answered in the asker's spelling, hidden or not. */
static void answer_name(struct answer *answer, struct slice name) {
    const struct param_entry *entry = params_find(answer->params, name);
    const struct param_absent *absent = params_find_absent(answer->params, name);
    if (entry && !(param_row(entry)->flags & PARAM_FILE_ONLY))
        answer_entry(answer, name, entry);
    else if (absent && absent->off)
        answer_text(answer, name, slice_text(absent->off));
}

static bool matches(struct slice pattern, const char *name) {
    return name && glob_match_nocase(pattern, slice_text(name));
}

static void answer_pattern(struct answer *answer, struct slice pattern) {
    for (size_t i = 0; i < params_count(answer->params); i++) {
        const struct param_entry *entry = params_at(answer->params, i);
        const struct param *row = param_row(entry);
        if (row->flags & (PARAM_FILE_ONLY | PARAM_HIDDEN)) continue;
        if (matches(pattern, row->name)) answer_entry(answer, slice_text(row->name), entry);
        if (matches(pattern, row->alias)) answer_entry(answer, slice_text(row->alias), entry);
    }
    for (size_t i = 0; i < params_absent_count(answer->params); i++) {
        const struct param_absent *absent = params_absent_at(answer->params, i);
        if (!absent || !absent->off) continue;
        struct slice off = slice_text(absent->off);
        if (matches(pattern, absent->name)) answer_text(answer, slice_text(absent->name), off);
        if (matches(pattern, absent->alias)) answer_text(answer, slice_text(absent->alias), off);
    }
}

static void config_get_command(struct client *client) {
    struct answer answer = {client, client->server->params, table_new_nocase(), 0};
    struct output_hole hole = reply_later(client);
    for (int i = 2; i < client->argc; i++) {
        if (is_pattern(client->argv[i]))
            answer_pattern(&answer, client->argv[i]);
        else
            answer_name(&answer, client->argv[i]);
    }
    reply_map_here(client, hole, answer.count);
    table_free(&answer.shown, NULL);
}

/* ---- SET -------------------------------------------------------------------------------------------------------- */

static void reply_failed(struct client *client, struct slice name, const char *why) {
    reply_error(client, "ERR CONFIG SET failed (possibly related to argument '%.*s') - %s",
                (int)MIN(name.size, (size_t)128), name.data, why);
}

static bool may_change_protected(const struct client *client) {
    int permission = client->server->settings->enable_protected_configs;
    if (permission == PERMISSION_LOCAL) return !client->conn || address_is_loopback(conn_peer(client->conn));
    return permission == PERMISSION_YES;
}

/* Is there a parameter or a known absent name for argument i? Replies when there is none. */
static bool is_known(struct client *client, struct slice name) {
    const struct param_entry *entry = params_find(client->server->params, name);
    if (entry && !(param_row(entry)->flags & PARAM_FILE_ONLY)) return true;
    if (!entry && params_find_absent(client->server->params, name)) return true;
    reply_error(client, "ERR Unknown option or number of arguments for CONFIG SET - '%.*s'",
                (int)MIN(name.size, (size_t)128), name.data);
    return false;
}

/* A name whose feature is not here takes only its "off". Replies when it is something else. */
static bool is_off(struct client *client, struct slice name, struct slice text) {
    const struct param_absent *absent = params_find_absent(client->server->params, name);
    if (param_absent_accepts(absent, text)) return true;
    char *why = mem_printf("not supported by this version (%s)", absent->reason);
    reply_failed(client, name, why);
    mem_free(why);
    return false;
}

/* What can be said of one pair before any is parsed. Replies when something is wrong. */
static bool check_pair(struct client *client, struct table *names, int i) {
    struct slice name = client->argv[i];
    const struct param_entry *entry = params_find(client->server->params, name);
    unsigned flags = entry ? param_row(entry)->flags : PARAM_MUTABLE;
    const char *why = NULL;
    if (!(flags & PARAM_MUTABLE)) why = "can't set immutable config";
    if (!why && (flags & PARAM_PROTECTED) && !may_change_protected(client)) why = "can't set protected config";
    if (!why && table_has(names, name)) why = "duplicate parameter";
    table_set(names, name, names);
    if (why) reply_failed(client, name, why);
    return !why && (entry || is_off(client, name, client->argv[i + 1]));
}

static bool check_pairs(struct client *client) {
    for (int i = 2; i < client->argc; i += 2)
        if (!is_known(client, client->argv[i])) return false;
    struct table *names = table_new_nocase();
    bool good = true;
    for (int i = 2; good && i < client->argc; i += 2) good = check_pair(client, names, i);
    table_free(&names, NULL);
    return good;
}

static void config_set_command(struct client *client) {
    if (client->argc % 2 != 0) {
        reply_syntax_error(client);
        return;
    }
    if (!check_pairs(client)) return;
    struct param_change *changes = mem_alloc((size_t)client->argc * sizeof *changes);
    int *arguments = mem_alloc((size_t)client->argc * sizeof *arguments);
    size_t count = 0, failed = 0;
    struct error err;
    for (int i = 2; i < client->argc; i += 2) {
        struct param_entry *entry = params_find(client->server->params, client->argv[i]);
        if (!entry) continue; /* absent, and set to its "off" */
        arguments[count] = i;
        changes[count++] = (struct param_change){entry, client->argv[i + 1]};
    }
    if (params_change(client->server->params, changes, count, &failed, &err))
        reply_ok(client);
    else
        reply_failed(client, client->argv[arguments[failed]], err.text);
    mem_free(changes);
    mem_free(arguments);
}

/* ---- the others ---------------------------------------------------------------------------------------------------
 */

static void config_resetstat_command(struct client *client) {
    server_reset_stats(client->server);
    reply_ok(client);
}

static void config_rewrite_command(struct client *client) {
    struct error err;
    if (!config_path(client->server->params)) {
        reply_error(client, "ERR The server is running without a config file");
    } else if (!config_rewrite(client->server->params, &err)) {
        LOG_WRITE(LOG_WARNING, "CONFIG REWRITE failed: %s", err.text);
        reply_error(client, "ERR Rewriting config file: %s", err.text);
    } else {
        LOG_WRITE(LOG_NOTICE, "CONFIG REWRITE executed with success.");
        reply_ok(client);
    }
}

static void config_help_command(struct client *client) {
    static const char *const lines[] = {
        "GET <pattern> [<pattern> ...]",
        "    Return parameters matching the glob-like patterns and their values.",
        "SET <parameter> <value> [<parameter> <value> ...]",
        "    Set parameters to values: all of them, or none when one is refused.",
        "RESETSTAT",
        "    Set the statistics that INFO reports back to zero.",
        "REWRITE",
        "    Write what was changed at run time into the configuration file.",
        NULL,
    };
    reply_help(client, lines);
}
