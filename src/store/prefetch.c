#include "store/prefetch.h"
#include "core/command/command.h"
#include "core/server.h"
#include "store/keyspace/keyspace.h"

enum { KEYS_AT_ONCE = 64 }; /* more lines in flight than the processor has buffers for would be dropped again */

struct batch {
    const struct keyspace *keyspace;
    uint64_t               hashes[KEYS_AT_ONCE];
    size_t                 count;
};

/* Returns false when the batch is full. */
static bool add(struct batch *batch, struct slice key) {
    uint64_t hash = keyspace_hash(batch->keyspace, key);
    keyspace_prefetch(batch->keyspace, hash);
    batch->hashes[batch->count++] = hash;
    return batch->count < KEYS_AT_ONCE;
}

/* The keys that COMMAND INFO's triple names: good enough, since a wrong guess costs nothing but time. */
static bool add_request(struct batch *batch, const struct server_request *request) {
    const struct command_entry *entry = request->entry;
    if (!entry || entry->first_key <= 0) return true;
    int last = entry->last_key < 0 ? request->argc + entry->last_key : entry->last_key;
    int step = MAX(entry->key_step, 1);
    for (int i = entry->first_key; i <= last && i < request->argc; i += step)
        if (!add(batch, request->argv[i])) return false;
    return true;
}

void prefetch_keys(const struct keyspace *keyspace, const struct server_request *requests, size_t count) {
    if (!keyspace->table) return;
    struct batch batch = {.keyspace = keyspace};
    for (size_t i = 0; i < count; i++)
        if (!add_request(&batch, &requests[i])) break;
    for (size_t i = 0; i < batch.count; i++) keyspace_prefetch_record(keyspace, batch.hashes[i]);
}
