#include "base/mem.h"
#include "core/client/reply.h"
#include "core/command/command.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/commands/zset_commands.h"
#include "store/commands/zset_key.h"
#include "store/types/set_value.h"

#include <math.h>
#include <stdlib.h>

enum operation { UNION, INTERSECTION, DIFFERENCE };
enum aggregate { SUM, LEAST, GREATEST };

struct source { /* a sorted set, or a set, whose members have the score 1 */
    struct value value; /* without an object: the key is absent */
    double       weight;
};

struct combination {
    struct client      *client;
    enum operation      operation;
    enum aggregate      aggregate;
    const struct slice *into; /* NULL: replied */
    bool                with_scores, is_counted; /* is_counted: only how many */
    int64_t             limit; /* of what is counted; 0: none */
    struct source      *sources;
    size_t              count;
    struct zset_rules   rules;
    struct value        result;
    int64_t             found;
    double              weight; /* of the source that is being walked */
};

/* ---- sources ---- */

static bool is_zset(const struct source *source) {
    return source->value.type == VALUE_ZSET;
}

static size_t size_of(const struct source *source) {
    if (!source->value.object) return 0;
    return is_zset(source) ? zset_value_count(&source->value) : set_value_count(&source->value);
}

static int by_size(const void *a, const void *b) {
    size_t one = size_of(a), other = size_of(b);
    return one < other ? -1 : one > other;
}

static bool find(const struct source *source, struct slice member, double *score) {
    if (!source->value.object) return false;
    if (is_zset(source)) return zset_value_score(&source->value, member, score);
    *score = 1;
    return set_value_has(&source->value, member);
}

typedef bool visitor(struct combination *all, struct slice member, double score); /* a function; false: enough */

struct visiting {
    struct combination *all;
    visitor            *visit;
};

static bool visit_member(void *context, struct slice member) {
    const struct visiting *visiting = context;
    return visiting->visit(visiting->all, member, 1);
}

static void each(struct combination *all, const struct source *source, visitor *visit) {
    struct zset_walk walk;
    struct zset_item item;
    all->weight = source->weight;
    if (!source->value.object) return;
    if (!is_zset(source)) {
        set_value_each(&source->value, visit_member, &(struct visiting){all, visit});
        return;
    }
    zset_walk_start(&walk, &source->value, 0, SIZE_MAX, false);
    while (zset_walk_next(&walk, &item))
        if (!visit(all, item.member, item.score)) return;
}

/* ---- combining ---- */

/* Infinities of both signs, or one times zero, make 0. */
static double weighted(double score, double weight) {
    double product = score * weight;
    return isnan(product) ? 0 : product;
}

static double merge(enum aggregate aggregate, double score, double other) {
    switch (aggregate) {
    case SUM: score += other; return isnan(score) ? 0 : score;
    case LEAST: return other < score ? other : score;
    case GREATEST: return other > score ? other : score;
    }
    UNREACHABLE("unknown aggregate");
}

static bool unite(struct combination *all, struct slice member, double score) {
    struct zset_spot spot;
    double           old;
    score = weighted(score, all->weight);
    if (!zset_value_find(&all->result, member, &spot, &old)) {
        zset_value_add(&all->result, &all->rules, member, score, &spot);
        return true;
    }
    zset_value_change(&all->result, member, merge(all->aggregate, old, score), &spot);
    return true;
}

static bool intersect(struct combination *all, struct slice member, double score) {
    score = weighted(score, all->weight);
    for (size_t i = 1; i < all->count; i++) {
        double other;
        if (!find(&all->sources[i], member, &other)) return true;
        score = merge(all->aggregate, score, other * all->sources[i].weight);
    }
    all->found++;
    if (!all->is_counted) zset_value_set(&all->result, &all->rules, member, score);
    return all->limit == 0 || all->found < all->limit;
}

static bool subtract(struct combination *all, struct slice member, double score) {
    double unused;
    for (size_t i = 1; i < all->count; i++)
        if (find(&all->sources[i], member, &unused)) return true;
    zset_value_set(&all->result, &all->rules, member, score);
    return true;
}

static void combine(struct combination *all) {
    all->result = zset_value_new(&all->rules, SIZE_MAX, 0); /* packed only when it is stored */
    if (all->operation != DIFFERENCE) qsort(all->sources, all->count, sizeof *all->sources, by_size);
    switch (all->operation) {
    case UNION:
        for (size_t i = 0; i < all->count; i++) each(all, &all->sources[i], unite);
        break;
    case INTERSECTION: each(all, &all->sources[0], intersect); break;
    case DIFFERENCE: each(all, &all->sources[0], subtract); break;
    }
}

/* ---- arguments ---- */

static bool read_sources(struct combination *all, int first) {
    struct client *client = all->client;
    for (size_t i = 0; i < all->count; i++) {
        const struct record *record = keyspace_read(session_keyspace(client), client->argv[(size_t)first + i]);
        all->sources[i].weight = 1;
        all->sources[i].value.object = NULL;
        if (!record) continue;
        if (record_type(record) != VALUE_ZSET && record_type(record) != VALUE_SET) {
            reply_wrong_type(client);
            return false;
        }
        all->sources[i].value = record_value(record);
    }
    return true;
}

static bool read_aggregate(struct client *client, int place, enum aggregate *aggregate) {
    static const char *const names[] = {[SUM] = "sum", [LEAST] = "min", [GREATEST] = "max"};
    for (unsigned i = 0; i < COUNT_OF(names); i++) {
        if (!slice_is_nocase(client->argv[place], names[i])) continue;
        *aggregate = (enum aggregate)i;
        return true;
    }
    reply_syntax_error(client);
    return false;
}

/* Moves `*place` to the next option. */
static bool read_option(struct combination *all, int *place) {
    struct client *client = all->client;
    struct slice   word = client->argv[*place];
    size_t         left = (size_t)(client->argc - *place) - 1;
    bool           has_weights = all->operation != DIFFERENCE && !all->is_counted;
    ++*place;
    if (has_weights && left >= all->count && slice_is_nocase(word, "weights")) {
        for (size_t i = 0; i < all->count; i++)
            if (!argument_double(client, (*place)++, &all->sources[i].weight, "ERR weight value is not a float")) return false;
        return true;
    }
    if (has_weights && left && slice_is_nocase(word, "aggregate")) return read_aggregate(client, (*place)++, &all->aggregate);
    if (all->is_counted && left && slice_is_nocase(word, "limit"))
        return argument_int_within(client, (*place)++, 0, INT64_MAX, &all->limit, "ERR LIMIT can't be negative");
    all->with_scores = !all->into && !all->is_counted && slice_is_nocase(word, "withscores");
    if (!all->with_scores) reply_syntax_error(client);
    return all->with_scores;
}

/* ---- replying ---- */

static void reply_result(struct combination *all) {
    struct zset_walk walk;
    struct zset_item item;
    zset_reply_head(all->client, zset_value_count(&all->result), all->with_scores);
    zset_walk_start(&walk, &all->result, 0, SIZE_MAX, false);
    while (zset_walk_next(&walk, &item)) zset_reply_item(all->client, item.member, item.score, all->with_scores);
}

static void finish(struct combination *all) {
    static const char *const events[] = {
        [UNION] = "zunionstore", [INTERSECTION] = "zinterstore", [DIFFERENCE] = "zdiffstore"};
    if (all->into) {
        int64_t count = (int64_t)zset_value_count(&all->result);
        zset_value_pack(&all->result, &all->rules);
        zset_key_store(all->client, *all->into, &all->result, events[all->operation]);
        reply_int(all->client, count);
        return;
    }
    if (all->is_counted)
        reply_int(all->client, all->found);
    else
        reply_result(all);
    zset_value_free(&all->result);
}

/* `place`: of the number of keys. */
static void run(struct client *client, int place, struct combination all) {
    int64_t keys;
    all.client = client;
    all.rules = zset_key_rules(client);
    if (!argument_int(client, place, &keys)) return;
    if (keys < 1) {
        reply_error(client, "ERR at least 1 input key is needed for '%s' command", client->entry->name);
        return;
    }
    if (keys > client->argc - place - 1) {
        reply_syntax_error(client);
        return;
    }
    all.count = (size_t)keys;
    all.sources = mem_alloc(all.count * sizeof *all.sources);
    bool is_good = read_sources(&all, place + 1);
    for (int i = place + 1 + (int)keys; is_good && i < client->argc;) is_good = read_option(&all, &i);
    if (is_good) {
        combine(&all);
        finish(&all);
    }
    mem_free(all.sources);
}

void zunion_command(struct client *client) {
    run(client, 1, (struct combination){.operation = UNION});
}

void zunionstore_command(struct client *client) {
    run(client, 2, (struct combination){.operation = UNION, .into = &client->argv[1]});
}

void zinter_command(struct client *client) {
    run(client, 1, (struct combination){.operation = INTERSECTION});
}

void zinterstore_command(struct client *client) {
    run(client, 2, (struct combination){.operation = INTERSECTION, .into = &client->argv[1]});
}

void zintercard_command(struct client *client) {
    run(client, 1, (struct combination){.operation = INTERSECTION, .is_counted = true});
}

void zdiff_command(struct client *client) {
    run(client, 1, (struct combination){.operation = DIFFERENCE});
}

void zdiffstore_command(struct client *client) {
    run(client, 2, (struct combination){.operation = DIFFERENCE, .into = &client->argv[1]});
}
