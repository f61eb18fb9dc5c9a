/* Active defragmentation: walks all keys and moves what lies scattered, so that the allocator can give pages back.
 *
 * While memory is fragmented beyond the thresholds the work is done in slices of at most half a millisecond, as many a
 * second as the percentage of a processor allows. Needs an allocator that tells how full its runs are (mem_can_defrag()).
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/config/param.h"
#include "store/keyspace/databases.h"

struct defrag;
struct loop;

struct defrag_stats {
    uint64_t hits, misses;         /* blocks that were moved, and that were left */
    uint64_t key_hits, key_misses; /* keys of which something was moved, or nothing */
    int64_t  total_us, running_us; /* spent while fragmented; so far in the present run, 0: it does not run */
    unsigned percent;              /* of a processor that it may take now; 0: it does not run */
};

/* Registers the parameters. Keeps all. gives: defrag_free() */
struct defrag *defrag_new(struct loop *loop, struct params *params, struct databases *databases);
void           defrag_free(struct defrag **defrag);
/* Now and then (a few times a second): looks whether there is something to do. */
void defrag_cron(struct defrag *defrag);
void defrag_read_stats(const struct defrag *defrag, struct defrag_stats *stats);
void defrag_reset_stats(struct defrag *defrag);
