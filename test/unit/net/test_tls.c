#include "lib/unit.h"
#include "net/tls.h"
#ifdef HAVE_TLS
#include "base/bytes.h"
#include "net/conn.h"
#include "net/link.h"
#include "net/listener.h"
#include "net/loop.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Certificates are made at run time: an authority, and one signed by it for each of two names. */
static char dir[64];

static const char *path(const char *name) {
    static char   paths[8][128];
    static size_t next;
    char         *text = paths[next++ % 8];
    snprintf(text, sizeof paths[0], "%s/%s", dir, name);
    return text;
}

static X509 *make(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key, long serial) {
    X509 *cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(issuer ? issuer : cert));
    if (!issuer) {
        X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
        X509_add_ext(cert, ext, -1);
        X509_EXTENSION_free(ext);
    }
    X509_sign(cert, issuer_key, EVP_sha256());
    return cert;
}

static void save(const char *name, X509 *cert, EVP_PKEY *key, const char *password) {
    char file_name[64];
    snprintf(file_name, sizeof file_name, "%s.crt", name);
    FILE *file = fopen(path(file_name), "w");
    PEM_write_X509(file, cert);
    fclose(file);
    snprintf(file_name, sizeof file_name, "%s.key", name);
    file = fopen(path(file_name), "w");
    PEM_write_PrivateKey(file, key, password ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL, (void *)password);
    fclose(file);
}

static void make_certificates(void) {
    strcpy(dir, "/tmp/kvd-tls-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    signal(SIGPIPE, SIG_IGN);
    EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
    X509 *ca = make(ca_key, "authority", NULL, ca_key, 1);
    X509 *cert = make(key, "alice", ca, ca_key, 2), *stranger = make(other, "mallory", NULL, other, 3);
    save("ca", ca, ca_key, NULL);
    save("alice", cert, key, NULL);
    save("locked", cert, key, "secret");
    save("mallory", stranger, other, NULL);
    X509_free(ca);
    X509_free(cert);
    X509_free(stranger);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static void remove_certificates(void) {
    const char *names[] = {"ca", "alice", "locked", "mallory"};
    char file_name[64];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(file_name, sizeof file_name, "%s.crt", names[i]);
        unlink(path(file_name));
        snprintf(file_name, sizeof file_name, "%s.key", names[i]);
        unlink(path(file_name));
    }
    rmdir(dir);
}

static struct tls_settings settings_for(const char *name) {
    static char cert[128], key[128], ca[128];
    snprintf(cert, sizeof cert, "%s/%s.crt", dir, name);
    snprintf(key, sizeof key, "%s/%s.key", dir, name);
    snprintf(ca, sizeof ca, "%s/ca.crt", dir);
    return (struct tls_settings){
        .cert_file = cert, .key_file = key, .ca_cert_file = ca, .auth_clients = TLS_AUTH_CLIENTS_YES, .session_caching = true};
}

/* ---- a server that echoes, and a client ---- */

struct peer {
    struct conn *conn;
    struct bytes got;
    int          opened, failure;
    bool         echoes, ended;
};

static void on_open(struct conn *conn, void *context, int failure) {
    struct peer *peer = context;
    peer->opened++;
    peer->failure = failure;
}

static void on_readable(struct conn *conn, void *context) {
    struct peer *peer = context;
    char data[700]; /* less than a record: OpenSSL keeps the rest */
    size_t size, written;
    switch (conn_read(conn, data, sizeof data, &size)) {
    case IO_DONE:
        bytes_add(&peer->got, data, size);
        if (peer->echoes) CU_ASSERT_EQUAL(conn_write(conn, data, size, &written), IO_DONE);
        break;
    case IO_AGAIN: break;
    case IO_CLOSED:
    case IO_FAILED: peer->ended = true; conn_want_read(conn, false); break;
    }
}

static const struct conn_handlers handlers = {.on_open = on_open, .on_readable = on_readable};
static struct loop               *loop;
static struct peer                server, client;

static void on_accept(void *context, struct conn **conn) {
    CU_ASSERT_FALSE(conn_is_open(*conn));
    server.conn = *conn;
    *conn = NULL;
    server.echoes = true;
    conn_set_handlers(server.conn, &handlers, &server);
}

static struct listener *listen_with(struct tls *tls, struct address *at) {
    struct error err;
    const char *here[] = {"127.0.0.1"};
    struct listener_settings where = {.addresses = here, .count = 1, .backlog = 5, .tls = tls};
    struct listener *listener = listener_new(loop, &where, on_accept, NULL, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(listener);
    CU_ASSERT_FATAL(address_parse_ip(at, "127.0.0.1", listener_port(listener)));
    return listener;
}

static void dial(struct tls *tls, const struct address *at) {
    struct conn_options options = {.tls = tls};
    struct error err;
    client = server = (struct peer){0};
    client.conn = conn_dial(loop, at, &options, &handlers, &client, NULL, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(client.conn);
    while (!client.opened || !server.opened) loop_turn(loop, true);
}

static void hang_up(void) {
    conn_close(&client.conn);
    conn_close(&server.conn);
    bytes_fini(&client.got);
    bytes_fini(&server.got);
}

UNIT_TEST(tls, talks_with_both_certificates) {
    make_certificates();
    loop = loop_new();
    struct error err = {0};
    struct address at;
    struct tls *tls = tls_new();
    struct tls_settings settings = settings_for("alice");
    CU_ASSERT_FALSE(tls_is_configured(tls));
    if (!tls_configure(tls, &settings, &err)) CU_FAIL_FATAL("not configured");
    struct listener *listener = listen_with(tls, &at);
    dial(tls, &at);
    CU_ASSERT_EQUAL(client.failure, 0);
    CU_ASSERT_EQUAL(server.failure, 0);
    struct bytes name = {0};
    CU_ASSERT(conn_peer_common_name(server.conn, &name));
    EXPECT_TEXT(bytes_text(&name), "alice");
    EXPECT_TEXT(conn_kind_text(client.conn), "tls");
    CU_ASSERT_PTR_NOT_NULL(strstr(conn_cipher_text(client.conn), "TLSv1.3"));
    static char data[50000];
    size_t size, sent = 0;
    memset(data, 'd', sizeof data);
    struct iovec parts[] = {{data, 10}, {data, 100}, {data, 30000}, {data, 19890}};
    while (sent < sizeof data) {
        CU_ASSERT_EQUAL(sent == 0 ? conn_writev(client.conn, parts, 4, &size)
                                  : conn_write(client.conn, data + sent, sizeof data - sent, &size), IO_DONE);
        sent += size;
    }
    while (client.got.size < sizeof data) loop_turn(loop, true);
    CU_ASSERT(memcmp(client.got.data, data, sizeof data) == 0);
    conn_close(&client.conn);
    while (!server.ended) loop_turn(loop, true);
    bytes_fini(&name);
    hang_up();
    listener_free(&listener);
    tls_free(&tls);
    loop_free(&loop);
    remove_certificates();
}

static struct link_handlers no_handlers;
static bool                 is_answered;

static void on_reply(struct link *link, void *context, enum link_result result, const struct resp_reply *reply) {
    CU_ASSERT_EQUAL(result, LINK_REPLY);
    is_answered = true;
}

/* The server echoes, and what a link sends is itself a reply. */
static void ask(struct link *link) {
    is_answered = false;
    while (link_state(link) != LINK_UP) loop_turn(loop, true);
    link_call_texts(link, 0, on_reply, NULL, "PING", NULL);
    while (!is_answered) loop_turn(loop, true);
}

UNIT_TEST(tls, a_link_resumes_its_session) {
    make_certificates();
    loop = loop_new();
    struct error err;
    struct address at;
    struct tls *tls = tls_new();
    struct tls_settings settings = settings_for("alice");
    CU_ASSERT_FATAL(tls_configure(tls, &settings, &err));
    struct listener *listener = listen_with(tls, &at);
    struct link *link = link_new(loop, &(struct link_settings){.tls = tls}, &no_handlers, NULL);
    for (int i = 0; i < 3; i++) {
        server = (struct peer){0};
        link_dial(link, "127.0.0.1", address_port(&at));
        ask(link);
        CU_ASSERT_EQUAL(conn_tls_was_resumed(link_conn(link)), i > 0);
        link_hang_up(link);
        conn_close(&server.conn);
        bytes_fini(&server.got);
    }
    link_free(&link);
    listener_free(&listener);
    tls_free(&tls);
    loop_free(&loop);
    remove_certificates();
}

UNIT_TEST(tls, strangers_are_refused) {
    make_certificates();
    loop = loop_new();
    struct error err;
    struct address at;
    struct tls *tls = tls_new(), *other = tls_new();
    struct tls_settings settings = settings_for("alice");
    CU_ASSERT_FATAL(tls_configure(tls, &settings, &err));
    settings = settings_for("mallory");
    CU_ASSERT_FATAL(tls_configure(other, &settings, &err));
    struct listener *listener = listen_with(tls, &at);
    dial(other, &at);
    CU_ASSERT_EQUAL(server.failure, EPROTO);
    CU_ASSERT_PTR_NOT_NULL(strstr(conn_error(server.conn), "self"));
    hang_up();
    struct tls_settings nothing = {.ca_cert_file = path("ca.crt"), .allow_no_certificate = true};
    CU_ASSERT_FATAL(tls_configure(other, &nothing, &err));
    CU_ASSERT_FALSE(tls_is_configured(other));
    dial(other, &at);
    CU_ASSERT_EQUAL(server.failure, EPROTO);
    hang_up();
    settings = settings_for("alice"); /* the server does not ask any more: reload */
    settings.auth_clients = TLS_AUTH_CLIENTS_NO;
    CU_ASSERT_FATAL(tls_configure(tls, &settings, &err));
    dial(other, &at);
    CU_ASSERT_EQUAL(server.failure, 0);
    struct bytes name = {0};
    CU_ASSERT_FALSE(conn_peer_common_name(server.conn, &name));
    bytes_fini(&name);
    hang_up();
    listener_free(&listener);
    tls_free(&tls);
    tls_free(&other);
    loop_free(&loop);
    remove_certificates();
}

UNIT_TEST(tls, bad_settings_change_nothing) {
    make_certificates();
    struct error err;
    struct tls *tls = tls_new();
    struct tls_settings good = settings_for("alice"), bad = good;
    CU_ASSERT_FATAL(tls_configure(tls, &good, &err));
    bad.cert_file = "/nonexistent.crt";
    CU_ASSERT_FALSE(tls_configure(tls, &bad, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "Failed to load certificate: /nonexistent.crt: "));
    bad = good;
    bad.protocols = "TLSv1.2 SSLv3";
    CU_ASSERT_FALSE(tls_configure(tls, &bad, &err));
    bad = good;
    bad.ciphersuites = "NOTHING";
    CU_ASSERT_FALSE(tls_configure(tls, &bad, &err));
    bad = good;
    bad.key_file = path("mallory.key");
    CU_ASSERT_FALSE(tls_configure(tls, &bad, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "mallory.key"));
    bad = good;
    bad.key_file = path("locked.key");
    CU_ASSERT_FALSE(tls_configure(tls, &bad, &err));
    bad.key_file_pass = "secret";
    CU_ASSERT(tls_configure(tls, &bad, &err));
    bad.protocols = "TLSv1.3";
    bad.ciphersuites = "TLS_AES_256_GCM_SHA384";
    bad.ciphers = "HIGH";
    bad.prefer_server_ciphers = true;
    CU_ASSERT(tls_configure(tls, &bad, &err));
    bad.dh_params_file = "/nonexistent.pem";
    CU_ASSERT_FALSE(tls_configure(tls, &bad, &err));
    bad = good;
    bad.cert_file = NULL;
    CU_ASSERT_FALSE(tls_configure(tls, &bad, &err));
    EXPECT_TEXT(err.text, "No tls-cert-file configured!");
    CU_ASSERT(tls_is_configured(tls));
    tls_free(&tls);
    remove_certificates();
}

UNIT_TEST(tls, not_configured_is_an_error) {
    loop = loop_new();
    struct error err;
    struct address at;
    struct tls *tls = tls_new();
    CU_ASSERT_FATAL(address_parse_ip(&at, "127.0.0.1", 1));
    struct conn_options options = {.tls = tls};
    int failure;
    CU_ASSERT_PTR_NULL(conn_dial(loop, &at, &options, &handlers, NULL, &failure, &err));
    CU_ASSERT_EQUAL(failure, EPROTO);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "TLS is not configured"));
    tls_free(&tls);
    loop_free(&loop);
}
#endif

UNIT_TEST(tls, says_whether_it_is_built_in) {
    struct error err;
    struct tls *tls = tls_new();
    struct tls_settings none = {0};
    CU_ASSERT_FALSE(tls_configure(tls, &none, &err));
    CU_ASSERT_EQUAL(strstr(err.text, "without TLS") == NULL, tls_is_built_in());
    tls_free(&tls);
}
