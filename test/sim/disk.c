#include "sim/disk.h"
#include "base/mem.h"
#include "sim/dice.h"

struct disk {
    struct schedule *schedule;
    struct random *random;
    struct disk_traits traits;
    const struct disk_ops *ops;
    void *context;
    bool busy, failing, lying;
    uint64_t sequence;
    struct state_records content, old, under_way;
    struct happening done;
};

static void copy(struct state_records *to, const struct state_records *from) {
    state_records_clear(to);
    for (size_t i = 0; i < from->count; i++) state_records_add(to, &from->items[i]);
}

static void keep(struct disk *disk) {
    if (disk->lying) return;
    copy(&disk->old, &disk->content);
    copy(&disk->content, &disk->under_way);
}

static void on_done(struct happening *happening) {
    struct disk *disk = container_of(happening, struct disk, done);
    disk->busy = false;
    /* What is on a disk whose sync failed cannot be known. */
    if (!disk->failing || dice_chance(disk->random, 300)) {
        if (disk->traits.collects_late) {
            state_records_clear(&disk->under_way);
            disk->ops->collect(disk->context, &disk->under_way);
        }
        keep(disk);
    }
    disk->ops->on_written(disk->context, disk->sequence, !disk->failing);
}

struct disk *disk_new(struct schedule *schedule, struct random *random, const struct disk_traits *traits,
                      const struct disk_ops *ops, void *context) {
    struct disk *disk = mem_zalloc(sizeof *disk);
    disk->schedule = schedule;
    disk->random = random;
    disk->traits = *traits;
    disk->ops = ops;
    disk->context = context;
    disk->done.run = on_done;
    state_records_init(&disk->content);
    state_records_init(&disk->old);
    state_records_init(&disk->under_way);
    return disk;
}

void disk_free(struct disk **disk) {
    schedule_cancel((*disk)->schedule, &(*disk)->done);
    state_records_fini(&(*disk)->content);
    state_records_fini(&(*disk)->old);
    state_records_fini(&(*disk)->under_way);
    mem_free(*disk);
    *disk = NULL;
}

void disk_write(struct disk *disk, const struct state_records *records, uint64_t sequence) {
    CHECK(!disk->busy);
    disk->busy = true;
    disk->sequence = sequence;
    copy(&disk->under_way, records);
    int64_t takes_us = 20 + dice_around(disk->random, disk->traits.sync_us);
    if (dice_chance(disk->random, disk->traits.slow_permille)) takes_us *= 50;
    schedule_after(disk->schedule, &disk->done, takes_us);
}

bool disk_is_busy(const struct disk *disk) {
    return disk->busy;
}

void disk_crash(struct disk *disk) {
    schedule_cancel(disk->schedule, &disk->done);
    if (disk->busy && !disk->traits.collects_late && dice_chance(disk->random, 500)) keep(disk);
    disk->busy = false;
}

void disk_wipe(struct disk *disk) {
    CHECK(!disk->busy);
    state_records_clear(&disk->content);
    state_records_clear(&disk->old);
}

void disk_set_failing(struct disk *disk, bool failing) {
    disk->failing = failing;
}

const struct state_records *disk_content(const struct disk *disk) {
    return &disk->content;
}

const struct state_records *disk_old_content(const struct disk *disk) {
    return &disk->old;
}

void disk_set_lying(struct disk *disk, bool lying) {
    disk->lying = lying;
}
