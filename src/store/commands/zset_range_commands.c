#include "core/client/reply.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/commands/zset_commands.h"
#include "store/commands/zset_key.h"
#include "store/types/score.h"

enum range_kind { RANGE_OPEN, RANGE_RANK, RANGE_SCORE, RANGE_TEXT };

/* What is asked for: the ends as the arguments give them, then as ranks. */
struct range {
    enum range_kind   kind;
    int64_t           start, stop; /* RANGE_RANK: negative from the end */
    struct zset_bound low, high;   /* the others: what lies before `high` but not before `low` */
};

/* ---- the ends ---- */

static bool parse_score(struct slice text, bool is_high, struct zset_bound *bound) {
    bool is_exclusive;
    if (!score_parse_bound(text, &bound->score, &is_exclusive)) return false;
    bound->cut = is_exclusive == is_high ? ZSET_BEFORE_SCORE : ZSET_AFTER_SCORE;
    return true;
}

static bool parse_text(struct slice text, bool is_high, struct zset_bound *bound) {
    char first = text.size ? text.data[0] : 0;
    if (first == '(' || first == '[') {
        bound->cut = (first == '(') == is_high ? ZSET_BEFORE_TEXT : ZSET_AFTER_TEXT;
        bound->text = slice_make(text.data + 1, text.size - 1);
        return true;
    }
    bound->cut = first == '-' ? ZSET_AT_BEGIN : ZSET_AT_END;
    return (first == '-' || first == '+') && text.size == 1;
}

/* Reads the ends from arguments `low` and `high`. */
static bool read_ends(struct client *client, int low, int high, struct range *range) {
    const struct slice *argv = client->argv;
    switch (range->kind) {
    case RANGE_OPEN:
    case RANGE_RANK: return argument_int(client, low, &range->start) && argument_int(client, high, &range->stop);
    case RANGE_SCORE:
        if (parse_score(argv[low], false, &range->low) && parse_score(argv[high], true, &range->high)) return true;
        reply_error(client, "ERR min or max is not a float");
        return false;
    case RANGE_TEXT:
        if (parse_text(argv[low], false, &range->low) && parse_text(argv[high], true, &range->high)) return true;
        reply_error(client, "ERR min or max not valid string range item");
        return false;
    }
    UNREACHABLE("unknown kind of range");
}

/* The ranks [*first, *first + count) that the range means. Returns count. */
static size_t find_range(const struct value *zset, const struct range *range, size_t *first) {
    size_t total = zset_value_count(zset);
    if (range->kind == RANGE_RANK) {
        int64_t all = (int64_t)total, start = range->start, stop = range->stop;
        if (start < 0) start = MAX(start + all, 0);
        if (stop < 0) stop += all;
        stop = MIN(stop, all - 1);
        *first = (size_t)start;
        return start <= stop ? (size_t)(stop - start + 1) : 0;
    }
    *first = zset_value_rank(zset, &range->low);
    size_t end = zset_value_rank(zset, &range->high);
    return end > *first ? end - *first : 0;
}

/* ---- counting and removing ---- */

static void count_range(struct client *client, enum range_kind kind) {
    struct range range = {.kind = kind};
    struct value zset;
    size_t       first;
    if (!read_ends(client, 2, 3, &range) || !zset_key_read(client, client->argv[1], &zset)) return;
    reply_int(client, zset.object ? (int64_t)find_range(&zset, &range, &first) : 0);
}

void zcount_command(struct client *client) {
    count_range(client, RANGE_SCORE);
}

void zlexcount_command(struct client *client) {
    count_range(client, RANGE_TEXT);
}

static void remove_range(struct client *client, enum range_kind kind, const char *event) {
    struct range    range = {.kind = kind};
    struct zset_key key;
    size_t          first, count = 0;
    if (!read_ends(client, 2, 3, &range) || !zset_key_open(client, client->argv[1], &key)) return;
    if (key.spot.record) count = find_range(&key.zset, &range, &first);
    if (count && count == zset_value_count(&key.zset)) {
        /* All of it: freed as a whole, on another thread where it is large. */
        struct keyspace *keyspace = session_keyspace(client);
        keyspace_changed(keyspace, key.name, KEYSPACE_ZSET, event);
        keyspace_remove(keyspace, &key.spot);
        keyspace_changed(keyspace, key.name, KEYSPACE_GENERIC, "del");
        client->server->dirty += count;
    } else if (count) {
        zset_value_remove_range(&key.zset, first, count);
        zset_key_close(client, &key, event, count);
    }
    reply_int(client, (int64_t)count);
}

void zremrangebyrank_command(struct client *client) {
    remove_range(client, RANGE_RANK, "zremrangebyrank");
}

void zremrangebyscore_command(struct client *client) {
    remove_range(client, RANGE_SCORE, "zremrangebyscore");
}

void zremrangebylex_command(struct client *client) {
    remove_range(client, RANGE_TEXT, "zremrangebylex");
}

/* ---- ZRANGE and its many names ---- */

enum direction { DIRECTION_OPEN, FORWARDS, BACKWARDS };

struct request {
    const struct slice *into; /* NULL: replied */
    int                 key;  /* argument */
    struct range        range;
    enum direction      direction;
    bool                with_scores;
    int64_t             offset, limit; /* limit < 0: none */
};

static bool read_option(struct client *client, int *place, struct request *request) {
    struct slice word = client->argv[*place];
    if (!request->into && slice_is_nocase(word, "withscores")) {
        request->with_scores = true;
    } else if (slice_is_nocase(word, "limit") && *place + 2 < client->argc) {
        if (!argument_int(client, *place + 1, &request->offset) || !argument_int(client, *place + 2, &request->limit)) return false;
        *place += 2;
    } else if (request->direction == DIRECTION_OPEN && slice_is_nocase(word, "rev")) {
        request->direction = BACKWARDS;
    } else if (request->range.kind == RANGE_OPEN && slice_is_nocase(word, "bylex")) {
        request->range.kind = RANGE_TEXT;
    } else if (request->range.kind == RANGE_OPEN && slice_is_nocase(word, "byscore")) {
        request->range.kind = RANGE_SCORE;
    } else {
        reply_syntax_error(client);
        return false;
    }
    return true;
}

static bool read_request(struct client *client, struct request *request) {
    request->limit = -1;
    for (int i = request->key + 3; i < client->argc; i++)
        if (!read_option(client, &i, request)) return false;
    struct range *range = &request->range;
    if (range->kind == RANGE_OPEN) range->kind = RANGE_RANK;
    if (request->limit != -1 && range->kind == RANGE_RANK) {
        reply_error(client, "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
        return false;
    }
    if (request->with_scores && range->kind == RANGE_TEXT) {
        reply_error(client, "ERR syntax error, WITHSCORES not supported in combination with BYLEX");
        return false;
    }
    /* Backwards, scores and texts are given from the higher end on. */
    bool is_swapped = request->direction == BACKWARDS && range->kind != RANGE_RANK;
    return read_ends(client, request->key + (is_swapped ? 2 : 1), request->key + (is_swapped ? 1 : 2), range);
}

/* A walk over what is wanted; returns how many that is. */
static size_t start_walk(const struct value *zset, const struct request *request, struct zset_walk *walk) {
    size_t first, count = find_range(zset, &request->range, &first), total = zset_value_count(zset);
    bool   is_backwards = request->direction == BACKWARDS;
    if (request->range.kind == RANGE_RANK) {
        if (is_backwards) first = total - first - count; /* ranks were counted from the other end */
    } else {
        size_t offset = request->offset < 0 ? count : MIN((size_t)request->offset, count);
        count -= offset;
        if (!is_backwards) first += offset;
        if (request->limit >= 0 && (size_t)request->limit < count) {
            if (is_backwards) first += count - (size_t)request->limit;
            count = (size_t)request->limit;
        }
    }
    zset_walk_start(walk, zset, is_backwards ? first + count - 1 : first, count, is_backwards);
    return count;
}

static void reply_range(struct client *client, const struct value *zset, const struct request *request) {
    struct zset_walk walk;
    struct zset_item item;
    zset_reply_head(client, start_walk(zset, request, &walk), request->with_scores);
    while (zset_walk_next(&walk, &item)) zset_reply_item(client, item.member, item.score, request->with_scores);
}

static void store_range(struct client *client, const struct value *zset, const struct request *request) {
    struct zset_rules rules = zset_key_rules(client);
    struct zset_walk  walk;
    struct zset_item  item;
    size_t            count = zset->object ? start_walk(zset, request, &walk) : 0;
    struct value      made = zset_value_new(&rules, request->range.kind == RANGE_RANK ? count : 0, 0);
    if (count)
        while (zset_walk_next(&walk, &item)) zset_value_set(&made, &rules, item.member, item.score);
    zset_key_store(client, *request->into, &made, "zrangestore");
    reply_int(client, (int64_t)count);
}

static void range(struct client *client, struct request request) {
    struct value zset;
    if (!read_request(client, &request) || !zset_key_read(client, client->argv[request.key], &zset)) return;
    if (request.into)
        store_range(client, &zset, &request);
    else if (zset.object)
        reply_range(client, &zset, &request);
    else
        reply_empty_array(client);
}

void zrange_command(struct client *client) {
    range(client, (struct request){.key = 1});
}

void zrangestore_command(struct client *client) {
    range(client, (struct request){.key = 2, .into = &client->argv[1]});
}

void zrevrange_command(struct client *client) {
    range(client, (struct request){.key = 1, .range.kind = RANGE_RANK, .direction = BACKWARDS});
}

void zrangebyscore_command(struct client *client) {
    range(client, (struct request){.key = 1, .range.kind = RANGE_SCORE, .direction = FORWARDS});
}

void zrevrangebyscore_command(struct client *client) {
    range(client, (struct request){.key = 1, .range.kind = RANGE_SCORE, .direction = BACKWARDS});
}

void zrangebylex_command(struct client *client) {
    range(client, (struct request){.key = 1, .range.kind = RANGE_TEXT, .direction = FORWARDS});
}

void zrevrangebylex_command(struct client *client) {
    range(client, (struct request){.key = 1, .range.kind = RANGE_TEXT, .direction = BACKWARDS});
}
