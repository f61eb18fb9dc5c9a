/* COMMAND and its subcommands: the rows, told to clients. */
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/command/keyspec.h"
#include "core/core_commands.h"

#include "base/glob.h"
#include "core/client/client.h"
#include "core/server.h"

#define COMMAND COMMAND_PROTOTYPE
#include "core/command/command.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command command_commands[] = {
#include "core/command/command.def"
};
#undef COMMAND
const size_t command_command_count = COUNT_OF(command_commands);

/* ================================ names of bits ================================ */

struct bit_name {
    uint64_t    bit;
    const char *name;
};

/* In the order in which the established server lists them. */
static const struct bit_name flag_names[] = {
    {COMMAND_WRITE, "write"},
    {COMMAND_READONLY, "readonly"},
    {COMMAND_DENYOOM, "denyoom"},
    {COMMAND_ADMIN, "admin"},
    {COMMAND_PUBSUB, "pubsub"},
    {COMMAND_NOSCRIPT, "noscript"},
    {COMMAND_BLOCKING, "blocking"},
    {COMMAND_LOADING, "loading"},
    {COMMAND_STALE, "stale"},
    {COMMAND_SKIP_MONITOR, "skip_monitor"},
    {COMMAND_SKIP_SLOWLOG, "skip_slowlog"},
    {COMMAND_ASKING, "asking"},
    {COMMAND_FAST, "fast"},
    {COMMAND_NO_AUTH, "no_auth"},
    {COMMAND_NO_MANDATORY_KEYS, "no_mandatory_keys"},
    {COMMAND_NO_ASYNC_LOADING, "no_async_loading"},
    {COMMAND_NO_MULTI, "no_multi"},
    {COMMAND_MOVABLE_KEYS, "movablekeys"},
    {COMMAND_ALLOW_BUSY, "allow_busy"},
};

static const struct bit_name key_flag_names[] = {
    {KEY_RO, "RO"},
    {KEY_RW, "RW"},
    {KEY_OW, "OW"},
    {KEY_RM, "RM"},
    {KEY_ACCESS, "access"},
    {KEY_UPDATE, "update"},
    {KEY_INSERT, "insert"},
    {KEY_DELETE, "delete"},
    {KEY_NOT_KEY, "not_key"},
    {KEY_INCOMPLETE, "incomplete"},
    {KEY_VARIABLE_FLAGS, "variable_flags"},
};

static void reply_bits(struct client *client, const struct bit_name *names, size_t count, uint64_t bits) {
    size_t set = 0;
    for (size_t i = 0; i < count; i++) set += (bits & names[i].bit) != 0;
    reply_set(client, set);
    for (size_t i = 0; i < count; i++)
        if (bits & names[i].bit) reply_status(client, names[i].name);
}

static void reply_categories(struct client *client, uint64_t categories) {
    reply_set(client, (size_t)__builtin_popcountll(categories));
    for (unsigned i = 0; i < COMMAND_CATEGORY_COUNT; i++) {
        if (!(categories & (1ull << i))) continue;
        char text[32] = "@";
        strncat(text, command_category_name(i), sizeof(text) - 2);
        reply_status(client, text);
    }
}

/* ================================ COMMAND INFO ================================ */

static void reply_begin_search(struct client *client, const struct command_key_spec *spec) {
    reply_map(client, 2);
    reply_bulk_text(client, "type");
    switch (spec->begin) {
    case KEY_BEGIN_UNKNOWN:
        reply_bulk_text(client, "unknown");
        reply_bulk_text(client, "spec");
        reply_map(client, 0);
        return;
    case KEY_BEGIN_INDEX:
        reply_bulk_text(client, "index");
        reply_bulk_text(client, "spec");
        reply_map(client, 1);
        reply_bulk_text(client, "index");
        reply_int(client, spec->pos);
        return;
    case KEY_BEGIN_KEYWORD:
        reply_bulk_text(client, "keyword");
        reply_bulk_text(client, "spec");
        reply_map(client, 2);
        reply_bulk_text(client, "keyword");
        reply_bulk_text(client, spec->keyword);
        reply_bulk_text(client, "startfrom");
        reply_int(client, spec->pos);
        return;
    }
}

static void reply_numbers(struct client *client, const char *const names[3], const int values[3]) {
    reply_map(client, 3);
    for (int i = 0; i < 3; i++) {
        reply_bulk_text(client, names[i]);
        reply_int(client, values[i]);
    }
}

static void reply_find_keys(struct client *client, const struct command_key_spec *spec) {
    static const char *const range_names[3] = {"lastkey", "keystep", "limit"};
    static const char *const keynum_names[3] = {"keynumidx", "firstkey", "keystep"};
    reply_map(client, 2);
    reply_bulk_text(client, "type");
    switch (spec->find) {
    case KEY_FIND_UNKNOWN:
        reply_bulk_text(client, "unknown");
        reply_bulk_text(client, "spec");
        reply_map(client, 0);
        return;
    case KEY_FIND_RANGE:
        reply_bulk_text(client, "range");
        reply_bulk_text(client, "spec");
        reply_numbers(client, range_names, (const int[3]){spec->last, spec->step, spec->limit});
        return;
    case KEY_FIND_KEYNUM:
        reply_bulk_text(client, "keynum");
        reply_bulk_text(client, "spec");
        reply_numbers(client, keynum_names, (const int[3]){spec->keynum_index, spec->keynum_first, spec->step});
        return;
    }
}

static void reply_key_specs(struct client *client, const struct command_key_spec *specs) {
    size_t count = 0;
    while (specs && specs[count].flags) count++;
    reply_array(client, count);
    for (size_t i = 0; i < count; i++) {
        const struct command_key_spec *spec = &specs[i];
        reply_map(client, spec->notes ? 4 : 3);
        if (spec->notes) {
            reply_bulk_text(client, "notes");
            reply_bulk_text(client, spec->notes);
        }
        reply_bulk_text(client, "flags");
        reply_bits(client, key_flag_names, COUNT_OF(key_flag_names), spec->flags);
        reply_bulk_text(client, "begin_search");
        reply_begin_search(client, spec);
        reply_bulk_text(client, "find_keys");
        reply_find_keys(client, spec);
    }
}

static void reply_info(struct client *client, const struct command_entry *entry) {
    size_t tips = 0;
    reply_array(client, 10);
    reply_bulk_text(client, entry->name);
    reply_int(client, entry->row->arity);
    reply_bits(client, flag_names, COUNT_OF(flag_names), entry->flags);
    reply_int(client, entry->first_key);
    reply_int(client, entry->last_key);
    reply_int(client, entry->key_step);
    reply_categories(client, entry->categories);
    while (entry->row->tips && entry->row->tips[tips]) tips++;
    reply_array(client, tips);
    for (size_t i = 0; i < tips; i++) reply_bulk_text(client, entry->row->tips[i]);
    reply_key_specs(client, entry->row->key_specs);
    reply_array(client, entry->subcommand_count);
    for (unsigned i = 0; i < entry->subcommand_count; i++) reply_info(client, entry->subcommands[i]);
}

static const struct command_entry *next_top_level(const struct command_table *table, const struct command_entry *entry) {
    do entry = command_next(table, entry);
    while (entry && entry->container);
    return entry;
}

void command_command(struct client *client) {
    const struct command_table *table = client->server->commands;
    reply_array(client, command_table_count(table));
    for (const struct command_entry *entry = NULL; (entry = next_top_level(table, entry));) reply_info(client, entry);
}

void command_info_command(struct client *client) {
    if (client->argc == 2) {
        command_command(client);
        return;
    }
    reply_array(client, (size_t)client->argc - 2);
    for (int i = 2; i < client->argc; i++) {
        const struct command_entry *entry = command_find_full(client->server->commands, client->argv[i]);
        if (entry) {
            reply_info(client, entry);
        } else {
            reply_null(client);
        }
    }
}

void command_count_command(struct client *client) {
    reply_int(client, command_table_count(client->server->commands));
}

/* ================================ COMMAND DOCS ================================ */

static void reply_text_pair(struct client *client, const char *name, const char *value, size_t *pairs) {
    if (!value) return;
    reply_bulk_text(client, name);
    reply_bulk_text(client, value);
    (*pairs)++;
}

static void reply_arguments(struct client *client, const struct command_argument *arguments);

static void reply_argument(struct client *client, const struct command_argument *argument) {
    static const char *const type_names[] = {
        [ARGUMENT_STRING] = "string",       [ARGUMENT_INTEGER] = "integer",       [ARGUMENT_DOUBLE] = "double",
        [ARGUMENT_KEY] = "key",             [ARGUMENT_PATTERN] = "pattern",       [ARGUMENT_UNIX_TIME] = "unix-time",
        [ARGUMENT_PURE_TOKEN] = "pure-token", [ARGUMENT_ONEOF] = "oneof",         [ARGUMENT_BLOCK] = "block",
    };
    static const struct bit_name argument_flag_names[] = {
        {ARGUMENT_OPTIONAL, "optional"},
        {ARGUMENT_MULTIPLE, "multiple"},
        {ARGUMENT_MULTIPLE_TOKEN, "multiple_token"},
    };
    size_t             pairs = 0;
    struct output_hole hole = reply_later(client);
    reply_text_pair(client, "name", argument->name, &pairs);
    reply_text_pair(client, "type", type_names[argument->type], &pairs);
    if (argument->key_spec) {
        reply_bulk_text(client, "key_spec_index");
        reply_int(client, argument->key_spec - 1);
        pairs++;
    }
    reply_text_pair(client, "token", argument->token, &pairs);
    reply_text_pair(client, "since", argument->since, &pairs);
    reply_text_pair(client, "deprecated_since", argument->deprecated_since, &pairs);
    if (argument->flags) {
        reply_bulk_text(client, "flags");
        reply_bits(client, argument_flag_names, COUNT_OF(argument_flag_names), argument->flags);
        pairs++;
    }
    if (argument->children) {
        reply_bulk_text(client, "arguments");
        reply_arguments(client, argument->children);
        pairs++;
    }
    reply_map_here(client, hole, pairs);
}

static void reply_arguments(struct client *client, const struct command_argument *arguments) {
    size_t count = 0;
    while (arguments[count].name) count++;
    reply_array(client, count);
    for (size_t i = 0; i < count; i++) reply_argument(client, &arguments[i]);
}

static void reply_docs(struct client *client, const struct command_entry *entry) {
    const struct command *row = entry->row;
    size_t                pairs = 0;
    reply_bulk_text(client, entry->name);
    struct output_hole hole = reply_later(client);
    reply_text_pair(client, "summary", row->summary, &pairs);
    reply_text_pair(client, "since", row->since, &pairs);
    reply_text_pair(client, "group", command_group_name(row->group), &pairs);
    reply_text_pair(client, "complexity", row->complexity, &pairs);
    if (row->deprecated_since || row->is_syscmd) {
        reply_bulk_text(client, "doc_flags");
        reply_set(client, (row->deprecated_since != NULL) + (size_t)row->is_syscmd);
        if (row->deprecated_since) reply_status(client, "deprecated");
        if (row->is_syscmd) reply_status(client, "syscmd");
        pairs++;
    }
    reply_text_pair(client, "deprecated_since", row->deprecated_since, &pairs);
    reply_text_pair(client, "replaced_by", row->replaced_by, &pairs);
    if (row->arguments) {
        reply_bulk_text(client, "arguments");
        reply_arguments(client, row->arguments);
        pairs++;
    }
    if (entry->subcommand_count) {
        reply_bulk_text(client, "subcommands");
        reply_map(client, entry->subcommand_count);
        for (unsigned i = 0; i < entry->subcommand_count; i++) reply_docs(client, entry->subcommands[i]);
        pairs++;
    }
    reply_map_here(client, hole, pairs);
}

void command_docs_command(struct client *client) {
    const struct command_table *table = client->server->commands;
    if (client->argc == 2) {
        reply_map(client, command_table_count(table));
        for (const struct command_entry *entry = NULL; (entry = next_top_level(table, entry));) reply_docs(client, entry);
        return;
    }
    size_t             found = 0;
    struct output_hole hole = reply_later(client);
    for (int i = 2; i < client->argc; i++) {
        const struct command_entry *entry = command_find_full(table, client->argv[i]);
        if (!entry) continue;
        reply_docs(client, entry);
        found++;
    }
    reply_map_here(client, hole, found);
}

/* ================================ COMMAND LIST ================================ */

static bool matches_all(const struct command_entry *entry, struct slice value, uint64_t category) {
    return true;
}

static bool matches_nothing(const struct command_entry *entry, struct slice value, uint64_t category) {
    return false;
}

static bool matches_category(const struct command_entry *entry, struct slice value, uint64_t category) {
    return (entry->categories & category) != 0;
}

static bool matches_pattern(const struct command_entry *entry, struct slice value, uint64_t category) {
    return glob_match_nocase(value, slice_text(entry->name));
}

void command_list_command(struct client *client) {
    bool (*matches)(const struct command_entry *entry, struct slice value, uint64_t category) = matches_all;
    struct slice value = {NULL, 0};
    if (client->argc == 5 && slice_is_nocase(client->argv[2], "filterby")) {
        value = client->argv[4];
        matches = NULL;
        if (slice_is_nocase(client->argv[3], "module")) matches = matches_nothing; /* there are none */
        if (slice_is_nocase(client->argv[3], "aclcat")) matches = matches_category;
        if (slice_is_nocase(client->argv[3], "pattern")) matches = matches_pattern;
    }
    if (!matches || (client->argc > 2 && matches == matches_all)) {
        reply_syntax_error(client);
        return;
    }
    size_t             count = 0;
    uint64_t           category = matches == matches_category ? command_category_find(value) : 0;
    struct output_hole hole = reply_later(client);
    for (struct command_entry *entry = NULL; (entry = command_next(client->server->commands, entry));) {
        if (!matches(entry, value, category)) continue;
        reply_bulk_text(client, entry->name);
        count++;
    }
    reply_array_here(client, hole, count);
}

/* ================================ COMMAND GETKEYS ================================ */

static void get_keys(struct client *client, bool with_flags) {
    const struct slice         *argv = client->argv + 2;
    int                         argc = client->argc - 2;
    const struct command_entry *entry = command_find_request(client->server->commands, argv, argc);
    struct keyspec_result       result;
    if (!entry || (entry->subcommand_count && argc > 1)) {
        reply_error(client, "ERR Invalid command specified");
        return;
    }
    if (!keyspec_has_keys(entry->row)) {
        reply_error(client, "ERR The command has no key arguments");
        return;
    }
    int arity = entry->row->arity;
    if (arity > 0 ? argc != arity : argc < -arity) {
        reply_error(client, "ERR Invalid number of arguments specified for command");
        return;
    }
    bool is_found = keyspec_find(entry->row, argv, argc, false, &result);
    if (is_found && (result.count || (entry->flags & COMMAND_NO_MANDATORY_KEYS))) {
        reply_array(client, result.count);
        for (unsigned i = 0; i < result.count; i++) {
            if (with_flags) reply_array(client, 2);
            reply_bulk(client, argv[result.keys[i].place]);
            if (with_flags) reply_bits(client, key_flag_names, COUNT_OF(key_flag_names), result.keys[i].flags);
        }
    } else if (entry->flags & COMMAND_NO_MANDATORY_KEYS) {
        reply_empty_array(client);
    } else {
        reply_error(client, "ERR Invalid arguments specified for command");
    }
    keyspec_fini(&result);
}

void command_getkeys_command(struct client *client) {
    get_keys(client, false);
}

void command_getkeysandflags_command(struct client *client) {
    get_keys(client, true);
}

void command_help_command(struct client *client) {
    static const char *const lines[] = {
        "(no subcommand)",
        "    Return the details of all commands.",
        "COUNT",
        "    Return the number of commands.",
        "DOCS [<command-name> ...]",
        "    Return the documentation of the commands given (default: all).",
        "GETKEYS <full-command>",
        "    Return the keys that a full command names.",
        "GETKEYSANDFLAGS <full-command>",
        "    Return the keys that a full command names, and what it does to each.",
        "INFO [<command-name> ...]",
        "    Return the details of the commands given (default: all).",
        "LIST [FILTERBY (MODULE <module-name>|ACLCAT <category>|PATTERN <pattern>)]",
        "    Return the names of the commands, all or those that match.",
        NULL,
    };
    reply_help(client, lines);
}
