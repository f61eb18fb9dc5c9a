/* What memory is used for: the figures behind INFO memory, MEMORY STATS and MEMORY DOCTOR.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/mem.h"

struct memory_report;
struct server;

struct memory_report *memory_report_new(void); /* gives: memory_report_free() */
void                  memory_report_free(struct memory_report **report);

/* What a mode knows. All functions may be NULL; bytes, but for `keys`. */
struct memory_source {
    size_t (*overhead)(void *context); /* tables and buffers beside the data: part of overhead.total */
    size_t (*keys)(void *context);     /* number of keys */
    size_t (*backlog)(void *context);
    size_t (*aof_buffer)(void *context);
};
/* Keeps source and context. At most 4. */
void memory_report_add(struct server *server, const struct memory_source *source, void *context);

/* Looks at the use of memory now, for its peak; the first call notes what an empty server takes. Called by cron. */
void memory_report_sample(struct server *server);

struct memory_figures {
    struct mem_stats allocator;
    size_t used, rss, peak, startup, overhead, dataset; /* dataset: used without overhead */
    size_t keys, backlog, aof_buffer, clients_normal, clients_replicas;
    size_t system_total; /* the machine's memory */
};
void memory_report_read(struct server *server, struct memory_figures *figures);

double memory_ratio(size_t part, size_t whole); /* 0 when whole is 0 */
