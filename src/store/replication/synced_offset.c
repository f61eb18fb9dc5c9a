#include "store/replication/synced_offset.h"
#include "base/mem.h"

#include <string.h>

struct synced_pair {
    int64_t  offset;
    uint64_t file_offset;
};

void synced_offset_reset(struct synced_offset *synced) {
    synced->begin = synced->end = 0;
    synced->offset = -1;
}

void synced_offset_fini(struct synced_offset *synced) {
    mem_free(synced->pairs);
    *synced = (struct synced_offset){.offset = -1};
}

static void make_room(struct synced_offset *synced) {
    if (synced->end < synced->capacity) return;
    if (synced->begin > synced->capacity / 2) {
        synced->end -= synced->begin;
        memmove(synced->pairs, synced->pairs + synced->begin, synced->end * sizeof *synced->pairs);
        synced->begin = 0;
        return;
    }
    synced->capacity = MAX(16, synced->capacity * 2);
    synced->pairs = mem_realloc(synced->pairs, synced->capacity * sizeof *synced->pairs);
}

void synced_offset_note(struct synced_offset *synced, int64_t offset, uint64_t file_offset) {
    struct synced_pair *last = synced->begin < synced->end ? &synced->pairs[synced->end - 1] : NULL;
    if (last && last->file_offset == file_offset) { /* PINGs, and what changed nothing */
        last->offset = offset;
        return;
    }
    make_room(synced);
    synced->pairs[synced->end++] = (struct synced_pair){offset, file_offset};
}

int64_t synced_offset_advance(struct synced_offset *synced, uint64_t file_offset) {
    while (synced->begin < synced->end && synced->pairs[synced->begin].file_offset <= file_offset)
        synced->offset = synced->pairs[synced->begin++].offset;
    if (synced->begin == synced->end) synced->begin = synced->end = 0;
    return synced->offset;
}
