#include "sentinel/driver/sentinel_commands.h"
#include "base/glob.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/config/core_settings.h"
#include "core/server.h"
#include "sentinel/driver/driver.h"
#include "sentinel/driver/instance_map.h"
#include "sentinel/driver/scripts.h"
#include "sentinel/driver/sentinel_config.h"
#include "sentinel/driver/sentinel_history.h"
#include "sentinel/machine/explain.h"

#include <ctype.h>
#include <inttypes.h>

#define COMMAND COMMAND_PROTOTYPE
#include "sentinel/driver/sentinel_commands.def"
#undef COMMAND

static struct driver *driver_of_client(const struct client *client) {
    return driver_of(client->server);
}

static const struct world *world_of(const struct client *client) {
    return driver_world(driver_of_client(client));
}

static int64_t now_of(const struct client *client) {
    return driver_now_ms(driver_of_client(client));
}

/* NULL: an error was replied. */
static const struct primary *named_primary(struct client *client, struct slice name) {
    const struct primary *primary = world_find_primary(world_of(client), name);
    if (!primary) reply_error(client, "ERR No such master with that name");
    return primary;
}

/* The answer to whatever needs no more than OK or an error. */
static void on_simple_answer(struct client *client, const struct action *answer) {
    switch (answer->answer.kind) {
    case ANSWER_OK: reply_ok(client); return;
    case ANSWER_ERROR: reply_error(client, "%s", answer->answer.text); return;
    case ANSWER_COUNT: reply_int(client, answer->answer.count); return;
    case ANSWER_VOTE:
        reply_array(client, 3);
        reply_int(client, answer->answer.down);
        reply_bulk_text(client, answer->answer.leader);
        reply_int(client, (int64_t)answer->answer.leader_epoch);
        if (answer->answer.after) driver_hold_replies(driver_of_client(client), client, answer->answer.after);
        return;
    }
}

static void ask(struct client *client, struct event event) {
    driver_ask(driver_of_client(client), client, &event, on_simple_answer);
}

/* ---- what is known ---- */

static void reply_primaries(struct client *client) {
    const struct world *world = world_of(client);
    reply_array(client, world->primary_count);
    LIST_EACH(&world->primaries, node)
        instance_map_reply_primary(client, container_of(node, struct primary, node), now_of(client));
}

void sentinel_masters_command(struct client *client) {
    reply_primaries(client);
}

void sentinel_primaries_command(struct client *client) {
    reply_primaries(client);
}

static void reply_primary(struct client *client) {
    const struct primary *primary = named_primary(client, client->argv[2]);
    if (primary) instance_map_reply_primary(client, primary, now_of(client));
}

void sentinel_master_command(struct client *client) {
    reply_primary(client);
}

void sentinel_primary_command(struct client *client) {
    reply_primary(client);
}

/* A replica with `replica-announced no` is the operator's secret. */
static void reply_replicas(struct client *client) {
    const struct primary *primary = named_primary(client, client->argv[2]);
    if (!primary) return;
    struct output_hole hole = reply_later(client);
    size_t count = 0;
    LIST_EACH(&primary->replicas, node) {
        const struct instance *replica = container_of(node, struct instance, node);
        if (!replica->facts.announced) continue;
        instance_map_reply_replica(client, replica, now_of(client));
        count++;
    }
    reply_array_here(client, hole, count);
}

void sentinel_slaves_command(struct client *client) {
    reply_replicas(client);
}

void sentinel_replicas_command(struct client *client) {
    reply_replicas(client);
}

void sentinel_sentinels_command(struct client *client) {
    const struct primary *primary = named_primary(client, client->argv[2]);
    if (!primary) return;
    reply_array(client, primary->seat_count);
    LIST_EACH(&primary->seats, node)
        instance_map_reply_sentinel(client, container_of(node, struct seat, at_primary), now_of(client));
}

static void reply_address(struct client *client) {
    const struct world *world = world_of(client);
    const struct primary *primary = world_find_primary(world, client->argv[2]);
    if (!primary) {
        reply_null_array(client);
        return;
    }
    reply_array(client, 2);
    reply_bulk_text(client, instance_shown_host(primary->instance, world));
    reply_bulk_int(client, primary->instance->port);
}

void sentinel_get_master_addr_by_name_command(struct client *client) {
    reply_address(client);
}

void sentinel_get_primary_addr_by_name_command(struct client *client) {
    reply_address(client);
}

void sentinel_ckquorum_command(struct client *client) {
    const struct primary *primary = named_primary(client, client->argv[2]);
    if (!primary) return;
    struct bytes text = {0}, status = {0};
    bool ok = primary_check_quorum(primary, &text);
    bytes_add_printf(&status, "%s %s", ok ? "OK" : "NOQUORUM", bytes_text(&text));
    if (ok) reply_status(client, bytes_text(&status));
    else reply_error(client, "%s", bytes_text(&status));
    bytes_fini(&text);
    bytes_fini(&status);
}

void sentinel_myid_command(struct client *client) {
    reply_bulk_text(client, world_of(client)->id);
}

static void reply_cached_info(struct client *client, const struct instance *instance) {
    reply_array(client, 2);
    reply_int(client, instance->info_ms == NEVER ? 0 : MAX(0, now_of(client) - instance->info_ms));
    if (instance->info) reply_bulk(client, slice_make(instance->info, instance->info_size));
    else reply_null(client);
}

/* Names that are not known are passed over. */
void sentinel_info_cache_command(struct client *client) {
    struct output_hole hole = reply_later(client);
    size_t count = 0;
    for (int i = 2; i < client->argc; i++) {
        const struct primary *primary = world_find_primary(world_of(client), client->argv[i]);
        if (!primary) continue;
        reply_bulk_text(client, primary->name);
        reply_array(client, primary->replica_count + 1);
        reply_cached_info(client, primary->instance);
        LIST_EACH(&primary->replicas, node) reply_cached_info(client, container_of(node, struct instance, node));
        count += 2;
    }
    reply_array_here(client, hole, count);
}

void sentinel_history_command(struct client *client) {
    const struct primary *primary = NULL;
    int64_t count = INT32_MAX;
    if (client->argc > 4) {
        reply_wrong_arguments(client);
        return;
    }
    if (client->argc > 2 && !(primary = named_primary(client, client->argv[2]))) return;
    if (client->argc > 3 && (!number_parse_int(client->argv[3], &count) || count < 0)) {
        reply_error(client, "ERR count must be a number that is not negative");
        return;
    }
    sentinel_history_reply(client, world_of(client), primary, (size_t)count);
}

static void reply_script(void *context, const struct script_view *script) {
    struct client *client = context;
    size_t args = 0;
    while (script->args[args]) args++;
    reply_map(client, 5);
    reply_bulk_text(client, "argv");
    reply_array(client, args);
    for (size_t i = 0; i < args; i++) reply_bulk_text(client, script->args[i]);
    reply_bulk_text(client, "flags");
    reply_bulk_text(client, script->is_running ? "running" : "scheduled");
    reply_bulk_text(client, "pid");
    reply_bulk_int(client, script->pid);
    reply_bulk_text(client, script->is_running ? "run-time" : "run-delay");
    reply_bulk_int(client, script->time_ms);
    reply_bulk_text(client, "retry-num");
    reply_bulk_int(client, script->retry_num);
}

void sentinel_pending_scripts_command(struct client *client) {
    struct scripts *scripts = driver_scripts(driver_of_client(client));
    reply_array(client, scripts_count(scripts));
    scripts_each(scripts, reply_script, client);
}

void sentinel_role_command(struct client *client) {
    const struct world *world = world_of(client);
    reply_array(client, 2);
    reply_bulk_text(client, "sentinel");
    reply_array(client, world->primary_count);
    LIST_EACH(&world->primaries, node) reply_bulk_text(client, container_of(node, struct primary, node)->name);
}

/* ---- between sentinels ---- */

static void reply_is_down(struct client *client) {
    struct event event = {.kind = EVENT_VOTE_REQUEST};
    const struct slice *argv = client->argv;
    if (!number_parse_int(argv[3], &event.vote.port) || !number_parse_int(argv[4], &event.vote.epoch)) {
        reply_not_integer(client);
        return;
    }
    event.vote.ip = argv[2];
    event.vote.run_id = argv[5];
    event.vote.client_name = slice_text(client->name ? client->name : "");
    event.vote.can_hold = true;
    ask(client, event);
}

void sentinel_is_master_down_by_addr_command(struct client *client) {
    reply_is_down(client);
}

void sentinel_is_primary_down_by_addr_command(struct client *client) {
    reply_is_down(client);
}

void sentinel_publish_command(struct client *client) {
    if (!slice_is(client->argv[1], "__sentinel__:hello")) {
        reply_error(client, "ERR Only HELLO messages are accepted by Sentinel instances.");
        return;
    }
    struct event event = {.kind = EVENT_HELLO, .hello = {0, client->argv[2]}};
    driver_step(driver_of_client(client), &event);
    reply_int(client, 1);
}

/* ---- what operators order ---- */

void sentinel_monitor_command(struct client *client) {
    struct event event = {.kind = EVENT_MONITOR, .monitor = {.name = client->argv[2], .host = client->argv[3]}};
    if (!number_parse_int(client->argv[5], &event.monitor.quorum)) reply_error(client, "ERR Invalid quorum");
    else if (!number_parse_int(client->argv[4], &event.monitor.port)) reply_error(client, "ERR Invalid port");
    else ask(client, event);
}

void sentinel_remove_command(struct client *client) {
    ask(client, (struct event){.kind = EVENT_REMOVE, .name = client->argv[2]});
}

void sentinel_reset_command(struct client *client) {
    ask(client, (struct event){.kind = EVENT_RESET, .name = client->argv[2]});
}

static void reply_plan(struct client *client, const struct event *event) {
    const struct primary *primary = named_primary(client, event->failover.name);
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
    ask(client, event);
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
        ask(client, event);
    }
}

void sentinel_flushconfig_command(struct client *client) {
    ask(client, (struct event){.kind = EVENT_FLUSH});
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
    if (!named_primary(client, client->argv[2])) return;
    struct option_change *options = read_options(client, 3, &event.set.count, &bad);
    if (!options) {
        reply_bad_option(client, "SET", bad);
        return;
    }
    event.set.options = options;
    if (!refuse_bad_scripts(client, options, event.set.count)) ask(client, event);
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
    ask(client, event);
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
    ask(client, event);
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
    if (ok && event.set.count) ask(client, event);
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

void sentinel_help_command(struct client *client) {
    static const char *const lines[] = {
        "CKQUORUM <primary-name>",
        "    Tell whether the quorum and the majority for a failover can be reached.",
        "CONFIG GET <pattern> [<pattern> ...]",
        "    Show parameters that concern all primaries.",
        "CONFIG SET <parameter> <value> [<parameter> <value> ...]",
        "    Change them; all or none.",
        "DEBUG [<parameter> <milliseconds> ...]",
        "    Show or change periods and timeouts.",
        "FAILOVER <primary-name> [COORDINATED] [TO <host> <port>] [DRYRUN]",
        "    Fail over now; COORDINATED lets the primary hand over, TO names the replica, DRYRUN only tells the plan.",
        "FLUSHCONFIG",
        "    Save the state now.",
        "FORGET <primary-name> (<host> <port> | <sentinel-id>) [LOCAL]",
        "    Forget one replica or sentinel that is gone, here and (unless LOCAL) at the other kvd sentinels.",
        "GET-MASTER-ADDR-BY-NAME <primary-name>",
        "GET-PRIMARY-ADDR-BY-NAME <primary-name>",
        "    Show the address and port of the primary.",
        "HISTORY [<primary-name> [<count>]]",
        "    Show what is recorded of past failovers, the newest first.",
        "INFO-CACHE <primary-name> [<primary-name> ...]",
        "    Show the last INFO of the primary and its replicas.",
        "IS-MASTER-DOWN-BY-ADDR <ip> <port> <current-epoch> <runid>",
        "IS-PRIMARY-DOWN-BY-ADDR <ip> <port> <current-epoch> <runid>",
        "    Tell whether this sentinel finds the primary down; with a run id, vote.",
        "MASTER <primary-name>",
        "PRIMARY <primary-name>",
        "    Describe one primary.",
        "MASTERS",
        "PRIMARIES",
        "    Describe every primary.",
        "MONITOR <primary-name> <ip> <port> <quorum>",
        "    Begin to watch a primary.",
        "MYID",
        "    Show the id of this sentinel.",
        "PENDING-SCRIPTS",
        "    Show the scripts that run or wait.",
        "REMOVE <primary-name>",
        "    Stop watching a primary.",
        "REPLICAS <primary-name>",
        "SLAVES <primary-name>",
        "    Describe the replicas of a primary.",
        "RESET <pattern>",
        "    Forget the replicas and sentinels that are gone of the primaries whose names match.",
        "SENTINELS <primary-name>",
        "    Describe the other sentinels of a primary.",
        "SET <primary-name> <option> <value> [<option> <value> ...]",
        "    Change options of a primary; all or none.",
        "SIMULATE-FAILURE [CRASH-AFTER-ELECTION] [CRASH-AFTER-PROMOTION] [HELP]",
        "    Crash at that point of the next failover.",
        NULL,
    };
    reply_help(client, lines);
}

/* ---- the table ---- */

#define COMMAND COMMAND_ROW
static const struct command rows[] = {
#include "sentinel/driver/sentinel_commands.def"
};
#undef COMMAND

static bool is_for_sentinels(const struct command *row) {
    return (row->flags & (COMMAND_SENTINEL | COMMAND_ONLY_SENTINEL)) != 0;
}

void sentinel_commands_install(struct server *server) {
    server_add_commands(server, rows, COUNT_OF(rows));
    server_keep_commands(server, is_for_sentinels);
}
