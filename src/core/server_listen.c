/* Where the server listens, from its settings, at start and when CONFIG SET changes them. */
#include "core/server_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/conn.h"
#include "net/listener.h"
#include "net/tls.h"

#include <errno.h>
#include <grp.h>
#include <unistd.h>

enum place { PLACE_TCP, PLACE_TLS, PLACE_UNIX, PLACE_COUNT };

/* What one listener is to listen on. `addresses` borrows its texts from `texts`. */
struct wanted {
    bool        is_wanted;
    const char *addresses[64];
    struct listener_settings settings;
};

static void on_accept(void *context, struct conn **conn) {
    (void)client_accept(context, conn);
}

/* ================================ TLS ================================ */

static bool wants_tls(const struct core_settings *settings) {
    return settings->tls_port != 0 || settings->tls_cert_file[0] || settings->tls_ca_cert_file[0] || settings->tls_ca_cert_dir[0];
}

void server_tls_settings(const struct server *server, struct tls_settings *to) {
    const struct core_settings *from = server->settings;
    *to = (struct tls_settings){
        .cert_file = from->tls_cert_file,
        .key_file = from->tls_key_file,
        .key_file_pass = from->tls_key_file_pass,
        .client_cert_file = from->tls_client_cert_file,
        .client_key_file = from->tls_client_key_file,
        .client_key_file_pass = from->tls_client_key_file_pass,
        .ca_cert_file = from->tls_ca_cert_file,
        .ca_cert_dir = from->tls_ca_cert_dir,
        .dh_params_file = from->tls_dh_params_file,
        .protocols = from->tls_protocols,
        .ciphers = from->tls_ciphers,
        .ciphersuites = from->tls_ciphersuites,
        .prefer_server_ciphers = from->tls_prefer_server_ciphers,
        .session_caching = from->tls_session_caching,
        .session_cache_size = (int)from->tls_session_cache_size,
        .session_cache_timeout_s = (int)from->tls_session_cache_timeout_s,
        .auth_clients = from->tls_auth_clients == TLS_AUTH_YES        ? TLS_AUTH_CLIENTS_YES
                        : from->tls_auth_clients == TLS_AUTH_OPTIONAL ? TLS_AUTH_CLIENTS_OPTIONAL
                                                                      : TLS_AUTH_CLIENTS_NO,
    };
}

static bool configure_tls(struct server *server, struct error *err) {
    struct tls_settings settings;
    if (!wants_tls(server->settings)) return true;
    server_tls_settings(server, &settings);
    return tls_configure(server->internal->tls, &settings, err) || error_prefix(err, "Failed to configure TLS");
}

/* ================================ listeners ================================ */

static struct wanted wanted_by_settings(struct server *server, enum place place) {
    const struct core_settings *settings = server->settings;
    struct wanted               wanted = {.settings = {.backlog = (int)settings->tcp_backlog}};
    if (place == PLACE_UNIX) {
        wanted.is_wanted = settings->unixsocket[0] != 0;
        wanted.settings.unix_path = settings->unixsocket;
        wanted.settings.unix_mode = settings->unixsocketperm;
        return wanted;
    }
    size_t count = MIN(settings->bind.count, COUNT_OF(wanted.addresses));
    for (size_t i = 0; i < count; i++) wanted.addresses[i] = settings->bind.items[i].text;
    wanted.settings.count = count;
    wanted.settings.port = (uint16_t)(place == PLACE_TCP ? settings->port : settings->tls_port);
    wanted.settings.tls = place == PLACE_TLS ? server->internal->tls : NULL;
    wanted.settings.batch = (unsigned)(place == PLACE_TCP ? settings->max_new_connections_per_cycle
                                                          : settings->max_new_tls_connections_per_cycle);
    wanted.is_wanted = wanted.settings.port != 0 && count > 0;
    return wanted;
}

/* What was opened last, so that a failed change can be taken back: the addresses, each with a zero behind it. */
static void remember(struct server *server, enum place place, const struct listener_settings *settings) {
    struct bytes *texts = &server->internal->listening[place];
    bytes_clear(texts);
    for (size_t i = 0; i < settings->count; i++) bytes_add(texts, settings->addresses[i], strlen(settings->addresses[i]) + 1);
}

static bool open_place(struct server *server, enum place place, struct wanted *wanted, struct error *err) {
    struct listener **listener = &server->internal->listeners[place];
    if (place == PLACE_UNIX && *listener) return true; /* its parameters cannot be changed at run time */
    wanted->settings.addresses = wanted->addresses;
    if (!wanted->is_wanted) {
        listener_free(listener);
        return true;
    }
    if (*listener) {
        if (!listener_rebind(*listener, &wanted->settings, err)) return false;
    } else {
        *listener = listener_new(server->loop, &wanted->settings, on_accept, server, err);
        if (!*listener) return false;
    }
    remember(server, place, &wanted->settings);
    return true;
}

static bool give_socket_to_group(struct server *server, struct error *err) {
    const char *name = server->settings->unixsocketgroup, *path = server->settings->unixsocket;
    if (!name[0] || !path[0]) return true;
    errno = 0;
    struct group *group = getgrnam(name);
    if (!group) return error_set(err, "unixsocketgroup: there is no group '%s'", name);
    if (chown(path, (uid_t)-1, group->gr_gid) != 0)
        return error_set(err, "unixsocketgroup: %s cannot be given to group '%s': %s", path, name, strerror(errno));
    return true;
}

/* The TCP port that it listened on before is opened again; that was possible a moment ago. */
static void take_back_tcp(struct server *server, const struct bytes *before, uint16_t port) {
    struct wanted wanted = {.settings = {.port = port, .backlog = (int)server->settings->tcp_backlog}};
    for (size_t at = 0; at < before->size && wanted.settings.count < COUNT_OF(wanted.addresses);
         at += strlen(before->data + at) + 1)
        wanted.addresses[wanted.settings.count++] = before->data + at;
    wanted.is_wanted = wanted.settings.count > 0;
    struct error err;
    if (!open_place(server, PLACE_TCP, &wanted, &err))
        LOG_WRITE(LOG_WARNING, "The old addresses could not be listened on again: %s", err.text);
}

bool server_listen(struct server *server, struct error *err) {
    struct server_internal *internal = server->internal;
    struct bytes            before = {0};
    uint16_t                port = internal->listeners[PLACE_TCP] ? listener_port(internal->listeners[PLACE_TCP]) : 0;
    bool                    was_open = server->internal->has_listened;
    if (!configure_tls(server, err)) return false;
    bytes_add_slice(&before, bytes_slice(&internal->listening[PLACE_TCP]));
    size_t open = 0;
    bool   is_good = true;
    for (int place = 0; place < PLACE_COUNT && is_good; place++) {
        struct wanted wanted = wanted_by_settings(server, place);
        is_good = open_place(server, place, &wanted, err);
        open += internal->listeners[place] != NULL;
    }
    if (is_good && !open && !was_open) is_good = error_set(err, "Configured to not listen anywhere, exiting.");
    if (is_good && !was_open) is_good = give_socket_to_group(server, err);
    if (!is_good && was_open) take_back_tcp(server, &before, port);
    if (is_good) internal->has_listened = true;
    bytes_fini(&before);
    return is_good;
}

void server_stop_listening(struct server *server) {
    for (int place = 0; place < PLACE_COUNT; place++) listener_free(&server->internal->listeners[place]);
}

void server_listen_fini(struct server *server) {
    server_stop_listening(server);
    for (int place = 0; place < PLACE_COUNT; place++) bytes_fini(&server->internal->listening[place]);
    tls_free(&server->internal->tls);
}

int server_port(const struct server *server) {
    for (int place = PLACE_TCP; place <= PLACE_TLS; place++)
        if (server->internal->listeners[place]) return listener_port(server->internal->listeners[place]);
    return 0;
}

size_t server_listener_count(const struct server *server) {
    size_t count = 0;
    for (int place = 0; place < PLACE_COUNT; place++) count += server->internal->listeners[place] != NULL;
    return count;
}

void server_describe_listener(const struct server *server, size_t index, struct bytes *out) {
    static const char *const names[] = {[PLACE_TCP] = "tcp", [PLACE_TLS] = "tls", [PLACE_UNIX] = "unix"};
    int                      place = 0;
    for (; place < PLACE_COUNT; place++)
        if (server->internal->listeners[place] && index-- == 0) break;
    CHECK(place < PLACE_COUNT);
    bytes_add_printf(out, "name=%s", names[place]);
    const struct bytes *texts = &server->internal->listening[place];
    for (size_t at = 0; at < texts->size; at += strlen(texts->data + at) + 1)
        bytes_add_printf(out, ",bind=%s", texts->data + at);
    if (place == PLACE_UNIX) {
        bytes_add_printf(out, ",bind=%s", server->settings->unixsocket);
    } else {
        bytes_add_printf(out, ",port=%d", listener_port(server->internal->listeners[place]));
    }
}

/* ================================ CONFIG SET ================================ */

static bool apply_listen(void *context, struct error *err) {
    struct server *server = context;
    return !server->internal->has_listened || server_listen(server, err);
}

static bool apply_limits(void *context, struct error *err) {
    server_update_limits(context);
    return true;
}

static bool apply_maxclients(void *context, struct error *err) {
    return server_adjust_open_files(context, true, err);
}

void server_bind_params(struct server *server) {
    static const char *const listening[] = {
        "bind", "port", "tls-port", "tls-cert-file", "tls-key-file", "tls-key-file-pass", "tls-client-cert-file",
        "tls-client-key-file", "tls-client-key-file-pass", "tls-dh-params-file", "tls-ca-cert-file", "tls-ca-cert-dir",
        "tls-auth-clients", "tls-protocols", "tls-ciphers", "tls-ciphersuites", "tls-prefer-server-ciphers",
        "tls-session-caching", "tls-session-cache-size", "tls-session-cache-timeout",
    };
    server->internal->tls = tls_new();
    for (size_t i = 0; i < COUNT_OF(listening); i++)
        params_bind(server->params, listening[i], (struct param_binding){.apply = apply_listen}, server);
    params_bind(server->params, "client-output-buffer-limit", (struct param_binding){.apply = apply_limits}, server);
    params_bind(server->params, "maxclients", (struct param_binding){.apply = apply_maxclients}, server);
}

void server_update_limits(struct server *server) {
    static const char *const names[] = {"normal", "replica", "pubsub"};
    for (int i = 0; i < CLIENT_LIMITED_CLASSES; i++)
        server->internal->output_limits[i] = core_settings_output_limit(server->settings, names[i]);
}
