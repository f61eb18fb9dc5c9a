#include "store/commands/zset_commands.h"
#include "base/glob.h"
#include "base/mem.h"
#include "base/table.h"
#include "core/client/reply.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/commands/zset_key.h"

#include <math.h>

#define COMMAND COMMAND_ROW
const struct command zset_commands[] = {
#include "store/commands/zset.def"
};
#undef COMMAND
const size_t zset_command_count = COUNT_OF(zset_commands);

/* ---- adding ---- */

struct outcome {
    size_t added, updated;
    bool   was_done; /* the last one: not hindered by a flag */
    double score;    /* the last one's */
};

/* False: the sum would be no number. */
static bool add_one(struct value *zset, const struct zset_rules *rules, unsigned flags, struct slice member, double score,
                    struct outcome *outcome) {
    struct zset_spot spot;
    double           old;
    outcome->was_done = false;
    if (!zset_value_find(zset, member, &spot, &old)) {
        if (flags & ZSET_ADD_XX) return true;
        zset_value_add(zset, rules, member, score, &spot);
        outcome->added++;
    } else {
        if (flags & ZSET_ADD_NX) return true;
        if (flags & ZSET_ADD_INCR) score += old;
        if (isnan(score)) return false;
        if (((flags & ZSET_ADD_LT) && score >= old) || ((flags & ZSET_ADD_GT) && score <= old)) return true;
        if (score < old || score > old) {
            zset_value_change(zset, member, score, &spot);
            outcome->updated++;
        }
    }
    outcome->was_done = true;
    outcome->score = score;
    return true;
}

/* False: an error was replied. */
static bool add_all(struct client *client, struct zset_key *key, const struct zset_addition *addition, struct outcome *outcome) {
    struct zset_rules   rules = zset_key_rules(client);
    const struct slice *member = &client->argv[addition->first_member];
    if (!key->spot.record) {
        if (addition->flags & ZSET_ADD_XX) return true;
        key->zset = zset_value_new(&rules, 0, member->size);
    }
    for (int i = 0; i < addition->count; i++, member += addition->stride) {
        if (add_one(&key->zset, &rules, addition->flags, *member, addition->scores[i], outcome)) continue;
        reply_error(client, "ERR resulting score is not a number (NaN)");
        return false; /* it was the only one */
    }
    if (outcome->added + outcome->updated)
        zset_key_close(client, key, addition->flags & ZSET_ADD_INCR ? "zincr" : "zadd", outcome->added + outcome->updated);
    return true;
}

bool zset_commands_add(struct client *client, const struct zset_addition *addition) {
    struct zset_key key;
    struct outcome  outcome = {0};
    if (!zset_key_open(client, client->argv[1], &key) || !add_all(client, &key, addition, &outcome)) return false;
    size_t changes = outcome.added + outcome.updated;
    if (!(addition->flags & ZSET_ADD_INCR))
        reply_int(client, (int64_t)(addition->flags & ZSET_ADD_CH ? changes : outcome.added));
    else if (outcome.was_done)
        zset_reply_score(client, outcome.score);
    else
        reply_null(client);
    return changes > 0;
}

/* Adds to the flags those before the first score, which is at `*first` then. */
static bool read_flags(struct client *client, int *first, unsigned *flags) {
    static const char *const names[] = {"nx", "xx", "gt", "lt", "ch", "incr"}; /* in the order of the bits */
    for (*first = 2; *first < client->argc; ++*first) {
        unsigned i = 0;
        while (i < COUNT_OF(names) && !slice_is_nocase(client->argv[*first], names[i])) i++;
        if (i == COUNT_OF(names)) break;
        *flags |= 1u << i;
    }
    int      left = client->argc - *first;
    unsigned excluding = *flags & (ZSET_ADD_NX | ZSET_ADD_GT | ZSET_ADD_LT);
    if (left == 0 || left % 2) {
        reply_syntax_error(client);
    } else if ((*flags & ZSET_ADD_NX) && (*flags & ZSET_ADD_XX)) {
        reply_error(client, "ERR XX and NX options at the same time are not compatible");
    } else if (excluding & (excluding - 1)) {
        reply_error(client, "ERR GT, LT, and/or NX options at the same time are not compatible");
    } else if ((*flags & ZSET_ADD_INCR) && left > 2) {
        reply_error(client, "ERR INCR option supports a single increment-element pair");
    } else {
        return true;
    }
    return false;
}

static void add(struct client *client, unsigned flags) {
    enum { FEW = 16 };
    double few[FEW], *scores = few;
    int    first, i = 0;
    if (!read_flags(client, &first, &flags)) return;
    int pairs = (client->argc - first) / 2;
    if (pairs > FEW) scores = mem_alloc((size_t)pairs * sizeof *scores);
    while (i < pairs && argument_double(client, first + 2 * i, &scores[i], NULL)) i++;
    if (i == pairs)
        zset_commands_add(client, &(struct zset_addition){flags, .first_member = first + 1, .stride = 2, .count = pairs,
                                                          .scores = scores});
    if (scores != few) mem_free(scores);
}

void zadd_command(struct client *client) {
    add(client, 0);
}

void zincrby_command(struct client *client) {
    add(client, ZSET_ADD_INCR);
}

void zrem_command(struct client *client) {
    struct zset_key key;
    size_t          removed = 0;
    if (!zset_key_open(client, client->argv[1], &key)) return;
    if (key.spot.record)
        for (int i = 2; i < client->argc; i++) removed += zset_value_remove(&key.zset, client->argv[i]);
    if (removed) zset_key_close(client, &key, "zrem", removed);
    reply_int(client, (int64_t)removed);
}

/* ---- looking ---- */

void zcard_command(struct client *client) {
    struct value zset;
    if (zset_key_read(client, client->argv[1], &zset)) reply_int(client, zset.object ? (int64_t)zset_value_count(&zset) : 0);
}

static void reply_score_of(struct client *client, const struct value *zset, struct slice member) {
    double score;
    if (zset->object && zset_value_score(zset, member, &score))
        zset_reply_score(client, score);
    else
        reply_null(client);
}

void zscore_command(struct client *client) {
    struct value zset;
    if (zset_key_read(client, client->argv[1], &zset)) reply_score_of(client, &zset, client->argv[2]);
}

void zmscore_command(struct client *client) {
    struct value zset;
    if (!zset_key_read(client, client->argv[1], &zset)) return;
    reply_array(client, (size_t)client->argc - 2);
    for (int i = 2; i < client->argc; i++) reply_score_of(client, &zset, client->argv[i]);
}

static void reply_rank(struct client *client, bool is_backwards) {
    struct value zset;
    bool         with_score = client->argc == 4;
    if (client->argc > 4 || (with_score && !slice_is_nocase(client->argv[3], "withscore"))) {
        reply_syntax_error(client);
        return;
    }
    if (!zset_key_read(client, client->argv[1], &zset)) return;
    struct zset_bound bound = {ZSET_BEFORE_MEMBER, 0, client->argv[2]};
    if (!zset.object || !zset_value_score(&zset, bound.text, &bound.score)) {
        if (with_score)
            reply_null_array(client);
        else
            reply_null(client);
        return;
    }
    size_t rank = zset_value_rank(&zset, &bound);
    if (is_backwards) rank = zset_value_count(&zset) - 1 - rank;
    if (with_score) reply_array(client, 2);
    reply_int(client, (int64_t)rank);
    if (with_score) zset_reply_score(client, bound.score);
}

void zrank_command(struct client *client) {
    reply_rank(client, false);
}

void zrevrank_command(struct client *client) {
    reply_rank(client, true);
}

/* ---- walking ---- */

struct scan {
    struct client *client;
    struct slice   pattern;
    size_t         seen, found;
};

static void reply_scanned(void *context, struct slice member, struct slice score) {
    struct scan *scan = context;
    scan->seen++;
    if (scan->pattern.data && !glob_match(scan->pattern, member)) return;
    scan->found++;
    reply_bulk(scan->client, member);
    reply_bulk(scan->client, score);
}

/* The cursor stands before the members, so the walk is made twice: first to see where it ends. */
static void count_scanned(void *context, struct slice member, struct slice score) {
    ((struct scan *)context)->seen++;
}

static uint64_t scan_some(const struct value *zset, uint64_t cursor, int64_t count, zset_each *each, struct scan *scan) {
    uint64_t buckets = 0, most = (uint64_t)count > UINT64_MAX / 10 ? UINT64_MAX : (uint64_t)count * 10;
    scan->seen = 0;
    while (zset_value_scan(zset, &cursor, each, scan))
        if (++buckets >= most || scan->seen >= (uint64_t)count) break;
    return cursor;
}

void zscan_command(struct client *client) {
    struct value        zset;
    struct scan_options options;
    uint64_t            cursor;
    if (!argument_cursor(client, 2, &cursor) || !zset_key_read(client, client->argv[1], &zset)) return;
    if (!zset.object) {
        reply_array(client, 2);
        reply_bulk(client, SLICE("0"));
        reply_empty_array(client);
        return;
    }
    if (!argument_scan_options(client, 3, false, &options)) return;
    struct scan scan = {.client = client, .pattern = options.pattern};
    reply_array(client, 2);
    reply_bulk_printf(client, "%llu", (unsigned long long)scan_some(&zset, cursor, options.count, count_scanned, &scan));
    struct output_hole hole = reply_later(client);
    scan_some(&zset, cursor, options.count, reply_scanned, &scan);
    reply_array_here(client, hole, 2 * scan.found);
}

/* ---- at random ---- */

static void reply_random(struct client *client, const struct value *zset, bool with_scores) {
    struct zset_walk walk;
    struct zset_item item;
    size_t           rank = random_below(&session_of(client)->databases->random, zset_value_count(zset));
    zset_walk_start(&walk, zset, rank, 1, false);
    CHECK(zset_walk_next(&walk, &item));
    zset_reply_item(client, item.member, item.score, with_scores);
}

/* Each of those that are left is taken with the chance that makes `wanted` of them come out. */
static void reply_sample(struct client *client, const struct value *zset, size_t wanted, bool with_scores) {
    struct zset_walk walk;
    struct zset_item item;
    size_t           left = zset_value_count(zset);
    zset_walk_start(&walk, zset, 0, left, false);
    for (; wanted && zset_walk_next(&walk, &item); left--) {
        if (random_below(&session_of(client)->databases->random, left) >= wanted) continue;
        wanted--;
        zset_reply_item(client, item.member, item.score, with_scores);
    }
}

/* Few of many: ranks are drawn until they differ. */
static void reply_few(struct client *client, const struct value *zset, size_t wanted, bool with_scores) {
    size_t        total = zset_value_count(zset);
    struct table *drawn = table_new();
    while (wanted) {
        size_t           rank = random_below(&session_of(client)->databases->random, total);
        struct zset_walk walk;
        struct zset_item item;
        if (table_set(drawn, slice_make(&rank, sizeof rank), drawn)) continue;
        zset_walk_start(&walk, zset, rank, 1, false);
        CHECK(zset_walk_next(&walk, &item));
        zset_reply_item(client, item.member, item.score, with_scores);
        wanted--;
    }
    table_free(&drawn, NULL);
}

static void reply_some(struct client *client, const struct value *zset, int64_t count, bool with_scores) {
    if (!zset->object || count == 0) {
        reply_empty_array(client);
    } else if (count < 0) {
        zset_reply_head(client, (size_t)-count, with_scores);
        for (; count < 0; count++) reply_random(client, zset, with_scores);
    } else {
        size_t total = zset_value_count(zset), wanted = MIN((size_t)count, total);
        zset_reply_head(client, wanted, with_scores);
        if (wanted > total / 8 || total < 100)
            reply_sample(client, zset, wanted, with_scores);
        else
            reply_few(client, zset, wanted, with_scores);
    }
}

void zrandmember_command(struct client *client) {
    struct value zset;
    int64_t      count = 0;
    if (client->argc > 2 && !argument_int_within(client, 2, -INT64_MAX, INT64_MAX, &count, NULL)) return;
    bool with_scores = client->argc == 4 && slice_is_nocase(client->argv[3], "withscores");
    if (client->argc > 3 && !with_scores) {
        reply_syntax_error(client);
    } else if (with_scores && (count < -INT64_MAX / 2 || count > INT64_MAX / 2)) {
        reply_error(client, "ERR value is out of range");
    } else if (zset_key_read(client, client->argv[1], &zset)) {
        if (client->argc > 2)
            reply_some(client, &zset, count, with_scores);
        else if (zset.object)
            reply_random(client, &zset, false);
        else
            reply_null(client);
    }
}
