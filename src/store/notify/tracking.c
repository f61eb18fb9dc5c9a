#include "store/notify/tracking.h"
#include "base/mem.h"
#include "base/table.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/keyspec.h"
#include "core/server.h"
#include "store/tx/session.h"

enum { CRON_KEYS = 1000 /* keys that one cron forgets at most, so that it ends soon */ };

/* Ids of the clients that have read a key, ascending. Owned by the table of keys. */
struct readers {
    uint32_t count, capacity;
    uint64_t ids[];
};

/* A prefix that somebody listens to. Freed with its last client. */
struct prefix {
    struct table *clients; /* id (8 bytes) to struct client */
    struct table *changed; /* key to the id of who changed it, as a pointer; since the loop slept */
};

struct tracking {
    struct server  *server;
    const uint64_t *max_keys;
    bool           *is_used;
    struct table   *keys;     /* name to struct readers */
    struct table   *clients;  /* id to struct client: those that track */
    struct table   *prefixes; /* text to struct prefix */
    size_t          items;
    struct bytes    pending;  /* for the client whose command is running: struct pending, key, and so on */
};

/* A message that is sent after the reply. */
struct pending {
    uint64_t id; /* of the client that tracks */
    size_t   size; /* of the key that follows; EVERYTHING: no key, everything changed */
};
#define EVERYTHING SIZE_MAX

static struct slice id_key(const uint64_t *id) {
    return slice_make((const char *)id, sizeof *id);
}

static struct tracker *tracker_of(const struct client *client) {
    const struct session *session = session_of(client);
    return session ? session->tracker : NULL;
}

struct tracking *tracking_new(struct server *server, const uint64_t *max_keys, bool *is_used) {
    struct tracking *tracking = mem_zalloc(sizeof *tracking);
    tracking->server = server;
    tracking->max_keys = max_keys;
    tracking->is_used = is_used;
    tracking->keys = table_new();
    tracking->clients = table_new();
    tracking->prefixes = table_new();
    return tracking;
}

void tracking_free(struct tracking **place) {
    struct tracking *tracking = *place;
    if (!tracking) return;
    *place = NULL;
    CHECK(table_count(tracking->clients) == 0);
    CHECK(table_count(tracking->prefixes) == 0);
    table_free(&tracking->keys, mem_free);
    table_free(&tracking->clients, NULL);
    table_free(&tracking->prefixes, NULL);
    bytes_fini(&tracking->pending);
    mem_free(tracking);
}

/* ================================ messages ================================ */

static void push_broken(struct client *client, uint64_t redirect) {
    tracker_of(client)->flags |= TRACKING_BROKEN;
    client->flags |= CLIENT_TRACKING_BROKEN;
    if (client->resp < 3) return;
    uint64_t was_pushing = client->flags & CLIENT_PUSHING;
    client->flags |= CLIENT_PUSHING;
    reply_push(client, 2);
    reply_bulk_text(client, "tracking-redir-broken");
    reply_uint(client, redirect);
    client->flags = (client->flags & ~CLIENT_PUSHING) | was_pushing;
}

/* Who is to be told for this client. NULL: nobody can be. */
static struct client *target_of(const struct tracking *tracking, struct client *client) {
    const struct tracker *tracker = tracker_of(client);
    if (!tracker->redirect) return client->resp >= 3 ? client : NULL;
    struct client *target = client_find(tracking->server, tracker->redirect);
    if (!target || target->flags & CLIENT_CLOSE_ASAP) {
        if (!(tracker->flags & TRACKING_BROKEN)) push_broken(client, tracker->redirect);
        return NULL;
    }
    return target->resp >= 3 || client_has_subscriptions(target) ? target : NULL;
}

/* The beginning of a message; its end are the keys, or null. */
static void begin_message(struct client *target) {
    if (target->resp >= 3) {
        reply_push(target, 2);
        reply_bulk_text(target, "invalidate");
    } else {
        reply_push(target, 3);
        reply_bulk_text(target, "message");
        reply_bulk_text(target, "__redis__:invalidate");
    }
}

/* `keys` NULL: everything changed. Replies that are being built are those of the running client only, which never comes here. */
static void send_keys(struct tracking *tracking, struct client *client, const struct slice *keys, size_t count) {
    struct client *target = target_of(tracking, client);
    if (!target) return;
    uint64_t was_pushing = target->flags & CLIENT_PUSHING;
    target->flags |= CLIENT_PUSHING;
    begin_message(target);
    if (keys) {
        reply_array(target, count);
        for (size_t i = 0; i < count; i++) reply_bulk(target, keys[i]);
    } else {
        reply_null_array(target);
    }
    target->flags = (target->flags & ~CLIENT_PUSHING) | was_pushing;
    client_check_output_limits(target);
}

/* A message into the output of the client whose command is running would stand in the middle of its reply. */
static bool must_wait(const struct tracking *tracking, const struct client *client) {
    const struct client *current = tracking->server->current_client;
    if (!current || !tracking->server->call_depth) return false;
    uint64_t redirect = tracker_of(client)->redirect;
    return current->id == (redirect ? redirect : client->id);
}

/* `key` NULL: everything changed. */
static void tell(struct tracking *tracking, struct client *client, const struct slice *key) {
    if (!must_wait(tracking, client)) {
        send_keys(tracking, client, key, 1);
        return;
    }
    struct pending pending = {client->id, key ? key->size : EVERYTHING};
    bytes_add(&tracking->pending, &pending, sizeof pending);
    if (key) bytes_add_slice(&tracking->pending, *key);
    tracking->server->is_unsettled = true;
}

static bool is_own_change(const struct tracking *tracking, const struct client *client) {
    return tracker_of(client)->flags & TRACKING_NOLOOP && tracking->server->current_client == client;
}

void tracking_settled(struct tracking *tracking) {
    if (LIKELY(!tracking->pending.size)) return;
    for (size_t at = 0; at < tracking->pending.size;) {
        struct pending pending;
        memcpy(&pending, tracking->pending.data + at, sizeof pending);
        at += sizeof pending;
        struct client *client = table_find(tracking->clients, id_key(&pending.id));
        if (pending.size == EVERYTHING) {
            if (client) send_keys(tracking, client, NULL, 0);
            continue;
        }
        struct slice key = slice_make(tracking->pending.data + at, pending.size);
        at += pending.size;
        if (client) send_keys(tracking, client, &key, 1);
    }
    bytes_clear(&tracking->pending);
}

/* ================================ keys that were read ================================ */

static void add_reader(struct tracking *tracking, struct slice key, uint64_t id) {
    struct readers *readers = table_find(tracking->keys, key);
    if (!readers) {
        readers = mem_alloc(sizeof *readers + sizeof *readers->ids);
        *readers = (struct readers){.capacity = 1};
        table_set(tracking->keys, key, readers);
    }
    uint32_t low = 0, high = readers->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (readers->ids[middle] < id) low = middle + 1;
        else high = middle;
    }
    if (low < readers->count && readers->ids[low] == id) return;
    if (readers->count == readers->capacity) {
        readers->capacity *= 2;
        readers = mem_realloc(readers, sizeof *readers + readers->capacity * sizeof *readers->ids);
        table_set(tracking->keys, key, readers);
    }
    memmove(&readers->ids[low + 1], &readers->ids[low], (readers->count - low) * sizeof *readers->ids);
    readers->ids[low] = id;
    readers->count++;
    tracking->items++;
}

static void remember_keys(struct tracking *tracking, const struct client *client, const struct command_entry *entry) {
    struct keyspec_result found;
    keyspec_init(&found);
    if (keyspec_find(entry->row, client->argv, client->argc, false, &found))
        for (unsigned i = 0; i < found.count; i++) add_reader(tracking, client->argv[found.keys[i].place], client->id);
    keyspec_fini(&found);
}

void tracking_executed(struct tracking *tracking, struct client *client, const struct command_entry *entry) {
    struct tracker *tracker = tracker_of(client);
    bool is_caching = (tracker->flags & TRACKING_CACHING) != 0;
    if (entry->flags & COMMAND_READONLY && !(tracker->flags & TRACKING_BCAST)) {
        bool is_wanted = tracker->flags & TRACKING_OPTIN    ? is_caching
                         : tracker->flags & TRACKING_OPTOUT ? !is_caching
                                                            : true;
        if (is_wanted) remember_keys(tracking, client, entry);
    }
    /* CLIENT CACHING is for the next command, or all of the next transaction. */
    bool is_about_client = strncmp(entry->row->name, "client|", strlen("client|")) == 0;
    if (is_caching && !is_about_client && !(client->flags & CLIENT_IN_MULTI) && tracking->server->call_depth <= 1)
        tracker->flags &= ~(unsigned)TRACKING_CACHING;
}

/* Its readers are told and forgotten. */
static void invalidate(struct tracking *tracking, struct slice key) {
    struct readers *readers = table_remove(tracking->keys, key);
    if (!readers) return;
    tracking->items -= readers->count;
    for (uint32_t i = 0; i < readers->count; i++) {
        struct client *client = table_find(tracking->clients, id_key(&readers->ids[i]));
        /* One that is gone, or tracks in another way by now, is not told. */
        if (client && !(tracker_of(client)->flags & TRACKING_BCAST) && !is_own_change(tracking, client))
            tell(tracking, client, &key);
    }
    mem_free(readers);
}

void tracking_cron(struct tracking *tracking) {
    if (!*tracking->max_keys) return;
    for (int i = 0; i < CRON_KEYS && table_count(tracking->keys) > *tracking->max_keys; i++) {
        struct table_walk walk = {0}; /* the order of the table is as good as chance */
        CHECK(table_next(tracking->keys, &walk));
        char *copy = slice_to_text(walk.key);
        invalidate(tracking, slice_make(copy, walk.key.size));
        mem_free(copy);
    }
}

/* ================================ prefixes ================================ */

static bool begins_with(struct slice text, struct slice prefix) {
    return text.size >= prefix.size && memcmp(text.data, prefix.data, prefix.size) == 0;
}

static bool overlap(struct slice a, struct slice b) {
    return begins_with(a, b) || begins_with(b, a);
}

bool tracking_prefixes_fit(const struct client *client, const struct slice *prefixes, size_t count, struct error *err) {
    const struct tracker *tracker = tracker_of(client);
    for (size_t i = 0; i < count; i++) {
        struct table_walk walk = {0};
        while (tracker && tracker->prefixes && table_next(tracker->prefixes, &walk))
            if (!slice_equal(walk.key, prefixes[i]) && overlap(walk.key, prefixes[i]))
                return error_set(err,
                                 "ERR Prefix '%.*s' overlaps with an existing prefix '%.*s'. Prefixes for a single client "
                                 "must not overlap.",
                                 (int)prefixes[i].size, prefixes[i].data, (int)walk.key.size, walk.key.data);
        for (size_t j = i + 1; j < count; j++)
            if (overlap(prefixes[i], prefixes[j]))
                return error_set(err,
                                 "ERR Prefix '%.*s' overlaps with another provided prefix '%.*s'. Prefixes for a single "
                                 "client must not overlap.",
                                 (int)prefixes[i].size, prefixes[i].data, (int)prefixes[j].size, prefixes[j].data);
    }
    return true;
}

static void join_prefix(struct tracking *tracking, struct client *client, struct slice text) {
    struct tracker *tracker = tracker_of(client);
    if (!tracker->prefixes) tracker->prefixes = table_new();
    if (table_has(tracker->prefixes, text)) return;
    struct prefix *prefix = table_find(tracking->prefixes, text);
    if (!prefix) {
        prefix = mem_alloc(sizeof *prefix);
        *prefix = (struct prefix){.clients = table_new(), .changed = table_new()};
        table_set(tracking->prefixes, text, prefix);
    }
    table_set(tracker->prefixes, text, prefix);
    table_set(prefix->clients, id_key(&client->id), client);
}

static void leave_prefixes(struct tracking *tracking, struct client *client) {
    struct tracker *tracker = tracker_of(client);
    struct table_walk walk = {0};
    while (tracker->prefixes && table_next(tracker->prefixes, &walk)) {
        struct prefix *prefix = walk.value;
        table_remove(prefix->clients, id_key(&client->id));
        if (table_count(prefix->clients)) continue;
        table_remove(tracking->prefixes, walk.key);
        table_free(&prefix->clients, NULL);
        table_free(&prefix->changed, NULL);
        mem_free(prefix);
    }
    table_free(&tracker->prefixes, NULL);
}

static void note_change(struct tracking *tracking, struct slice key) {
    const struct client *current = tracking->server->current_client;
    uint64_t by = current ? current->id : 0;
    struct table_walk walk = {0};
    while (table_next(tracking->prefixes, &walk)) {
        if (!begins_with(key, walk.key)) continue;
        struct table *changed = ((struct prefix *)walk.value)->changed;
        /* Changed by two: nobody's own change any more. */
        bool is_known = table_has(changed, key);
        bool is_same = is_known && (uint64_t)(uintptr_t)table_find(changed, key) == by;
        table_set(changed, key, (void *)(uintptr_t)(is_known && !is_same ? 0 : by));
    }
}

/* To one client: all keys in one message. `keys` has room for all. */
static void send_changes(struct tracking *tracking, const struct prefix *prefix, struct client *client,
                         struct slice *keys) {
    size_t count = 0;
    bool is_noloop = (tracker_of(client)->flags & TRACKING_NOLOOP) != 0;
    struct table_walk walk = {0};
    while (table_next(prefix->changed, &walk))
        if (!is_noloop || (uint64_t)(uintptr_t)walk.value != client->id) keys[count++] = walk.key;
    if (count) send_keys(tracking, client, keys, count);
}

void tracking_before_sleep(struct tracking *tracking) {
    struct table_walk walk = {0};
    while (table_next(tracking->prefixes, &walk)) {
        struct prefix *prefix = walk.value;
        if (!table_count(prefix->changed)) continue;
        struct slice *keys = mem_alloc(table_count(prefix->changed) * sizeof *keys);
        struct table_walk each = {0};
        while (table_next(prefix->clients, &each)) send_changes(tracking, prefix, each.value, keys);
        mem_free(keys);
        table_clear(prefix->changed, NULL);
    }
}

/* ================================ changes ================================ */

void tracking_key_changed(struct tracking *tracking, struct slice key) {
    if (table_count(tracking->prefixes)) note_change(tracking, key);
    if (table_count(tracking->keys)) invalidate(tracking, key);
}

void tracking_all_changed(struct tracking *tracking) {
    struct table_walk walk = {0};
    while (table_next(tracking->clients, &walk)) tell(tracking, walk.value, NULL);
    table_clear(tracking->keys, mem_free);
    tracking->items = 0;
}

/* ================================ clients ================================ */

void tracking_start(struct tracking *tracking, struct client *client, unsigned flags, uint64_t redirect,
                    const struct slice *prefixes, size_t count) {
    struct session *session = session_of(client);
    if (!session->tracker) {
        session->tracker = mem_zalloc(sizeof *session->tracker);
        table_set(tracking->clients, id_key(&client->id), client);
        *tracking->is_used = true;
    }
    session->tracker->flags = flags;
    session->tracker->redirect = redirect;
    client->tracking_redirect = (int64_t)redirect;
    client->flags = (client->flags & ~(CLIENT_TRACKING_BROKEN | CLIENT_TRACKING_BCAST)) | CLIENT_TRACKING;
    if (!(flags & TRACKING_BCAST)) return;
    client->flags |= CLIENT_TRACKING_BCAST;
    for (size_t i = 0; i < count; i++) join_prefix(tracking, client, prefixes[i]);
    if (!count && !session->tracker->prefixes) join_prefix(tracking, client, slice_text(""));
}

void tracking_stop(struct tracking *tracking, struct client *client) {
    struct session *session = session_of(client);
    if (!session->tracker) return;
    leave_prefixes(tracking, client);
    table_remove(tracking->clients, id_key(&client->id));
    mem_free(session->tracker);
    session->tracker = NULL;
    client->flags &= ~(CLIENT_TRACKING | CLIENT_TRACKING_BROKEN | CLIENT_TRACKING_BCAST);
    client->tracking_redirect = -1;
    /* Nobody is left to be told: what they have read need not be remembered. */
    if (table_count(tracking->clients)) return;
    *tracking->is_used = false;
    table_clear(tracking->keys, mem_free);
    tracking->items = 0;
}

size_t tracking_clients(const struct tracking *tracking) {
    return table_count(tracking->clients);
}

size_t tracking_keys(const struct tracking *tracking) {
    return table_count(tracking->keys);
}

size_t tracking_items(const struct tracking *tracking) {
    return tracking->items;
}

size_t tracking_prefixes(const struct tracking *tracking) {
    return table_count(tracking->prefixes);
}
