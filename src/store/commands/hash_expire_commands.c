#include "store/commands/hash_commands.h"
#include "base/mem.h"
#include "base/number.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/commands/hash_commands_internal.h"
#include "store/tx/session.h"

#include <limits.h>

#define COMMAND COMMAND_PROTOTYPE
#include "store/commands/hash.def"
#undef COMMAND

/* The latest deadline that Redis 7.4 takes: its index keeps 46 bits. */
#define DEADLINE_MAX_MS 0x3fffffffffffll

/* What is answered for a field. */
enum { NO_FIELD = -2, NO_DEADLINE = -1, NOT_MET = 0, IS_SET = 1, IS_DELETED = 2 };

/* ---- arguments ---- */

static bool error(struct client *client, const char *text) {
    reply_error(client, "ERR %s", text);
    return false;
}

/* FIELDS numfields field ...: the word in argument `place`, and fields up to the end. */
static bool read_fields(struct client *client, int place, const char *count_error, int *first, int *count) {
    int64_t number;
    if (!slice_is_nocase(client->argv[place], "fields"))
        return error(client, "Mandatory argument FIELDS is missing or not at the right position");
    if (!number_parse_int(client->argv[place + 1], &number) || number < 1) return error(client, count_error);
    if (number != client->argc - place - 2)
        return error(client, "The `numfields` parameter must match the number of arguments");
    *first = place + 2;
    *count = (int)number;
    return true;
}

/* A time in this unit from `base_ms` on. */
static bool read_deadline(struct client *client, int place, int64_t unit_ms, int64_t base_ms, int64_t *deadline_ms) {
    int64_t number;
    if (!argument_int(client, place, &number)) return false;
    if (number < 0) return error(client, "invalid expire time, must be >= 0");
    if (number > DEADLINE_MAX_MS / unit_ms || number * unit_ms > DEADLINE_MAX_MS - base_ms) {
        reply_invalid_expire(client);
        return false;
    }
    *deadline_ms = number * unit_ms + base_ms;
    return true;
}

static void reply_same(struct client *client, int count, int64_t answer) {
    reply_array(client, (size_t)count);
    while (count--) reply_int(client, answer);
}

/* ---- propagation ---- */

/* A command that is being put together: words, then some of the fields. */
struct rewriting {
    struct slice *words;
    int           count;
    char          number[NUMBER_TEXT_SIZE], fields[NUMBER_TEXT_SIZE];
};

static void start_rewriting(struct rewriting *rewriting, struct client *client) {
    rewriting->words = mem_alloc(((size_t)client->argc + 8) * sizeof *rewriting->words);
    rewriting->count = 0;
}

static void add_word(struct rewriting *rewriting, struct slice word) {
    rewriting->words[rewriting->count++] = word;
}

static void add_number(struct rewriting *rewriting, char *buffer, int64_t number) {
    add_word(rewriting, slice_make(buffer, number_print_int(buffer, number)));
}

static void end_rewriting(struct rewriting *rewriting, struct client *client) {
    dispatch_rewrite(client, rewriting->count, rewriting->words);
    mem_free(rewriting->words);
}

/* "name key [milliseconds] FIELDS n field ..." with the fields that `done` marks (NULL: all); HDEL has no FIELDS. */
static void propagate(struct client *client, struct slice name, int64_t deadline_ms, int first, int count, const bool *done) {
    struct rewriting rewriting;
    int              marked = 0;
    start_rewriting(&rewriting, client);
    for (int i = 0; i < count; i++) marked += !done || done[i];
    add_word(&rewriting, name);
    add_word(&rewriting, client->argv[1]);
    if (deadline_ms != HASH_NEVER) add_number(&rewriting, rewriting.number, deadline_ms);
    if (!slice_is(name, "HDEL")) {
        add_word(&rewriting, SLICE("FIELDS"));
        add_number(&rewriting, rewriting.fields, marked);
    }
    for (int i = 0; i < count; i++)
        if (!done || done[i]) add_word(&rewriting, client->argv[first + i]);
    end_rewriting(&rewriting, client);
}

/* ---- giving deadlines ---- */

enum { WHEN_NONE = 1, WHEN_ANY = 2, WHEN_LATER = 4, WHEN_EARLIER = 8 }; /* NX XX GT LT */

static unsigned condition(struct slice word) {
    static const struct {
        const char *name;
        unsigned    flag;
    } words[] = {{"nx", WHEN_NONE}, {"xx", WHEN_ANY}, {"gt", WHEN_LATER}, {"lt", WHEN_EARLIER}};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (slice_is_nocase(word, words[i].name)) return words[i].flag;
    return 0;
}

/* No deadline is later than every deadline. */
static bool holds(unsigned when, int64_t old_ms, int64_t wanted_ms) {
    if (old_ms == HASH_NEVER) return !(when & (WHEN_ANY | WHEN_LATER));
    if (when & WHEN_LATER) return wanted_ms > old_ms;
    if (when & WHEN_EARLIER) return wanted_ms < old_ms;
    return !(when & WHEN_NONE);
}

/* What was done with the fields of a command. */
struct outcome {
    int   changed; /* fields that got a deadline, or lost theirs, or were deleted */
    bool *done;    /* which */
};

/* Gives this field, which is there, the deadline, or deletes it where that is over. */
static int64_t set_deadline(struct hash_edit *edit, struct slice field, int64_t deadline_ms) {
    if (deadline_ms > edit->rules.now_ms) {
        hash_value_set_deadline(&edit->hash, field, deadline_ms);
        return IS_SET;
    }
    CHECK(hash_value_remove(&edit->hash, edit->rules.now_ms, field));
    return IS_DELETED;
}

/* Stores the hash whose fields got (or lost) a deadline, tells it and passes it on as what it did. */
static void conclude(struct client *client, struct hash_edit *edit, const struct outcome *outcome, int64_t deadline_ms,
                     int first, int count) {
    bool is_past = deadline_ms != HASH_NEVER && deadline_ms <= edit->rules.now_ms;
    if (!outcome->changed) return;
    hash_edit_store(client, edit);
    hash_changed(client, is_past ? "hdel" : deadline_ms == HASH_NEVER ? "hpersist" : "hexpire", (uint64_t)outcome->changed);
    if (is_past) {
        hash_edit_drop_empty(client, edit);
        propagate(client, SLICE("HDEL"), HASH_NEVER, first, count, outcome->done);
    } else if (deadline_ms == HASH_NEVER) {
        propagate(client, SLICE("HPERSIST"), HASH_NEVER, first, count, outcome->done);
    } else {
        propagate(client, SLICE("HPEXPIREAT"), deadline_ms, first, count, outcome->done);
    }
}

static void expire_fields(struct client *client, int64_t unit_ms, int64_t base_ms) {
    struct hash_edit edit;
    struct outcome   outcome = {0};
    struct hash_item item;
    int64_t          deadline_ms;
    int              first, count;
    if (!hash_edit_open(client, &edit) || !read_deadline(client, 2, unit_ms, base_ms, &deadline_ms)) return;
    unsigned when = condition(client->argv[3]);
    if (!read_fields(client, when ? 4 : 3, "Parameter `numFields` should be greater than 0", &first, &count)) return;
    if (!edit.spot.record) {
        reply_same(client, count, NO_FIELD);
        return;
    }
    outcome.done = mem_zalloc((size_t)count);
    reply_array(client, (size_t)count);
    for (int i = 0; i < count; i++) {
        int64_t answer = NO_FIELD;
        if (hash_edit_find(&edit, client->argv[first + i], &item)) {
            answer = NOT_MET;
            if (holds(when, item.deadline_ms, deadline_ms)) {
                answer = set_deadline(&edit, client->argv[first + i], deadline_ms);
                outcome.done[i] = true;
                outcome.changed++;
            }
        }
        reply_int(client, answer);
    }
    conclude(client, &edit, &outcome, deadline_ms, first, count);
    mem_free(outcome.done);
}

void hexpire_command(struct client *client) {
    expire_fields(client, 1000, client->server->wall_ms);
}

void hpexpire_command(struct client *client) {
    expire_fields(client, 1, client->server->wall_ms);
}

void hexpireat_command(struct client *client) {
    expire_fields(client, 1000, 0);
}

void hpexpireat_command(struct client *client) {
    expire_fields(client, 1, 0);
}

static const char not_positive[] = "Number of fields must be a positive integer";

void hpersist_command(struct client *client) {
    struct hash_edit edit;
    struct outcome   outcome = {0};
    struct hash_item item;
    int              first, count;
    if (!hash_edit_open(client, &edit) || !read_fields(client, 2, not_positive, &first, &count)) return;
    if (!edit.spot.record) {
        reply_same(client, count, NO_FIELD);
        return;
    }
    outcome.done = mem_zalloc((size_t)count);
    reply_array(client, (size_t)count);
    for (int i = 0; i < count; i++) {
        bool is_there = hash_edit_find(&edit, client->argv[first + i], &item);
        if (is_there && item.deadline_ms != HASH_NEVER) {
            hash_value_set_deadline(&edit.hash, client->argv[first + i], HASH_NEVER);
            outcome.done[i] = true;
            outcome.changed++;
            reply_int(client, IS_SET);
        } else {
            reply_int(client, is_there ? NO_DEADLINE : NO_FIELD);
        }
    }
    conclude(client, &edit, &outcome, HASH_NEVER, first, count);
    mem_free(outcome.done);
}

/* ---- telling deadlines ---- */

static void tell(struct client *client, int64_t unit_ms, int64_t base_ms) {
    struct value     hash;
    struct hash_item item;
    bool             is_there;
    int              first, count;
    if (!hash_read(client, &hash, &is_there) || !read_fields(client, 2, not_positive, &first, &count)) return;
    reply_array(client, (size_t)count);
    for (int i = 0; i < count; i++) {
        if (!is_there || !hash_value_find(&hash, client->server->wall_ms, client->argv[first + i], &item))
            reply_int(client, NO_FIELD);
        else if (item.deadline_ms == HASH_NEVER)
            reply_int(client, NO_DEADLINE);
        else
            reply_int(client, (item.deadline_ms - base_ms + unit_ms - 1) / unit_ms);
    }
}

void httl_command(struct client *client) {
    tell(client, 1000, client->server->wall_ms);
}

void hpttl_command(struct client *client) {
    tell(client, 1, client->server->wall_ms);
}

void hexpiretime_command(struct client *client) {
    tell(client, 1000, 0);
}

void hpexpiretime_command(struct client *client) {
    tell(client, 1, 0);
}

/* ---- HGETDEL, HGETEX, HSETEX ---- */

static void reply_texts(struct client *client, const struct hash_edit *edit, int first, int count) {
    struct hash_item item;
    reply_array(client, (size_t)count);
    for (int i = 0; i < count; i++) {
        if (hash_edit_find(edit, client->argv[first + i], &item))
            reply_bulk(client, item.text);
        else
            reply_null(client);
    }
}

/* The words are checked before the key's type, as Redis does here. */
void hgetdel_command(struct client *client) {
    struct hash_edit edit;
    int              first, count;
    uint64_t         removed = 0;
    if (!read_fields(client, 2, not_positive, &first, &count) || !hash_edit_open(client, &edit)) return;
    reply_array(client, (size_t)count);
    for (int i = 0; i < count; i++) {
        struct hash_item item;
        if (!hash_edit_find(&edit, client->argv[first + i], &item)) {
            reply_null(client);
            continue;
        }
        reply_bulk(client, item.text);
        removed += hash_value_remove(&edit.hash, edit.rules.now_ms, client->argv[first + i]);
    }
    if (!removed) return;
    hash_edit_store(client, &edit);
    hash_changed(client, "hdel", removed);
    hash_edit_drop_empty(client, &edit);
    propagate(client, SLICE("HDEL"), HASH_NEVER, first, count, NULL);
}

/* The options of HGETEX and HSETEX. */
struct options {
    bool    only_new, only_there; /* FNX, FXX */
    bool    keeps, persists;      /* KEEPTTL, PERSIST */
    int64_t deadline_ms;          /* HASH_NEVER: none was given */
    int     first, count;         /* the fields, or pairs */
};

static bool read_expiry(struct client *client, int place, struct options *options, bool *is_expiry) {
    static const struct {
        const char *name;
        int64_t     unit_ms;
        bool        is_relative;
    } words[] = {{"ex", 1000, true}, {"px", 1, true}, {"exat", 1000, false}, {"pxat", 1, false}};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (!slice_is_nocase(client->argv[place], words[i].name)) continue;
        *is_expiry = true;
        if (place + 1 >= client->argc) return error(client, "missing expire time");
        return read_deadline(client, place + 1, words[i].unit_ms, words[i].is_relative ? client->server->wall_ms : 0,
                             &options->deadline_ms);
    }
    return true;
}

static bool read_option_fields(struct client *client, int place, bool has_texts, struct options *options) {
    int     width = has_texts ? 2 : 1;
    int64_t number;
    if (options->first) return error(client, "FIELDS keyword can be specified only once");
    if (place + 2 >= client->argc) {
        reply_wrong_arguments(client);
        return false;
    }
    if (!number_parse_int(client->argv[place + 1], &number) || number < 1 || number > INT_MAX)
        return error(client, "invalid number of fields");
    if (number > (client->argc - place - 2) / width) {
        reply_wrong_arguments(client);
        return false;
    }
    options->first = place + 2;
    options->count = (int)number;
    return true;
}

static bool read_options(struct client *client, bool sets, struct options *options) {
    *options = (struct options){.deadline_ms = HASH_NEVER};
    for (int i = 2; i < client->argc; i++) {
        struct slice word = client->argv[i];
        bool         is_expiry = false, *flag = NULL;
        if (slice_is_nocase(word, "fields")) {
            if (!read_option_fields(client, i, sets, options)) return false;
            i = options->first + options->count * (sets ? 2 : 1) - 1;
            continue;
        }
        if (sets && (slice_is_nocase(word, "fnx") || slice_is_nocase(word, "fxx"))) {
            if (options->only_new || options->only_there)
                return error(client, "Only one of FXX or FNX arguments can be specified");
            *(slice_is_nocase(word, "fnx") ? &options->only_new : &options->only_there) = true;
            continue;
        }
        bool was_given = options->keeps || options->persists || options->deadline_ms != HASH_NEVER;
        if (sets ? slice_is_nocase(word, "keepttl") : slice_is_nocase(word, "persist"))
            flag = sets ? &options->keeps : &options->persists;
        else if (!read_expiry(client, i, options, &is_expiry))
            return false;
        if (!flag && !is_expiry) {
            reply_error(client, "ERR unknown argument: %.*s", (int)MIN(word.size, (size_t)128), word.data);
            return false;
        }
        if (was_given)
            return error(client, sets ? "Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified"
                                      : "Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified");
        if (flag) *flag = true;
        i += is_expiry;
    }
    return options->first ? true : error(client, "missing FIELDS argument");
}

void hgetex_command(struct client *client) {
    struct hash_edit edit;
    struct options   options;
    struct hash_item item;
    struct outcome   outcome = {0};
    if (!read_options(client, false, &options) || !hash_edit_open(client, &edit)) return;
    reply_texts(client, &edit, options.first, options.count);
    if (!edit.spot.record || (!options.persists && options.deadline_ms == HASH_NEVER)) return;
    outcome.done = mem_zalloc((size_t)options.count);
    for (int i = 0; i < options.count; i++) {
        struct slice field = client->argv[options.first + i];
        if (!hash_edit_find(&edit, field, &item)) continue;
        if (!options.persists)
            set_deadline(&edit, field, options.deadline_ms);
        else if (item.deadline_ms != HASH_NEVER)
            hash_value_set_deadline(&edit.hash, field, HASH_NEVER);
        else
            continue;
        outcome.done[i] = true;
        outcome.changed++;
    }
    conclude(client, &edit, &outcome, options.deadline_ms, options.first, options.count);
    mem_free(outcome.done);
}

/* FNX: none of the fields is there; FXX: all are. */
static bool may_set(struct client *client, const struct hash_edit *edit, const struct options *options) {
    struct hash_item item;
    if (!options->only_new && !options->only_there) return true;
    for (int i = 0; i < options->count; i++)
        if (hash_edit_find(edit, client->argv[options->first + 2 * i], &item) != options->only_there) return false;
    return true;
}

static void propagate_hsetex(struct client *client, const struct options *options, bool is_past) {
    struct rewriting rewriting;
    start_rewriting(&rewriting, client);
    add_word(&rewriting, is_past ? SLICE("HDEL") : SLICE("HSETEX"));
    add_word(&rewriting, client->argv[1]);
    if (!is_past) {
        if (options->keeps) add_word(&rewriting, SLICE("KEEPTTL"));
        if (options->deadline_ms != HASH_NEVER) {
            add_word(&rewriting, SLICE("PXAT"));
            add_number(&rewriting, rewriting.number, options->deadline_ms);
        }
        add_word(&rewriting, SLICE("FIELDS"));
        add_number(&rewriting, rewriting.fields, options->count);
    }
    for (int i = 0; i < 2 * options->count; i += is_past ? 2 : 1) add_word(&rewriting, client->argv[options->first + i]);
    end_rewriting(&rewriting, client);
}

void hsetex_command(struct client *client) {
    struct hash_edit edit;
    struct options   options;
    if (!read_options(client, true, &options) || !hash_edit_open(client, &edit)) return;
    if (!may_set(client, &edit, &options)) {
        reply_int(client, 0);
        return;
    }
    bool is_past = options.deadline_ms != HASH_NEVER && options.deadline_ms <= edit.rules.now_ms;
    hash_edit_begin(&edit);
    for (int i = 0; i < options.count; i++) {
        struct slice field = client->argv[options.first + 2 * i];
        (void)hash_value_put(&edit.hash, &edit.rules, field, client->argv[options.first + 2 * i + 1],
                             options.keeps ? HASH_KEEP_TTL : is_past ? HASH_NEVER : options.deadline_ms);
    }
    for (int i = 0; is_past && i < options.count; i++)
        (void)hash_value_remove(&edit.hash, edit.rules.now_ms, client->argv[options.first + 2 * i]);
    hash_edit_store(client, &edit);
    hash_changed(client, "hset", (uint64_t)options.count);
    if (options.deadline_ms != HASH_NEVER) hash_changed(client, is_past ? "hdel" : "hexpire", 0);
    if (is_past) hash_edit_drop_empty(client, &edit);
    propagate_hsetex(client, &options, is_past);
    reply_int(client, 1);
}
