/* Latency: events that took long (LATENCY LATEST, HISTORY, GRAPH, DOCTOR), and how long each command takes (HISTOGRAM).
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

struct command_entry;
struct command_table;
struct latency;
struct server;

struct latency *latency_new(void); /* gives: latency_free() */
void            latency_free(struct latency **latency);

/* Something named `event` ("fork", "aof-fsync-always", "expire-cycle") took `ms`: remembered when that is at least
 * latency-monitor-threshold. Keeps nothing; cheap when it is not. Samples of the same second are one, the greatest. */
void latency_add_sample(struct server *server, const char *event, int64_t ms);

/* After a command took `usec`: into its histogram, where latency-tracking is on. */
void latency_count_command(const struct server *server, struct command_entry *entry, int64_t usec);
/* Frees all commands' histograms. */
void latency_forget_commands(const struct command_table *commands);
/* Adds "p50=9.023,p99=9.023": microseconds for these percentiles. */
void latency_print_percentiles(const struct command_entry *entry, const double *percentiles, size_t count,
                               struct bytes *out);
