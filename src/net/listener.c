#include "net/listener.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/address.h"
#include "net/conn.h"
#include "net/loop.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BATCH = 64, PAUSE_MS = 50 };

struct socket {
    struct listener *listener;
    struct loop_io   io;
    int              fd;
    struct address   address; /* as bound; port 0 was replaced by the kernel's choice */
    bool             is_kept; /* listener_rebind(): the new settings name it, too */
};

struct sockets {
    struct socket **items;
    size_t          count;
};

struct listener {
    struct loop      *loop;
    struct tls       *tls;
    listener_accept  *on_accept;
    void             *context;
    struct sockets    sockets;
    unsigned          batch;
    struct loop_timer resume; /* after descriptors ran out */
    int64_t           complained_ms;
    char             *unix_path; /* removed at the end; NULL: none */
};

/* ---- accepting ---- */

static void watch_all(struct listener *listener) {
    bool watch = !loop_timer_is_active(&listener->resume);
    for (size_t i = 0; i < listener->sockets.count; i++)
        loop_io_watch(&listener->sockets.items[i]->io, watch ? LOOP_READ : 0);
}

static void on_resume(struct loop_timer *timer) {
    watch_all(container_of(timer, struct listener, resume));
}

/* Some errors are the connection's own and past when they are reported; the others are ours and last. */
static void accept_failed(struct listener *listener, int failure) {
    if (failure == ECONNABORTED || failure == EPROTO || failure == EINTR || failure == EPERM) return;
    int64_t now_ms = loop_now_ms(listener->loop);
    if (now_ms - listener->complained_ms >= 1000) {
        listener->complained_ms = now_ms;
        log_write(LOG_WARNING, "Accepting client connection: accept: %s", strerror(failure));
    }
    loop_timer_start(listener->loop, &listener->resume, PAUSE_MS, on_resume);
    watch_all(listener);
}

static void on_ready(struct loop_io *io, unsigned ready) {
    struct socket *socket = container_of(io, struct socket, io);
    struct listener *listener = socket->listener;
    for (unsigned i = 0; i < listener->batch; i++) {
        int fd = accept4(socket->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno != EAGAIN && errno != EWOULDBLOCK) accept_failed(listener, errno);
            return;
        }
        struct error err;
        struct conn *conn = conn_adopt(listener->loop, fd, listener->tls, &err);
        if (conn) listener->on_accept(listener->context, &conn);
        else log_write(LOG_VERBOSE, "Error accepting a client connection: %s", err.text);
    }
}

/* ---- opening and closing sockets ---- */

static void close_socket(struct socket *socket) {
    loop_io_stop(&socket->io);
    CHECK(close(socket->fd) == 0 || errno != EBADF);
    mem_free(socket);
}

static void close_sockets(struct sockets *sockets) {
    for (size_t i = 0; i < sockets->count; i++) close_socket(sockets->items[i]);
    mem_free(sockets->items);
    *sockets = (struct sockets){0};
}

static void add_socket(struct sockets *sockets, struct socket *socket) {
    sockets->items = mem_realloc(sockets->items, (sockets->count + 1) * sizeof *sockets->items);
    sockets->items[sockets->count++] = socket;
}

/* The descriptor, or -1 with errno's number and the step that failed. */
static int open_descriptor(const struct address *at, const struct listener_settings *settings, int *failure,
                           const char **tried) {
    int on = 1;
    *tried = "socket";
    int fd = socket(at->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        *failure = errno;
        return -1;
    }
    *tried = "setsockopt";
    if (!address_is_unix(at) && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) goto failed;
    if (address_is_ipv6(at) && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) goto failed;
    if (settings->mark_id && setsockopt(fd, SOL_SOCKET, SO_MARK, &settings->mark_id, sizeof settings->mark_id) < 0)
        goto failed;
    *tried = "bind";
    if (bind(fd, &at->any, at->size) < 0) goto failed;
    if (address_is_unix(at) && settings->unix_mode && chmod(at->un.sun_path, settings->unix_mode) < 0) goto failed;
    *tried = "listen";
    if (listen(fd, settings->backlog > 0 ? settings->backlog : 511) < 0) goto failed;
    return fd;
failed:
    *failure = errno;
    CHECK(close(fd) == 0);
    return -1;
}

static struct socket *open_socket(struct listener *listener, const struct address *at,
                                  const struct listener_settings *settings, int *failure, const char **tried) {
    int fd = open_descriptor(at, settings, failure, tried);
    if (fd < 0) return NULL;
    struct socket *socket = mem_zalloc(sizeof *socket);
    socket->listener = listener;
    socket->fd = fd;
    socket->address = *at;
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    if (!address_is_unix(at) && getsockname(fd, (struct sockaddr *)&bound, &size) == 0)
        address_set(&socket->address, (struct sockaddr *)&bound, size);
    loop_io_start(listener->loop, &socket->io, fd, 0, on_ready);
    return socket;
}

/* A kernel without IPv6, say: the address belongs to no protocol that it knows. */
static bool is_not_supported(int failure) {
    return failure == ENOPROTOOPT || failure == EPROTONOSUPPORT || failure == ESOCKTNOSUPPORT ||
           failure == EPFNOSUPPORT || failure == EAFNOSUPPORT;
}

/* One `bind` address to what can be bound. False: `*reason` says why not. */
static bool parse_bind(const char *text, uint16_t port, struct address *at, const char **reason) {
    if (strcmp(text, "*") == 0) return address_parse_ip(at, "0.0.0.0", port);
    if (strcmp(text, "::*") == 0) return address_parse_ip(at, "::", port);
    if (address_parse_ip(at, text, port)) return true;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    int code = getaddrinfo(text, NULL, &hints, &found);
    if (code != 0) {
        *reason = gai_strerror(code);
        return false;
    }
    address_set(at, found->ai_addr, found->ai_addrlen);
    address_set_port(at, port);
    freeaddrinfo(found);
    return true;
}

static struct socket *find_socket(const struct sockets *sockets, const struct address *at) {
    for (size_t i = 0; i < sockets->count; i++)
        if (address_equal(&sockets->items[i]->address, at)) return sockets->items[i];
    return NULL;
}

/* Opens what `settings` name and is not among `kept` into `opened`; marks those of `kept` that are named. On failure
 * `opened` is empty. */
static bool open_all(struct listener *listener, const struct listener_settings *settings, const struct sockets *kept,
                     struct sockets *opened, int *failure, struct error *err) {
    uint16_t port = settings->port;
    *failure = 0;
    for (size_t i = 0; i < kept->count; i++) kept->items[i]->is_kept = false;
    for (size_t i = 0; i < settings->count; i++) {
        const char *text = settings->addresses[i], *reason = NULL, *tried = NULL;
        bool is_optional = text[0] == '-';
        if (is_optional) text++;
        struct address at;
        char where[300];
        address_print_host(text, port, where, sizeof where);
        if (!parse_bind(text, port, &at, &reason)) {
            if (is_optional) continue;
            close_sockets(opened);
            return error_set(err, "Could not create server TCP listening socket %s: %s", where, reason);
        }
        struct socket *known = find_socket(kept, &at);
        if (known) known->is_kept = true;
        if (known || find_socket(opened, &at)) continue;
        struct socket *socket = open_socket(listener, &at, settings, failure, &tried);
        if (socket) {
            add_socket(opened, socket);
            if (port == 0) port = address_port(&socket->address); /* one choice for all addresses */
            continue;
        }
        if (is_not_supported(*failure) || (is_optional && *failure == EADDRNOTAVAIL)) continue;
        close_sockets(opened);
        return error_set(err, "Could not create server TCP listening socket %s: %s: %s", where, tried,
                         strerror(*failure));
    }
    return true;
}

static bool open_unix(struct listener *listener, const struct listener_settings *settings, struct sockets *opened,
                      struct error *err) {
    struct address at;
    int failure = ENAMETOOLONG;
    const char *tried = "bind";
    if (!address_set_unix(&at, settings->unix_path))
        return error_set(err, "Opening Unix socket: %s: %s", settings->unix_path, strerror(ENAMETOOLONG));
    struct stat status;
    if (lstat(settings->unix_path, &status) == 0) { /* what a predecessor left; never somebody's file */
        if (!S_ISSOCK(status.st_mode))
            return error_set(err, "Opening Unix socket: %s exists and is no socket", settings->unix_path);
        (void)unlink(settings->unix_path);
    }
    struct socket *socket = open_socket(listener, &at, settings, &failure, &tried);
    if (!socket)
        return error_set(err, "Opening Unix socket: %s: %s: %s", settings->unix_path, tried, strerror(failure));
    add_socket(opened, socket);
    return true;
}

static bool nothing_opened(const struct listener_settings *settings, struct error *err) {
    return error_set(err, "Could not create server TCP listening socket: none of the %zu bind addresses can be used",
                     settings->count);
}

struct listener *listener_new(struct loop *loop, const struct listener_settings *settings, listener_accept *on_accept,
                              void *context, struct error *err) {
    struct listener *listener = mem_zalloc(sizeof *listener);
    listener->loop = loop;
    listener->tls = settings->tls;
    listener->on_accept = on_accept;
    listener->context = context;
    listener->batch = settings->batch ? settings->batch : BATCH;
    listener->complained_ms = -1000000;
    int failure;
    struct sockets none = {0};
    bool done = settings->unix_path ? open_unix(listener, settings, &listener->sockets, err)
                                    : open_all(listener, settings, &none, &listener->sockets, &failure, err);
    if (done && listener->sockets.count == 0) done = nothing_opened(settings, err);
    if (!done) {
        mem_free(listener);
        return NULL;
    }
    if (settings->unix_path) listener->unix_path = mem_strdup(settings->unix_path);
    watch_all(listener);
    return listener;
}

void listener_free(struct listener **listener) {
    struct listener *l = *listener;
    *listener = NULL;
    if (!l) return;
    loop_timer_stop(&l->resume);
    close_sockets(&l->sockets);
    if (l->unix_path) (void)unlink(l->unix_path);
    mem_free(l->unix_path);
    mem_free(l);
}

/* ---- other addresses at run time ---- */

/* Moves the sockets that are kept (or not) out of `from` into `to`. */
static void move_sockets(struct sockets *from, struct sockets *to, bool kept) {
    size_t left = 0;
    for (size_t i = 0; i < from->count; i++) {
        if (from->items[i]->is_kept == kept) add_socket(to, from->items[i]);
        else from->items[left++] = from->items[i];
    }
    from->count = left;
}

/* The old sockets stand in the way of the new ones (a wildcard on the same port): they are closed first, and opened
 * again if the new ones cannot be had. */
static bool replace_sockets(struct listener *listener, const struct listener_settings *settings, struct sockets *opened,
                            struct error *err) {
    struct sockets old = {0};
    int failure;
    move_sockets(&listener->sockets, &old, false);
    for (size_t i = 0; i < old.count; i++) {
        loop_io_stop(&old.items[i]->io);
        CHECK(close(old.items[i]->fd) == 0 || errno != EBADF);
    }
    bool done = open_all(listener, settings, &listener->sockets, opened, &failure, err);
    for (size_t i = 0; i < old.count; i++) {
        const char *tried;
        struct socket *again =
            done ? NULL : open_socket(listener, &old.items[i]->address, settings, &failure, &tried);
        if (again) add_socket(&listener->sockets, again);
        else if (!done) log_write(LOG_WARNING, "Could not listen again where it did before: %s: %s", tried,
                                  strerror(failure));
        mem_free(old.items[i]);
    }
    mem_free(old.items);
    return done;
}

bool listener_rebind(struct listener *listener, const struct listener_settings *settings, struct error *err) {
    struct sockets opened = {0};
    int failure = 0;
    bool done;
    if (settings->unix_path || listener->unix_path)
        return error_set(err, "a Unix socket cannot be changed at run time");
    done = open_all(listener, settings, &listener->sockets, &opened, &failure, err);
    if (!done && failure == EADDRINUSE) done = replace_sockets(listener, settings, &opened, err);
    size_t kept = 0;
    for (size_t i = 0; i < listener->sockets.count; i++) kept += listener->sockets.items[i]->is_kept;
    if (done && kept + opened.count == 0) done = nothing_opened(settings, err);
    if (!done) {
        watch_all(listener);
        return false;
    }
    struct sockets old = {0};
    move_sockets(&listener->sockets, &old, false);
    close_sockets(&old);
    for (size_t i = 0; i < listener->sockets.count; i++) /* another backlog is taken by listening again */
        (void)listen(listener->sockets.items[i]->fd, settings->backlog > 0 ? settings->backlog : 511);
    for (size_t i = 0; i < opened.count; i++) add_socket(&listener->sockets, opened.items[i]);
    mem_free(opened.items);
    listener->tls = settings->tls;
    listener->batch = settings->batch ? settings->batch : BATCH;
    watch_all(listener);
    return true;
}

size_t listener_socket_count(const struct listener *listener) {
    return listener->sockets.count;
}

int listener_fd(const struct listener *listener, size_t index) {
    CHECK(index < listener->sockets.count);
    return listener->sockets.items[index]->fd;
}

uint16_t listener_port(const struct listener *listener) {
    return listener->sockets.count ? address_port(&listener->sockets.items[0]->address) : 0;
}
