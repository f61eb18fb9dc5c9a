#include "store/store_internal.h"
#include "core/observe/info.h"
#include "core/observe/memory_report.h"
#include "store/keyspace/lazy_free.h"
#include "store/persist/persistence.h"
#include "store/replication/following.h"
#include "store/replication/replicas.h"
#include "store/replication/replication.h"
#include "store/tx/waiting.h"
#include "store/tx/watch.h"

static int64_t exceeded_ms(const struct store *store, bool only_now) {
    int64_t now_ms, all_ms = evictor_exceeded_ms(store->evictor, &now_ms);
    return only_now ? now_ms : all_ms;
}

#define INFO_CONTEXT __attribute__((unused)) const struct store *store
#define INFO_FIELD INFO_FIELD_PRINTER
#include "store/store_info.def"
#undef INFO_FIELD
#define INFO_FIELD INFO_FIELD_ROW
static const struct info_field fields[] = {
#include "store/store_info.def"
};
#undef INFO_FIELD

static void count_watches(void *context) {
    struct store *store = context;
    store->waited_keys = waiting_key_count(store->waiting, &store->waited_keys_when_gone);
    store->watched_keys = watch_count(store->databases, &store->watching_clients);
}

static void count_tracking(void *context) {
    struct store *store = context;
    const struct tracking *tracking = store->notify->tracking;
    store->server->tracking = (struct server_tracking){.clients = tracking_clients(tracking),
                                                       .keys = tracking_keys(tracking),
                                                       .items = tracking_items(tracking),
                                                       .prefixes = tracking_prefixes(tracking)};
}

static void read_defrag(void *context) {
    struct store *store = context;
    defrag_read_stats(store->defrag, &store->defrag_stats);
    store->server->defrag_percent = store->defrag_stats.percent;
}

static void count_memory(void *context) {
    struct store *store = context;
    store->table_bytes = store->timer_bytes = 0;
    for (int i = 0; i < store->databases->count; i++) {
        store->table_bytes += keyspace_table_memory(&store->databases->all[i]);
        store->timer_bytes += keyspace_timer_memory(&store->databases->all[i]);
    }
}

/* db0:keys=2,expires=1,avg_ttl=9000 */
static void print_keyspace(void *context, struct bytes *out) {
    const struct store *store = context;
    for (int i = 0; i < store->databases->count; i++) {
        const struct keyspace *keyspace = &store->databases->all[i];
        size_t keys = keyspace_count(keyspace);
        if (!keys) continue;
        bytes_add_printf(out, "db%d:keys=%zu,expires=%zu,avg_ttl=%lld\r\n", i, keys, keyspace->expiring,
                         (long long)keyspace_average_ttl_ms(keyspace));
    }
}

static size_t overhead(void *context) {
    count_memory(context);
    const struct store *store = context;
    return store->table_bytes + store->timer_bytes;
}

static size_t count_keys(void *context) {
    return databases_keys(((struct store *)context)->databases);
}

static const struct memory_source memory_source = {.overhead = overhead, .keys = count_keys};

void store_info_add(struct store *store) {
    struct info *info = store->server->info;
    info_before(info, "clients", count_watches, store);
    info_before(info, "clients", count_tracking, store);
    info_before(info, "stats", count_tracking, store);
    info_before(info, "stats", read_defrag, store);
    info_before(info, "memory", read_defrag, store);
    info_before(info, "memory", count_memory, store);
    info_add_fields(info, fields, COUNT_OF(fields), store);
    memory_report_add(store->server, &memory_source, store);
    info_add_lines(info, "keyspace", print_keyspace, store);
}
