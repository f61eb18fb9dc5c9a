/* One byte-stream connection, whatever carries it: TCP, a Unix socket, or TLS.
 *
 * An established connection reads and writes without blocking and tells its owner when it can do so again. The TLS
 * handshake is hidden: a dialled or accepted connection is "connecting" until it is done. Nothing is buffered here
 * apart from what OpenSSL keeps: input and output buffers are the owner's (net/buffer).
 *
 * Cheap use: read when told to, write directly (best once per turn, before the sleep) and ask for on_writable only
 * after IO_AGAIN. One conn_read() of a buffer that it did not fill tells that nothing is left, without a second call.
 *
 * Threads: conn_read(), conn_write() and conn_writev() touch nothing but this connection, so that another thread may
 * do them while the loop's thread leaves it alone. Everything else is for the loop's thread; after IO_AGAIN on
 * another thread, conn_want_read() or conn_want_write() there settles what TLS waits for.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "base/error.h"
#include "net/address.h"

#include <sys/uio.h>

struct loop;
struct tls;
struct tls_session;
struct conn;

enum io_status {
    IO_DONE,   /* at least one byte was moved */
    IO_AGAIN,  /* not now */
    IO_CLOSED, /* the peer ended the stream in an orderly way */
    IO_FAILED  /* broken: conn_error() says why */
};

enum conn_kind { CONN_TCP, CONN_UNIX, CONN_TLS };

/* Called from the loop, never from inside a call to this connection. Each may close the connection. */
struct conn_handlers {
    /* A dialled or accepted connection is established (TLS included), or could not be: then `failure` is errno's
     * number (ECONNREFUSED, ETIMEDOUT, ...; EPROTO when TLS failed) and conn_error() the sentence; only conn_close()
     * is left to do. Not called for a connection that conn_is_open() at once. */
    void (*on_open)(struct conn *conn, void *context, int failure);
    void (*on_readable)(struct conn *conn, void *context); /* data, end of stream or an error are there to be read */
    void (*on_writable)(struct conn *conn, void *context);
};

struct conn_options {
    struct tls           *tls;         /* NULL: none. Keeps (its contexts may be renewed meanwhile) */
    const char           *server_name; /* for TLS: SNI; may be NULL */
    struct tls_session  **session;     /* for TLS: the session to resume, replaced by newer ones; may be NULL. Keeps */
    const struct address *source;      /* local address to connect from (its port may be 0); may be NULL */
};

/* Starts to connect; on_open tells how it ended. False-like NULL: it failed at once (`err`, and errno's number in
 * `*failure`, which may be NULL). Handlers are kept. Gives: conn_close(). */
struct conn *conn_dial(struct loop *loop, const struct address *to, const struct conn_options *options,
                       const struct conn_handlers *handlers, void *context, int *failure, struct error *err);

/* Takes over a connected socket (an accepted one, one end of a socketpair); `tls` not NULL: performs the server's side
 * of the handshake. The descriptor is closed when this fails. Gives. Handlers: conn_set_handlers(). */
struct conn *conn_adopt(struct loop *loop, int fd, struct tls *tls, struct error *err);

void conn_set_handlers(struct conn *conn, const struct conn_handlers *handlers, void *context); /* keeps both */

/* Closes at once; the memory goes when no callback of this connection is running. Nothing is called any more. */
void conn_close(struct conn **conn);

bool conn_is_open(const struct conn *conn); /* established and not known to be broken */
/* The peer's host has answered, or said why not, though TLS may not be done and on_open not called yet. Asks the kernel. */
bool conn_is_answered(const struct conn *conn);

/* Up to `size` bytes; `*moved` is set in every case. TLS may hold more decrypted data than was asked for: on_readable
 * then comes again by itself. */
enum io_status conn_read(struct conn *conn, void *data, size_t size, size_t *moved);
enum io_status conn_write(struct conn *conn, const void *data, size_t size, size_t *moved);
enum io_status conn_writev(struct conn *conn, const struct iovec *parts, int count, size_t *moved);

void conn_want_read(struct conn *conn, bool want); /* true from the moment it is open; false stops reading from a peer */
void conn_want_write(struct conn *conn, bool want);

enum conn_kind conn_kind(const struct conn *conn);
const char    *conn_kind_text(const struct conn *conn); /* "tcp" "unix" "tls" */
int            conn_fd(const struct conn *conn);
int            conn_failure(const struct conn *conn); /* errno's number of the last failure; 0: none */
const char    *conn_error(const struct conn *conn);   /* in words; lends until the next call */

/* Asked of the kernel once and remembered. Lends, while the connection lives. None for a socketpair. */
const struct address *conn_peer(struct conn *conn);
const struct address *conn_local(struct conn *conn);
/* As CLIENT LIST prints them; a Unix socket's is "path:0". `text` holds ADDRESS_TEXT_SIZE; returned. */
char *conn_peer_text(struct conn *conn, char *text);
char *conn_local_text(struct conn *conn, char *text);

/* Socket options; no effect on a Unix socket. Failures are ignored: the peer may be gone already. */
void conn_set_nodelay(struct conn *conn, bool on);
void conn_set_keepalive(struct conn *conn, int seconds); /* first probe after `seconds`, 3 more a third of it apart */
/* What was sent and is not acknowledged by the peer's host for about so long breaks the connection (ETIMEDOUT), instead of after a
 * quarter of an hour of ever rarer repetitions. A process that hangs is no such case: its host acknowledges. 0: the kernel's. */
void conn_set_unacked_timeout(struct conn *conn, int64_t timeout_ms);

/* Common name of the peer's verified certificate; false: no TLS, or no certificate. `name` is emptied first. */
MUST_USE bool conn_peer_common_name(struct conn *conn, struct bytes *name);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384"; "" without TLS. Lends until the next call on any connection of this thread. */
const char *conn_cipher_text(const struct conn *conn);
void        conn_forget_session(struct conn *conn); /* options.session is not touched any more */
bool        conn_tls_was_resumed(const struct conn *conn);
