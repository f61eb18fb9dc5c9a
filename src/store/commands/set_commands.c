#include "store/commands/set_commands.h"
#include "base/glob.h"
#include "base/mem.h"
#include "base/table.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/tx/session.h"
#include "store/types/set_value.h"

#include <stdlib.h>

#define COMMAND COMMAND_PROTOTYPE
#include "store/commands/set.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command set_commands[] = {
#include "store/commands/set.def"
};
#undef COMMAND
const size_t set_command_count = COUNT_OF(set_commands);

static struct set_limits limits(const struct client *client) {
    const struct keyspace_settings *settings = &session_of(client)->databases->settings;
    return (struct set_limits){
        .hash_key = &session_keyspace(client)->shared->hash_key,
        .max_intset_entries = settings->set_max_intset_entries,
        .max_listpack_entries = settings->set_max_listpack_entries,
        .max_listpack_bytes = settings->set_max_listpack_value_bytes,
    };
}

static struct random *dice(const struct client *client) {
    return &session_of(client)->databases->random;
}

static void changed(struct client *client, struct slice key, int64_t changes, const char *event) {
    keyspace_changed(session_keyspace(client), key, KEYSPACE_SET, event);
    client->server->dirty += changes;
}

/* A set for reading. False: it is absent (`*set` has no object then) or no set, and that has been replied. */
static bool read_set(struct client *client, struct slice key, struct value *set) {
    struct record *record = keyspace_read(session_keyspace(client), key);
    *set = (struct value){0};
    if (!argument_is_type(client, record, VALUE_SET)) return false;
    if (record) *set = record_object_value(record);
    return true;
}

/* A set for changing; `spot->record` is NULL where it is absent. False: WRONGTYPE was replied. */
static bool open_set(struct client *client, struct slice key, struct spot *spot, struct value *set) {
    *set = (struct value){0};
    keyspace_open(session_keyspace(client), key, spot);
    if (!argument_is_type(client, spot->record, VALUE_SET)) return false;
    if (spot->record) *set = record_object_value(spot->record);
    return true;
}

/* The set that was opened, after an edit; it leaves with its last member. */
static void close_set(struct client *client, struct slice key, struct spot *spot, const struct value *set) {
    record_update_object(spot->record, set);
    if (set_value_count(set) > 0) return;
    keyspace_remove(session_keyspace(client), spot);
    keyspace_changed(session_keyspace(client), key, KEYSPACE_GENERIC, "del");
}

/* Adds a member to the set that was opened, or makes one of it. */
static bool add_opened(struct client *client, struct slice key, struct spot *spot, struct value *set,
                       struct slice member) {
    struct set_limits rules = limits(client);
    bool              is_new = false;
    if (spot->record) {
        is_new = set_value_add(set, member, &rules);
        record_update_object(spot->record, set);
    } else {
        *set = set_value_new();
        is_new = set_value_add(set, member, &rules);
        keyspace_put(session_keyspace(client), key, spot, set, RECORD_NEVER);
    }
    return is_new;
}

/* ---- single members ---- */

void sadd_command(struct client *client) {
    struct spot  spot;
    struct value set;
    if (!open_set(client, client->argv[1], &spot, &set)) return;
    int64_t added = add_opened(client, client->argv[1], &spot, &set, client->argv[2]);
    if (client->argc > 3) {
        struct set_limits rules = limits(client);
        for (int i = 3; i < client->argc; i++) added += set_value_add(&set, client->argv[i], &rules);
        record_update_object(spot.record, &set);
    }
    if (added) changed(client, client->argv[1], added, "sadd");
    reply_int(client, added);
}

void srem_command(struct client *client) {
    struct spot  spot;
    struct value set;
    if (!open_set(client, client->argv[1], &spot, &set)) return;
    int64_t removed = 0;
    if (spot.record) {
        for (int i = 2; i < client->argc; i++) removed += set_value_remove(&set, client->argv[i]);
        if (removed) changed(client, client->argv[1], removed, "srem");
        close_set(client, client->argv[1], &spot, &set);
    }
    reply_int(client, removed);
}

void smove_command(struct client *client) {
    struct slice from = client->argv[1], to = client->argv[2], member = client->argv[3];
    struct spot  source, target;
    struct value source_set, target_set;
    keyspace_open(session_keyspace(client), from, &source);
    if (!source.record) {
        reply_int(client, 0);
        return;
    }
    if (!open_set(client, from, &source, &source_set) || !open_set(client, to, &target, &target_set)) return;
    if (source.record == target.record || !set_value_has(&source_set, member)) {
        reply_int(client, source.record == target.record && set_value_has(&source_set, member));
        return;
    }
    keyspace_open(session_keyspace(client), from, &source);
    set_value_remove(&source_set, member);
    changed(client, from, 1, "srem");
    close_set(client, from, &source, &source_set);
    CHECK(open_set(client, to, &target, &target_set));
    if (add_opened(client, to, &target, &target_set, member)) changed(client, to, 1, "sadd");
    reply_int(client, 1);
}

void sismember_command(struct client *client) {
    struct value set;
    if (read_set(client, client->argv[1], &set)) reply_int(client, set.object && set_value_has(&set, client->argv[2]));
}

void smismember_command(struct client *client) {
    struct value set;
    if (!read_set(client, client->argv[1], &set)) return;
    reply_array(client, (size_t)client->argc - 2);
    for (int i = 2; i < client->argc; i++) reply_int(client, set.object && set_value_has(&set, client->argv[i]));
}

void scard_command(struct client *client) {
    struct value set;
    if (read_set(client, client->argv[1], &set)) reply_int(client, set.object ? (int64_t)set_value_count(&set) : 0);
}

/* ---- all members ---- */

static bool reply_member(void *client, struct slice member) {
    reply_bulk(client, member);
    return true;
}

static void reply_whole(struct client *client, const struct value *set) {
    reply_set(client, set->object ? set_value_count(set) : 0);
    if (set->object) set_value_each(set, reply_member, client);
}

void smembers_command(struct client *client) {
    struct value set;
    if (read_set(client, client->argv[1], &set)) reply_whole(client, &set);
}

/* Members that were put aside. */
struct collection {
    struct slice pattern; /* data NULL: all */
    struct bytes text;
    size_t      *ends, count, capacity, seen;
};

static bool collect(void *context, struct slice member) {
    struct collection *all = context;
    all->seen++;
    if (all->pattern.data && !glob_match(all->pattern, member)) return true;
    if (all->count == all->capacity) {
        all->capacity = MAX(2 * all->capacity, 16);
        all->ends = mem_realloc(all->ends, all->capacity * sizeof *all->ends);
    }
    bytes_add_slice(&all->text, member);
    all->ends[all->count++] = all->text.size;
    return true;
}

static struct slice collected(const struct collection *all, size_t place) {
    size_t begin = place ? all->ends[place - 1] : 0;
    return slice_make(all->text.data + begin, all->ends[place] - begin);
}

static void collection_fini(struct collection *all) {
    bytes_fini(&all->text);
    mem_free(all->ends);
}

void sscan_command(struct client *client) {
    uint64_t            cursor, buckets = 0;
    struct value        set;
    struct scan_options options = {.count = 10};
    if (!argument_cursor(client, 2, &cursor) || !read_set(client, client->argv[1], &set)) return;
    if (set.object && !argument_scan_options(client, 3, false, &options)) return;
    struct collection found = {.pattern = options.pattern};
    uint64_t          most = (uint64_t)options.count > UINT64_MAX / 10 ? UINT64_MAX : (uint64_t)options.count * 10;
    if (!set.object)
        cursor = 0;
    else
        while (set_value_scan(&set, &cursor, collect, &found))
            if (++buckets >= most || found.seen >= (uint64_t)options.count) break;
    reply_array(client, 2);
    reply_bulk_printf(client, "%llu", (unsigned long long)cursor);
    reply_array(client, found.count);
    for (size_t i = 0; i < found.count; i++) reply_bulk(client, collected(&found, i));
    collection_fini(&found);
}

/* ---- at random ---- */

static bool range_int(struct client *client, int place, int64_t min, int64_t max, int64_t *out, const char *error) {
    if (!number_parse_int(client->argv[place], out)) {
        if (error)
            reply_error(client, "%s", error);
        else
            reply_not_integer(client);
        return false;
    }
    if (*out >= min && *out <= max) return true;
    if (error)
        reply_error(client, "%s", error);
    else
        reply_error(client, "ERR value is out of range, value must between %lld and %lld", (long long)min, (long long)max);
    return false;
}

/* Passes `count` different members at random, count <= set_value_count(): picks while few are wanted, else shuffles.
 * `each` may remove the member as the last thing it does. */
static void sample(struct client *client, const struct value *set, size_t count,
                   bool (*each)(void *context, struct slice member), void *context) {
    size_t            total = set_value_count(set);
    struct collection all = {.count = 0};
    char              buffer[NUMBER_TEXT_SIZE];
    if (count == 1) {
        each(context, set_value_random(set, dice(client), buffer));
    } else if (count > total / 4 || count > 100000) {
        size_t *places = mem_alloc(MAX(total, 1) * sizeof *places);
        set_value_each(set, collect, &all);
        for (size_t i = 0; i < total; i++) places[i] = i;
        for (size_t i = 0; i < count; i++) {
            size_t other = i + random_below(dice(client), total - i), place = places[other];
            places[other] = places[i];
            each(context, collected(&all, place));
        }
        mem_free(places);
    } else {
        struct table *chosen = table_new();
        while (all.count < count) {
            struct slice member = set_value_random(set, dice(client), buffer);
            if (table_has(chosen, member)) continue;
            table_set(chosen, member, chosen);
            collect(&all, member);
        }
        for (size_t i = 0; i < count; i++) each(context, collected(&all, i));
        table_free(&chosen, NULL);
    }
    collection_fini(&all);
}

void srandmember_command(struct client *client) {
    struct value set;
    char         buffer[NUMBER_TEXT_SIZE];
    int64_t      count = 0;
    if (client->argc > 3) {
        reply_syntax_error(client);
        return;
    }
    if (client->argc == 3 && !range_int(client, 2, -INT64_MAX, INT64_MAX, &count, NULL)) return;
    if (!read_set(client, client->argv[1], &set)) return;
    if (client->argc == 2) {
        if (set.object)
            reply_bulk(client, set_value_random(&set, dice(client), buffer));
        else
            reply_null(client);
    } else if (!set.object || count == 0) {
        reply_empty_array(client);
    } else if (count < 0) {
        reply_array(client, (size_t)-count);
        for (; count < 0; count++) reply_bulk(client, set_value_random(&set, dice(client), buffer));
    } else {
        size_t total = set_value_count(&set), wanted = MIN((size_t)count, total);
        reply_array(client, wanted);
        if (wanted == total)
            set_value_each(&set, reply_member, client);
        else
            sample(client, &set, wanted, reply_member, client);
    }
}

struct popping {
    struct client *client;
    struct value  *set;
};

static bool pop_member(void *context, struct slice member) {
    struct popping *popping = context;
    struct client  *client = popping->client;
    reply_bulk(client, member);
    dispatch_also_propagate(client, session_keyspace(client)->id, 3,
                            (struct slice[]){SLICE("SREM"), client->argv[1], member});
    set_value_remove(popping->set, member);
    return true;
}

static void pop_some(struct client *client, struct spot *spot, struct value *set, size_t count) {
    struct popping popping = {client, set};
    sample(client, set, count, pop_member, &popping);
    changed(client, client->argv[1], (int64_t)count, "spop");
    close_set(client, client->argv[1], spot, set);
    dispatch_prevent_propagation(client); /* the members that went are passed on, not the dice */
}

void spop_command(struct client *client) {
    struct spot  spot;
    struct value set;
    int64_t      count = 1;
    if (client->argc > 3) {
        reply_syntax_error(client);
        return;
    }
    if (client->argc == 3 &&
        !range_int(client, 2, 0, INT64_MAX, &count, "ERR value is out of range, must be positive"))
        return;
    if (!open_set(client, client->argv[1], &spot, &set)) return;
    if (!spot.record || count == 0) {
        if (client->argc == 2)
            reply_null(client);
        else
            reply_set(client, 0);
        return;
    }
    size_t total = set_value_count(&set);
    if (client->argc == 3) reply_set(client, MIN((size_t)count, total));
    if (client->argc == 2 || (size_t)count < total) {
        pop_some(client, &spot, &set, (size_t)count);
        return;
    }
    set_value_each(&set, reply_member, client);
    changed(client, client->argv[1], (int64_t)total, "spop");
    keyspace_remove(session_keyspace(client), &spot);
    keyspace_changed(session_keyspace(client), client->argv[1], KEYSPACE_GENERIC, "del");
    dispatch_rewrite(client, 2, (struct slice[]){SLICE("DEL"), client->argv[1]});
}

/* ---- several sets ---- */

/* The sets of the keys argv[first .. first + count), absent ones without an object. gives: mem_free(); NULL: replied. */
static struct value *read_sets(struct client *client, int first, int count, bool *any_absent) {
    struct value *sets = mem_alloc((size_t)count * sizeof *sets);
    *any_absent = false;
    for (int i = 0; i < count; i++) {
        if (!read_set(client, client->argv[first + i], &sets[i])) {
            mem_free(sets);
            return NULL;
        }
        if (!sets[i].object) *any_absent = true;
    }
    return sets;
}

/* A result on its way: a set that is being made, or a count. */
struct result {
    struct client      *client;
    const struct value *sets; /* the member must (inter) or must not (diff) be in these */
    int                 count;
    bool                must_be_in;
    struct set_limits   rules;
    struct value       *into;  /* NULL: only counted */
    int64_t             found, limit; /* limit 0: none */
};

static bool take_member(void *context, struct slice member) {
    struct result *result = context;
    for (int i = 0; i < result->count; i++)
        if (result->sets[i].object && set_value_has(&result->sets[i], member) != result->must_be_in) return true;
    result->found++;
    if (result->into) set_value_add(result->into, member, &result->rules);
    return result->limit == 0 || result->found < result->limit;
}

static void free_set(struct value *set) {
    value_free_object(VALUE_SET, (enum value_encoding)set->encoding, set->object);
}

/* Replies with the set, or stores it under `*key` where that is given. Takes the set. */
static void finish(struct client *client, const struct slice *key, struct value *set, const char *event) {
    size_t size = set_value_count(set);
    if (!key) {
        reply_whole(client, set);
        free_set(set);
        return;
    }
    struct keyspace *keyspace = session_keyspace(client);
    struct spot      spot;
    bool             was_there = keyspace_open(keyspace, *key, &spot);
    if (size) {
        keyspace_put(keyspace, *key, &spot, set, RECORD_NEVER);
        changed(client, *key, 1, event);
    } else {
        free_set(set);
        if (was_there) {
            keyspace_remove(keyspace, &spot);
            keyspace_changed(keyspace, *key, KEYSPACE_GENERIC, "del");
            client->server->dirty++;
        }
    }
    reply_int(client, (int64_t)size);
}

static int by_size(const void *a, const void *b) {
    size_t one = set_value_count(a), other = set_value_count(b);
    return one < other ? -1 : one > other;
}

/* The smallest set is walked and its members looked up in the others. */
static void intersect(struct result *result, struct value *sets, int count) {
    qsort(sets, (size_t)count, sizeof *sets, by_size);
    result->sets = sets + 1;
    result->count = count - 1;
    result->must_be_in = true;
    set_value_each(&sets[0], take_member, result);
}

static void inter(struct client *client, int first, const struct slice *key) {
    int           count = client->argc - first;
    bool          any_absent;
    struct value *sets = read_sets(client, first, count, &any_absent);
    if (!sets) return;
    struct value  set = set_value_new();
    struct result result = {.client = client, .rules = limits(client), .into = &set};
    if (!any_absent) intersect(&result, sets, count);
    finish(client, key, &set, "sinterstore");
    mem_free(sets);
}

void sinter_command(struct client *client) {
    inter(client, 1, NULL);
}

void sinterstore_command(struct client *client) {
    inter(client, 2, &client->argv[1]);
}

void sintercard_command(struct client *client) {
    int64_t count, limit = 0;
    if (!range_int(client, 1, 1, INT64_MAX, &count, "ERR numkeys should be greater than 0")) return;
    if (count > client->argc - 2) {
        reply_error(client, "ERR Number of keys can't be greater than number of args");
        return;
    }
    for (int i = 2 + (int)count; i < client->argc; i += 2) {
        if (!slice_is_nocase(client->argv[i], "limit") || i + 1 == client->argc) {
            reply_syntax_error(client);
            return;
        }
        if (!range_int(client, i + 1, 0, INT64_MAX, &limit, "ERR LIMIT can't be negative")) return;
    }
    bool          any_absent;
    struct value *sets = read_sets(client, 2, (int)count, &any_absent);
    if (!sets) return;
    struct result result = {.client = client, .limit = limit};
    if (!any_absent) intersect(&result, sets, (int)count);
    reply_int(client, result.found);
    mem_free(sets);
}

static void unite_or_subtract(struct client *client, int first, const struct slice *key, bool is_union) {
    int           count = client->argc - first;
    bool          any_absent;
    struct value *sets = read_sets(client, first, count, &any_absent);
    if (!sets) return;
    struct value  set = set_value_new();
    struct result result = {.client = client, .rules = limits(client), .into = &set};
    if (!is_union) {
        result.sets = sets + 1;
        result.count = count - 1;
    }
    for (int i = 0; i < (is_union ? count : 1); i++)
        if (sets[i].object) set_value_each(&sets[i], take_member, &result);
    finish(client, key, &set, is_union ? "sunionstore" : "sdiffstore");
    mem_free(sets);
}

void sunion_command(struct client *client) {
    unite_or_subtract(client, 1, NULL, true);
}

void sunionstore_command(struct client *client) {
    unite_or_subtract(client, 2, &client->argv[1], true);
}

void sdiff_command(struct client *client) {
    unite_or_subtract(client, 1, NULL, false);
}

void sdiffstore_command(struct client *client) {
    unite_or_subtract(client, 2, &client->argv[1], false);
}
