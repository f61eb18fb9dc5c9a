/* What the kinds of connections share: the object, and the table of what each kind does differently.
 *
 * Included by conn.c and conn_*.c only.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "net/conn.h"
#include "net/loop.h"

enum conn_phase { CONN_CONNECTING, CONN_HANDSHAKE, CONN_OPEN, CONN_BROKEN };

struct conn_ops {
    enum conn_kind kind;
    const char    *name;
    /* What must happen between connect() or accept() and "open": IO_DONE when it is done, IO_AGAIN: not yet (what it
     * waits for is in conn->step_watch). NULL: nothing. */
    enum io_status (*handshake)(struct conn *conn);
    enum io_status (*read)(struct conn *conn, void *data, size_t size, size_t *moved);
    enum io_status (*write)(struct conn *conn, const void *data, size_t size, size_t *moved);
    enum io_status (*writev)(struct conn *conn, const struct iovec *parts, int count, size_t *moved);
    void (*fini)(struct conn *conn); /* before the descriptor is closed; NULL: nothing */
};

struct conn {
    const struct conn_ops      *ops;
    const struct conn_handlers *handlers;
    void                       *context;
    struct loop                *loop;
    struct loop_io              io;
    struct loop_timer           later; /* reports what was known at once, and data that TLS already holds */
    int                         fd;
    uint8_t                     phase;
    bool                        want_read, want_write;
    bool                        closed; /* conn_close() was called inside a callback */
    bool                        reported;
    uint8_t                     busy;       /* callbacks that are running */
    uint8_t                     step_watch; /* LOOP_READ/LOOP_WRITE that a handshake step waits for */
    bool                        read_needs_write, write_needs_read; /* TLS renegotiates or updates keys */
    bool                        has_more;                           /* TLS holds decrypted bytes */
    bool                        has_local;
    int                         failure;
    struct address              peer, local;
    void                       *tls;        /* SSL of OpenSSL */
    char                       *tls_error;  /* its words; owned */
};

extern const struct conn_ops conn_tcp_ops, conn_unix_ops, conn_tls_ops;

/* conn_tcp.c: shared by plain TCP and Unix sockets. */
enum io_status conn_plain_read(struct conn *conn, void *data, size_t size, size_t *moved);
enum io_status conn_plain_write(struct conn *conn, const void *data, size_t size, size_t *moved);
enum io_status conn_plain_writev(struct conn *conn, const struct iovec *parts, int count, size_t *moved);

/* Notes errno's number as the connection's failure; returns IO_FAILED. */
enum io_status conn_fail(struct conn *conn, int number);

/* conn_tls.c: puts TLS on a connection that has its descriptor. `options` is NULL for a server. */
MUST_USE bool conn_tls_begin(struct conn *conn, struct tls *tls, bool is_server,
                             const struct conn_options *options, struct error *err);
