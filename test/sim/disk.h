/* The virtual disk that holds one sentinel's state: writes take time, fail, and are lost when the host crashes first.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/state.h"
#include "sim/schedule.h"
#include "base/random.h"

struct disk;

struct disk_traits {
    int64_t sync_us;        /* a write with its fsync takes so long on average */
    unsigned slow_permille; /* of writes that take 50 times as long */
    bool collects_late;     /* asks for the content when it begins to sync, not when the write was ordered */
};

struct disk_ops {
    void (*collect)(void *context, struct state_records *out); /* collects_late: the content now */
    void (*on_written)(void *context, uint64_t sequence, bool ok);
};

struct disk *disk_new(struct schedule *schedule, struct random *random, const struct disk_traits *traits,
                      const struct disk_ops *ops, void *context); /* gives: disk_free() */
void disk_free(struct disk **disk);                               /* takes */

/* One at a time. on_written follows, unless disk_crash() comes first. */
void disk_write(struct disk *disk, const struct state_records *records, uint64_t sequence);
bool disk_is_busy(const struct disk *disk);
void disk_crash(struct disk *disk); /* a write under way is lost, or was done without anybody knowing */
void disk_set_failing(struct disk *disk, bool failing);
void disk_wipe(struct disk *disk); /* all is gone. Not while a write is under way */

/* What a restart will find. Lends, until the next write ends. */
const struct state_records *disk_content(const struct disk *disk);

/* For the planted bugs: the content before the last write; and nothing is ever really written. */
const struct state_records *disk_old_content(const struct disk *disk);
void disk_set_lying(struct disk *disk, bool lying);
