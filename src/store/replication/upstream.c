#include "store/replication/upstream.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/client/client.h"
#include "core/config/core_settings.h"
#include "core/server.h"
#include "net/conn.h"
#include "net/loop.h"
#include "net/resolve.h"
#include "net/tls.h"
#include "store/replication/stream_in.h"

#include <string.h>

enum {
    RETRY_MS = 1000,
    RESUME_MS = 50,
    NEWLINE_MS = 1000,   /* while data is loaded the primary is shown that we live */
    ACKNOWLEDGE_MS = 1000,
    LOAD_US = 10000,     /* of each turn of the loop */
    READ_BYTES = 256 * 1024
};

struct upstream {
    struct server        *server;
    struct databases     *databases;
    struct upstream_hooks hooks;
    enum upstream_state   state;
    char                 *host;
    int                   port, db;
    struct resolver      *resolver;
    struct resolve       *lookup;
    struct tls           *tls;
    struct conn          *conn; /* until the stream begins */
    struct handshake      handshake;
    struct bytes          out, unread; /* to be sent; read and not looked at yet */
    struct sync_in       *sync;
    struct stream_in     *stream;
    struct loop_timer     dial_timer, load_timer;
    char                 *buffer; /* READ_BYTES; NULL: not dialled */
    char                 *texts[4]; /* of the plan, for as long as the handshake reads them */
    int64_t               dialled_ms, heard_ms, told_ms, down_since_ms;
    uint64_t              read_bytes; /* outside of streams */
};

static void dial(struct upstream *upstream);

/* ---- hanging up ---- */

static void drop_connection(struct upstream *upstream) {
    if (upstream->lookup) resolve_cancel(&upstream->lookup);
    if (upstream->conn) conn_close(&upstream->conn);
    loop_timer_stop(&upstream->load_timer);
    loop_timer_stop(&upstream->dial_timer);
    handshake_fini(&upstream->handshake);
    memset(&upstream->handshake, 0, sizeof upstream->handshake);
    bytes_clear(&upstream->out);
    bytes_fini(&upstream->unread);
    upstream->unread = (struct bytes){0};
    mem_free(upstream->buffer);
    upstream->buffer = NULL;
    for (size_t i = 0; i < COUNT_OF(upstream->texts); i++) {
        mem_free(upstream->texts[i]);
        upstream->texts[i] = NULL;
    }
    if (upstream->sync) {
        bool has_lost_data = sync_in_has_emptied(upstream->sync);
        sync_in_free(&upstream->sync);
        upstream->hooks.sync_failed(upstream->hooks.context, has_lost_data);
    }
}

static void on_dial_due(struct loop_timer *timer) {
    struct upstream *upstream = container_of(timer, struct upstream, dial_timer);
    server_update_time(upstream->server);
    dial(upstream);
}

/* Not more than once a second; after a link that was up nearly at once, for the primary keeps its newest bytes only. */
static void dial_later(struct upstream *upstream, int64_t apart_ms) {
    int64_t wait_ms = upstream->dialled_ms ? upstream->dialled_ms + apart_ms - upstream->server->now_ms : 0;
    upstream->state = UPSTREAM_WAITING;
    loop_timer_start(upstream->server->loop, &upstream->dial_timer, MAX(wait_ms, 0), on_dial_due);
}

static void fail(struct upstream *upstream, const char *why) {
    LOG_WRITE(LOG_WARNING, "The link to the primary %s:%d: %s", upstream->host, upstream->port, why);
    drop_connection(upstream);
    dial_later(upstream, RETRY_MS);
}

/* ---- sending ---- */

/* False: the link failed. */
static bool flush(struct upstream *upstream) {
    struct bytes *out = &upstream->out;
    while (out->size) {
        size_t moved;
        enum io_status status = conn_write(upstream->conn, out->data, out->size, &moved);
        if (status == IO_AGAIN) break;
        if (status != IO_DONE) {
            fail(upstream, conn_error(upstream->conn));
            return false;
        }
        bytes_drop_front(out, moved);
    }
    conn_want_write(upstream->conn, out->size > 0);
    return true;
}

static void on_writable(struct conn *conn, void *context) {
    (void)flush(context);
}

/* ---- the stream ---- */

static void begin_stream(struct upstream *upstream, int64_t offset, int db, struct slice unread) {
    upstream->state = UPSTREAM_UP;
    upstream->down_since_ms = 0;
    struct bytes rest = {0};
    bytes_add_slice(&rest, unread); /* it lies in what is freed now */
    struct conn *conn = upstream->conn;
    upstream->conn = NULL;
    drop_connection(upstream);
    stream_in_begin(upstream->stream, &conn, offset, db, bytes_slice(&rest));
    bytes_fini(&rest);
}

static void on_applied(void *context, struct slice bytes) {
    struct upstream *upstream = context;
    upstream->hooks.applied(upstream->hooks.context, bytes);
}

static bool on_select(void *context, struct client *client, int64_t number) {
    struct upstream *upstream = context;
    return upstream->hooks.select(upstream->hooks.context, client, number);
}

static void on_lost(void *context, bool is_broken, int db) {
    struct upstream *upstream = context;
    LOG_WRITE(LOG_WARNING, "%s", is_broken ? "The primary broke the protocol of the stream" : "Connection with master lost.");
    upstream->down_since_ms = upstream->server->now_ms;
    upstream->heard_ms = stream_in_heard_ms(upstream->stream);
    upstream->db = db;
    upstream->hooks.lost(upstream->hooks.context, is_broken);
    if (upstream->state == UPSTREAM_UP) dial_later(upstream, RESUME_MS);
}

/* ---- a full synchronization ---- */

static void on_replaced(void *context) {
    struct upstream *upstream = context;
    upstream->hooks.replaced(upstream->hooks.context);
}

static bool begin_sync(struct upstream *upstream, struct error *err) {
    const struct handshake *handshake = &upstream->handshake;
    struct sync_in_settings settings = {0};
    struct sync_in_hooks hooks = {.context = upstream, .replaced = on_replaced};
    upstream->hooks.sync_settings(upstream->hooks.context, &settings, handshake->size < 0);
    settings.size_bytes = (uint64_t)MAX(handshake->size, 0);
    upstream->sync = sync_in_new(upstream->server, upstream->databases, &settings, &hooks, err);
    upstream->state = UPSTREAM_RECEIVING;
    if (handshake->size < 0) {
        LOG_WRITE(LOG_NOTICE, "MASTER <-> REPLICA sync: receiving streamed RDB from master with EOF %s",
                  settings.way == SYNC_IN_BY_FILE ? "to disk" : "to parser");
    } else {
        LOG_WRITE(LOG_NOTICE, "MASTER <-> REPLICA sync: receiving %lld bytes from master %s", (long long)handshake->size,
                  settings.way == SYNC_IN_BY_FILE ? "to disk" : "to parser");
    }
    return upstream->sync != NULL;
}

static void finish_sync(struct upstream *upstream, struct slice unread) {
    char id[HANDSHAKE_ID_SIZE + 1];
    int64_t offset = MAX(upstream->handshake.offset, 0);
    memcpy(id, upstream->handshake.id, sizeof id);
    sync_in_free(&upstream->sync);
    LOG_WRITE(LOG_NOTICE, "MASTER <-> REPLICA sync: Finished with success");
    upstream->hooks.synced(upstream->hooks.context, id, offset);
    begin_stream(upstream, offset, 0, unread);
}

static void on_load_due(struct loop_timer *timer) {
    struct upstream *upstream = container_of(timer, struct upstream, load_timer);
    struct error err;
    server_update_time(upstream->server);
    switch (sync_in_load(upstream->sync, LOAD_US, &err)) {
    case SYNC_IN_MORE: loop_timer_start(upstream->server->loop, timer, 0, on_load_due); break;
    case SYNC_IN_DONE: finish_sync(upstream, bytes_slice(&upstream->unread)); break;
    case SYNC_IN_FAILED: fail(upstream, err.text); break;
    }
}

/* All of the payload has come; `unread` is the beginning of the stream. */
static void end_sync(struct upstream *upstream, struct slice unread) {
    struct error err;
    if (!sync_in_end(upstream->sync, &err)) {
        fail(upstream, err.text);
        return;
    }
    if (!sync_in_is_loading(upstream->sync)) {
        finish_sync(upstream, unread);
        return;
    }
    upstream->state = UPSTREAM_LOADING;
    bytes_add_slice(&upstream->unread, unread);
    conn_want_read(upstream->conn, false);
    loop_timer_start(upstream->server->loop, &upstream->load_timer, 0, on_load_due);
}

/* ---- reading ---- */

static void broke(struct upstream *upstream) {
    struct error err = upstream->handshake.why;
    if (upstream->handshake.rejected_psync) upstream->hooks.refused(upstream->hooks.context, err.text);
    if (upstream->state != UPSTREAM_NONE) fail(upstream, err.text);
}

/* True: go on with what is left. */
static bool on_event(struct upstream *upstream, enum handshake_event event, struct slice *in) {
    struct handshake *handshake = &upstream->handshake;
    struct error err;
    switch (event) {
    case HANDSHAKE_MORE: (void)flush(upstream); return false;
    case HANDSHAKE_BROKE: broke(upstream); return false;
    case HANDSHAKE_WILL_CONTINUE:
        LOG_WRITE(LOG_NOTICE, "MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.");
        int64_t offset = handshake->settings.next - 1;
        upstream->hooks.resumed(upstream->hooks.context, handshake->id);
        begin_stream(upstream, offset, upstream->db, *in);
        return false;
    case HANDSHAKE_WILL_SEND_ALL:
        if (handshake->asked_sync) LOG_WRITE(LOG_NOTICE, "Asking by SYNC: %s", handshake->sm.reason);
        else LOG_WRITE(LOG_NOTICE, "Full resync from master: %s:%lld", handshake->id, (long long)handshake->offset);
        upstream->hooks.begins_sync(upstream->hooks.context, handshake->id, handshake->offset);
        upstream->state = UPSTREAM_RECEIVING;
        return true;
    case HANDSHAKE_SIZE_KNOWN:
        if (begin_sync(upstream, &err)) return true;
        fail(upstream, err.text);
        return false;
    case HANDSHAKE_PAYLOAD:
        if (sync_in_take(upstream->sync, handshake->piece, &err)) return true;
        fail(upstream, err.text);
        return false;
    case HANDSHAKE_PAYLOAD_ENDED: end_sync(upstream, *in); return false;
    }
    UNREACHABLE("an event of the handshake");
}

static void on_readable(struct conn *conn, void *context) {
    struct upstream *upstream = context;
    size_t moved;
    server_update_time(upstream->server);
    enum io_status status = conn_read(conn, upstream->buffer, READ_BYTES, &moved);
    if (status == IO_AGAIN) return;
    if (status != IO_DONE) {
        fail(upstream, status == IO_CLOSED ? "it closed the connection before the stream began" : conn_error(conn));
        return;
    }
    upstream->heard_ms = upstream->server->now_ms;
    upstream->server->stats.net_input_bytes += moved;
    upstream->read_bytes += moved;
    struct slice in = {upstream->buffer, moved};
    while (on_event(upstream, handshake_step(&upstream->handshake, upstream->server->now_ms, &in, &upstream->out), &in)) continue;
}

/* ---- dialling ---- */

static void on_open(struct conn *conn, void *context, int failure) {
    struct upstream *upstream = context;
    server_update_time(upstream->server);
    if (failure) {
        fail(upstream, conn_error(conn));
        return;
    }
    conn_set_keepalive(conn, (int)MAX(upstream->server->settings->tcp_keepalive_s, 1));
    conn_set_nodelay(conn, true);
    handshake_on_open(&upstream->handshake, upstream->server->now_ms, &upstream->out);
    (void)flush(upstream);
}

static const struct conn_handlers handlers = {on_open, on_readable, on_writable};

static bool configure_tls(struct upstream *upstream, struct error *err) {
    struct tls_settings settings;
    server_tls_settings(upstream->server, &settings);
    settings.allow_no_certificate = true;
    if (!upstream->tls) upstream->tls = tls_new();
    return tls_configure(upstream->tls, &settings, err) || error_prefix(err, "TLS (tls-replication)");
}

/* The parameters may change while the handshake goes on. */
static const char *keep(struct upstream *upstream, size_t place, const char *text) {
    return upstream->texts[place] = text ? mem_strdup(text) : NULL;
}

static void on_resolved(void *context, const struct address *addresses, size_t count, const char *error) {
    struct upstream *upstream = context;
    struct upstream_plan plan = {0};
    struct error err;
    upstream->lookup = NULL;
    upstream->state = UPSTREAM_DIALLING;
    if (!count) {
        fail(upstream, error);
        return;
    }
    upstream->hooks.plan(upstream->hooks.context, &plan);
    if (plan.uses_tls && !configure_tls(upstream, &err)) {
        fail(upstream, err.text);
        return;
    }
    struct address source = {0};
    const char *from = upstream->server->settings->bind_source_addr;
    bool has_source = from && *from && address_parse_ip(&source, from, 0);
    struct conn_options options = {.tls = plan.uses_tls ? upstream->tls : NULL, .source = has_source ? &source : NULL};
    struct handshake_settings settings = {
        .user = keep(upstream, 0, plan.user),
        .password = keep(upstream, 1, plan.password),
        .announce_ip = keep(upstream, 2, plan.announce_ip),
        .announce_port = plan.announce_port,
        .id = keep(upstream, 3, plan.id),
        .next = plan.next,
        .is_failover = plan.is_failover,
        .timeout_ms = plan.timeout_ms,
    };
    handshake_init(&upstream->handshake, &settings, upstream->server->now_ms);
    upstream->conn = conn_dial(upstream->server->loop, &addresses[0], &options, &handlers, upstream, NULL, &err);
    if (!upstream->conn) fail(upstream, err.text);
    else if (conn_is_open(upstream->conn)) on_open(upstream->conn, upstream, 0);
}

static void dial(struct upstream *upstream) {
    drop_connection(upstream);
    upstream->dialled_ms = upstream->server->now_ms;
    upstream->state = UPSTREAM_RESOLVING;
    upstream->buffer = mem_alloc(READ_BYTES);
    LOG_WRITE(LOG_NOTICE, "Connecting to MASTER %s:%d", upstream->host, upstream->port);
    if (!upstream->resolver) upstream->resolver = resolver_new(upstream->server->loop);
    struct resolve *lookup =
        resolve_start(upstream->resolver, upstream->host, (uint16_t)upstream->port, RESOLVE_ANY, on_resolved, upstream);
    if (upstream->state == UPSTREAM_RESOLVING) upstream->lookup = lookup;
}

/* ---- what others want ---- */

static void hang_up(struct upstream *upstream) {
    if (stream_in_is_up(upstream->stream)) {
        upstream->heard_ms = stream_in_heard_ms(upstream->stream);
        upstream->db = stream_in_end(upstream->stream);
        upstream->down_since_ms = upstream->server->now_ms;
    }
    upstream->state = UPSTREAM_NONE;
    drop_connection(upstream);
}

void upstream_follow(struct upstream *upstream, const char *host, int port, int db) {
    hang_up(upstream);
    upstream->db = db;
    char *copy = mem_strdup(host);
    mem_free(upstream->host);
    upstream->host = copy;
    upstream->port = port;
    if (!upstream->down_since_ms) upstream->down_since_ms = upstream->server->now_ms;
    upstream->dialled_ms = 0;
    dial_later(upstream, RETRY_MS);
}

void upstream_suspend(struct upstream *upstream) {
    hang_up(upstream);
    if (!upstream->down_since_ms) upstream->down_since_ms = upstream->server->now_ms;
}

void upstream_stop(struct upstream *upstream) {
    hang_up(upstream);
    mem_free(upstream->host);
    upstream->host = NULL;
    upstream->down_since_ms = 0;
}

void upstream_redial(struct upstream *upstream) {
    if (!upstream->host) return;
    hang_up(upstream);
    upstream->dialled_ms = 0;
    dial_later(upstream, RETRY_MS);
}

void upstream_acknowledge(struct upstream *upstream) {
    stream_in_acknowledge(upstream->stream);
}

/* ---- time ---- */

static void check_stream(struct upstream *upstream, int64_t now_ms, int64_t timeout_ms) {
    if (now_ms - stream_in_heard_ms(upstream->stream) > timeout_ms) {
        LOG_WRITE(LOG_WARNING, "MASTER timeout: no data nor PING received...");
        int db = stream_in_end(upstream->stream);
        on_lost(upstream, false, db);
    } else if (now_ms - upstream->told_ms >= ACKNOWLEDGE_MS) {
        upstream->told_ms = now_ms;
        stream_in_acknowledge(upstream->stream);
    }
}

static void show_life(struct upstream *upstream, int64_t now_ms) {
    if (now_ms - upstream->told_ms < NEWLINE_MS) return;
    upstream->told_ms = now_ms;
    bytes_add_char(&upstream->out, '\n');
    (void)flush(upstream);
}

static void check_handshake(struct upstream *upstream, int64_t now_ms) {
    struct upstream_plan plan = {0};
    upstream->hooks.plan(upstream->hooks.context, &plan);
    upstream->handshake.settings.timeout_ms = plan.timeout_ms;
    if (handshake_is_overdue(&upstream->handshake, now_ms)) broke(upstream);
}

void upstream_cron(struct upstream *upstream) {
    int64_t now_ms = upstream->server->now_ms;
    struct upstream_plan plan = {0};
    struct error err;
    switch (upstream->state) {
    case UPSTREAM_NONE:
    case UPSTREAM_WAITING: break;
    case UPSTREAM_RESOLVING: break; /* the resolver answers in any case */
    case UPSTREAM_RECEIVING:
        if (upstream->sync && !sync_in_go_on(upstream->sync, &err)) {
            fail(upstream, err.text);
            break;
        }
        if (upstream->sync && sync_in_is_loading(upstream->sync)) show_life(upstream, now_ms);
        if (upstream->state == UPSTREAM_RECEIVING) check_handshake(upstream, now_ms);
        break;
    case UPSTREAM_DIALLING: check_handshake(upstream, now_ms); break;
    case UPSTREAM_LOADING: show_life(upstream, now_ms); break;
    case UPSTREAM_UP:
        upstream->hooks.plan(upstream->hooks.context, &plan);
        check_stream(upstream, now_ms, plan.timeout_ms);
        break;
    case UPSTREAM_STATES: UNREACHABLE("a state of the link");
    }
}

void upstream_client_freed(struct upstream *upstream, struct client *client) {
    stream_in_gone(upstream->stream, client);
}

/* ---- asking ---- */

enum upstream_state upstream_state(const struct upstream *upstream) {
    return upstream->state;
}

const char *upstream_host(const struct upstream *upstream) {
    return upstream->host;
}

int upstream_port(const struct upstream *upstream) {
    return upstream->port;
}

bool upstream_is_talking(const struct upstream *upstream) {
    return upstream->state == UPSTREAM_DIALLING && upstream->handshake.sm.state > HANDSHAKE_CONNECTING;
}

int upstream_db(const struct upstream *upstream) {
    const struct client *client = stream_in_client(upstream->stream);
    return client ? client->db : upstream->db;
}

struct stream_in *upstream_stream(struct upstream *upstream) {
    return upstream->stream;
}

const char *upstream_id(const struct upstream *upstream) {
    return upstream->handshake.id;
}

uint64_t upstream_bytes(const struct upstream *upstream) {
    return upstream->read_bytes + stream_in_bytes(upstream->stream);
}

const struct sync_in *upstream_sync(const struct upstream *upstream) {
    return upstream->sync;
}

void upstream_get_progress(const struct upstream *upstream, struct upstream_progress *progress) {
    progress->total_bytes = upstream->sync ? upstream->handshake.size : -1;
    progress->received_bytes = upstream->sync ? upstream->handshake.received : 0;
    progress->heard_ms = stream_in_is_up(upstream->stream) ? stream_in_heard_ms(upstream->stream) : upstream->heard_ms;
    progress->down_since_ms = upstream->down_since_ms;
}

/* ---- life ---- */

struct upstream *upstream_new(struct server *server, struct databases *databases, const struct upstream_hooks *hooks) {
    struct upstream *upstream = mem_zalloc(sizeof *upstream);
    struct stream_in_hooks stream_hooks = {.context = upstream, .applied = on_applied, .lost = on_lost, .select = on_select};
    upstream->server = server;
    upstream->databases = databases;
    upstream->hooks = *hooks;
    upstream->stream = stream_in_new(server, &stream_hooks);
    return upstream;
}

void upstream_free(struct upstream **place) {
    struct upstream *upstream = *place;
    if (!upstream) return;
    *place = NULL;
    upstream->state = UPSTREAM_NONE;
    drop_connection(upstream);
    stream_in_free(&upstream->stream);
    if (upstream->resolver) resolver_free(&upstream->resolver);
    if (upstream->tls) tls_free(&upstream->tls);
    bytes_fini(&upstream->out);
    mem_free(upstream->host);
    mem_free(upstream);
}
