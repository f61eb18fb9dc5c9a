#include "net/tls.h"
#include "base/mem.h"
#include "net/tls_internal.h"

#include <string.h>

#ifdef HAVE_TLS
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <strings.h>

struct tls {
    SSL_CTX *server, *client;
};

bool tls_is_built_in(void) {
    return true;
}

struct tls *tls_new(void) {
    return mem_zalloc(sizeof(struct tls));
}

void tls_free(struct tls **tls) {
    if (!*tls) return;
    SSL_CTX_free((*tls)->server);
    SSL_CTX_free((*tls)->client);
    mem_free(*tls);
    *tls = NULL;
}

/* A session is OpenSSL's own object under our name. */
void tls_session_free(struct tls_session **session) {
    SSL_SESSION_free((SSL_SESSION *)*session);
    *session = NULL;
}

void tls_set_session_slot(SSL *ssl, struct tls_session **slot) {
    SSL_set_app_data(ssl, slot);
    if (slot && *slot) (void)SSL_set_session(ssl, (SSL_SESSION *)*slot);
}

/* With TLS 1.3 they come after the handshake; the newest is the best. 1: we keep the reference. */
static int on_new_session(SSL *ssl, SSL_SESSION *session) {
    struct tls_session **slot = SSL_get_app_data(ssl);
    if (!slot) return 0;
    tls_session_free(slot);
    *slot = (struct tls_session *)session;
    return 1;
}

bool tls_is_configured(const struct tls *tls) {
    return tls->server != NULL;
}

SSL_CTX *tls_server_context(const struct tls *tls) {
    return tls->server;
}

SSL_CTX *tls_client_context(const struct tls *tls) {
    return tls->client;
}

char *tls_error_text(char *text, size_t size, const char *otherwise) {
    unsigned long code = ERR_get_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    if (reason) snprintf(text, size, "%s", reason);
    else if (code) ERR_error_string_n(code, text, size);
    else snprintf(text, size, "%s", otherwise);
    ERR_clear_error();
    return text;
}

static bool is_set(const char *text) {
    return text && text[0];
}

static bool openssl_failed(struct error *err, const char *tried, const char *what) {
    char reason[200];
    tls_error_text(reason, sizeof reason, "refused by OpenSSL");
    return error_set(err, "%s: %s: %s", tried, what, reason);
}

/* ---- one setting after the other ---- */

static bool set_protocols(SSL_CTX *context, const char *protocols, struct error *err) {
    static const struct {
        const char *name;
        int         version;
        uint64_t    off;
    } known[] = {
        {"TLSv1", TLS1_VERSION, SSL_OP_NO_TLSv1},
        {"TLSv1.1", TLS1_1_VERSION, SSL_OP_NO_TLSv1_1},
        {"TLSv1.2", TLS1_2_VERSION, SSL_OP_NO_TLSv1_2},
        {"TLSv1.3", TLS1_3_VERSION, SSL_OP_NO_TLSv1_3},
    };
    if (!is_set(protocols)) return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1;
    unsigned wanted = 0;
    char *copy = mem_strdup(protocols), *save = NULL;
    for (char *name = strtok_r(copy, " ,", &save); name; name = strtok_r(NULL, " ,", &save)) {
        size_t i = 0;
        while (i < COUNT_OF(known) && strcasecmp(name, known[i].name) != 0) i++;
        if (i == COUNT_OF(known)) {
            error_set(err, "Invalid tls-protocols specified: '%s'. Use a combination of 'TLSv1', 'TLSv1.1', 'TLSv1.2' "
                           "and 'TLSv1.3'.", name);
            mem_free(copy);
            return false;
        }
        wanted |= 1u << i;
    }
    mem_free(copy);
    if (!wanted) return error_set(err, "tls-protocols names no protocol");
    int lowest = 0;
    for (size_t i = COUNT_OF(known); i-- > 0;) {
        if (wanted >> i & 1) lowest = known[i].version;
        else SSL_CTX_set_options(context, known[i].off);
    }
    return SSL_CTX_set_min_proto_version(context, lowest) == 1 || openssl_failed(err, "Invalid tls-protocols", protocols);
}

/* The default password callback copies the text into OpenSSL's buffer. */
static int on_password(char *buffer, int size, int is_writing, void *context) {
    const char *password = context;
    size_t length = password ? strlen(password) : 0;
    if (length > (size_t)size) return -1;
    memcpy(buffer, password ? password : "", length);
    return (int)length;
}

static bool set_certificate(SSL_CTX *context, const char *cert_file, const char *key_file, const char *password,
                            struct error *err) {
    bool done = false;
    SSL_CTX_set_default_passwd_cb(context, on_password);
    SSL_CTX_set_default_passwd_cb_userdata(context, (void *)(is_set(password) ? password : NULL));
    if (SSL_CTX_use_certificate_chain_file(context, cert_file) != 1)
        openssl_failed(err, "Failed to load certificate", cert_file);
    else if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1)
        openssl_failed(err, "Failed to load private key", key_file);
    else if (SSL_CTX_check_private_key(context) != 1)
        openssl_failed(err, "The private key does not belong to the certificate", key_file);
    else done = true;
    SSL_CTX_set_default_passwd_cb_userdata(context, NULL);
    return done;
}

static bool set_authorities(SSL_CTX *context, const struct tls_settings *s, struct error *err) {
    const char *file = is_set(s->ca_cert_file) ? s->ca_cert_file : NULL;
    const char *dir = is_set(s->ca_cert_dir) ? s->ca_cert_dir : NULL;
    if (!file && !dir) return true;
    if (SSL_CTX_load_verify_locations(context, file, dir) == 1) return true;
    return openssl_failed(err, "Failed to configure CA certificate(s) file/directory", file ? file : dir);
}

static bool set_dh_params(SSL_CTX *context, const char *file, struct error *err) {
    if (!is_set(file)) return SSL_CTX_set_dh_auto(context, 1) == 1;
    EVP_PKEY *key = NULL;
    BIO *bio = BIO_new_file(file, "r");
    OSSL_DECODER_CTX *decoder =
        bio ? OSSL_DECODER_CTX_new_for_pkey(&key, "PEM", NULL, "DH", OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS, NULL, NULL)
            : NULL;
    bool done = decoder && OSSL_DECODER_from_bio(decoder, bio) == 1 && key;
    if (!done) openssl_failed(err, "Failed to read DH params", file);
    OSSL_DECODER_CTX_free(decoder);
    BIO_free(bio);
    if (!done) return false;
    if (SSL_CTX_set0_tmp_dh_pkey(context, key) == 1) return true;
    EVP_PKEY_free(key);
    return openssl_failed(err, "Failed to use DH params", file);
}

static void set_sessions(SSL_CTX *context, const struct tls_settings *s) {
    if (!s->session_caching) {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        return;
    }
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
    SSL_CTX_sess_set_cache_size(context, s->session_cache_size);
    if (s->session_cache_timeout_s > 0) SSL_CTX_set_timeout(context, s->session_cache_timeout_s);
    SSL_CTX_set_session_id_context(context, (const unsigned char *)"kvd", 3);
}

/* What both directions have in common. Gives, or NULL. */
static SSL_CTX *new_context(const struct tls_settings *s, struct error *err) {
    SSL_CTX *context = SSL_CTX_new(TLS_method());
    if (!context) {
        openssl_failed(err, "Failed to make a TLS context", "SSL_CTX_new");
        return NULL;
    }
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (set_protocols(context, s->protocols, err) && set_authorities(context, s, err)) {
        if (is_set(s->ciphers) && SSL_CTX_set_cipher_list(context, s->ciphers) != 1)
            openssl_failed(err, "Failed to configure ciphers", s->ciphers);
        else if (is_set(s->ciphersuites) && SSL_CTX_set_ciphersuites(context, s->ciphersuites) != 1)
            openssl_failed(err, "Failed to configure ciphersuites", s->ciphersuites);
        else return context;
    }
    SSL_CTX_free(context);
    return NULL;
}

static SSL_CTX *new_server_context(const struct tls_settings *s, struct error *err) {
    SSL_CTX *context = new_context(s, err);
    if (!context) return NULL;
    static const int verify[] = {
        [TLS_AUTH_CLIENTS_NO] = SSL_VERIFY_NONE,
        [TLS_AUTH_CLIENTS_YES] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
        [TLS_AUTH_CLIENTS_OPTIONAL] = SSL_VERIFY_PEER,
    };
    SSL_CTX_set_verify(context, verify[s->auth_clients], NULL);
    if (s->prefer_server_ciphers) SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
    set_sessions(context, s);
    if (set_certificate(context, s->cert_file, s->key_file, s->key_file_pass, err) &&
        set_dh_params(context, s->dh_params_file, err))
        return context;
    SSL_CTX_free(context);
    return NULL;
}

static SSL_CTX *new_client_context(const struct tls_settings *s, struct error *err) {
    SSL_CTX *context = new_context(s, err);
    if (!context) return NULL;
    bool has_authority = is_set(s->ca_cert_file) || is_set(s->ca_cert_dir);
    SSL_CTX_set_verify(context, has_authority ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    if (s->session_caching) {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, on_new_session);
    }
    bool own = is_set(s->client_cert_file);
    const char *cert = own ? s->client_cert_file : s->cert_file, *key = own ? s->client_key_file : s->key_file;
    const char *password = own ? s->client_key_file_pass : s->key_file_pass;
    if (!is_set(cert) || set_certificate(context, cert, key, password, err)) return context;
    SSL_CTX_free(context);
    return NULL;
}

bool tls_configure(struct tls *tls, const struct tls_settings *s, struct error *err) {
    bool has_cert = is_set(s->cert_file);
    if (!has_cert && !s->allow_no_certificate) return error_set(err, "No tls-cert-file configured!");
    if (has_cert && !is_set(s->key_file)) return error_set(err, "No tls-key-file configured!");
    if (is_set(s->client_cert_file) && !is_set(s->client_key_file))
        return error_set(err, "No tls-client-key-file configured for the tls-client-cert-file");
    bool needs_authority = s->auth_clients != TLS_AUTH_CLIENTS_NO && !s->allow_no_certificate;
    if (needs_authority && !is_set(s->ca_cert_file) && !is_set(s->ca_cert_dir))
        return error_set(err, "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-cluster, "
                              "tls-replication or tls-auth-clients are enabled!");
    ERR_clear_error();
    SSL_CTX *server = has_cert ? new_server_context(s, err) : NULL;
    if (has_cert && !server) return false;
    SSL_CTX *client = new_client_context(s, err);
    if (!client) {
        SSL_CTX_free(server);
        return false;
    }
    SSL_CTX_free(tls->server);
    SSL_CTX_free(tls->client);
    tls->server = server;
    tls->client = client;
    return true;
}

#else /* !HAVE_TLS */

struct tls {
    char unused;
};

bool tls_is_built_in(void) {
    return false;
}

struct tls *tls_new(void) {
    return mem_zalloc(sizeof(struct tls));
}

void tls_free(struct tls **tls) {
    mem_free(*tls);
    *tls = NULL;
}

void tls_session_free(struct tls_session **session) {
    CHECK(*session == NULL);
}

bool tls_configure(struct tls *tls, const struct tls_settings *settings, struct error *err) {
    return error_set(err, "this kvd was built without TLS (--disable-tls)");
}

bool tls_is_configured(const struct tls *tls) {
    return false;
}

#endif
