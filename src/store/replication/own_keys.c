#include "store/replication/own_keys.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/table.h"
#include "store/keyspace/databases.h"

enum { EXPIRE_US = 1000 };

/* Named by the database's number, 4 bytes, before the key. A deadline that is changed or gone meanwhile is seen when it is looked at. */
struct own_keys {
    struct databases *databases;
    struct table     *names; /* NULL: they are not watched */
    struct bytes      name;
};

struct own_keys *own_keys_new(struct databases *databases) {
    struct own_keys *keys = mem_zalloc(sizeof *keys);
    keys->databases = databases;
    return keys;
}

void own_keys_free(struct own_keys **place) {
    struct own_keys *keys = *place;
    if (!keys) return;
    *place = NULL;
    own_keys_watch(keys, false);
    bytes_fini(&keys->name);
    mem_free(keys);
}

static void deadline_set(void *context, struct keyspace *keyspace, struct slice key) {
    struct own_keys *keys = context;
    uint32_t number = (uint32_t)keyspace->id;
    if (keyspace->shared->sees_expired) return; /* the primary's */
    bytes_clear(&keys->name);
    bytes_add(&keys->name, &number, sizeof number);
    bytes_add_slice(&keys->name, key);
    (void)table_set(keys->names, bytes_slice(&keys->name), keys);
}

void own_keys_watch(struct own_keys *keys, bool wanted) {
    struct keyspace_hooks *hooks = &keys->databases->shared.hooks;
    if (wanted == (keys->names != NULL)) return;
    if (wanted) keys->names = table_new();
    else table_free(&keys->names, NULL);
    hooks->deadline_set = wanted ? deadline_set : NULL;
    hooks->deadline_context = keys;
}

/* True: it is not to be watched any more. */
static bool is_settled(struct own_keys *keys, struct slice name) {
    uint32_t number;
    struct spot spot;
    memcpy(&number, name.data, sizeof number);
    struct slice key = {name.data + sizeof number, name.size - sizeof number};
    struct keyspace *keyspace = databases_find(keys->databases, number);
    struct keyspace_shared *shared = &keys->databases->shared;
    shared->sees_expired = true;
    bool is_there = keyspace && keyspace_open(keyspace, key, &spot);
    shared->sees_expired = false;
    if (!is_there || record_expires_ms(spot.record) == RECORD_NEVER) return true;
    if (!keyspace_is_expired(keyspace, spot.record)) return false;
    shared->keep_expired = false;
    (void)keyspace_open(keyspace, key, &spot); /* which removes it, and tells */
    shared->keep_expired = true;
    return true;
}

void own_keys_expire(struct own_keys *keys) {
    if (!keys->names || !table_count(keys->names)) return;
    int64_t until_us = clock_now_us() + EXPIRE_US;
    struct bytes done = {0};
    struct table_walk walk = {0};
    while (table_next(keys->names, &walk)) {
        if (!is_settled(keys, walk.key)) continue;
        uint32_t size = (uint32_t)walk.key.size;
        bytes_add(&done, &size, sizeof size);
        bytes_add_slice(&done, walk.key);
        if (clock_now_us() > until_us) break;
    }
    for (const char *at = done.data; at < done.data + done.size;) {
        uint32_t size;
        memcpy(&size, at, sizeof size);
        (void)table_remove(keys->names, slice_make(at + sizeof size, size));
        at += sizeof size + size;
    }
    bytes_fini(&done);
}

size_t own_keys_count(const struct own_keys *keys) {
    return keys->names ? table_count(keys->names) : 0;
}
