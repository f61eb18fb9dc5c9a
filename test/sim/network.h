/* The virtual network: hosts, and TCP connections between their processes.
 *
 * TCP loses no bytes silently: what a cut or a loss holds back is sent again and again, in order, until the sender
 * gives the connection up. So a loss is a delay, a cut is silence followed by a burst or a timeout, and only the death
 * of a process answers at once (reset, refused). A cut may hold in one direction only: then what goes the other way
 * arrives and its answer does not.
 *
 * Nothing calls back from within a call: all consequences are happenings of the schedule.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/random.h"
#include "sim/message.h"
#include "sim/schedule.h"

struct network;
struct link_end; /* one process's side of a connection */

/* Callbacks of the process that holds the end. on_closed is the last one: the end is gone after it. */
struct link_ops {
    void (*on_open)(void *context, struct link_end *end); /* the one who opened it only */
    void (*on_message)(void *context, struct link_end *end, const struct message *message); /* borrows */
    void (*on_closed)(void *context, struct link_end *end, enum line_reason reason);
};

/* A process that listens is offered every connection: it answers with its context and ops. */
struct listener_ops {
    const struct link_ops *ops;
    void *(*accept)(void *process, struct link_end *end); /* returns the context */
};

struct network_weather {
    int64_t latency_us;     /* of every message, at least */
    int64_t jitter_us;      /* and this much more on average */
    unsigned loss_permille; /* messages whose first packet is lost: 200 ms later, or 400, ... */
    unsigned late_permille; /* messages that come so much later */
    int64_t late_us;
};

enum { NETWORK_ADDRESS_SIZE = 46 };

struct network *network_new(struct schedule *schedule, struct random *random); /* keeps both; gives: network_free() */
void network_free(struct network **network);                                   /* takes */
void network_set_weather(struct network *network, const struct network_weather *weather);

/* A host with its one address. Hosts are numbered from 0. */
unsigned network_add_host(struct network *network);
unsigned network_hosts(const struct network *network);
const char *network_address(const struct network *network, unsigned host); /* lends: "10.7.0.1" */
bool network_find_host(const struct network *network, const char *address, unsigned *host);
/* The host that has or had it: no address is given twice. */
bool network_trace_address(const struct network *network, const char *address, unsigned *host);
const char *network_former_address(const struct network *network, unsigned host); /* lends: the one before, or "" */
void network_change_address(struct network *network, unsigned host); /* a new one; old connections are reset */

/* The process of a host. Stopping one resets its connections, or, when the power fails, leaves the peers in silence;
 * no callbacks reach the process any more. */
void network_start_process(struct network *network, unsigned host, uint16_t port, const struct listener_ops *ops,
                           void *process);
void network_stop_process(struct network *network, unsigned host, bool power_lost);
/* Whether connections to the address are (or were, up to `memory_us` ago) refused for `least_us` on end, because its
 * process was gone while the host answered. */
bool network_was_refused(const struct network *network, const char *address, int64_t least_us, int64_t memory_us);
/* From now on whoever asks a host without power hears that nobody is there, as from a firewall that rejects. */
void network_reject_for_silent(struct network *network);
/* Stands still until then: what arrives waits. */
void network_pause_process(struct network *network, unsigned host, int64_t until_us);

void network_cut(struct network *network, unsigned from, unsigned to, bool cut); /* one direction */
bool network_is_cut(const struct network *network, unsigned from, unsigned to);
uint64_t network_dials(const struct network *network, unsigned to); /* so many packets that open a connection were sent to it */
void network_set_slow(struct network *network, unsigned host, int64_t more_us); /* a slow node */
void network_heal(struct network *network); /* no cuts, no slow nodes; what was held back comes soon */

/* Gives an end that is the caller's until on_closed or link_close(). */
struct link_end *link_open(struct network *network, unsigned from, const char *address, uint16_t port,
                           int64_t timeout_us, const struct link_ops *ops, void *context);
/* After so long without the peer's acknowledgement the opener's kernel gives the connection up, instead of a minute. */
void link_set_unacked_timeout(struct link_end *opener, int64_t timeout_us);
void link_send(struct link_end *end, struct message *message); /* takes */
void link_close(struct link_end *end);                         /* takes; no on_closed */
unsigned link_peer_host(const struct link_end *end);
const char *link_local_address(const struct link_end *end); /* lends */
