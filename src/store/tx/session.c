#include "store/tx/session.h"
#include "base/mem.h"
#include "store/notify/tracking.h"
#include "store/tx/multi.h"
#include "store/tx/watch.h"

void session_start(struct client *client, struct databases *databases, struct waiting *waiting,
                   struct tracking *tracking) {
    struct session *session = mem_zalloc(sizeof *session);
    session->client = client;
    session->databases = databases;
    session->waiting = waiting;
    session->tracking = tracking;
    session->keyspace = databases_find(databases, 0);
    list_init(&session->watches);
    client->mode_data = session;
    client->db = 0;
}

void session_end(struct client *client) {
    struct session *session = session_of(client);
    if (!session) return;
    multi_discard(client);
    watch_forget_all(session);
    tracking_stop(session->tracking, client);
    mem_free(session->queue);
    mem_free(session);
    client->mode_data = NULL;
}

void session_reset(struct client *client) {
    multi_discard(client);
    watch_forget_all(session_of(client));
    tracking_stop(session_of(client)->tracking, client);
    CHECK(session_select(client, 0));
}

bool session_select(struct client *client, int64_t number) {
    struct session *session = session_of(client);
    struct keyspace *keyspace = databases_find(session->databases, number);
    if (!keyspace) return false;
    session->keyspace = keyspace;
    client->db = keyspace->id;
    return true;
}
