#include "core/acl/acl.h"

#include "base/mem.h"
#include "core/acl/acl_commands.h"
#include "core/acl/acl_file.h"
#include "core/client/client.h"
#include "core/config/core_settings.h"
#include "core/pubsub/channel.h"
#include "core/server.h"

/* ---- what was denied ---- */

static enum acl_log_context context_of(const struct client *client) {
    if ((client->flags & CLIENT_IN_SCRIPT) != 0) return ACL_LOG_LUA;
    return (client->flags & CLIENT_IN_MULTI) != 0 ? ACL_LOG_MULTI : ACL_LOG_TOPLEVEL;
}

static void on_denied(void *context, struct client *client, enum server_denial denial, struct slice object) {
    (void)context;
    static const enum acl_log_reason reasons[] = {[SERVER_DENIED_COMMAND] = ACL_LOG_COMMAND,
                                                  [SERVER_DENIED_KEY] = ACL_LOG_KEY,
                                                  [SERVER_DENIED_CHANNEL] = ACL_LOG_CHANNEL,
                                                  [SERVER_DENIED_AUTH] = ACL_LOG_AUTH};
    struct server *server = client->server;
    struct slice   user = slice_text(client->user->name);
    if (denial == SERVER_DENIED_AUTH) { /* the user is who it claimed to be, the object the command */
        user = object;
        object = client->argc > 0 ? client->argv[0] : SLICE("AUTH");
    }
    struct bytes line = {0};
    client_describe(client, &line);
    acl_log_add(server->acl_log, reasons[denial], context_of(client), object, user, bytes_slice(&line), server->wall_ms,
                server->settings->acllog_max_len);
    bytes_fini(&line);
}

/* ---- what a change means for clients ---- */

static void disconnect(struct server *server, struct client *client) {
    client->user = users_default(server->users);
    client->is_authenticated = false;
    if (client == server->current_client)
        client_close_after_reply(client);
    else
        client_close_asap(client);
}

struct listening {
    const struct user *user;
    bool               is_pattern, is_denied;
};

static void check_subscription(void *context, struct slice name) {
    struct listening *listening = context;
    if (!user_may_channel(listening->user, name, listening->is_pattern)) listening->is_denied = true;
}

static bool may_not_listen(const struct user *user, const struct client *client) {
    struct listening listening = {.user = user};
    if (user->unrestricted || client->channels == NULL) return false;
    channel_each_of(client, CHANNEL_PLAIN, check_subscription, &listening);
    channel_each_of(client, CHANNEL_SHARD, check_subscription, &listening);
    listening.is_pattern = true;
    channel_each_of(client, CHANNEL_PATTERN, check_subscription, &listening);
    return listening.is_denied;
}

static void on_change(void *context, struct user *user, enum user_change change) {
    struct server *server = context;
    LIST_EACH(&server->clients, node) {
        struct client *client = container_of(node, struct client, node);
        if (client->user == user && (change == USER_GONE || may_not_listen(user, client))) disconnect(server, client);
    }
}

/* ---- parameters ---- */

static bool apply_requirepass(void *context, struct error *err) {
    struct server *server = context;
    (void)err;
    users_set_default_password(server->users, slice_text(server->settings->requirepass));
    return true;
}

static bool apply_pubsub_default(void *context, struct error *err) {
    struct server *server = context;
    (void)err;
    users_set_all_channels_by_default(server->users, server->settings->acl_pubsub_default == ACL_PUBSUB_ALLCHANNELS);
    return true;
}

/* Defines the users of a `user` list in `users`. */
static bool define_users(struct users *users, const struct param_values *values, struct error *err) {
    struct table *seen = table_new();
    bool          good = true;
    for (size_t i = 0; good && i < values->count; i++)
        good = acl_file_define(users, slice_text(values->items[i].text), seen, err);
    table_free(&seen, NULL);
    return good;
}

static bool check_users(void *context, const struct param_values *values, struct error *err) {
    struct server *server = context;
    struct users  *scratch = users_new_like(server->users);
    bool           good = define_users(scratch, values, err);
    users_free(&scratch);
    return good;
}

static bool same_user(const struct user *a, const struct user *b) {
    struct bytes text_a = {0}, text_b = {0};
    user_describe(a, &text_a);
    user_describe(b, &text_b);
    bool same = slice_equal(bytes_slice(&text_a), bytes_slice(&text_b));
    bytes_fini(&text_a);
    bytes_fini(&text_b);
    return same;
}

/* What the configuration alone would give: requirepass, then the list. NULL: the list is wrong. */
static struct users *configured(const struct server *server, const struct param_values *values) {
    struct users *users = users_new_like(server->users);
    users_set_default_password(users, slice_text(server->settings->requirepass));
    if (!define_users(users, values, NULL)) users_free(&users);
    return users;
}

/* CONFIG REWRITE: everybody, but the default user only when requirepass does not say it all. */
static void get_users(void *context, struct param_values *out) {
    struct server *server = context;
    if (server->settings->aclfile[0] != '\0') return; /* ACL SAVE's business */
    struct users *plain = configured(server, &(struct param_values){0});
    size_t        count = users_count(server->users);
    struct user **users = users_sorted(server->users);
    for (size_t i = 0; i < count; i++) {
        if (users[i] == users_default(server->users) && same_user(users[i], users_default(plain))) continue;
        struct bytes line = {0};
        bytes_add_printf(&line, "%s ", users[i]->name);
        user_describe(users[i], &line);
        param_values_add(out, (struct slice){NULL, 0}, bytes_slice(&line));
        bytes_fini(&line);
    }
    mem_free(users);
    users_free(&plain);
}

static bool equal_users(void *context, const struct param_values *file) {
    struct server *server = context;
    if (server->settings->aclfile[0] != '\0') return true;
    struct users *said = configured(server, file);
    if (said == NULL) return false;
    size_t        count = users_count(server->users);
    struct user **users = users_sorted(server->users);
    bool          equal = users_count(said) == count;
    for (size_t i = 0; equal && i < count; i++) {
        struct user *other = users_find(said, slice_text(users[i]->name));
        equal = other != NULL && same_user(users[i], other);
    }
    mem_free(users);
    users_free(&said);
    return equal;
}

/* ---- life ---- */

void acl_install(struct server *server) {
    static const struct server_hooks hooks = {.denied = on_denied};
    server->acl_log = acl_log_new();
    users_on_change(server->users, on_change, server);
    server_add_commands(server, acl_commands, acl_command_count);
    server_add_hooks(server, &hooks);
    params_bind(server->params, "requirepass", (struct param_binding){.apply = apply_requirepass}, server);
    params_bind(server->params, "acl-pubsub-default", (struct param_binding){.apply = apply_pubsub_default}, server);
    params_bind(server->params, "user",
                (struct param_binding){.check = check_users, .get = get_users, .equal = equal_users}, server);
}

void acl_uninstall(struct server *server) {
    users_on_change(server->users, NULL, NULL);
    acl_log_free(&server->acl_log);
}

bool acl_start(struct server *server, struct error *err) {
    const struct core_settings *settings = server->settings;
    apply_pubsub_default(server, NULL);
    apply_requirepass(server, NULL);
    if (settings->aclfile[0] == '\0') return define_users(server->users, &settings->user, err);
    if (settings->user.count > 0)
        return error_set(err, "both user and aclfile are set: keep the users in one of them");
    struct bytes problems = {0};
    bool         good = acl_file_load(server->users, settings->aclfile, &problems);
    if (!good) error_set(err, "%s", bytes_text(&problems));
    bytes_fini(&problems);
    return good;
}
