/* Listening sockets of one kind (TCP, TLS or Unix) that hand over each new connection.
 *
 * A listener may listen on several addresses. An address "-ADDRESS" may fail to exist on this machine, "*" is every
 * IPv4 and "::*" every IPv6 address. At most a batch of connections is accepted per turn of the loop and socket, so
 * that a connection storm does not starve those that are there. When descriptors run out, accepting pauses shortly
 * instead of spinning.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"
#include "base/error.h"

#include <stddef.h>

struct loop;
struct tls;
struct conn;
struct listener;

struct listener_settings {
    const char *const *addresses; /* `bind`; borrows */
    size_t             count;
    uint16_t           port;      /* 0: the kernel chooses (tests); whether port 0 means "none" is the caller's matter */
    const char        *unix_path; /* not NULL: a Unix socket, and addresses and port are not looked at */
    unsigned           unix_mode; /* `unixsocketperm`; 0: as the umask gives */
    int                backlog;   /* `tcp-backlog` */
    struct tls        *tls;       /* not NULL: connections begin with a TLS handshake. Keeps */
    unsigned           batch;     /* connections accepted per turn and socket; 0: 64 */
    uint32_t           mark_id;   /* `socket-mark-id`; 0: none */
};

/* A new connection; takes *conn. Must not free the listener. The connection may still be in its TLS handshake (conn_is_open() tells; on_open follows). */
typedef void listener_accept(void *context, struct conn **conn);

/* Opens all sockets or none. The error is worded as the field's servers do it: "Could not create server TCP listening
 * socket 127.0.0.1:6379: bind: Address already in use", "Opening Unix socket: ...". Gives: listener_free(). */
struct listener *listener_new(struct loop *loop, const struct listener_settings *settings, listener_accept *on_accept,
                              void *context, struct error *err);
void             listener_free(struct listener **listener); /* takes; a Unix socket's file is removed */

/* Other addresses, port, path or backlog, at run time: all or nothing. Sockets that both settings name stay open, so
 * that no connection is refused meanwhile. On failure it listens as before. */
MUST_USE bool listener_rebind(struct listener *listener, const struct listener_settings *settings, struct error *err);

size_t   listener_socket_count(const struct listener *listener);
int      listener_fd(const struct listener *listener, size_t index);
uint16_t listener_port(const struct listener *listener); /* that of the first socket; 0: a Unix socket */
