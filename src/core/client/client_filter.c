#include "core/client/client_filter.h"

#include "base/mem.h"
#include "base/number.h"
#include "core/acl/user.h"
#include "core/server.h"

int client_class_find(struct slice name) {
    static const struct {
        const char       *name;
        enum client_class class;
    } names[] = {
        {"normal", CLIENT_NORMAL},   {"slave", CLIENT_REPLICA},   {"replica", CLIENT_REPLICA},
        {"pubsub", CLIENT_PUBSUB},   {"master", CLIENT_PRIMARY},  {"primary", CLIENT_PRIMARY},
    };
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (slice_is_nocase(name, names[i].name)) return (int)names[i].class;
    return -1;
}

/* ID takes one number or several. Moves *at behind the last. */
static bool read_ids(struct client_filter *filter, const struct client *client, int *at, struct error *err) {
    int64_t id;
    do {
        if (!number_parse_int(client->argv[*at], &id) || id < 1)
            return error_set(err, "ERR client-id should be greater than 0");
        filter->own_ids = mem_realloc(filter->own_ids, (filter->id_count + 1) * sizeof(*filter->own_ids));
        filter->own_ids[filter->id_count++] = (uint64_t)id;
        filter->ids = filter->own_ids;
        (*at)++;
    } while (*at < client->argc && number_parse_int(client->argv[*at], &id));
    return true;
}

static bool read_class(struct client_filter *filter, struct slice value, struct error *err) {
    filter->class = client_class_find(value);
    if (filter->class < 0) return error_set(err, "ERR Unknown client type '%.*s'", (int)value.size, value.data);
    return true;
}

static bool read_user(struct client_filter *filter, const struct client *client, struct slice value, struct error *err) {
    if (!users_find(client->server->users, value))
        return error_set(err, "ERR No such user '%.*s'", (int)value.size, value.data);
    filter->user_name = value;
    return true;
}

static bool read_age(struct client_filter *filter, struct slice value, struct error *err) {
    if (!number_parse_int(value, &filter->min_age_s))
        return error_set(err, "ERR maxage is not an integer or out of range");
    if (filter->min_age_s <= 0) return error_set(err, "ERR maxage should be greater than 0");
    return true;
}

static bool read_yes_no(struct slice value, bool *out, struct error *err) {
    *out = slice_is_nocase(value, "yes");
    return *out || slice_is_nocase(value, "no") || error_set(err, "ERR syntax error");
}

bool client_filter_read(struct client_filter *filter, struct client *client, int first, struct error *err) {
    *filter = (struct client_filter){.class = -1};
    for (int i = first; i < client->argc;) {
        struct slice option = client->argv[i++];
        bool         is_good = true;
        if (i == client->argc) return error_set(err, "ERR syntax error");
        if (slice_is_nocase(option, "id")) {
            if (!read_ids(filter, client, &i, err)) return false;
            continue;
        }
        struct slice value = client->argv[i++];
        if (slice_is_nocase(option, "type")) {
            is_good = read_class(filter, value, err);
        } else if (slice_is_nocase(option, "addr")) {
            filter->addr = value;
        } else if (slice_is_nocase(option, "laddr")) {
            filter->laddr = value;
        } else if (slice_is_nocase(option, "name")) {
            filter->name = value;
        } else if (slice_is_nocase(option, "user")) {
            is_good = read_user(filter, client, value, err);
        } else if (slice_is_nocase(option, "skipme")) {
            is_good = read_yes_no(value, &filter->skip_me, err);
        } else if (slice_is_nocase(option, "maxage")) {
            is_good = read_age(filter, value, err);
        } else {
            return error_set(err, "ERR syntax error");
        }
        if (!is_good) return false;
    }
    return true;
}

void client_filter_fini(struct client_filter *filter) {
    mem_free(filter->own_ids);
    filter->own_ids = NULL;
    filter->ids = NULL;
    filter->id_count = 0;
}

static bool has_id(const struct client_filter *filter, uint64_t id) {
    for (size_t i = 0; i < filter->id_count; i++)
        if (filter->ids[i] == id) return true;
    return filter->id_count == 0;
}

bool client_filter_matches(const struct client_filter *filter, const struct client *client, const struct client *me) {
    char text[CLIENT_ADDRESS_SIZE];
    if (filter->skip_me && client == me) return false;
    if (!has_id(filter, client->id)) return false;
    if (filter->class >= 0 && (int)client_class(client) != filter->class) return false;
    if (filter->user_name.data && !slice_is(filter->user_name, client->user->name)) return false;
    if (filter->name.data && !slice_is(filter->name, client->name ? client->name : "")) return false;
    if (filter->min_age_s && client->server->now_ms - client->created_ms < filter->min_age_s * 1000) return false;
    if (filter->addr.data) {
        client_peer_text(client, text);
        if (!slice_is(filter->addr, text)) return false;
    }
    if (filter->laddr.data) {
        client_local_text(client, text);
        if (!slice_is(filter->laddr, text)) return false;
    }
    return true;
}
