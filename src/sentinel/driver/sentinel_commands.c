#include "sentinel/driver/sentinel_commands.h"
#include "base/number.h"
#include "core/client/reply.h"
#include "sentinel/driver/instance_map.h"
#include "sentinel/driver/sentinel_commands_internal.h"
#include "sentinel/driver/scripts.h"
#include "sentinel/driver/sentinel_history.h"

const struct primary *sentinel_commands_primary(struct client *client, struct slice name) {
    const struct primary *primary = world_find_primary(world_of(client), name);
    if (!primary) reply_error(client, "ERR No such master with that name");
    return primary;
}

static void on_simple_answer(struct client *client, const struct action *answer) {
    switch (answer->answer.kind) {
    case ANSWER_OK: reply_ok(client); return;
    case ANSWER_ERROR: reply_error(client, "%s", answer->answer.text); return;
    case ANSWER_COUNT: reply_int(client, answer->answer.count); return;
    case ANSWER_VOTE:
        reply_array(client, answer->answer.least ? 4 : 3);
        reply_int(client, answer->answer.down);
        reply_bulk_text(client, answer->answer.leader);
        reply_int(client, (int64_t)answer->answer.leader_epoch);
        if (answer->answer.least) reply_int(client, answer->answer.least);
        if (answer->answer.after) driver_hold_replies(driver_of_client(client), client, answer->answer.after);
        return;
    }
}

void sentinel_commands_ask(struct client *client, struct event event) {
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
    const struct primary *primary = sentinel_commands_primary(client, client->argv[2]);
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
    const struct primary *primary = sentinel_commands_primary(client, client->argv[2]);
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
    const struct primary *primary = sentinel_commands_primary(client, client->argv[2]);
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
    const struct primary *primary = sentinel_commands_primary(client, client->argv[2]);
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
    if (client->argc > 2 && !(primary = sentinel_commands_primary(client, client->argv[2]))) return;
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
    sentinel_commands_ask(client, event);
}

void sentinel_is_master_down_by_addr_command(struct client *client) {
    reply_is_down(client);
}

void sentinel_is_primary_down_by_addr_command(struct client *client) {
    reply_is_down(client);
}

void sentinel_abandon_command(struct client *client) {
    struct event event = {.kind = EVENT_ABANDON, .abandon = {.name = client->argv[2], .id = client->argv[4]}};
    if (!number_parse_int(client->argv[3], &event.abandon.epoch)) {
        reply_not_integer(client);
        return;
    }
    driver_step(driver_of_client(client), &event);
    reply_ok(client);
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

/* ---- the words of help ---- */

void sentinel_help_command(struct client *client) {
    static const char *const lines[] = {
        "ABANDON <primary-name> <epoch> <runid>",
        "    Between sentinels: that candidate gave its failover of a guarded set up.",
        "CKQUORUM <primary-name>",
        "    Tell whether the quorum and the majority for a failover can be reached.",
        "CONFIG GET <pattern> [<pattern> ...]",
        "    Show parameters that concern all primaries.",
        "CONFIG SET <parameter> <value> [<parameter> <value> ...]",
        "    Change them; all or none.",
        "DEBUG [<parameter> <milliseconds> ...]",
        "    Show or change periods and timeouts.",
        "FAILOVER <primary-name> [COORDINATED] [TO <host> <port>] [DRYRUN] [UNGUARDED]",
        "    Fail over now; COORDINATED lets the primary hand over, TO names the replica, DRYRUN only tells the plan,",
        "    UNGUARDED gives the promise up that confirmed writes are not lost.",
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
