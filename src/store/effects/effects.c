#include "store/effects/effects.h"
#include "base/mem.h"
#include "base/number.h"
#include "core/command/dispatch.h"
#include "core/server.h"
#include "net/resp_write.h"
#include "store/keyspace/databases.h"

struct effects {
    struct server        *server;
    struct keyspace_hooks *keyspace_hooks; /* the databases' */
    struct server_hooks   hooks;           /* the server keeps them */
    struct list           sinks;
    struct effect        *all;
    size_t                capacity;
    struct bytes          text; /* what had to be put into RESP */
};

void effects_print_select(struct bytes *out, int db) {
    char digits[NUMBER_TEXT_SIZE];
    struct slice argv[] = {SLICE("SELECT"), slice_make(digits, number_print_int(digits, db))};
    resp_print_request(out, argv, COUNT_OF(argv));
}

/* ---- from the server ---- */

static void tell(const struct effects *effects, const struct effects_batch *batch) {
    LIST_EACH(&effects->sinks, node) {
        const struct effects_sink *sink = container_of(node, struct effects_sink, node);
        sink->take(sink->context, batch);
    }
}

static void make_room(struct effects *effects, size_t count) {
    if (count <= effects->capacity) return;
    effects->capacity = MAX(count, effects->capacity * 2);
    effects->all = mem_realloc(effects->all, effects->capacity * sizeof *effects->all);
}

static void written(void *context, const struct server_write *writes, size_t count) {
    struct effects *effects = context;
    bool is_wrapped = count > 1, is_for_replicas = true;
    struct client *client = NULL;
    make_room(effects, count + 2);
    bytes_clear(&effects->text);
    struct effect *next = effects->all;
    if (is_wrapped) *next++ = (struct effect){.db = EFFECT_ANY_DATABASE, .bytes = SLICE("*1\r\n$5\r\nMULTI\r\n")};
    for (size_t i = 0; i < count; i++, next++) {
        const struct server_write *write = &writes[i];
        *next = (struct effect){.db = write->db, .bytes = write->bytes, .is_for_replicas = write->is_for_replicas};
        is_for_replicas &= write->is_for_replicas;
        if (write->client) client = write->client;
        if (write->bytes.size) continue;
        /* The text may move while it grows: the place is remembered, and made an address when all is there. */
        size_t start = effects->text.size;
        resp_print_request(&effects->text, write->argv, (size_t)write->argc);
        next->bytes = (struct slice){(const char *)(uintptr_t)start, effects->text.size - start};
    }
    struct effect *first = effects->all + is_wrapped;
    for (size_t i = 0; i < count; i++)
        if (!writes[i].bytes.size) first[i].bytes.data = effects->text.data + (uintptr_t)first[i].bytes.data;
    if (is_wrapped) *next++ = (struct effect){.db = EFFECT_ANY_DATABASE, .bytes = SLICE("*1\r\n$4\r\nEXEC\r\n")};
    tell(effects, &(struct effects_batch){effects->all, (size_t)(next - effects->all), is_for_replicas, client});
}

/* ---- from the databases ---- */

static void removed(void *context, struct keyspace *keyspace, struct slice key) {
    struct slice argv[] = {SLICE("DEL"), key};
    dispatch_propagate_before(((struct effects *)context)->server, keyspace->id, COUNT_OF(argv), argv);
}

static void field_expired(void *context, struct keyspace *keyspace, struct slice key, struct slice field) {
    struct slice argv[] = {SLICE("HDEL"), key, field};
    dispatch_propagate_before(((struct effects *)context)->server, keyspace->id, COUNT_OF(argv), argv);
}

/* ---- life ---- */

static void apply(struct effects *effects) {
    bool is_followed = !list_is_empty(&effects->sinks);
    effects->server->is_followed = is_followed;
    effects->keyspace_hooks->removed = is_followed ? removed : NULL;
    effects->keyspace_hooks->field_expired = is_followed ? field_expired : NULL;
}

struct effects *effects_new(struct server *server, struct databases *databases) {
    struct effects *effects = mem_zalloc(sizeof *effects);
    effects->server = server;
    effects->keyspace_hooks = &databases->shared.hooks;
    effects->keyspace_hooks->removal_context = effects;
    effects->hooks = (struct server_hooks){.context = effects, .written = written};
    list_init(&effects->sinks);
    server_add_hooks(server, &effects->hooks);
    return effects;
}

void effects_free(struct effects **place) {
    struct effects *effects = *place;
    if (!effects) return;
    *place = NULL;
    mem_free(effects->all);
    bytes_fini(&effects->text);
    mem_free(effects);
}

void effects_add_sink(struct effects *effects, struct effects_sink *sink) {
    list_add(&effects->sinks, &sink->node);
    apply(effects);
}

void effects_remove_sink(struct effects *effects, struct effects_sink *sink) {
    list_remove(&sink->node);
    apply(effects);
}
