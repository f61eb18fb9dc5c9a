#include "store/commands/expire_commands.h"
#include "base/number.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/tx/session.h"

#define COMMAND COMMAND_PROTOTYPE
#include "store/commands/expire.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command expire_commands[] = {
#include "store/commands/expire.def"
};
#undef COMMAND
const size_t expire_command_count = COUNT_OF(expire_commands);

enum { WHEN_NONE = 1, WHEN_ANY = 2, WHEN_LATER = 4, WHEN_EARLIER = 8 }; /* NX XX GT LT */

static bool read_conditions(struct client *client, unsigned *when) {
    static const struct {
        const char *name;
        unsigned    flag;
    } words[] = {{"nx", WHEN_NONE}, {"xx", WHEN_ANY}, {"gt", WHEN_LATER}, {"lt", WHEN_EARLIER}};
    *when = 0;
    for (int i = 3; i < client->argc; i++) {
        size_t n = 0;
        while (n < COUNT_OF(words) && !slice_is_nocase(client->argv[i], words[n].name)) n++;
        if (n == COUNT_OF(words)) {
            int size = (int)strnlen(client->argv[i].data, client->argv[i].size);
            reply_error(client, "ERR Unsupported option %.*s", size, client->argv[i].data);
            return false;
        }
        *when |= words[n].flag;
    }
    if (*when & WHEN_NONE && *when & ~(unsigned)WHEN_NONE) {
        reply_error(client, "ERR NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if (*when & WHEN_LATER && *when & WHEN_EARLIER) {
        reply_error(client, "ERR GT and LT options at the same time are not compatible");
        return false;
    }
    return true;
}

static bool conditions_hold(unsigned when, int64_t now_ms, int64_t wanted_ms) {
    bool has_one = now_ms != RECORD_NEVER;
    if (when & WHEN_NONE && has_one) return false;
    if (when & WHEN_ANY && !has_one) return false;
    /* No expiry is later than every expiry. */
    if (when & WHEN_LATER && (!has_one || wanted_ms <= now_ms)) return false;
    if (when & WHEN_EARLIER && has_one && wanted_ms >= now_ms) return false;
    return true;
}

/* Argument 2 as a deadline in milliseconds; negative numbers are in the past, and only overflow is an error. */
static bool read_deadline(struct client *client, int64_t unit_ms, int64_t base_ms, int64_t *deadline_ms) {
    if (!argument_int(client, 2, deadline_ms)) return false;
    if (!__builtin_mul_overflow(*deadline_ms, unit_ms, deadline_ms) && *deadline_ms <= INT64_MAX - base_ms) {
        *deadline_ms += base_ms;
        return true;
    }
    reply_invalid_expire(client);
    return false;
}

static void remove_at_once(struct client *client, struct spot *spot) {
    struct keyspace *keyspace = session_keyspace(client);
    struct slice key = client->argv[1];
    keyspace_remove(keyspace, spot);
    keyspace_changed(keyspace, key, KEYSPACE_GENERIC, "del");
    dispatch_rewrite(client, 2, (struct slice[]){SLICE("UNLINK"), key});
}

static void set_expiry(struct client *client, struct spot *spot, int64_t deadline_ms) {
    struct keyspace *keyspace = session_keyspace(client);
    struct slice key = client->argv[1];
    char number[NUMBER_TEXT_SIZE];
    keyspace_set_expires(keyspace, spot, deadline_ms);
    keyspace_changed(keyspace, key, KEYSPACE_GENERIC, "expire");
    struct slice at = slice_make(number, number_print_int(number, deadline_ms));
    dispatch_rewrite(client, 3, (struct slice[]){SLICE("PEXPIREAT"), key, at});
}

static void expire_key(struct client *client, int64_t unit_ms, int64_t base_ms) {
    unsigned when;
    int64_t deadline_ms;
    struct spot spot;
    if (!read_conditions(client, &when) || !read_deadline(client, unit_ms, base_ms, &deadline_ms)) return;
    if (!keyspace_open(session_keyspace(client), client->argv[1], &spot) ||
        !conditions_hold(when, record_expires_ms(spot.record), deadline_ms)) {
        reply_int(client, 0);
        return;
    }
    if (session_is_past(client, deadline_ms))
        remove_at_once(client, &spot);
    else
        set_expiry(client, &spot, deadline_ms);
    client->server->dirty++;
    reply_int(client, 1);
}

void expire_command(struct client *client) {
    expire_key(client, 1000, client->server->wall_ms);
}

void pexpire_command(struct client *client) {
    expire_key(client, 1, client->server->wall_ms);
}

void expireat_command(struct client *client) {
    expire_key(client, 1000, 0);
}

void pexpireat_command(struct client *client) {
    expire_key(client, 1, 0);
}

void persist_command(struct client *client) {
    struct keyspace *keyspace = session_keyspace(client);
    struct spot spot;
    if (!keyspace_open(keyspace, client->argv[1], &spot) || record_expires_ms(spot.record) == RECORD_NEVER) {
        reply_int(client, 0);
        return;
    }
    keyspace_set_expires(keyspace, &spot, RECORD_NEVER);
    keyspace_changed(keyspace, client->argv[1], KEYSPACE_GENERIC, "persist");
    client->server->dirty++;
    reply_int(client, 1);
}

/* -2: no such key, -1: it does not end; else the time that is left, or (absolute) at which it ends. */
static void tell(struct client *client, bool in_seconds, bool absolute) {
    const struct record *record = keyspace_look(session_keyspace(client), client->argv[1]);
    if (!record) {
        reply_int(client, -2);
        return;
    }
    int64_t at_ms = record_expires_ms(record);
    if (at_ms == RECORD_NEVER) {
        reply_int(client, -1);
        return;
    }
    int64_t ms = absolute ? at_ms : MAX(at_ms - client->server->wall_ms, 0);
    reply_int(client, in_seconds ? (ms > INT64_MAX - 500 ? ms / 1000 : (ms + 500) / 1000) : ms);
}

void ttl_command(struct client *client) {
    tell(client, true, false);
}

void pttl_command(struct client *client) {
    tell(client, false, false);
}

void expiretime_command(struct client *client) {
    tell(client, true, true);
}

void pexpiretime_command(struct client *client) {
    tell(client, false, true);
}
