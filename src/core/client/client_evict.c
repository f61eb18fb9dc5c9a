#include "core/client/client_evict.h"

#include "base/log.h"
#include "base/mem.h"
#include "core/client/client_internal.h"
#include "core/server_internal.h"

#include <stdlib.h>

static bool is_counted(const struct client *client) {
    enum client_class class = client_class(client);
    return (class == CLIENT_NORMAL || class == CLIENT_PUBSUB) && !(client->flags & CLIENT_CLOSE_ASAP);
}

static int larger_first(const void *a, const void *b) {
    const struct client *const *left = a, *const *right = b;
    return ((*left)->memory_bytes < (*right)->memory_bytes) - ((*left)->memory_bytes > (*right)->memory_bytes);
}

static void cut_off(struct client *client) {
    struct bytes line = {0};
    client_describe(client, &line);
    LOG_WRITE(LOG_NOTICE, "Evicting client: %s", bytes_text(&line));
    bytes_fini(&line);
    client->server->stats.evicted_clients++;
    client_close_asap(client);
}

void client_evict(struct server *server) {
    if (LIKELY(!client_evict_has_limit(server))) return;
    LIST_EACH(&server->internal->writes, node) /* they were sent something */
        (void)client_memory(container_of(node, struct client_io, write_node)->self);
    uint64_t limit = core_settings_client_memory(server->settings, server->maxmemory_bytes ? *server->maxmemory_bytes : 0);
    if (!limit || server->client_memory[CLIENT_NORMAL] + server->client_memory[CLIENT_PUBSUB] <= limit) return;
    struct client **found = mem_alloc(server->client_count * sizeof(struct client *));
    size_t          count = 0, sum = 0;
    LIST_EACH(&server->clients, node) {
        struct client *client = container_of(node, struct client, node);
        if (!is_counted(client)) continue;
        sum += client_memory(client);
        if (!(client->flags & CLIENT_NO_EVICT)) found[count++] = client;
    }
    qsort(found, count, sizeof(struct client *), larger_first);
    for (size_t i = 0; i < count && sum > limit; i++) {
        sum -= found[i]->memory_bytes;
        cut_off(found[i]);
    }
    mem_free(found);
}
