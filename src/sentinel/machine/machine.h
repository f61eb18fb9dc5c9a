/* The sentinel as a pure state machine: machine_step(), the one door.
 *
 * It does no I/O, reads no clock and has no globals: time, randomness (a seed) and everything that happened come in,
 * what is to be done goes out. Several machines live in one process. It knows src/base only.
 *
 * How a driver runs it:
 *     machine = machine_new(&config, state, count, now_ms);
 *     machine_step(machine, now_ms, &(struct event){.kind = EVENT_START, ...}, &actions);
 *     loop: carry out `actions` in order, actions_clear(), wait for the next event or the wake-up time, step again.
 * The actions of one step are carried out before the next step, except for those that only start something.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/action.h"
#include "sentinel/machine/event.h"
#include "sentinel/machine/state.h"
#include "sentinel/machine/world.h"

/* One primary as the operator's file says it. 0 and NULL mean "not said" (the default). All borrowed. */
struct primary_config {
    const char *name, *host;
    uint16_t port;
    uint32_t quorum;
    bool quorum_majority; /* instead of a number */
    bool maintenance, unprotected; /* protect-from-empty-primary: no */
    int64_t max_replica_lag;
    const char *prefer_zone, *replica_zones;
    int64_t down_after_ms, failover_timeout_ms, reboot_down_after_ms;
    uint32_t parallel_syncs;
    bool fast_failover;
    int64_t fast_grace_ms;
    const char *auth_user, *auth_pass;
    const char *notification_script, *client_reconfig_script, *pre_failover_script;
    int64_t pre_failover_timeout_ms;
    bool pre_failover_veto;
    const struct rename *renames; /* rename-command */
    size_t rename_count;
};

struct machine_config {
    uint64_t seed;           /* of all its randomness */
    const char *id;          /* 40 hex digits: ours unless the state has one */
    uint16_t port;           /* announced unless announce_port is set */
    const char *announce_ip; /* NULL or "": not set */
    uint16_t announce_port;
    bool resolve_hostnames, announce_hostnames, deny_scripts_reconfig;
    const char *sentinel_user, *sentinel_pass;
    const struct timing *timing; /* NULL: the defaults */
    const struct primary_config *primaries;
    size_t primary_count;
};

void timing_defaults(struct timing *timing);

/* Borrows everything. `state` is what was saved last (count 0: nothing); records that make no sense are left out.
 * Gives: machine_free(). */
struct machine *machine_new(const struct machine_config *config, const struct state_record *state, size_t count,
                            int64_t now_ms);
void machine_free(struct machine **machine); /* takes */

/* now_ms never goes back. Adds to `actions`. */
void machine_step(struct machine *machine, int64_t now_ms, const struct event *event, struct actions *actions);

/* Lends its beliefs until the next step. */
const struct world *machine_world(const struct machine *machine);

/* Adds all that must survive a restart to `out`: what ACTION_SAVE writes. Taken at any time between that action and
 * its EVENT_SAVED it holds what that save promises. */
void machine_state(const struct machine *machine, struct state_records *out);

/* The same for who keeps what was given before: adds SELF and, of each primary that has changed since the last call, its
 * PRIMARY with those parts that its `parts` names, each of them whole: what the keeper has of these parts and is not
 * here is gone. True: everything is here, and what is not here is gone. */
bool machine_take_changes(struct machine *machine, struct state_records *out);

/* The states and arrows of all machines in here, as text for `kvd --dump-machines`. */
void machine_dump_tables(struct bytes *out);
