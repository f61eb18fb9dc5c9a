/* One virtual host that runs the real sentinel machine: clock, disk, lines, and a process that pauses and crashes.
 *
 * It does what the driver does in kvd: actions become connections, commands, timers and writes, and what comes of them
 * becomes events. An observer sees everything that leaves the host, as it leaves (planted bugs included).
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/machine.h"
#include "sim/disk.h"
#include "sim/mutant.h"
#include "sim/names.h"
#include "sim/network.h"
#include "sim/trace.h"
#include "sim/virtual_clock.h"

struct sentinel_host;

/* What a host tells its watcher. Called during and after a step; must not call back into the host. */
struct host_observer {
    void (*on_birth)(void *context, struct sentinel_host *host); /* a new life: the machine exists, nothing was done */
    void (*on_publish)(void *context, struct sentinel_host *host, const struct action *action);
    void (*on_hello)(void *context, struct sentinel_host *host, struct slice payload); /* sent */
    void (*on_vote)(void *context, struct sentinel_host *host, const char *primary, const char *leader,
                    uint64_t epoch); /* an answer that names a leader was sent */
    void (*on_order)(void *context, struct sentinel_host *host, const struct action *action); /* promotion is sent */
    /* A promise is sent to the primary of a guarded set; NULL: not wanted. */
    void (*on_lease)(void *context, struct sentinel_host *host, const struct instance *instance);
    /* An acceptable answer to a PING that was sent at sent_us was heard. */
    void (*on_pong)(void *context, struct sentinel_host *host, const struct instance *instance, const char *address,
                    uint16_t port, int64_t sent_us);
    void (*on_step)(void *context, struct sentinel_host *host, const struct event *event);
    void (*on_breach)(void *context, struct sentinel_host *host, const char *what); /* action.h's contract */
};

struct sentinel_traits {
    const char *name; /* "s1", for traces; borrowed for the host's life */
    struct machine_config config;
    struct disk_traits disk;
    int64_t late_us; /* timers fire so late on average */
    enum mutant mutant;
    const struct host_observer *observer;
    void *observer_context;
    /* Looks a name up: an address, or NULL. */
    const struct names *names; /* NULL: there are none */
};

/* Keeps what the traits point to. Gives: sentinel_host_free(). It does not run yet. */
struct sentinel_host *sentinel_host_new(struct network *network, struct schedule *schedule, struct random *random,
                                        struct trace *trace, const struct sentinel_traits *traits);
void sentinel_host_free(struct sentinel_host **host); /* takes */

void sentinel_host_start(struct sentinel_host *host);
void sentinel_host_crash(struct sentinel_host *host, bool power_lost);
/* Crashes in the middle of carrying out the actions of some later step: after `actions` more of them. 0: no. */
void sentinel_host_crash_within(struct sentinel_host *host, unsigned actions);
void sentinel_host_pause(struct sentinel_host *host, int64_t until_us, bool told); /* told: EVENT_STALL follows */
void sentinel_host_set_drift(struct sentinel_host *host, int64_t drift_ppm);
void sentinel_host_jump_wall(struct sentinel_host *host, int64_t by_us);
void sentinel_host_fail_disk(struct sentinel_host *host, bool failing);
/* Its pre-failover scripts veto, fail or hang; else they soon allow what is asked. */
void sentinel_host_fail_scripts(struct sentinel_host *host, bool failing);
void sentinel_host_wipe_disk(struct sentinel_host *host); /* while it does not run */
/* An operator's word. `event` is borrowed; its token is the host's. */
void sentinel_host_order(struct sentinel_host *host, struct event *event);

unsigned sentinel_host_number(const struct sentinel_host *host); /* in the network */
const char *sentinel_host_name(const struct sentinel_host *host);
const char *sentinel_host_id(const struct sentinel_host *host);
bool sentinel_host_is_born(const struct sentinel_host *host);    /* there is a process */
bool sentinel_host_is_running(const struct sentinel_host *host); /* and it did not just crash */
bool sentinel_host_is_paused(const struct sentinel_host *host);
const struct world *sentinel_host_world(const struct sentinel_host *host);           /* NULL: it does not run */
const struct state_records *sentinel_host_durable(const struct sentinel_host *host); /* what a crash would leave */
int64_t sentinel_host_now_ms(const struct sentinel_host *host);
uint64_t sentinel_host_steps(const struct sentinel_host *host);
