/* Holds back commands for a while: CLIENT PAUSE, an orderly shutdown, a failover. */
#include "core/client/client_internal.h"
#include "core/server_internal.h"

static void on_pause_end(struct loop_timer *timer) {
    struct server *server = container_of(timer, struct server_internal, pause_timer)->server;
    server_refresh_clock(server);
    server_pause_update(server);
}

/* The strictest pause that has not ended counts; when it gets milder, everybody who waits tries again. */
void server_pause_update(struct server *server) {
    struct server_internal *internal = server->internal;
    enum server_pause       before = internal->paused, strictest = SERVER_PAUSE_NONE;
    int64_t                 next_ms = 0;
    for (int i = 0; i < SERVER_PAUSE_PURPOSES; i++) {
        struct pause *pause = &internal->pauses[i];
        if (pause->what != SERVER_PAUSE_NONE && pause->end_ms <= server->now_ms) pause->what = SERVER_PAUSE_NONE;
        if (pause->what == SERVER_PAUSE_NONE) continue;
        strictest = MAX(strictest, pause->what);
        if (!next_ms || pause->end_ms < next_ms) next_ms = pause->end_ms;
    }
    internal->paused = strictest;
    if (next_ms) {
        loop_timer_start_at(server->loop, &internal->pause_timer, next_ms, on_pause_end);
    } else {
        loop_timer_stop(&internal->pause_timer);
    }
    if (strictest < before) server_resume_postponed(server);
}

void server_pause(struct server *server, enum server_pause_purpose purpose, enum server_pause what, int64_t end_ms) {
    struct pause *pause = &server->internal->pauses[purpose];
    /* A pause that runs is made stricter or longer by a second one, never milder or shorter. */
    if (pause->what != SERVER_PAUSE_NONE) {
        what = MAX(what, pause->what);
        end_ms = MAX(end_ms, pause->end_ms);
    }
    *pause = (struct pause){what, end_ms};
    server_pause_update(server);
}

void server_unpause(struct server *server, enum server_pause_purpose purpose) {
    server->internal->pauses[purpose].what = SERVER_PAUSE_NONE;
    server_pause_update(server);
}

enum server_pause server_paused(const struct server *server) {
    return server->internal->paused;
}

const char *server_pause_reason(const struct server *server, int64_t *left_ms) {
    static const char *const names[] = {
        [SERVER_PAUSE_BY_CLIENT] = "client_pause",
        [SERVER_PAUSE_BY_SHUTDOWN] = "shutdown_in_progress",
        [SERVER_PAUSE_BY_FAILOVER] = "failover_in_progress",
    };
    const char *name = "none";
    *left_ms = 0;
    for (int i = 0; i < SERVER_PAUSE_PURPOSES; i++) {
        const struct pause *pause = &server->internal->pauses[i];
        if (pause->what == SERVER_PAUSE_NONE || pause->end_ms - server->now_ms <= *left_ms) continue;
        name = names[i];
        *left_ms = pause->end_ms - server->now_ms;
    }
    return name;
}

bool server_must_postpone(const struct server *server, const struct client *client, const struct command_entry *entry) {
    if (client->flags & (CLIENT_IS_REPLICA | CLIENT_IS_PRIMARY | CLIENT_IS_FAKE)) return false;
    if (server->internal->paused == SERVER_PAUSE_ALL) return true;
    return (entry->flags & (COMMAND_WRITE | COMMAND_MAY_REPLICATE | COMMAND_PAUSED_AS_WRITE)) ||
           ((client->flags & CLIENT_MULTI_WRITES) && (entry->flags & COMMAND_ENDS_TRANSACTION));
}

void server_resume_postponed(struct server *server) {
    for (struct list_node *node; (node = list_first(&server->internal->postponed));) {
        struct client *client = container_of(node, struct client_io, resume_node)->self;
        client->flags &= ~CLIENT_POSTPONED;
        client_resume_later(client);
    }
}
