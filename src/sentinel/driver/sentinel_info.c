#include "sentinel/driver/sentinel_info.h"
#include "core/observe/info.h"
#include "core/server.h"
#include "sentinel/driver/driver.h"
#include "sentinel/driver/scripts.h"
#include "sentinel/driver/state_file.h"
#include "sentinel/machine/explain.h"

#include <inttypes.h>

/* ---- the established fields ---- */

static const char *status_of(const struct primary *primary) {
    if (primary->o_down) return "odown";
    return primary->instance->s_down ? "sdown" : "ok";
}

static void print_established(const struct driver *driver, struct bytes *out) {
    const struct world *world = driver_world(driver);
    int64_t now_ms = driver_now_ms(driver);
    bytes_add_printf(out, "sentinel_masters:%zu\r\n", world->primary_count);
    bytes_add_printf(out, "sentinel_tilt:%d\r\n", world->tilt);
    bytes_add_printf(out, "sentinel_tilt_since_seconds:%" PRId64 "\r\n",
                     world->tilt ? (now_ms - world->tilt_since_ms) / 1000 : -1);
    bytes_add_printf(out, "sentinel_total_tilt:%" PRIu64 "\r\n", world->tilts);
    bytes_add_printf(out, "sentinel_running_scripts:%u\r\n", scripts_running(driver_scripts(driver)));
    bytes_add_printf(out, "sentinel_scripts_queue_length:%u\r\n", scripts_count(driver_scripts(driver)));
    bytes_add_printf(out, "sentinel_simulate_failure_flags:%u\r\n", world->simulate);
    unsigned index = 0;
    LIST_EACH(&world->primaries, node) {
        const struct primary *primary = container_of(node, struct primary, node);
        bytes_add_printf(out, "master%u:name=%s,status=%s,address=%s:%u,slaves=%zu,sentinels=%zu\r\n", index++,
                         primary->name, status_of(primary), instance_shown_host(primary->instance, world),
                         (unsigned)primary->instance->port, primary->replica_count, primary->seat_count + 1);
    }
}

/* ---- ours: the sentinel itself ---- */

static void print_self(const struct driver *driver, struct bytes *out) {
    const struct world *world = driver_world(driver);
    bytes_add_printf(out, "sentinel_id:%s\r\n", world->id);
    bytes_add_printf(out, "sentinel_current_epoch:%" PRIu64 "\r\n", world->current_epoch);
    bytes_add_printf(out, "sentinel_elections:%" PRIu64 "\r\n", world->elections);
    bytes_add_printf(out, "sentinel_history_records:%zu\r\n", world->history_count);
    bytes_add_printf(out, "sentinel_votes_given:%" PRIu64 "\r\n", world->votes_given);
    bytes_add_printf(out, "sentinel_hellos_heard:%" PRIu64 "\r\n", world->hellos_heard);
    bytes_add_printf(out, "sentinel_hellos_bad:%" PRIu64 "\r\n", world->hellos_bad);
    bytes_add_printf(out, "sentinel_duplicate_id:%d\r\n", world->duplicate_id);
    bytes_add_printf(out, "sentinel_stalls:%" PRIu64 "\r\n", world->stalls);
    bytes_add_printf(out, "sentinel_stalled_ms:%" PRId64 "\r\n", world->stalled_ms);
    size_t count = 0, memory = driver_memory(driver);
    bytes_add_printf(out, "sentinel_link_memory:%zu\r\n", memory);
    for (size_t i = 1; i < world->instance_count; i++) {
        if (!world->instances[i]) continue;
        count++;
        memory += instance_memory(world->instances[i]);
    }
    bytes_add_printf(out, "sentinel_instances:%zu\r\n", count);
    bytes_add_printf(out, "sentinel_bytes_per_instance:%zu\r\n", count ? memory / count : 0);
}

static void print_state_file(const struct driver *driver, struct bytes *out) {
    const struct state_file *file = driver_state_file(driver);
    struct state_file_stats stats;
    state_file_read_stats(file, &stats);
    const char *alarm = state_file_alarm(file);
    bytes_add_printf(out, "sentinel_state_file:%s\r\n", state_file_path(file));
    bytes_add_printf(out, "sentinel_state_status:%s\r\n", alarm ? "failing" : "ok");
    bytes_add_printf(out, "sentinel_state_error:%s\r\n", alarm ? alarm : "");
    bytes_add_printf(out, "sentinel_state_failing_ms:%" PRId64 "\r\n",
                     alarm ? driver_now_ms(driver) - stats.failed_since_ms : 0);
    bytes_add_printf(out, "sentinel_state_bytes:%" PRIu64 "\r\n", stats.bytes);
    bytes_add_printf(out, "sentinel_state_appends:%" PRIu64 "\r\n", stats.appends);
    bytes_add_printf(out, "sentinel_state_rewrites:%" PRIu64 "\r\n", stats.rewrites);
    bytes_add_printf(out, "sentinel_state_failures:%" PRIu64 "\r\n", stats.failures);
    bytes_add_printf(out, "sentinel_state_last_sync_us:%" PRId64 "\r\n", stats.last_sync_us);
}

/* ---- ours: each primary ---- */

static const char *state_of(const struct primary *primary, int64_t *since_ms) {
    if (primary->failover.sm.state != FAILOVER_NONE) {
        *since_ms = primary->failover.sm.since_ms;
        return "failover";
    }
    if (primary->o_down) {
        *since_ms = primary->o_down_since_ms;
        return "odown";
    }
    if (primary->instance->s_down) {
        *since_ms = primary->instance->s_down_since_ms;
        return "sdown";
    }
    *since_ms = MAX(primary->instance->known_ms, primary->switched_ms);
    return "ok";
}

static void print_primary(const struct primary *primary, unsigned index, int64_t now_ms, struct bytes *out) {
    const struct failover *failover = &primary->failover;
    size_t usable = primary_usable(primary);
    int64_t since_ms;
    const char *state = state_of(primary, &since_ms);
    const char *leader = *failover->record.leader ? failover->record.leader : primary->switched_by;
    bytes_add_printf(out, "primary%u:name=%s,state=%s,state_for_ms=%" PRId64 ",failover_state=%s", index, primary->name,
                     state, MAX(0, now_ms - since_ms), sm_name(&failover->sm));
    bytes_add_printf(out, ",config_epoch=%" PRIu64 ",vote_epoch=%" PRIu64 ",failover_epoch=%" PRIu64 ",leader=%s",
                     primary->config_epoch, primary->vote_epoch, failover->epoch, *leader ? leader : "-");
    bytes_add_printf(out, ",quorum=%u,voters=%zu,majority=%zu,usable=%zu,quorum_reachable=%d,majority_reachable=%d",
                     (unsigned)primary_quorum(primary), primary_voters(primary), primary_majority(primary), usable,
                     usable >= primary_quorum(primary), usable >= primary_majority(primary));
    bytes_add_printf(out, ",failovers=%" PRIu64 ",attempts=%" PRIu64 ",aborted=%" PRIu64 ",electable=%zu,silent_ms=%" PRId64
                          ",maintenance=%d,memory=%d\r\n",
                     failover->count, failover->attempts, failover->aborted, explain_electable(primary, now_ms),
                     instance_silent_ms(primary->instance, now_ms), primary->options.maintenance,
                     !primary->fresh);
}

static void print_reasons(const struct primary *primary, unsigned index, int64_t now_ms, struct bytes *out) {
    struct bytes text = {0};
    explain_down(primary->instance, now_ms, &text);
    bytes_add_printf(out, "primary%u_health:%s\r\n", index, bytes_text(&text));
    bytes_clear(&text);
    explain_waiting(primary, now_ms, &text);
    bytes_add_printf(out, "primary%u_waits_for:%s\r\n", index, bytes_text(&text));
    bytes_fini(&text);
}

/* Milliseconds from the beginning of the trouble; -1: not reached. */
static int64_t phase_ms(const struct failover_record *record, int64_t at_ms) {
    int64_t start_ms = record->down_ms != NEVER ? record->down_ms : record->started_ms;
    return at_ms == NEVER || start_ms == NEVER ? -1 : MAX(0, at_ms - start_ms);
}

static void print_failover(const struct primary *primary, unsigned index, struct bytes *out) {
    const struct failover_record *record = &primary->failover.record;
    if (record->epoch == 0 && record->started_wall_ms == 0) return;
    int64_t end_ms = phase_ms(record, record->ended_ms);
    int64_t start_ms = phase_ms(record, record->started_ms);
    bytes_add_printf(out, "primary%u_last_failover:result=%s,epoch=%" PRIu64 ",leader=%s,role=%s,kind=%s", index,
                     failover_result_name(record->result), record->epoch, *record->leader ? record->leader : "-",
                     record->as_observer ? "observer" : "leader",
                     record->coordinated ? "coordinated" : record->forced ? "forced" : "automatic");
    bytes_add_printf(out, ",started_unix_ms=%" PRId64 ",ended_unix_ms=%" PRId64, record->started_wall_ms,
                     end_ms < 0 || start_ms < 0 ? -1 : record->started_wall_ms + end_ms - start_ms);
    bytes_add_printf(out, ",odown_ms=%" PRId64 ",try_ms=%" PRId64 ",elected_ms=%" PRId64 ",selected_ms=%" PRId64
                          ",ordered_ms=%" PRId64 ",promoted_ms=%" PRId64 ",ended_ms=%" PRId64,
                     phase_ms(record, record->odown_ms), start_ms, phase_ms(record, record->elected_ms),
                     phase_ms(record, record->selected_ms), phase_ms(record, record->ordered_ms),
                     phase_ms(record, record->promoted_ms), end_ms);
    bytes_add_printf(out, ",rounds=%u,votes=%u,voters=%u,from=%s,to=%s,why=%s\r\n", record->rounds, record->votes,
                     record->voters, *record->from ? record->from : "-", *record->to ? record->to : "-",
                     record->reason);
}

static void print_replica(const struct instance *replica, unsigned index, unsigned number, int64_t now_ms,
                          struct bytes *out) {
    struct bytes why = {0};
    bool electable = explain_replica(replica, now_ms, &why);
    bytes_add_printf(out, "primary%u_replica%u:address=%s,electable=%d,lag_bytes=%" PRId64 ",offset=%" PRId64
                          ",priority=%" PRId64 ",link=%s,why=%s\r\n",
                     index, number, replica->name, electable, explain_lag(replica), replica->facts.replica_offset,
                     replica->facts.priority, replica->facts.link_up ? "up" : "down", bytes_text(&why));
    bytes_fini(&why);
}

static void print_primaries(const struct driver *driver, struct bytes *out) {
    int64_t now_ms = driver_now_ms(driver);
    unsigned index = 0;
    LIST_EACH(&driver_world(driver)->primaries, node) {
        const struct primary *primary = container_of(node, struct primary, node);
        unsigned number = 0;
        print_primary(primary, index, now_ms, out);
        print_reasons(primary, index, now_ms, out);
        print_failover(primary, index, out);
        LIST_EACH(&primary->replicas, at)
            print_replica(container_of(at, struct instance, node), index, number++, now_ms, out);
        index++;
    }
}

void sentinel_info_print(const struct driver *driver, struct bytes *out) {
    print_established(driver, out);
    print_self(driver, out);
    print_state_file(driver, out);
    print_primaries(driver, out);
}

/* ---- the section ---- */

static void print(void *context, struct bytes *out) {
    const struct driver *driver = context;
    if (driver_is_started(driver)) sentinel_info_print(driver, out);
}

void sentinel_info_install(struct server *server) {
    info_add_lines(server->info, "sentinel", print, driver_of(server));
}
