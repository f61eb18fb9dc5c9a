#include "base/mem.h"
#include "net/conn_internal.h"
#include "net/tls_internal.h"

#include <errno.h>

#ifdef HAVE_TLS
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>

static SSL *ssl_of(const struct conn *conn) {
    return conn->tls;
}

static void remember_error(struct conn *conn, const char *otherwise) {
    char text[256];
    tls_error_text(text, sizeof text, otherwise);
    long verified = SSL_get_verify_result(ssl_of(conn));
    mem_free(conn->tls_error);
    conn->tls_error = verified == X509_V_OK ? mem_strdup(text)
                                            : mem_printf("%s: %s", text, X509_verify_cert_error_string(verified));
}

/* What a call of OpenSSL that moved nothing means. `*other` is set when it waits for the other direction than the one
 * that it is called for. */
static enum io_status result_of(struct conn *conn, int result, bool is_read, bool *other) {
    int failure = errno;
    switch (SSL_get_error(ssl_of(conn), result)) {
    case SSL_ERROR_WANT_READ: *other = !is_read; return IO_AGAIN;
    case SSL_ERROR_WANT_WRITE: *other = is_read; return IO_AGAIN;
    case SSL_ERROR_ZERO_RETURN: conn->phase = CONN_BROKEN; return IO_CLOSED;
    case SSL_ERROR_SYSCALL:
        ERR_clear_error();
        if (failure == 0 || result == 0) {
            conn->phase = CONN_BROKEN;
            return IO_CLOSED;
        }
        return conn_fail(conn, failure);
    default:
        remember_error(conn, "TLS failed");
        return conn_fail(conn, EPROTO);
    }
}

static enum io_status tls_handshake(struct conn *conn) {
    ERR_clear_error();
    errno = 0;
    int result = SSL_do_handshake(ssl_of(conn));
    if (result == 1) return IO_DONE;
    bool needs_write = false;
    enum io_status status = result_of(conn, result, true, &needs_write);
    conn->step_watch = needs_write ? LOOP_WRITE : LOOP_READ;
    return status;
}

static int clamp(size_t size) {
    return size > INT32_MAX ? INT32_MAX : (int)size;
}

/* SSL_read() returns at most one record: it goes on while there is room and more is there. */
static enum io_status tls_read(struct conn *conn, void *data, size_t size, size_t *moved) {
    *moved = 0;
    conn->read_needs_write = false;
    while (*moved < size) {
        ERR_clear_error();
        errno = 0;
        int result = SSL_read(ssl_of(conn), (char *)data + *moved, clamp(size - *moved));
        if (result > 0) {
            *moved += (size_t)result;
            continue;
        }
        conn->has_more = false;
        if (*moved > 0 && SSL_get_error(ssl_of(conn), result) == SSL_ERROR_WANT_READ) return IO_DONE;
        uint8_t phase_before = conn->phase;
        enum io_status status = result_of(conn, result, true, &conn->read_needs_write);
        if (*moved == 0) return status;
        if (status != IO_AGAIN) { /* first what came before it; the next read tells */
            conn->phase = phase_before;
            conn->has_more = true;
        }
        return IO_DONE;
    }
    conn->has_more = SSL_pending(ssl_of(conn)) > 0;
    return IO_DONE;
}

static enum io_status tls_write(struct conn *conn, const void *data, size_t size, size_t *moved) {
    *moved = 0;
    conn->write_needs_read = false;
    if (size == 0) return IO_AGAIN;
    ERR_clear_error();
    errno = 0;
    int result = SSL_write(ssl_of(conn), data, clamp(size));
    if (result > 0) {
        *moved = (size_t)result;
        return IO_DONE;
    }
    enum io_status status = result_of(conn, result, false, &conn->write_needs_read);
    return status == IO_CLOSED ? conn_fail(conn, EPIPE) : status;
}

/* Small parts are put together into one record; large ones are records of their own. */
static enum io_status tls_writev(struct conn *conn, const struct iovec *parts, int count, size_t *moved) {
    char record[16 * 1024];
    *moved = 0;
    for (int i = 0; i < count;) {
        const char *data = parts[i].iov_base;
        size_t size = parts[i].iov_len, done;
        int next = i + 1;
        if (size < sizeof record && next < count) {
            size = 0;
            for (next = i; next < count && parts[next].iov_len <= sizeof record - size; next++) {
                memcpy(record + size, parts[next].iov_base, parts[next].iov_len);
                size += parts[next].iov_len;
            }
            data = record;
        }
        i = next;
        if (size == 0) continue;
        enum io_status status = tls_write(conn, data, size, &done);
        if (status != IO_DONE) return *moved ? IO_DONE : status;
        *moved += done;
        if (done < size) return IO_DONE;
    }
    return *moved ? IO_DONE : IO_AGAIN;
}

static void tls_fini(struct conn *conn) {
    if (!conn->tls) return;
    ERR_clear_error();
    if (SSL_is_init_finished(ssl_of(conn)) && conn->phase == CONN_OPEN) (void)SSL_shutdown(ssl_of(conn));
    ERR_clear_error();
    SSL_free(ssl_of(conn));
    conn->tls = NULL;
}

const struct conn_ops conn_tls_ops = {
    .kind = CONN_TLS,
    .name = "tls",
    .handshake = tls_handshake,
    .read = tls_read,
    .write = tls_write,
    .writev = tls_writev,
    .fini = tls_fini,
};

bool conn_tls_begin(struct conn *conn, struct tls *tls, bool is_server, const struct conn_options *options,
                    struct error *err) {
    SSL_CTX *context = is_server ? tls_server_context(tls) : tls_client_context(tls);
    if (!context) return error_set(err, "TLS is not configured (tls-cert-file and tls-key-file are needed)");
    ERR_clear_error();
    SSL *ssl = SSL_new(context);
    if (!ssl || SSL_set_fd(ssl, conn->fd) != 1) {
        char text[200];
        tls_error_text(text, sizeof text, "out of memory");
        SSL_free(ssl);
        return error_set(err, "cannot begin TLS: %s", text);
    }
    if (is_server) SSL_set_accept_state(ssl);
    else SSL_set_connect_state(ssl);
    if (options) {
        struct address literal; /* SNI carries names only */
        const char *name = options->server_name;
        if (name && name[0] && !address_parse_ip(&literal, name, 0)) (void)SSL_set_tlsext_host_name(ssl, name);
        tls_set_session_slot(ssl, options->session);
    }
    conn->tls = ssl;
    conn->ops = &conn_tls_ops;
    return true;
}

bool conn_peer_common_name(struct conn *conn, struct bytes *name) {
    bytes_clear(name);
    if (!conn->tls || SSL_get_verify_result(ssl_of(conn)) != X509_V_OK) return false;
    X509 *certificate = SSL_get1_peer_certificate(ssl_of(conn));
    if (!certificate) return false;
    char text[256];
    int size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text, sizeof text);
    X509_free(certificate);
    if (size <= 0) return false;
    bytes_add(name, text, (size_t)size);
    return true;
}

const char *conn_cipher_text(const struct conn *conn) {
    static _Thread_local char text[128];
    if (!conn->tls) return "";
    snprintf(text, sizeof text, "%s %s", SSL_get_version(ssl_of(conn)), SSL_get_cipher_name(ssl_of(conn)));
    return text;
}

void conn_forget_session(struct conn *conn) {
    if (conn->tls) tls_set_session_slot(ssl_of(conn), NULL);
}

bool conn_tls_was_resumed(const struct conn *conn) {
    return conn->tls && SSL_session_reused(ssl_of(conn));
}

#else

bool conn_tls_begin(struct conn *conn, struct tls *tls, bool is_server, const struct conn_options *options,
                    struct error *err) {
    return error_set(err, "this kvd was built without TLS (--disable-tls)");
}

bool conn_peer_common_name(struct conn *conn, struct bytes *name) {
    bytes_clear(name);
    return false;
}

const char *conn_cipher_text(const struct conn *conn) {
    return "";
}

void conn_forget_session(struct conn *conn) {
}

bool conn_tls_was_resumed(const struct conn *conn) {
    return false;
}

#endif
