#include "net/conn_internal.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* Plain sockets. EINTR cannot happen to a call that does not block, but is harmless: it counts as "not now". */

enum io_status conn_fail(struct conn *conn, int number) {
    conn->failure = number;
    conn->phase = CONN_BROKEN;
    return IO_FAILED;
}

static enum io_status result_of(struct conn *conn, ssize_t result, size_t *moved) {
    if (LIKELY(result > 0)) {
        *moved = (size_t)result;
        return IO_DONE;
    }
    *moved = 0;
    if (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return IO_AGAIN;
    return conn_fail(conn, result < 0 ? errno : EPIPE);
}

enum io_status conn_plain_read(struct conn *conn, void *data, size_t size, size_t *moved) {
    ssize_t result = recv(conn->fd, data, size, 0);
    if (UNLIKELY(result == 0 && size > 0)) {
        *moved = 0;
        conn->phase = CONN_BROKEN;
        return IO_CLOSED;
    }
    return result_of(conn, result, moved);
}

enum io_status conn_plain_write(struct conn *conn, const void *data, size_t size, size_t *moved) {
    return result_of(conn, send(conn->fd, data, size, MSG_NOSIGNAL), moved);
}

enum io_status conn_plain_writev(struct conn *conn, const struct iovec *parts, int count, size_t *moved) {
    struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
    return result_of(conn, sendmsg(conn->fd, &message, MSG_NOSIGNAL), moved);
}

const struct conn_ops conn_tcp_ops = {
    .kind = CONN_TCP,
    .name = "tcp",
    .read = conn_plain_read,
    .write = conn_plain_write,
    .writev = conn_plain_writev,
};
