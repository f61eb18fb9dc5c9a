/* What tls.c and conn_tls.c share: the OpenSSL contexts that are in place.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "net/tls.h"

#ifdef HAVE_TLS
#include <openssl/ssl.h>

/* Lend; NULL: not configured. A connection takes its own reference by making its SSL. */
SSL_CTX *tls_server_context(const struct tls *tls);
SSL_CTX *tls_client_context(const struct tls *tls);

/* Where the sessions of a dialled connection go: a slot of its owner, or NULL. */
void tls_set_session_slot(SSL *ssl, struct tls_session **slot);

/* The oldest error that OpenSSL queued, in words; empties the queue. `otherwise` when there is none. */
char *tls_error_text(char *text, size_t size, const char *otherwise);
#endif
