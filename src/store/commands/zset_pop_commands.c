#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/commands/zset_commands.h"
#include "store/commands/zset_key.h"
#include "store/tx/waiting.h"

/* What is taken, and how it is replied. */
struct pop {
    bool    from_max;
    int64_t count;
    bool    with_key;  /* the key's name goes before the members */
    bool    is_nested; /* each member with its score is an array */
};

static void reply_pop_head(struct client *client, struct slice name, size_t count, const struct pop *pop) {
    if (pop->is_nested) {
        if (pop->with_key) {
            reply_array(client, 2);
            reply_bulk(client, name);
        }
        reply_array(client, count);
    } else {
        reply_array(client, 2 * count + pop->with_key);
        if (pop->with_key) reply_bulk(client, name);
    }
}

/* Takes members from a set that is there, and replies. Returns how many. */
static size_t take(struct client *client, struct zset_key *key, const struct pop *pop) {
    size_t           total = zset_value_count(&key->zset), count = MIN((size_t)pop->count, total);
    struct zset_walk walk;
    struct zset_item item;
    reply_pop_head(client, key->name, count, pop);
    zset_walk_start(&walk, &key->zset, pop->from_max ? total - 1 : 0, count, pop->from_max);
    while (zset_walk_next(&walk, &item)) {
        if (pop->is_nested) reply_array(client, 2);
        reply_bulk(client, item.member);
        zset_reply_score(client, item.score);
    }
    zset_value_remove_range(&key->zset, pop->from_max ? total - count : 0, count);
    zset_key_close(client, key, pop->from_max ? "zpopmax" : "zpopmin", count);
    return count;
}

static void pop_one_key(struct client *client, bool from_max) {
    struct zset_key key;
    int64_t         count = 1;
    if (client->argc > 3) {
        reply_syntax_error(client);
        return;
    }
    if (client->argc == 3 &&
        !argument_int_within(client, 2, 0, INT64_MAX, &count, "ERR value is out of range, must be positive"))
        return;
    if (!zset_key_open(client, client->argv[1], &key)) return;
    struct pop pop = {.from_max = from_max, .count = count, .is_nested = client->argc == 3 && reply_is_resp3(client)};
    if (key.spot.record && count)
        take(client, &key, &pop);
    else
        reply_empty_array(client);
}

void zpopmin_command(struct client *client) {
    pop_one_key(client, false);
}

void zpopmax_command(struct client *client) {
    pop_one_key(client, true);
}

/* Reads "numkeys key ... MIN|MAX [COUNT count]" from argument `place` on. */
static bool read_several(struct client *client, int place, int64_t *keys, struct pop *pop) {
    if (!argument_int_within(client, place, 1, INT64_MAX, keys, "ERR numkeys should be greater than 0")) return false;
    pop->count = 0;
    if (*keys >= client->argc - place - 1) {
        reply_syntax_error(client);
        return false;
    }
    int where = place + 1 + (int)*keys;
    pop->from_max = slice_is_nocase(client->argv[where], "max");
    bool is_good = pop->from_max || slice_is_nocase(client->argv[where], "min");
    for (int i = where + 1; is_good && i < client->argc; i += 2) {
        is_good = !pop->count && i + 1 < client->argc && slice_is_nocase(client->argv[i], "count");
        if (is_good &&
            !argument_int_within(client, i + 1, 1, INT64_MAX, &pop->count, "ERR count should be greater than 0"))
            return false;
    }
    if (!is_good) reply_syntax_error(client);
    if (!pop->count) pop->count = 1;
    return is_good;
}

/* What the log and the replicas see instead of a command with several keys. */
static void propagate_as_pop(struct client *client, struct slice name, const struct pop *pop, size_t count) {
    char         text[NUMBER_TEXT_SIZE];
    struct slice words[] = {pop->from_max ? SLICE("ZPOPMAX") : SLICE("ZPOPMIN"), name,
                            slice_make(text, number_print_uint(text, count))};
    dispatch_rewrite(client, pop->is_nested ? 3 : 2, words);
}

/* Takes from the first of the keys that is there. False: none is. An error counts as done. */
static bool take_from_first(struct client *client, int first, int64_t keys, const struct pop *pop) {
    for (int i = first; i < first + (int)keys; i++) {
        struct zset_key key;
        if (!zset_key_open(client, client->argv[i], &key)) return true;
        if (!key.spot.record) continue;
        propagate_as_pop(client, key.name, pop, take(client, &key, pop));
        return true;
    }
    return false;
}

void zmpop_command(struct client *client) {
    struct pop pop = {.with_key = true, .is_nested = true};
    int64_t    keys;
    if (!read_several(client, 1, &keys, &pop)) return;
    if (!take_from_first(client, 2, keys, &pop)) reply_null_array(client);
}

/* ---- waiting ---- */

static bool serve_min(struct client *client, int place, struct record *record, void *context) {
    return take_from_first(client, place, 1, &(struct pop){.count = 1, .with_key = true});
}

static bool serve_max(struct client *client, int place, struct record *record, void *context) {
    return take_from_first(client, place, 1, &(struct pop){.from_max = true, .count = 1, .with_key = true});
}

static bool serve_several(struct client *client, int place, struct record *record, void *context) {
    struct pop pop = {.with_key = true, .is_nested = true};
    int64_t    keys;
    return read_several(client, 2, &keys, &pop) && take_from_first(client, place, 1, &pop);
}

static void pop_or_wait(struct client *client, bool from_max) {
    static const struct waiting_kind kinds[] = {{.type = VALUE_ZSET, .try_serve = serve_min},
                                                {.type = VALUE_ZSET, .try_serve = serve_max}};
    int     keys = client->argc - 2;
    int64_t deadline_ms;
    if (!waiting_deadline(client, client->argc - 1, &deadline_ms)) return;
    if (take_from_first(client, 1, keys, &(struct pop){.from_max = from_max, .count = 1, .with_key = true})) return;
    if (!waiting_start(client, &kinds[from_max], 1, keys, deadline_ms, NULL)) reply_null_array(client);
}

void bzpopmin_command(struct client *client) {
    pop_or_wait(client, false);
}

void bzpopmax_command(struct client *client) {
    pop_or_wait(client, true);
}

void bzmpop_command(struct client *client) {
    static const struct waiting_kind kind = {.type = VALUE_ZSET, .try_serve = serve_several};
    struct pop pop = {.with_key = true, .is_nested = true};
    int64_t    keys, deadline_ms;
    if (!read_several(client, 2, &keys, &pop) || !waiting_deadline(client, 1, &deadline_ms)) return;
    if (take_from_first(client, 3, keys, &pop)) return;
    if (!waiting_start(client, &kind, 3, (int)keys, deadline_ms, NULL)) reply_null_array(client);
}
