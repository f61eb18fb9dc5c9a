#include "store/tx/waiting.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/table.h"
#include "core/client/blocked.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/server.h"
#include "store/tx/session.h"

#include <math.h>

struct waiting {
    struct server    *server;
    struct databases *databases;
    struct list       ready; /* of struct waited_key */
    bool              is_serving;
};

/* The value in keyspace->waited. Owned by the table; there is at least one place in it, except while it is being served. */
struct waited_key {
    struct list      places; /* in order of arrival */
    struct list_node of_ready;
    struct keyspace *keyspace;
    size_t           type_counts[VALUE_TYPE_COUNT]; /* how many wait for a value of each type */
    size_t           when_gone_count;
    bool             is_served; /* being served now: stays although nobody may be left */
    size_t           size;
    char             text[];
};

/* One client at one key. */
struct place {
    struct list_node   of_key;
    struct waited_key *key; /* NULL: the key was named before */
    struct waiter     *waiter;
};

/* One waiting client; its session's. One block: itself, places, argv, and the bytes of the arguments. */
struct waiter {
    struct client             *client;
    struct waiting            *waiting;
    const struct waiting_kind *kind;
    struct command_entry      *entry;
    void                      *context;
    int                        argc, first_key, key_count;
    struct slice              *argv;
    struct place               places[];
};

/* ---- who waits for what ---- */

static struct waited_key *key_of(struct keyspace *keyspace, struct slice text) {
    if (!keyspace->waited) keyspace->waited = table_new();
    struct waited_key *key = table_find(keyspace->waited, text);
    if (key) return key;
    key = mem_zalloc(sizeof *key + text.size);
    list_init(&key->places);
    list_node_init(&key->of_ready);
    key->keyspace = keyspace;
    key->size = text.size;
    if (text.size) memcpy(key->text, text.data, text.size);
    table_set(keyspace->waited, text, key);
    return key;
}

static struct slice text_of(const struct waited_key *key) {
    return slice_make(key->text, key->size);
}

static void drop_if_unused(struct waited_key *key) {
    if (key->is_served || !list_is_empty(&key->places)) return;
    struct keyspace *keyspace = key->keyspace;
    list_remove(&key->of_ready);
    table_remove(keyspace->waited, text_of(key));
    mem_free(key);
    if (table_count(keyspace->waited) == 0) table_free(&keyspace->waited, NULL);
}

static void add_place(struct waiter *waiter, struct keyspace *keyspace, int i) {
    struct place *place = &waiter->places[i];
    list_node_init(&place->of_key);
    place->waiter = waiter;
    struct waited_key *key = key_of(keyspace, waiter->argv[waiter->first_key + i]);
    struct list_node *last = key->places.head.prev;
    bool is_repeated = !list_is_empty(&key->places) && container_of(last, struct place, of_key)->waiter == waiter;
    place->key = is_repeated ? NULL : key;
    if (is_repeated) return;
    list_add(&key->places, &place->of_key);
    key->type_counts[waiter->kind->type]++;
    key->when_gone_count += waiter->kind->when_gone;
}

static void remove_place(struct place *place) {
    struct waited_key *key = place->key;
    if (!key) return;
    list_remove(&place->of_key);
    key->type_counts[place->waiter->kind->type]--;
    key->when_gone_count -= place->waiter->kind->when_gone;
    drop_if_unused(key);
}

/* ---- beginning and ending ---- */

static struct waiter *new_waiter(struct client *client, int key_count) {
    size_t size = sizeof(struct waiter) + (size_t)key_count * sizeof(struct place) + (size_t)client->argc * sizeof(struct slice);
    size_t bytes = 0;
    for (int i = 0; i < client->argc; i++) bytes += client->argv[i].size;
    struct waiter *waiter = mem_alloc(size + bytes);
    waiter->client = client;
    waiter->entry = client->entry;
    waiter->argc = client->argc;
    waiter->argv = (struct slice *)(waiter->places + key_count);
    char *text = (char *)waiter + size;
    for (int i = 0; i < client->argc; i++) {
        size_t length = client->argv[i].size;
        if (length) memcpy(text, client->argv[i].data, length);
        waiter->argv[i] = slice_make(text, length);
        text += length;
    }
    return waiter;
}

static void on_timeout(struct client *client, void *context) {
    reply_null_array(client);
}

static void on_end(struct client *client, void *context) {
    struct waiter *waiter = context;
    for (int i = 0; i < waiter->key_count; i++) remove_place(&waiter->places[i]);
    if (waiter->kind->free_context) waiter->kind->free_context(waiter->context);
    session_of(client)->waiter = NULL;
    mem_free(waiter);
}

static const struct blocked_ops blocked_ops = {
    .by = BLOCKED_BY_KEY, .on_timeout = on_timeout, .on_end = on_end, .can_unblock = true};

bool waiting_start(struct client *client, const struct waiting_kind *kind, int first_key, int key_count, int64_t deadline_ms,
                   void *context) {
    struct session *session = session_of(client);
    if (client->flags & (CLIENT_IN_MULTI | CLIENT_IN_SCRIPT | CLIENT_IS_FAKE | CLIENT_IS_PRIMARY)) {
        if (kind->free_context) kind->free_context(context);
        return false;
    }
    CHECK(!session->waiter); /* W1 */
    struct waiter *waiter = new_waiter(client, key_count);
    waiter->waiting = session->waiting;
    waiter->kind = kind;
    waiter->context = context;
    waiter->first_key = first_key;
    waiter->key_count = key_count;
    for (int i = 0; i < key_count; i++) add_place(waiter, session->keyspace, i);
    session->waiter = waiter;
    blocked_start(client, &blocked_ops, waiter, deadline_ms);
    return true;
}

static bool deadline_in(struct client *client, int64_t ms, int64_t *deadline_ms) {
    if (ms < 0) {
        reply_error(client, "ERR timeout is negative");
        return false;
    }
    *deadline_ms = blocked_deadline(client->server, ms);
    return true;
}

bool waiting_deadline(struct client *client, int place, int64_t *deadline_ms) {
    long double seconds;
    if (!number_parse_long_double(client->argv[place], &seconds)) {
        reply_error(client, "ERR timeout is not a float or out of range");
        return false;
    }
    /* What 64 bits cannot hold becomes the lowest number on the established server's machines. */
    long double ms = ceill(seconds * 1000);
    return deadline_in(client, ms >= -0x1p63L && ms < 0x1p63L ? (int64_t)ms : INT64_MIN, deadline_ms);
}

bool waiting_deadline_of_ms(struct client *client, int place, int64_t *deadline_ms) {
    int64_t ms;
    if (!number_parse_int(client->argv[place], &ms)) {
        reply_error(client, "ERR timeout is not an integer or out of range");
        return false;
    }
    return deadline_in(client, ms, deadline_ms);
}

/* ---- what became ready ---- */

static void make_ready(struct waiting *waiting, struct waited_key *key) {
    if (!list_is_linked(&key->of_ready)) list_add(&waiting->ready, &key->of_ready);
    if (!waiting->is_serving) waiting->server->is_unsettled = true;
}

/* A change after which nobody could be served does not count: keys become ready in the order in which values appear. */
static bool may_serve(const struct waited_key *key) {
    if (key->when_gone_count) return true;
    const struct keyspace *keyspace = key->keyspace;
    const struct record *record =
        keyspace->table ? key_table_find(keyspace->table, text_of(key), keyspace_hash(keyspace, text_of(key)), NULL) : NULL;
    return record && key->type_counts[record_type(record)];
}

void waiting_touch(struct waiting *waiting, struct keyspace *keyspace, struct slice key) {
    struct waited_key *waited = keyspace->waited ? table_find(keyspace->waited, key) : NULL;
    if (waited && may_serve(waited)) make_ready(waiting, waited);
}

void waiting_touch_all(struct waiting *waiting, struct keyspace *keyspace) {
    if (!keyspace->waited) return;
    struct table_walk walk = {0};
    while (table_next(keyspace->waited, &walk))
        if (may_serve(walk.value)) make_ready(waiting, walk.value);
}

/* ---- serving ---- */

struct attempt {
    const struct place *place;
    struct record      *record;
};

static bool attempt(struct client *client, void *context) {
    const struct attempt *attempt = context;
    struct waiter *waiter = attempt->place->waiter;
    int at = waiter->first_key + (int)(attempt->place - waiter->places);
    return waiter->kind->try_serve(client, at, attempt->record, waiter->context);
}

/* True: the client was served. */
static bool serve_place(const struct place *place, struct record *record) {
    struct waiter *waiter = place->waiter;
    struct client *client = waiter->client;
    if (client->flags & CLIENT_CLOSE_ASAP) return false; /* it would not get what it takes */
    struct attempt it = {place, record};
    if (!dispatch_resume(client, waiter->entry, waiter->argc, waiter->argv, attempt, &it)) return false;
    blocked_end(client);
    client_check_output_limits(client);
    return true;
}

static struct record *find(struct waited_key *key) {
    struct spot spot;
    return keyspace_open(key->keyspace, text_of(key), &spot) ? spot.record : NULL;
}

static void serve_key(struct waited_key *key) {
    struct record *record = find(key);
    key->is_served = true;
    LIST_EACH(&key->places, node) {
        const struct place *place = container_of(node, struct place, of_key);
        const struct waiting_kind *kind = place->waiter->kind;
        bool has_value = record && record_type(record) == kind->type;
        if (!has_value && !kind->when_gone) {
            if (!key->when_gone_count && (!record || !key->type_counts[record_type(record)])) break; /* nor can the others */
            continue;
        }
        if (serve_place(place, record)) record = find(key);
    }
    key->is_served = false;
    drop_if_unused(key);
}

void waiting_serve(struct waiting *waiting) {
    if (LIKELY(list_is_empty(&waiting->ready)) || waiting->is_serving) return;
    waiting->is_serving = true;
    for (struct list_node *node; (node = list_first(&waiting->ready));) {
        list_remove(node);
        serve_key(container_of(node, struct waited_key, of_ready));
    }
    waiting->is_serving = false;
}

/* ---- the whole ---- */

struct waiting *waiting_new(struct server *server, struct databases *databases) {
    struct waiting *waiting = mem_zalloc(sizeof *waiting);
    waiting->server = server;
    waiting->databases = databases;
    list_init(&waiting->ready);
    return waiting;
}

void waiting_free(struct waiting **waiting) {
    if (!*waiting) return;
    CHECK(list_is_empty(&(*waiting)->ready));
    mem_free(*waiting);
    *waiting = NULL;
}

size_t waiting_memory(const struct session *session) {
    return session->waiter ? mem_size(session->waiter) : 0;
}

size_t waiting_key_count(const struct waiting *waiting, size_t *when_gone) {
    const struct databases *databases = waiting->databases;
    size_t count = 0;
    *when_gone = 0;
    for (int i = 0; i < databases->count; i++) {
        if (!databases->all[i].waited) continue;
        count += table_count(databases->all[i].waited);
        struct table_walk walk = {0};
        while (table_next(databases->all[i].waited, &walk)) *when_gone += ((struct waited_key *)walk.value)->when_gone_count > 0;
    }
    return count;
}
