/* What a primary does before it shuts down: it waits until its replicas have everything, or hands over to one of them.
 *
 *     farewell_begin() --> asking the sentinels --2 s, none acts--> own FAILOVER --it fails--> waiting for replicas
 *                               |  one makes us a replica              |  its target took over      |  all have everything
 *                               +--------------------> the shutdown goes on <----------------------+
 *
 * With shutdown-handover the sentinels are told by a message of our own on __sentinel__:hello, which those of Redis do not
 * understand and pass over; kvd's then fail over as by an operator's order, so that clients are told at once. Writes are
 * paused from the beginning (core/server.h), and shutdown-timeout ends all of it.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/server.h"

struct farewell;
struct replication;

struct farewell *farewell_new(struct replication *replication); /* keeps. gives: farewell_free() */
void             farewell_free(struct farewell **farewell);

/* A shutdown was asked for. WAIT: it goes on by itself when it can. */
enum server_shutdown_answer farewell_begin(struct farewell *farewell, unsigned flags);
void                        farewell_on_news(struct farewell *farewell); /* a replica told how far it is */
void                        farewell_cron(struct farewell *farewell);
/* The shutdown was aborted, or goes on now. */
void farewell_end(struct farewell *farewell);
