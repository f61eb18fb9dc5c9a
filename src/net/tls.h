/* The TLS contexts of this process: one to answer with, one to dial with, built from settings.
 *
 * New settings (a renewed certificate, say) build new contexts first and replace the old ones only when they are good.
 * Connections keep the context that they began with. TLS 1.2 and later unless told otherwise. In a build without TLS
 * tls_configure() says so. OpenSSL writes with write(): the process must ignore SIGPIPE.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"
#include "base/error.h"

struct tls;

enum tls_auth_clients { TLS_AUTH_CLIENTS_NO, TLS_AUTH_CLIENTS_YES, TLS_AUTH_CLIENTS_OPTIONAL };

struct tls_settings { /* the tls-* parameters; a NULL or empty text: not set. All borrowed */
    const char *cert_file, *key_file, *key_file_pass;
    const char *client_cert_file, *client_key_file, *client_key_file_pass; /* not set: as above */
    const char *ca_cert_file, *ca_cert_dir;
    const char *dh_params_file;
    const char *protocols;    /* "TLSv1.2 TLSv1.3"; not set: these */
    const char *ciphers;      /* up to TLS 1.2 */
    const char *ciphersuites; /* TLS 1.3 */
    bool        prefer_server_ciphers;
    bool        session_caching;
    int         session_cache_size;      /* entries; 0: no limit */
    int         session_cache_timeout_s; /* 0: OpenSSL's default */
    enum tls_auth_clients auth_clients;
    bool                  allow_no_certificate; /* only dialling: no certificate of our own is needed */
};

bool        tls_is_built_in(void);
struct tls *tls_new(void);               /* gives: tls_free(). Not configured: dialling and accepting with it fail */
void        tls_free(struct tls **tls);  /* takes; after all connections that use it */

/* Builds contexts and puts them in place. On failure nothing has changed. The error names the file or setting, with
 * OpenSSL's reason: "Failed to load certificate: server.crt: ...". */
MUST_USE bool tls_configure(struct tls *tls, const struct tls_settings *settings, struct error *err);
/* What a server gave us to resume a TLS session with, so that the next handshake is shorter. Owned by whoever dials. */
struct tls_session;
void tls_session_free(struct tls_session **session); /* takes; NULL inside is harmless */

bool          tls_is_configured(const struct tls *tls);
