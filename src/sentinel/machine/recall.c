#include "sentinel/machine/recall.h"
#include "sentinel/machine/guard.h"
#include "sentinel/machine/history.h"
#include "sentinel/machine/instance_internal.h"
#include "sentinel/machine/options.h"
#include "sentinel/machine/world_internal.h"

#include <stdio.h>

static const char *text(const char *maybe) {
    return maybe ? maybe : "";
}

static bool is_id(const char *id) {
    return strlen(text(id)) == SENTINEL_ID_SIZE - 1;
}

static uint64_t sane(uint64_t epoch) {
    return MIN(epoch, EPOCH_MAX);
}

/* ---- From the configuration ---- */

static void set(char **field, const char *value) {
    mem_free(*field);
    *field = value && value[0] ? mem_strdup(value) : NULL;
}

static void apply_config(struct primary *primary, const struct primary_config *config) {
    struct primary_options *options = &primary->options;
    mem_free(primary->configured_host);
    primary->configured_host = mem_strdup(config->host);
    primary->configured_port = config->port;
    if (config->quorum) options->quorum = config->quorum;
    if (config->quorum_majority) options->quorum = 0;
    options->protect_from_empty = !config->unprotected;
    options->maintenance = config->maintenance;
    options->max_replica_lag = config->max_replica_lag;
    set(&options->prefer_zone, config->prefer_zone);
    set(&options->replica_zones, config->replica_zones);
    if (config->down_after_ms > 0) options->down_after_ms = config->down_after_ms;
    if (config->failover_timeout_ms > 0) options->failover_timeout_ms = config->failover_timeout_ms;
    if (config->reboot_down_after_ms > 0) options->reboot_down_after_ms = config->reboot_down_after_ms;
    if (config->parallel_syncs) options->parallel_syncs = config->parallel_syncs;
    options->fast_failover = config->fast_failover;
    if (config->fast_grace_ms > 0) options->fast_grace_ms = config->fast_grace_ms;
    set(&options->auth_user, config->auth_user);
    set(&options->auth_pass, config->auth_pass);
    set(&options->notification_script, config->notification_script);
    set(&options->client_reconfig_script, config->client_reconfig_script);
    set(&options->pre_failover_script, config->pre_failover_script);
    if (config->pre_failover_timeout_ms > 0) options->pre_failover_timeout_ms = config->pre_failover_timeout_ms;
    options->pre_failover_veto = config->pre_failover_veto;
    for (size_t i = 0; i < config->rename_count; i++) {
        struct option_change change = {SLICE("rename-command"), slice_text(config->renames[i].from),
                                       slice_text(config->renames[i].to)};
        (void)options_apply(primary, &change);
    }
    instance_derive(primary->instance);
}

static const struct state_record *find_record(const struct state_record *state, size_t count, enum state_kind kind,
                                              const char *name) {
    for (size_t i = 0; i < count; i++)
        if (state[i].kind == kind && strcmp(text(state[i].name), name) == 0) return &state[i];
    return NULL;
}

static bool same_configured(const struct state_record *record, const struct primary_config *config) {
    return strcmp(text(record->configured_host), config->host) == 0 && record->configured_port == config->port;
}

static void apply_epochs(struct primary *primary, const struct state_record *record) {
    primary->config_epoch = sane(record->config_epoch);
    primary->vote_epoch = primary->saved_vote_epoch = sane(record->vote_epoch);
    primary->fresh = record->fresh;
    guard_recall(primary, record->guarded);
    if (is_id(record->id)) snprintf(primary->vote_leader, sizeof primary->vote_leader, "%s", record->id);
    primary->world->current_epoch = MAX(primary->world->current_epoch, MAX(primary->config_epoch, primary->vote_epoch));
}

static void add_configured(struct world *world, const struct primary_config *config, const struct state_record *state,
                           size_t count) {
    if (world_find_primary(world, slice_text(config->name))) return;
    const struct state_record *removed = find_record(state, count, STATE_REMOVED, config->name);
    const struct state_record *known = find_record(state, count, STATE_PRIMARY, config->name);
    if (removed && same_configured(removed, config)) {
        removed_add(world, config->name, config->host, config->port);
        if (!known || !known->at_run_time) return; /* else it was monitored again by hand, as the state says */
    }
    bool state_wins = known && known->port && text(known->host)[0] &&
                      (same_configured(known, config) || (removed && known->at_run_time));
    struct primary *primary = primary_new(world, config->name, state_wins ? known->host : config->host,
                                          state_wins ? known->port : config->port);
    apply_config(primary, config);
    if (known) apply_epochs(primary, known);
    primary->forget_replicas = known && !state_wins;
}

/* ---- From the state ---- */

static void recall_primary(struct world *world, const struct state_record *record) {
    if (!record->at_run_time || !text(record->name)[0] || !text(record->host)[0] || !record->port) return;
    struct primary *primary = world_find_primary(world, slice_text(record->name));
    if (!primary) {
        primary = primary_new(world, record->name, record->host, record->port);
        primary->at_run_time = true;
        primary->options.quorum = MAX(record->quorum, 1);
    }
    apply_epochs(primary, record);
}

static struct option_change change_of(const struct state_record *record) {
    return (struct option_change){slice_text(text(record->option)), slice_text(text(record->value)),
                                  slice_text(text(record->second))};
}

static void recall_option(struct primary *primary, const struct state_record *record) {
    struct option_change change = change_of(record);
    if (!options_check(primary, &change, false, NULL)) return;
    char *configured = options_text(primary, change.name, change.value);
    if (primary->at_run_time || strcmp(configured, text(record->configured)) == 0)
        (void)options_change(primary, &change);
    mem_free(configured);
}

static void recall_global(struct world *world, const struct state_record *record) {
    struct option_change change = change_of(record);
    if (!settings_check(&change, NULL)) return;
    char *configured = settings_text(world, change.name);
    if (strcmp(configured, text(record->configured)) == 0) (void)settings_change(world, &change);
    mem_free(configured);
}

static void recall_known(struct world *world, const struct state_record *record) {
    struct primary *primary = world_find_primary(world, slice_text(text(record->name)));
    if (!primary) return;
    if (record->kind == STATE_OPTION) {
        recall_option(primary, record);
        return;
    }
    if (record->kind == STATE_HISTORY) {
        history_recall(primary, record->epoch, text(record->value));
        return;
    }
    const char *host = text(record->host);
    if (!host[0] || !record->port || strlen(host) > 255) return;
    if (record->kind == STATE_REPLICA) {
        if (primary->forget_replicas || primary->replica_count >= REPLICAS_MAX) return;
        if (instance_is_at(primary->instance, host, record->port) || replica_find_at(primary, host, record->port))
            return;
        struct instance *replica = replica_add(primary, host, record->port);
        replica->named = primary->guard.least > 0; /* perhaps: it is not remembered who was */
    } else if (record->kind == STATE_SENTINEL) {
        if (!is_id(record->id) || strcmp(record->id, world->id) == 0 || primary->seat_count >= SENTINELS_MAX) return;
        if (primary_find_seat(primary, slice_text(record->id))) return;
        (void)seat_add(primary, record->id, host, record->port);
    }
}

void recall_state(struct world *world, const struct machine_config *config, const struct state_record *state,
                  size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (state[i].kind == STATE_SELF) {
            if (is_id(state[i].id)) snprintf(world->id, sizeof world->id, "%s", state[i].id);
            world->current_epoch = MAX(world->current_epoch, sane(state[i].epoch));
        } else if (state[i].kind == STATE_GLOBAL) {
            recall_global(world, &state[i]);
        }
    }
    for (size_t i = 0; i < config->primary_count; i++) add_configured(world, &config->primaries[i], state, count);
    for (size_t i = 0; i < count; i++)
        if (state[i].kind == STATE_PRIMARY) recall_primary(world, &state[i]);
    for (size_t i = 0; i < count; i++) recall_known(world, &state[i]);
}

/* ---- To records ---- */

static void export_changed(const struct table *changed, const struct table *original, const char *name,
                           struct state_records *out) {
    struct table_walk *walks = table_sorted(changed);
    for (size_t i = 0; i < table_count(changed); i++) {
        struct slice rest = walks[i].key, option;
        (void)slice_split(&rest, ' ', &option);
        char *option_name = slice_to_text(option), *detail = rest.data ? slice_to_text(rest) : NULL;
        (void)!state_records_add(out, &(struct state_record){
                                          .kind = name ? STATE_OPTION : STATE_GLOBAL,
                                          .name = name,
                                          .option = option_name,
                                          .value = detail ? detail : walks[i].value,
                                          .second = detail ? walks[i].value : NULL,
                                          .configured = table_find(original, walks[i].key),
                                      });
        mem_free(option_name);
        mem_free(detail);
    }
    mem_free(walks);
}

static void export_known(const struct primary *primary, struct state_records *out) {
    export_changed(primary->changed, primary->original, primary->name, out);
    LIST_EACH(&primary->replicas, node) {
        const struct instance *replica = container_of(node, struct instance, node);
        if (replica->hearsay) continue;
        (void)!state_records_add(
            out, &(struct state_record){
                     .kind = STATE_REPLICA, .name = primary->name, .host = replica->host, .port = replica->port});
    }
    LIST_EACH(&primary->seats, node) {
        const struct instance *peer = container_of(node, struct seat, at_primary)->peer;
        (void)!state_records_add(
            out,
            &(struct state_record){
                .kind = STATE_SENTINEL, .name = primary->name, .host = peer->host, .port = peer->port, .id = peer->id});
    }
}

static void export_primary(const struct primary *primary, unsigned parts, struct state_records *out) {
    (void)!state_records_add(out, &(struct state_record){
                                      .kind = STATE_PRIMARY,
                                      .parts = parts,
                                      .name = primary->name,
                                      .host = primary->instance->host,
                                      .port = primary->instance->port,
                                      .configured_host = primary->at_run_time ? "" : primary->configured_host,
                                      .configured_port = primary->at_run_time ? 0 : primary->configured_port,
                                      .at_run_time = primary->at_run_time,
                                      .quorum = primary->options.quorum,
                                      .fresh = primary->fresh,
                                      .guarded = primary->guard.least,
                                      .config_epoch = primary->config_epoch,
                                      .vote_epoch = primary->vote_epoch,
                                      .id = primary->vote_leader,
                                  });
    if (parts & STATE_PART_KNOWN) export_known(primary, out);
    if (!(parts & STATE_PART_HISTORY)) return;
    LIST_EACH(&primary->history, node) {
        const struct history_record *record = container_of(node, struct history_record, node);
        (void)!state_records_add(out, &(struct state_record){.kind = STATE_HISTORY,
                                                             .name = primary->name,
                                                             .epoch = record->serial,
                                                             .value = record->text});
    }
}
static void export_self(const struct world *world, struct state_records *out) {
    (void)!state_records_add(
        out, &(struct state_record){.kind = STATE_SELF, .id = world->id, .epoch = world->current_epoch});
}

void recall_export(const struct world *world, struct state_records *out) {
    export_self(world, out);
    export_changed(world->changed_settings, world->original_settings, NULL, out);
    LIST_EACH(&world->primaries, node)
    export_primary(container_of(node, struct primary, node), STATE_PART_ALL, out);
    LIST_EACH(&world->removed, node) {
        const struct removed *removed = container_of(node, struct removed, node);
        (void)!state_records_add(out, &(struct state_record){.kind = STATE_REMOVED,
                                                             .name = removed->name,
                                                             .configured_host = removed->configured_host,
                                                             .configured_port = removed->configured_port});
    }
}

bool recall_take_changes(struct world *world, struct state_records *out) {
    bool whole = world->dirty_whole;
    if (whole) recall_export(world, out);
    else export_self(world, out);
    LIST_EACH(&world->dirty, node) {
        struct primary *primary = container_of(node, struct primary, at_dirty);
        if (!whole) export_primary(primary, primary->dirty, out);
        list_remove(&primary->at_dirty);
        primary->dirty = 0;
    }
    world->dirty_whole = false;
    return whole;
}
