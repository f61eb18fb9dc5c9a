#include "sentinel/driver/sentinel_commands_internal.h"
#include "base/glob.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "core/client/reply.h"
#include "sentinel/driver/scripts.h"
#include "sentinel/driver/sentinel_config.h"
#include "sentinel/machine/explain.h"

#include <ctype.h>
#include <inttypes.h>

/* SENTINEL's subcommands that change something: the primaries, their options, the sentinel's own, what it is to do. */

/* ---- what operators order ---- */

void sentinel_monitor_command(struct client *client) {
    struct event event = {.kind = EVENT_MONITOR, .monitor = {.name = client->argv[2], .host = client->argv[3]}};
    if (!number_parse_int(client->argv[5], &event.monitor.quorum)) reply_error(client, "ERR Invalid quorum");
    else if (!number_parse_int(client->argv[4], &event.monitor.port)) reply_error(client, "ERR Invalid port");
    else sentinel_commands_ask(client, event);
}

void sentinel_remove_command(struct client *client) {
    sentinel_commands_ask(client, (struct event){.kind = EVENT_REMOVE, .name = client->argv[2]});
}

void sentinel_reset_command(struct client *client) {
    sentinel_commands_ask(client, (struct event){.kind = EVENT_RESET, .name = client->argv[2]});
}

static void reply_plan(struct client *client, const struct event *event) {
    const struct primary *primary = sentinel_commands_primary(client, event->failover.name);
    if (!primary) return;
    const struct instance *wanted = NULL;
    char *host = slice_to_text(event->failover.to_host);
    LIST_EACH(&primary->replicas, node) {
        const struct instance *replica = container_of(node, struct instance, node);
        bool same = !strcmp(host, replica->host) || !strcmp(host, replica->ip);
        if (same && replica->port == event->failover.to_port) wanted = replica;
    }
    if (*host && !wanted) {
        reply_error(client, "NOGOODSLAVE %s:%" PRId64 " is no known replica of %s", host, event->failover.to_port,
                    primary->name);
    } else {
        struct bytes lines = {0};
        struct slice rest, line;
        size_t count = 0;
        explain_plan(primary, event->failover.coordinated, wanted, now_of(client), &lines);
        struct output_hole hole = reply_later(client);
        for (rest = bytes_slice(&lines); slice_split(&rest, '\n', &line) && line.size; count++) reply_bulk(client, line);
        reply_array_here(client, hole, count);
        bytes_fini(&lines);
    }
    mem_free(host);
}

void sentinel_failover_command(struct client *client) {
    struct event event = {.kind = EVENT_FAILOVER, .failover = {.name = client->argv[2]}};
    bool dry = false;
    for (int i = 3; i < client->argc; i++) {
        if (slice_is_nocase(client->argv[i], "COORDINATED")) {
            event.failover.coordinated = true;
        } else if (slice_is_nocase(client->argv[i], "DRYRUN")) {
            dry = true;
        } else if (slice_is_nocase(client->argv[i], "UNGUARDED")) {
            event.failover.unguarded = true;
        } else if (slice_is_nocase(client->argv[i], "TO") && i + 2 < client->argc && client->argv[i + 1].size) {
            event.failover.to_host = client->argv[++i];
            if (!number_parse_int(client->argv[++i], &event.failover.to_port) || event.failover.to_port < 1 ||
                event.failover.to_port > 65535) {
                reply_error(client, "ERR Invalid port");
                return;
            }
        } else {
            reply_syntax_error(client);
            return;
        }
    }
    if (dry) {
        reply_plan(client, &event);
        return;
    }
    LOG_WRITE(LOG_WARNING, "Executing user requested %sFAILOVER of '%.*s'",
              event.failover.coordinated ? "coordinated " : "", (int)MIN(client->argv[2].size, 256),
              client->argv[2].data);
    sentinel_commands_ask(client, event);
}

void sentinel_forget_command(struct client *client) {
    struct event event = {.kind = EVENT_FORGET, .forget = {.name = client->argv[2], .host = client->argv[3]}};
    int argc = client->argc;
    if (argc > 4 && slice_is_nocase(client->argv[argc - 1], "LOCAL")) {
        event.forget.here = true;
        argc--;
    }
    if (argc > 5) {
        reply_syntax_error(client);
    } else if (argc == 5 && (!number_parse_int(client->argv[4], &event.forget.port) || event.forget.port < 1 ||
                             event.forget.port > 65535)) {
        reply_error(client, "ERR Invalid port");
    } else {
        sentinel_commands_ask(client, event);
    }
}

void sentinel_flushconfig_command(struct client *client) {
    sentinel_commands_ask(client, (struct event){.kind = EVENT_FLUSH});
}

/* Options from argv[first] on: names with one value, rename-command with two. NULL: `*bad` lacks its value. Gives:
 * mem_free(). */
static struct option_change *read_options(const struct client *client, int first, size_t *count, struct slice *bad) {
    struct option_change *options = mem_zalloc((size_t)client->argc * sizeof(*options));
    *count = 0;
    for (int i = first; i < client->argc;) {
        const struct slice *argv = client->argv + i;
        int values = slice_is_nocase(argv[0], "rename-command") ? 2 : 1;
        if (client->argc - i - 1 < values) {
            *bad = argv[0];
            mem_free(options);
            return NULL;
        }
        options[(*count)++] = (struct option_change){argv[0], argv[1], values == 2 ? argv[2] : (struct slice){0}};
        i += 1 + values;
    }
    return options;
}

static void reply_bad_option(struct client *client, const char *command, struct slice name) {
    reply_error(client, "ERR Unknown option or number of arguments for SENTINEL %s '%.*s'", command,
                (int)MIN(name.size, 128), name.data);
}

/* The machine knows no files, so whether a new script can be run is looked at here. True: an error was replied. */
static bool refuse_bad_scripts(struct client *client, const struct option_change *options, size_t count) {
    if (world_of(client)->settings.deny_scripts_reconfig) return false; /* the machine refuses them all */
    for (size_t i = 0; i < count; i++) {
        bool notification = slice_is_nocase(options[i].name, "notification-script");
        bool fence = slice_is_nocase(options[i].name, "pre-failover-script");
        if (!notification && !fence && !slice_is_nocase(options[i].name, "client-reconfig-script")) continue;
        char *path = slice_to_text(options[i].value);
        bool good = !*path || sentinel_config_check_script(path, NULL);
        mem_free(path);
        if (good) continue;
        reply_error(client, "ERR %s script seems non existing or non executable",
                    notification ? "Notification" : fence ? "Pre-failover" : "Client reconfiguration");
        return true;
    }
    return false;
}

void sentinel_set_command(struct client *client) {
    struct event event = {.kind = EVENT_SET, .set = {.name = client->argv[2]}};
    struct slice bad;
    if (!sentinel_commands_primary(client, client->argv[2])) return;
    struct option_change *options = read_options(client, 3, &event.set.count, &bad);
    if (!options) {
        reply_bad_option(client, "SET", bad);
        return;
    }
    event.set.options = options;
    if (!refuse_bad_scripts(client, options, event.set.count)) sentinel_commands_ask(client, event);
    mem_free(options);
}

/* ---- SENTINEL DEBUG ---- */

static const char *const debug_order[] = { /* as it is always listed */
    "info-period",       "ping-period",         "ask-period",       "publish-period",     "default-down-after",
    "default-failover-timeout", "tilt-trigger", "tilt-period",      "slave-reconf-timeout", "min-link-reconnect-period",
    "election-timeout",  "script-max-runtime",  "script-retry-delay",
};

static bool find_timing(const struct timing *timing, const char *wanted, int64_t *value) {
    const char *name;
    for (unsigned i = 0; timing_parameter(timing, i, &name, value); i++)
        if (strcmp(name, wanted) == 0) return true;
    return false;
}

static void reply_timing(struct client *client) {
    const struct timing *timing = &world_of(client)->timing;
    struct output_hole hole = reply_later(client);
    size_t pairs = 0;
    for (size_t i = 0; i < COUNT_OF(debug_order); i++) {
        int64_t value;
        char name[32];
        if (!find_timing(timing, debug_order[i], &value)) continue;
        size_t size = 0;
        for (const char *c = debug_order[i]; *c && size < sizeof(name); c++) name[size++] = (char)toupper((unsigned char)*c);
        reply_bulk(client, slice_make(name, size));
        reply_bulk_int(client, value);
        pairs++;
    }
    reply_map_here(client, hole, pairs);
}

void sentinel_debug_command(struct client *client) {
    if (client->argc == 2) {
        reply_timing(client);
        return;
    }
    struct event event = {.kind = EVENT_DEBUG_SET};
    struct slice bad;
    struct option_change *options = read_options(client, 2, &event.set.count, &bad);
    if (!options) {
        reply_bad_option(client, "DEBUG", bad);
        return;
    }
    event.set.options = options;
    sentinel_commands_ask(client, event);
    mem_free(options);
    const struct timing *timing = &world_of(client)->timing;
    scripts_configure(driver_scripts(driver_of_client(client)),
                      &(struct scripts_settings){timing->script_max_runtime_ms, timing->script_retry_delay_ms});
}

/* 0: none. HELP names those of the field's sentinels only, in their words. */
static unsigned crash_point(struct slice name) {
    static const struct {
        const char *name;
        unsigned    point;
    } points[] = {
        {"crash-after-election", SIMULATE_CRASH_AFTER_ELECTION},   {"crash-after-promotion", SIMULATE_CRASH_AFTER_PROMOTION},
        {"crash-after-candidacy", SIMULATE_CRASH_AFTER_CANDIDACY}, {"crash-after-selection", SIMULATE_CRASH_AFTER_SELECTION},
        {"crash-after-order", SIMULATE_CRASH_AFTER_ORDER},
    };
    for (size_t i = 0; i < COUNT_OF(points); i++)
        if (slice_is_nocase(name, points[i].name)) return points[i].point;
    return 0;
}

void sentinel_simulate_failure_command(struct client *client) {
    struct event event = {.kind = EVENT_SIMULATE_FAILURE};
    for (int i = 2; i < client->argc; i++) {
        unsigned point = crash_point(client->argv[i]);
        if (point) {
            event.simulate |= point;
        } else if (slice_is_nocase(client->argv[i], "help")) {
            reply_array(client, 2);
            reply_bulk_text(client, "crash-after-election");
            reply_bulk_text(client, "crash-after-promotion");
            event.simulate = 0; /* as it always did: HELP is also the way to call a simulation off */
            driver_step(driver_of_client(client), &event);
            return;
        } else {
            reply_error(client, "ERR Unknown failure simulation specified");
            return;
        }
    }
    sentinel_commands_ask(client, event);
}

/* ---- SENTINEL CONFIG ---- */

static const char *loglevel_name(void) {
    static const char *const names[] = {"debug", "verbose", "notice", "warning", "nothing"};
    return names[log_level()];
}

static bool find_loglevel(struct slice name, enum log_level *level) {
    static const char *const names[] = {"debug", "verbose", "notice", "warning", "nothing"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (!slice_is_nocase(name, names[i])) continue;
        *level = (enum log_level)i;
        return true;
    }
    return false;
}

struct config_view {
    const char *name, *value;
};

static bool matches_any(const struct client *client, const char *name) {
    for (int i = 3; i < client->argc; i++)
        if (glob_match_nocase(client->argv[i], slice_text(name))) return true;
    return false;
}

static const char *text_of(const char *text) {
    return text ? text : "";
}

static void reply_config(struct client *client) {
    const struct settings *settings = &world_of(client)->settings;
    char port[NUMBER_TEXT_SIZE];
    number_print_uint(port, settings->announce_port);
    const struct config_view views[] = {
        {"resolve-hostnames", settings->resolve_hostnames ? "yes" : "no"},
        {"announce-hostnames", settings->announce_hostnames ? "yes" : "no"},
        {"announce-ip", text_of(settings->announce_ip)},
        {"announce-port", port},
        {"sentinel-user", text_of(settings->sentinel_user)},
        {"sentinel-pass", text_of(settings->sentinel_pass)},
        {"loglevel", loglevel_name()},
    };
    struct output_hole hole = reply_later(client);
    size_t pairs = 0;
    for (size_t i = 0; i < COUNT_OF(views); i++) {
        if (!matches_any(client, views[i].name)) continue;
        reply_bulk_text(client, views[i].name);
        reply_bulk_text(client, views[i].value);
        pairs++;
    }
    reply_map_here(client, hole, pairs);
}

/* All or nothing: what is ours is checked first, the machine checks and applies the rest, then ours is applied. */
static void set_config(struct client *client) {
    struct option_change *options = mem_zalloc((size_t)client->argc * sizeof(*options));
    struct event event = {.kind = EVENT_CONFIG_SET, .set = {.options = options}};
    enum log_level level = log_level();
    bool ok = true;
    for (int i = 3; i < client->argc && ok; i += 2) {
        struct slice name = client->argv[i], value = client->argv[i + 1];
        for (size_t j = 0; j < event.set.count && ok; j++) {
            ok = !slice_equal_nocase(options[j].name, name);
            if (!ok)
                reply_error(client, "ERR Duplicate argument '%.*s' to SENTINEL CONFIG SET", (int)MIN(name.size, 128),
                            name.data);
        }
        if (!ok) break;
        if (!slice_is_nocase(name, "loglevel")) {
            options[event.set.count++] = (struct option_change){.name = name, .value = value};
        } else if (!find_loglevel(value, &level)) {
            reply_error(client, "ERR Invalid value '%.*s' to SENTINEL CONFIG SET 'loglevel'", (int)MIN(value.size, 128),
                        value.data);
            ok = false;
        }
    }
    uint64_t errors = client->server->stats.error_replies;
    if (ok && event.set.count) sentinel_commands_ask(client, event);
    else if (ok) reply_ok(client);
    if (ok && client->server->stats.error_replies == errors) log_set_level(level);
    mem_free(options);
}

void sentinel_config_command(struct client *client) {
    bool even = client->argc % 2 == 1; /* names with their values */
    if (client->argc >= 4 && slice_is_nocase(client->argv[2], "get")) reply_config(client);
    else if (client->argc >= 5 && slice_is_nocase(client->argv[2], "set") && even) set_config(client);
    else if (client->argc >= 6 && slice_is_nocase(client->argv[2], "set"))
        reply_error(client, "ERR Missing argument '%.*s' value", (int)MIN(client->argv[client->argc - 1].size, 128),
                    client->argv[client->argc - 1].data);
    else reply_error(client, "ERR Only SENTINEL CONFIG GET <option> / SET <option> <value> are supported.");
}
