#include "sim/sentinel_host_internal.h"
#include "base/mem.h"
#include "sim/dice.h"
#include "sim/state_copy.h"

#include <stdio.h>

enum { MILLISECOND = 1000, SECOND = 1000 * MILLISECOND };

struct lookup {
    struct sentinel_host *host;
    struct list_node node;
    struct happening done;
    char *name;
};

bool host_hears(const struct sentinel_host *host) {
    return host->machine && !host->dying;
}

void host_breach(struct sentinel_host *host, const char *what) {
    host->traits.observer->on_breach(host->traits.observer_context, host, what);
}

static bool is_paused(const struct sentinel_host *host) {
    return host->paused_until_us > host->schedule->now_us;
}

/* The disk */

static void on_collect(void *context, struct state_records *out) {
    struct sentinel_host *host = context;
    if (host->machine) machine_state(host->machine, out);
}

static void tell_saved(struct sentinel_host *host, uint64_t sequence, bool ok) {
    struct event event = {.kind = EVENT_SAVED};
    event.saved.sequence = sequence;
    event.saved.ok = ok;
    if (!ok) event.saved.error = SLICE("No space left on device");
    host->saving = 0;
    host_step(host, &event);
}

static void on_written(void *context, uint64_t sequence, bool ok) {
    struct sentinel_host *host = context;
    if (host->traits.mutant == MUTANT_EARLY_SAVED || !host_hears(host)) return;
    CHECK(sequence == host->saving);
    host->written_ok = ok;
    schedule_at(host->schedule, &host->written, host->paused_until_us + 1);
}

static void on_told(struct happening *happening) {
    struct sentinel_host *host = container_of(happening, struct sentinel_host, written);
    if (is_paused(host))
        schedule_at(host->schedule, &host->written, host->paused_until_us + 1);
    else if (host_hears(host))
        tell_saved(host, host->saving, host->written_ok);
}

static void save(struct sentinel_host *host, const struct action *action) {
    if (host->saving) host_breach(host, "a save was ordered while another one ran");
    host->saving = action->save.sequence;
    if (host->traits.mutant == MUTANT_EARLY_SAVED) {
        host->written_ok = true;
        schedule_after(host->schedule, &host->written, 1);
        if (disk_is_busy(host->disk)) return;
    }
    struct state_records records;
    state_records_init(&records);
    machine_state(host->machine, &records);
    disk_write(host->disk, &records, action->save.sequence);
    if (!state_copy_take(host->copy, host->machine)) host_breach(host, "the changes to be saved are not all that changed");
    state_records_fini(&records);
}

/* Names */

static void on_looked_up(struct happening *happening) {
    struct lookup *lookup = container_of(happening, struct lookup, done);
    struct sentinel_host *host = lookup->host;
    if (is_paused(host)) {
        schedule_at(host->schedule, &lookup->done, host->paused_until_us + 1);
        return;
    }
    const char *address = host->traits.names ? names_lookup(host->traits.names, host->number, lookup->name) : NULL;
    struct event event = {.kind = EVENT_RESOLVED};
    event.resolved.name = slice_text(lookup->name);
    event.resolved.ip = slice_text(address ? address : "");
    list_remove(&lookup->node);
    host_step(host, &event);
    mem_free(lookup->name);
    mem_free(lookup);
}

static void resolve(struct sentinel_host *host, const char *name) {
    LIST_EACH(&host->lookups, node)
    if (strcmp(container_of(node, struct lookup, node)->name, name) == 0)
        host_breach(host, "a name is looked up twice at a time");
    struct lookup *lookup = mem_zalloc(sizeof *lookup);
    lookup->host = host;
    lookup->name = mem_strdup(name);
    lookup->done.run = on_looked_up;
    list_add(&host->lookups, &lookup->node);
    bool slow = dice_chance(host->random, 50);
    int64_t from_us = host->traits.names ? names_answers_at(host->traits.names) : host->schedule->now_us;
    schedule_at(host->schedule, &lookup->done, from_us + dice_around(host->random, slow ? 5 * SECOND : MILLISECOND));
}

static void end_lookups(struct sentinel_host *host) {
    LIST_EACH(&host->lookups, node) {
        struct lookup *lookup = container_of(node, struct lookup, node);
        schedule_cancel(host->schedule, &lookup->done);
        list_remove(&lookup->node);
        mem_free(lookup->name);
        mem_free(lookup);
    }
}

/* Steps */

static void wake_at(struct sentinel_host *host, int64_t at_ms) {
    int64_t at_us = virtual_clock_when_us(&host->clock, at_ms);
    int64_t late_us = dice_around(host->random, host->traits.late_us);
    if (at_us >= INT64_MAX / 2)
        schedule_cancel(host->schedule, &host->wake);
    else
        schedule_at(host->schedule, &host->wake, MAX(at_us, host->schedule->now_us) + late_us);
}

static void on_wake(struct happening *happening) {
    struct sentinel_host *host = container_of(happening, struct sentinel_host, wake);
    if (is_paused(host)) {
        schedule_at(host->schedule, &host->wake, host->paused_until_us + dice_between(host->random, 1, MILLISECOND));
        return;
    }
    host_step(host, &(struct event){.kind = EVENT_TIMER});
}

static void publish(struct sentinel_host *host, const struct action *action) {
    if (host->traits.mutant == MUTANT_LOST_EVENT && action->publish.event == SENTINEL_EVENT_SDOWN) return;
    host->traits.observer->on_publish(host->traits.observer_context, host, action);
}

static void carry_out(struct sentinel_host *host, const struct action *action) {
    switch (action->kind) {
    case ACTION_CONNECT: host_connect(host, action); break;
    case ACTION_DISCONNECT: host_disconnect(host, action->disconnect.instance, action->disconnect.line); break;
    case ACTION_FORGET:
        for (int kind = 0; kind < LINE_KINDS; kind++)
            host_disconnect(host, action->disconnect.instance, (enum line_kind)kind);
        break;
    case ACTION_SEND: host_send(host, action); break;
    case ACTION_PUBLISH: publish(host, action); break;
    case ACTION_SAVE: save(host, action); break;
    case ACTION_ANSWER: host_answer(host, action); break;
    case ACTION_SCRIPT: host_run_script(host, action); break;
    case ACTION_RESOLVE: resolve(host, action->resolve.name); break;
    case ACTION_EXIT: host->crash_within = 1; break;
    case ACTION_WAKE: wake_at(host, action->wake.at_ms); break;
    case ACTION_KINDS: UNREACHABLE("no such action");
    }
}

static void trace_event(struct sentinel_host *host, const struct event *event) {
    struct bytes text = {0};
    switch (event->kind) {
    case EVENT_LINE_UP:
    case EVENT_LINE_DOWN:
        bytes_add_printf(&text, " #%u %s %s", event->line.instance,
                         event->line.line == LINE_COMMAND ? "command" : "pubsub", line_reason_name(event->line.reason));
        break;
    case EVENT_REPLY: {
        struct message reply = {.kind = MESSAGE_REPLY, .reply = event->reply.reply};
        bytes_add_printf(&text, " #%u request %llu.%u: ", event->reply.instance,
                         (unsigned long long)event->reply.request, event->reply.index);
        message_describe(&reply, &text);
        break;
    }
    case EVENT_HELLO:
        bytes_add_printf(&text, " #%u ", event->hello.instance);
        bytes_add_slice(&text, event->hello.payload);
        break;
    case EVENT_VOTE_REQUEST:
        bytes_add_printf(&text, " %.*s:%lld epoch %lld for %.*s", (int)event->vote.ip.size, event->vote.ip.data,
                         (long long)event->vote.port, (long long)event->vote.epoch, (int)event->vote.run_id.size,
                         event->vote.run_id.data);
        break;
    case EVENT_SAVED:
        bytes_add_printf(&text, " %llu %s", (unsigned long long)event->saved.sequence,
                         event->saved.ok ? "ok" : "failed");
        break;
    default: break;
    }
    trace_line(host->trace, host->traits.name, "(%lld) %s%s", (long long)sentinel_host_now_ms(host),
               event_kind_name(event->kind), bytes_text(&text));
    bytes_fini(&text);
}

static void trace_action(struct sentinel_host *host, const struct action *action) {
    struct bytes text = {0};
    action_describe(action, &text);
    trace_line(host->trace, host->traits.name, "    -> %s", bytes_text(&text));
    bytes_fini(&text);
}

static void mix(struct sentinel_host *host, const struct action *action) {
    trace_mix(host->trace, (uint64_t)action->kind << 8 | host->number);
    if (action->kind == ACTION_PUBLISH) trace_mix_text(host->trace, slice_text(action->publish.text));
    if (action->kind == ACTION_SEND)
        trace_mix(host->trace, (uint64_t)action->send.request_kind << 32 | action->send.instance);
}

static void carry_out_all(struct sentinel_host *host) {
    for (size_t i = 0; i < host->actions.count; i++) {
        const struct action *action = &host->actions.items[i];
        if (host->trace->prints) trace_action(host, action);
        mix(host, action);
        if (action->kind == ACTION_WAKE && i + 1 != host->actions.count)
            host_breach(host, "the wake-up time was not the last action");
        carry_out(host, action);
        if (host->crash_within && --host->crash_within == 0) {
            TRACE(host->trace, host->traits.name, "crashes after %zu of %zu actions", i + 1, host->actions.count);
            host->dying = true;
            schedule_after(host->schedule, &host->crash, 0);
            break;
        }
    }
}

void host_step(struct sentinel_host *host, struct event *event) {
    if (!host_hears(host)) return;
    CHECK(!host->stepping);
    host->stepping = true;
    host->steps++;
    event->wall_ms = virtual_clock_wall_ms(&host->clock, host->schedule->now_us);
    if (host->trace->prints) trace_event(host, event);
    trace_mix(host->trace, (uint64_t)event->kind << 16 | host->number);
    machine_step(host->machine, sentinel_host_now_ms(host), event, &host->actions);
    carry_out_all(host);
    host->traits.observer->on_step(host->traits.observer_context, host, event);
    actions_clear(&host->actions);
    host->stepping = false;
}

/* Life and death */

static void on_crash(struct happening *happening) {
    struct sentinel_host *host = container_of(happening, struct sentinel_host, crash);
    if (host->machine) sentinel_host_crash(host, false);
}

static void on_resume(struct happening *happening) {
    struct sentinel_host *host = container_of(happening, struct sentinel_host, resume);
    if (is_paused(host)) return;
    struct event event = {.kind = EVENT_STALL};
    event.stall.stood_ms = (host->schedule->now_us - host->paused_since_us) / 1000;
    host_step(host, &event);
}

static const struct disk_ops disk_ops = {.collect = on_collect, .on_written = on_written};

struct sentinel_host *sentinel_host_new(struct network *network, struct schedule *schedule, struct random *random,
                                        struct trace *trace, const struct sentinel_traits *traits) {
    struct sentinel_host *host = mem_zalloc(sizeof *host);
    host->network = network;
    host->schedule = schedule;
    host->random = random;
    host->trace = trace;
    host->traits = *traits;
    host->number = network_add_host(network);
    host->wake.run = on_wake;
    host->crash.run = on_crash;
    host->resume.run = on_resume;
    host->written.run = on_told;
    host->disk = disk_new(schedule, random, &traits->disk, &disk_ops, host);
    if (traits->mutant == MUTANT_VOTE_NOT_SAVED) disk_set_lying(host->disk, true);
    actions_init(&host->actions);
    list_init(&host->callers);
    list_init(&host->lookups);
    list_init(&host->scripts);
    host->clock.base_us = dice_between(random, 1, 1000) * SECOND;
    host->clock.wall_offset_us = 1700000000ll * SECOND;
    return host;
}

void sentinel_host_free(struct sentinel_host **host) {
    struct sentinel_host *gone = *host;
    schedule_cancel(gone->schedule, &gone->wake);
    schedule_cancel(gone->schedule, &gone->crash);
    schedule_cancel(gone->schedule, &gone->resume);
    schedule_cancel(gone->schedule, &gone->written);
    host_end_lines(gone);
    host_end_callers(gone);
    host_end_scripts(gone);
    end_lookups(gone);
    machine_free(&gone->machine);
    state_copy_free(&gone->copy);
    actions_fini(&gone->actions);
    disk_free(&gone->disk);
    mem_free(gone);
    *host = NULL;
}

/* MUTANT_FORGETFUL */
static void pretend_memory(const struct machine_config *config, struct state_records *out) {
    for (size_t i = 0; i < config->primary_count; i++) {
        const struct primary_config *primary = &config->primaries[i];
        (void)!state_records_add(out, &(struct state_record){.kind = STATE_PRIMARY,
                                                             .name = primary->name,
                                                             .host = primary->host,
                                                             .port = primary->port,
                                                             .configured_host = primary->host,
                                                             .configured_port = primary->port});
    }
}

void sentinel_host_start(struct sentinel_host *host) {
    CHECK(!host->machine);
    struct state_records pretended;
    state_records_init(&pretended);
    const struct state_records *state =
        host->traits.mutant == MUTANT_OLD_STATE ? disk_old_content(host->disk) : disk_content(host->disk);
    if (host->traits.mutant == MUTANT_FORGETFUL && host->steps && !state->count) {
        pretend_memory(&host->traits.config, &pretended);
        state = &pretended;
    }
    if (host->traits.mutant == MUTANT_FORGETS_NAMES) {
        for (size_t i = 0; i < state->count; i++)
            if (state->items[i].kind != STATE_REPLICA) (void)!state_records_add(&pretended, &state->items[i]);
        state = &pretended;
    }
    host->traits.config.seed = random_next(host->random);
    host->dying = false;
    state_copy_free(&host->copy);
    host->copy = state_copy_new();
    host->crash_within = 0;
    host->saving = 0;
    host->paused_until_us = 0;
    host->born_us = host->schedule->now_us;
    network_start_process(host->network, host->number, host->traits.config.port, &host_listener_ops, host);
    host->machine = machine_new(&host->traits.config, state->items, state->count, sentinel_host_now_ms(host));
    TRACE(host->trace, host->traits.name, "starts with %zu records", state->count);
    state_records_fini(&pretended);
    host->traits.observer->on_birth(host->traits.observer_context, host);
    host_step(host, &(struct event){.kind = EVENT_START});
}

void sentinel_host_crash(struct sentinel_host *host, bool power_lost) {
    CHECK(host->machine && !host->stepping);
    TRACE(host->trace, host->traits.name, "is gone%s", power_lost ? " (power)" : "");
    schedule_cancel(host->schedule, &host->wake);
    schedule_cancel(host->schedule, &host->crash);
    schedule_cancel(host->schedule, &host->resume);
    schedule_cancel(host->schedule, &host->written);
    network_stop_process(host->network, host->number, power_lost);
    host_end_lines(host);
    host_end_callers(host);
    host_end_scripts(host);
    end_lookups(host);
    disk_crash(host->disk);
    machine_free(&host->machine);
    host->dying = false;
}

void sentinel_host_crash_within(struct sentinel_host *host, unsigned actions) {
    host->crash_within = actions;
}

void sentinel_host_pause(struct sentinel_host *host, int64_t until_us, bool told) {
    if (!is_paused(host)) host->paused_since_us = host->schedule->now_us;
    host->paused_until_us = MAX(host->paused_until_us, until_us);
    network_pause_process(host->network, host->number, until_us);
    if (told) schedule_at(host->schedule, &host->resume, host->paused_until_us + 1);
}

void sentinel_host_set_drift(struct sentinel_host *host, int64_t drift_ppm) {
    virtual_clock_set_drift(&host->clock, host->schedule->now_us, drift_ppm);
}

void sentinel_host_jump_wall(struct sentinel_host *host, int64_t by_us) {
    host->clock.wall_offset_us += by_us;
}

void sentinel_host_wipe_disk(struct sentinel_host *host) {
    CHECK(!host->machine);
    disk_wipe(host->disk);
}

void sentinel_host_fail_disk(struct sentinel_host *host, bool failing) {
    disk_set_failing(host->disk, failing);
}

void sentinel_host_fail_scripts(struct sentinel_host *host, bool failing) {
    host->scripts_fail = failing;
}

void sentinel_host_order(struct sentinel_host *host, struct event *event) {
    event->token = ++host->tokens;
    TRACE(host->trace, host->traits.name, "an operator says %s", event_kind_name(event->kind));
    host_step(host, event);
}

unsigned sentinel_host_number(const struct sentinel_host *host) {
    return host->number;
}

const char *sentinel_host_name(const struct sentinel_host *host) {
    return host->traits.name;
}

const char *sentinel_host_id(const struct sentinel_host *host) {
    return host->traits.config.id;
}

bool sentinel_host_is_born(const struct sentinel_host *host) {
    return host->machine != NULL;
}

bool sentinel_host_is_running(const struct sentinel_host *host) {
    return host_hears(host);
}

bool sentinel_host_is_paused(const struct sentinel_host *host) {
    return is_paused(host);
}

const struct world *sentinel_host_world(const struct sentinel_host *host) {
    return host_hears(host) ? machine_world(host->machine) : NULL;
}

const struct state_records *sentinel_host_durable(const struct sentinel_host *host) {
    return disk_content(host->disk);
}

int64_t sentinel_host_now_ms(const struct sentinel_host *host) {
    return virtual_clock_ms(&host->clock, host->schedule->now_us);
}

uint64_t sentinel_host_steps(const struct sentinel_host *host) {
    return host->steps;
}
