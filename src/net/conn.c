#include "net/conn.h"
#include "base/mem.h"
#include "net/conn_internal.h"
#include "net/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* A connection's phases:
 *
 *     CONNECTING --on_step: socket connected--> HANDSHAKE --on_step: handshake done--> OPEN --read/write--> BROKEN
 *         |                                         |
 *         +------------------ failed ---------------+--> BROKEN
 *
 * on_open is called once, on leaving CONNECTING/HANDSHAKE; a connection that was adopted without a handshake begins
 * as OPEN and never calls it. `busy` counts running callbacks: conn_close() inside one only marks. */

static void destroy(struct conn *conn) {
    mem_free(conn->tls_error);
    mem_free(conn);
}

/* Runs a callback; false: the connection is gone. */
#define CALL(conn, handler, ...)                                                                                       \
    ((conn)->busy++, (conn)->handlers->handler((conn), (conn)->context, ##__VA_ARGS__), call_ended(conn))

static bool call_ended(struct conn *conn) {
    conn->busy--;
    if (LIKELY(!conn->closed)) return true;
    if (conn->busy == 0) destroy(conn);
    return false;
}

static void on_later(struct loop_timer *timer);

/* What the kernel is to watch, from what the owner wants and what TLS waits for. */
static void settle(struct conn *conn) {
    unsigned watch = 0;
    switch ((enum conn_phase)conn->phase) {
    case CONN_CONNECTING: watch = LOOP_WRITE; break;
    case CONN_HANDSHAKE: watch = conn->step_watch; break;
    case CONN_OPEN:
    case CONN_BROKEN:
        if (!conn->handlers) break; /* nobody to tell yet */
        if (conn->want_read) watch |= conn->read_needs_write ? LOOP_WRITE : LOOP_READ;
        if (conn->want_write) watch |= conn->write_needs_read ? LOOP_READ : LOOP_WRITE;
        if (conn->want_read && conn->has_more) loop_timer_start(conn->loop, &conn->later, 0, on_later);
        break;
    }
    loop_io_watch(&conn->io, watch);
}

/* ---- becoming open ---- */

static void report_open(struct conn *conn) {
    if (conn->reported) return;
    conn->reported = true; /* what follows is on_readable and on_writable */
    int failure = conn->phase == CONN_OPEN ? 0 : conn->failure ? conn->failure : EPROTO;
    if (failure) loop_io_watch(&conn->io, 0);
    else settle(conn);
    if (conn->handlers && conn->handlers->on_open) (void)CALL(conn, on_open, failure);
}

/* Connecting and handshaking, as far as it goes. True: it is over, one way or the other. */
static bool step(struct conn *conn) {
    if (conn->phase == CONN_CONNECTING) {
        int failure = 0;
        socklen_t size = sizeof failure;
        if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &failure, &size) < 0) failure = errno;
        if (failure) {
            conn_fail(conn, failure);
            return true;
        }
        conn->phase = conn->ops->handshake ? CONN_HANDSHAKE : CONN_OPEN;
    }
    if (conn->phase == CONN_HANDSHAKE) {
        switch (conn->ops->handshake(conn)) {
        case IO_DONE: conn->phase = CONN_OPEN; break;
        case IO_AGAIN: settle(conn); return false;
        case IO_CLOSED: conn_fail(conn, ECONNRESET); break;
        case IO_FAILED:
            if (conn->phase != CONN_BROKEN) conn_fail(conn, EPROTO);
            break;
        }
    }
    return true;
}

static void on_ready(struct loop_io *io, unsigned ready) {
    struct conn *conn = container_of(io, struct conn, io);
    if (UNLIKELY(!conn->reported)) {
        if (step(conn)) report_open(conn);
        return;
    }
    bool readable = ready & (conn->read_needs_write ? LOOP_WRITE : LOOP_READ);
    bool writable = ready & (conn->write_needs_read ? LOOP_READ : LOOP_WRITE);
    if (readable && conn->want_read && conn->handlers && !CALL(conn, on_readable)) return;
    if (writable && conn->want_write && conn->handlers && !CALL(conn, on_writable)) return;
    if (conn->ops->kind == CONN_TLS) settle(conn);
}

static void on_later(struct loop_timer *timer) {
    struct conn *conn = container_of(timer, struct conn, later);
    if (!conn->reported) {
        report_open(conn);
    } else if (conn->has_more && conn->want_read && conn->handlers) {
        if (CALL(conn, on_readable)) settle(conn);
    }
}

bool conn_is_answered(const struct conn *conn) {
    if (conn->phase != CONN_CONNECTING || conn->fd < 0) return true;
    /* What the kernel knows already and the loop has not told yet counts: who reads its clock late must not blame the peer. */
    struct pollfd ready = {.fd = conn->fd, .events = POLLOUT};
    return poll(&ready, 1, 0) > 0;
}

/* ---- making one ---- */

static struct conn *conn_new(struct loop *loop, int fd, const struct conn_ops *ops) {
    struct conn *conn = mem_zalloc(sizeof *conn);
    conn->ops = ops;
    conn->loop = loop;
    conn->fd = fd;
    conn->want_read = true;
    loop_io_start(loop, &conn->io, fd, 0, on_ready);
    return conn;
}

static bool bind_source(int fd, const struct address *source, struct error *err) {
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, &source->any, source->size) == 0) return true;
    int failure = errno;
    char text[ADDRESS_TEXT_SIZE];
    error_set(err, "cannot connect from %s: %s", address_print(source, text), strerror(failure));
    errno = failure;
    return false;
}

struct conn *conn_dial(struct loop *loop, const struct address *to, const struct conn_options *options,
                       const struct conn_handlers *handlers, void *context, int *failure, struct error *err) {
    char text[ADDRESS_TEXT_SIZE];
    struct tls *tls = options ? options->tls : NULL;
    int ignored, *number = failure ? failure : &ignored;
    *number = 0;
    int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        *number = errno;
        error_set(err, "cannot make a socket for %s: %s", address_print(to, text), strerror(*number));
        return NULL;
    }
    if (options && options->source && !address_is_none(options->source) &&
        options->source->any.sa_family == to->any.sa_family && !bind_source(fd, options->source, err)) {
        *number = errno;
        CHECK(close(fd) == 0);
        return NULL;
    }
    bool is_unix = address_is_unix(to);
    struct conn *conn = conn_new(loop, fd, is_unix ? &conn_unix_ops : &conn_tcp_ops);
    conn_set_handlers(conn, handlers, context);
    conn->peer = *to;
    if (tls && !conn_tls_begin(conn, tls, false, options, err)) {
        *number = EPROTO;
        conn_close(&conn);
        return NULL;
    }
    conn_set_nodelay(conn, true);
    if (connect(fd, &to->any, to->size) == 0) {
        conn->phase = conn->ops->handshake ? CONN_HANDSHAKE : CONN_OPEN;
        if (step(conn)) loop_timer_start(loop, &conn->later, 0, on_later);
    } else if (errno == EINPROGRESS) {
        conn->phase = CONN_CONNECTING;
        settle(conn);
    } else {
        *number = errno;
        error_set(err, "cannot connect to %s: %s", address_print(to, text), strerror(*number));
        conn_close(&conn);
    }
    return conn;
}

struct conn *conn_adopt(struct loop *loop, int fd, struct tls *tls, struct error *err) {
    struct sockaddr_storage local;
    socklen_t size = sizeof local;
    if (getsockname(fd, (struct sockaddr *)&local, &size) < 0) {
        error_set(err, "not a socket: %s", strerror(errno));
        CHECK(close(fd) == 0);
        return NULL;
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && !(flags & O_NONBLOCK)) (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    bool is_unix = local.ss_family == AF_UNIX;
    struct conn *conn = conn_new(loop, fd, is_unix ? &conn_unix_ops : &conn_tcp_ops);
    address_set(&conn->local, (struct sockaddr *)&local, size);
    conn->has_local = true;
    if (!tls) {
        conn->phase = CONN_OPEN;
        conn->reported = true;
        settle(conn);
        return conn;
    }
    if (!conn_tls_begin(conn, tls, true, NULL, err)) {
        conn_close(&conn);
        return NULL;
    }
    conn->phase = CONN_HANDSHAKE;
    conn->step_watch = LOOP_READ;
    settle(conn);
    return conn;
}

void conn_set_handlers(struct conn *conn, const struct conn_handlers *handlers, void *context) {
    conn->handlers = handlers;
    conn->context = context;
    if (conn->reported && !conn->closed) settle(conn);
}

void conn_close(struct conn **connection) {
    struct conn *conn = *connection;
    *connection = NULL;
    if (!conn || conn->closed) return;
    conn->closed = true;
    loop_timer_stop(&conn->later);
    loop_io_stop(&conn->io);
    if (conn->ops->fini) conn->ops->fini(conn);
    CHECK(close(conn->fd) == 0 || errno != EBADF);
    conn->fd = -1;
    if (conn->busy == 0) destroy(conn);
}

/* ---- using it ---- */

bool conn_is_open(const struct conn *conn) {
    return conn->phase == CONN_OPEN && !conn->closed;
}

enum io_status conn_read(struct conn *conn, void *data, size_t size, size_t *moved) {
    return conn->ops->read(conn, data, size, moved);
}

enum io_status conn_write(struct conn *conn, const void *data, size_t size, size_t *moved) {
    return conn->ops->write(conn, data, size, moved);
}

enum io_status conn_writev(struct conn *conn, const struct iovec *parts, int count, size_t *moved) {
    return conn->ops->writev(conn, parts, count, moved);
}

void conn_want_read(struct conn *conn, bool want) {
    conn->want_read = want;
    if (!conn->closed) settle(conn);
}

void conn_want_write(struct conn *conn, bool want) {
    if (conn->want_write == want && conn->ops->kind != CONN_TLS) return;
    conn->want_write = want;
    if (!conn->closed) settle(conn);
}

/* ---- asking it ---- */

enum conn_kind conn_kind(const struct conn *conn) {
    return conn->ops->kind;
}

const char *conn_kind_text(const struct conn *conn) {
    return conn->ops->name;
}

int conn_fd(const struct conn *conn) {
    return conn->fd;
}

int conn_failure(const struct conn *conn) {
    return conn->failure;
}

const char *conn_error(const struct conn *conn) {
    if (conn->tls_error) return conn->tls_error;
    return conn->failure ? strerror(conn->failure) : "no error";
}

const struct address *conn_peer(struct conn *conn) {
    if (address_is_none(&conn->peer) && conn->fd >= 0) {
        struct sockaddr_storage peer;
        socklen_t size = sizeof peer;
        if (getpeername(conn->fd, (struct sockaddr *)&peer, &size) == 0)
            address_set(&conn->peer, (struct sockaddr *)&peer, size);
    }
    return &conn->peer;
}

const struct address *conn_local(struct conn *conn) {
    if (!conn->has_local && conn->fd >= 0) {
        struct sockaddr_storage local;
        socklen_t size = sizeof local;
        if (getsockname(conn->fd, (struct sockaddr *)&local, &size) == 0)
            address_set(&conn->local, (struct sockaddr *)&local, size);
        conn->has_local = true;
    }
    return &conn->local;
}

/* An accepted Unix connection's peer has no name: the field's servers print the path that it was accepted on. */
char *conn_peer_text(struct conn *conn, char *text) {
    const struct address *peer = conn_peer(conn);
    bool is_nameless = address_is_unix(peer) && peer->un.sun_path[0] == 0;
    return address_print(is_nameless ? conn_local(conn) : peer, text);
}

char *conn_local_text(struct conn *conn, char *text) {
    return address_print(conn_local(conn), text);
}

static void set_option(struct conn *conn, int level, int name, int value) {
    if (conn->fd >= 0) (void)setsockopt(conn->fd, level, name, &value, sizeof value);
}

static bool is_over_ip(struct conn *conn) {
    return conn->ops->kind != CONN_UNIX;
}

void conn_set_nodelay(struct conn *conn, bool on) {
    if (is_over_ip(conn)) set_option(conn, IPPROTO_TCP, TCP_NODELAY, on);
}

void conn_set_unacked_timeout(struct conn *conn, int64_t timeout_ms) {
    if (is_over_ip(conn)) set_option(conn, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)MAX(0, MIN(timeout_ms, INT32_MAX)));
}

void conn_set_keepalive(struct conn *conn, int seconds) {
    if (!is_over_ip(conn)) return;
    set_option(conn, SOL_SOCKET, SO_KEEPALIVE, seconds > 0);
    if (seconds <= 0) return;
    set_option(conn, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
    set_option(conn, IPPROTO_TCP, TCP_KEEPINTVL, MAX(seconds / 3, 1));
    set_option(conn, IPPROTO_TCP, TCP_KEEPCNT, 3);
}
