#include "store/tx/watch.h"
#include "base/mem.h"
#include "base/table.h"
#include "store/tx/session.h"

/* Owned by its session's list; linked in the key's list too. */
struct watch {
    struct list_node of_session, of_key;
    struct session  *session;
    struct keyspace *keyspace;
    struct watchers *watchers;
    bool             was_expired; /* when it was first watched: then its end is no change */
};

/* The value in keyspace->watched. Owned by the table; there is at least one watch in it. */
struct watchers {
    struct list list;
    size_t      key_size;
    char        key[];
};

static struct slice key_of(const struct watchers *watchers) {
    return slice_make(watchers->key, watchers->key_size);
}

/* The record without the side effects of a lookup. */
static struct record *peek(const struct keyspace *keyspace, struct slice key) {
    return keyspace->table ? key_table_find(keyspace->table, key, keyspace_hash(keyspace, key), NULL) : NULL;
}

static bool is_expired(const struct keyspace *keyspace, struct slice key) {
    struct record *record = peek(keyspace, key);
    return record && keyspace_is_expired(keyspace, record);
}

static struct watchers *watchers_of(struct keyspace *keyspace, struct slice key) {
    if (!keyspace->watched) keyspace->watched = table_new();
    struct watchers *watchers = table_find(keyspace->watched, key);
    if (watchers) return watchers;
    watchers = mem_alloc(sizeof *watchers + key.size);
    list_init(&watchers->list);
    watchers->key_size = key.size;
    if (key.size) memcpy(watchers->key, key.data, key.size);
    table_set(keyspace->watched, key, watchers);
    return watchers;
}

void watch_key(struct session *session, struct slice key) {
    struct keyspace *keyspace = session->keyspace;
    LIST_EACH(&session->watches, node) {
        const struct watch *other = container_of(node, struct watch, of_session);
        if (other->keyspace == keyspace && slice_equal(key_of(other->watchers), key)) return;
    }
    struct watch *watch = mem_alloc(sizeof *watch);
    *watch = (struct watch){.session = session, .keyspace = keyspace, .was_expired = is_expired(keyspace, key)};
    watch->watchers = watchers_of(keyspace, key);
    list_add(&session->watches, &watch->of_session);
    list_node_init(&watch->of_key);
    list_add(&watch->watchers->list, &watch->of_key);
    session->watch_count++;
}

void watch_forget_all(struct session *session) {
    LIST_EACH(&session->watches, node) {
        struct watch *watch = container_of(node, struct watch, of_session);
        list_remove(&watch->of_key);
        if (list_is_empty(&watch->watchers->list)) {
            struct keyspace *keyspace = watch->keyspace;
            table_remove(keyspace->watched, key_of(watch->watchers));
            mem_free(watch->watchers);
            if (table_count(keyspace->watched) == 0) table_free(&keyspace->watched, NULL);
        }
        list_remove(&watch->of_session);
        mem_free(watch);
    }
    session->watch_count = 0;
}

bool watch_has_expired(const struct session *session) {
    LIST_EACH(&session->watches, node) {
        const struct watch *watch = container_of(node, struct watch, of_session);
        if (!watch->was_expired && is_expired(watch->keyspace, key_of(watch->watchers))) return true;
    }
    return false;
}

static void mark(struct watchers *watchers) {
    LIST_EACH(&watchers->list, node)
        container_of(node, struct watch, of_key)->session->client->flags |= CLIENT_DIRTY_WATCH;
}

void watch_touch(struct keyspace *keyspace, struct slice key) {
    if (!keyspace->watched) return;
    struct watchers *watchers = table_find(keyspace->watched, key);
    if (!watchers) return;
    LIST_EACH(&watchers->list, node) {
        struct watch *watch = container_of(node, struct watch, of_key);
        /* A key that had expired when it was watched is removed now: it was absent and is absent. */
        if (watch->was_expired) {
            watch->was_expired = false;
            if (!peek(keyspace, key)) continue;
        }
        watch->session->client->flags |= CLIENT_DIRTY_WATCH;
    }
}

void watch_touch_all(struct keyspace *keyspace, struct keyspace *by) {
    if (!keyspace->watched) return;
    struct table_walk walk = {0};
    while (table_next(keyspace->watched, &walk)) {
        struct watchers *watchers = walk.value;
        bool is_here = peek(keyspace, walk.key) != NULL, will_be = by && peek(by, walk.key) != NULL;
        if (is_here || will_be) mark(watchers);
    }
}

size_t watch_count(const struct databases *databases, size_t *clients) {
    size_t keys = 0, watches = 0;
    for (int i = 0; i < databases->count; i++) {
        struct table *watched = databases->all[i].watched;
        if (!watched) continue;
        keys += table_count(watched);
        struct table_walk walk = {0};
        while (table_next(watched, &walk)) {
            /* A client is counted at the first of its watches. */
            LIST_EACH(&((struct watchers *)walk.value)->list, node) {
                struct watch *watch = container_of(node, struct watch, of_key);
                watches += list_first(&watch->session->watches) == &watch->of_session;
            }
        }
    }
    if (clients) *clients = watches;
    return keys;
}
