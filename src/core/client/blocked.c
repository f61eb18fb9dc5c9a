#include "core/client/blocked.h"

#include "base/mem.h"
#include "core/client/client_internal.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/server_internal.h"

struct blocked {
    struct heap_node          deadline;
    struct client            *client;
    const struct blocked_ops *ops; /* NULL: not blocked now */
    void                     *context;
};

static void on_deadline(struct loop_timer *timer);

void blocked_timers_update(struct server *server) {
    struct server_internal *internal = server->internal;
    struct heap_node       *first = heap_first(&internal->blocked_deadlines);
    if (first) {
        loop_timer_start_at(server->loop, &internal->blocked_timer, first->key, on_deadline);
    } else {
        loop_timer_stop(&internal->blocked_timer);
    }
}

static void on_deadline(struct loop_timer *timer) {
    struct server_internal *internal = container_of(timer, struct server_internal, blocked_timer);
    struct server          *server = internal->server;
    server_refresh_clock(server);
    struct heap_node *first;
    while ((first = heap_first(&internal->blocked_deadlines)) && first->key <= server->now_ms) {
        struct blocked *blocked = container_of(first, struct blocked, deadline);
        struct client  *client = blocked->client;
        client->io->reply_start = client_output_place(client);
        if (blocked->ops->on_timeout) blocked->ops->on_timeout(client, blocked->context);
        blocked_end(client);
        client_check_output_limits(client);
    }
    blocked_timers_update(server);
}

int64_t blocked_deadline(struct server *server, int64_t timeout_ms) {
    if (timeout_ms == 0) return 0;
    /* The turn's own time is that of its beginning, which may be before the request was sent. */
    int64_t now_us = tick_now_us(&server->internal->tick_clock);
    int64_t now_ms = (MAX(now_us, server->now_us) + 999) / 1000;
    return timeout_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + timeout_ms;
}

void blocked_start(struct client *client, const struct blocked_ops *ops, void *context, int64_t deadline_ms) {
    struct server *server = client->server;
    CHECK(!blocked_is(client));
    if (!client->blocked) {
        client->blocked = mem_zalloc(sizeof(*client->blocked));
        client->blocked->client = client;
    }
    client->blocked->ops = ops;
    client->blocked->context = context;
    client->flags |= CLIENT_BLOCKED;
    server->internal->blocked_counts[ops->by]++;
    if (deadline_ms) {
        heap_set(&server->internal->blocked_deadlines, &client->blocked->deadline,
                 MIN(deadline_ms, server->now_ms + SERVER_PAUSE_MAX_MS));
        blocked_timers_update(server);
    }
}

void blocked_end(struct client *client) {
    struct server            *server = client->server;
    struct blocked           *blocked = client->blocked;
    const struct blocked_ops *ops = blocked->ops;
    CHECK(ops != NULL);
    if (heap_has(&blocked->deadline)) {
        heap_remove(&server->internal->blocked_deadlines, &blocked->deadline);
        blocked_timers_update(server);
    }
    server->internal->blocked_counts[ops->by]--;
    blocked->ops = NULL;
    client->flags &= ~CLIENT_BLOCKED;
    dispatch_step_reply_skip(client);
    if (ops->on_end) ops->on_end(client, blocked->context);
    if (client->flags & CLIENT_CLOSE_ASAP) return;
    client->flags |= CLIENT_UNBLOCKED;
    if (!(client->flags & CLIENT_IS_FAKE)) client_resume_later(client);
}

bool blocked_is(const struct client *client) {
    return client->blocked && client->blocked->ops;
}

enum blocked_by blocked_reason(const struct client *client) {
    return blocked_is(client) ? client->blocked->ops->by : BLOCKED_NONE;
}

bool blocked_unblock(struct client *client, const char *error) {
    if (!blocked_is(client) || !client->blocked->ops->can_unblock) return false;
    client->io->reply_start = client_output_place(client);
    if (error) {
        reply_error(client, "%s", error);
    } else if (client->blocked->ops->on_timeout) {
        client->blocked->ops->on_timeout(client, client->blocked->context);
    }
    blocked_end(client);
    return true;
}

void blocked_end_all(struct server *server, enum blocked_by by, const char *error) {
    LIST_EACH(&server->clients, node) {
        struct client *client = container_of(node, struct client, node);
        if (blocked_reason(client) != by) continue;
        client->io->reply_start = client_output_place(client);
        if (error) reply_error(client, "%s", error);
        blocked_end(client);
    }
}

size_t blocked_count(const struct server *server) {
    size_t sum = 0;
    for (int i = 0; i < BLOCKED_BY_COUNT; i++) sum += server->internal->blocked_counts[i];
    LIST_EACH(&server->internal->postponed, node) { sum++; }
    return sum;
}

size_t blocked_deadline_count(const struct server *server) {
    return server->internal->blocked_deadlines.count;
}
