#include "base/mem.h"
#include "core/client/reply.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/commands/geo_commands.h"
#include "store/commands/zset_key.h"
#include "store/types/geohash.h"

#include <stdlib.h>

enum search_kind { AROUND_PLACE, AROUND_MEMBER, SEARCH }; /* GEORADIUS, GEORADIUSBYMEMBER, GEOSEARCH, and their variants */
enum search_order { ANY_ORDER, NEAREST_FIRST, FARTHEST_FIRST };

struct found {
    struct slice     member; /* in struct search's texts when the set lends it only for a moment */
    size_t           text_offset;
    double           score, distance_m;
    struct geo_point point;
};

struct search {
    struct client      *client;
    enum search_kind    kind;
    bool                may_store; /* STORE and STOREDIST are known */
    const struct slice *into;      /* NULL: replied */
    bool                store_distance;
    struct value        zset; /* no object: absent */
    struct geo_shape    shape;
    bool                has_center, center_is_member, has_shape;
    bool                with_distance, with_hash, with_point, any;
    enum search_order   order;
    int64_t             count; /* 0: all */
    struct found       *found;
    size_t              found_count, found_capacity;
    struct bytes        texts;
};

/* ---- arguments ---- */

/* A radius and its unit. */
static bool read_circle(struct search *search, int place) {
    struct client *client = search->client;
    search->shape.is_box = false;
    search->has_shape = true;
    if (!argument_double(client, place, &search->shape.radius, "ERR need numeric radius")) return false;
    if (search->shape.radius < 0) {
        reply_error(client, "ERR radius cannot be negative");
        return false;
    }
    return geo_commands_unit(client, place + 1, &search->shape.unit_m);
}

static bool read_box(struct search *search, int place) {
    struct client *client = search->client;
    search->shape.is_box = true;
    search->has_shape = true;
    if (!argument_double(client, place, &search->shape.width, "ERR need numeric width") ||
        !argument_double(client, place + 1, &search->shape.height, "ERR need numeric height"))
        return false;
    if (search->shape.width < 0 || search->shape.height < 0) {
        reply_error(client, "ERR height or width cannot be negative");
        return false;
    }
    return geo_commands_unit(client, place + 2, &search->shape.unit_m);
}

/* The place of a member is the centre; where there is no set, the result will be empty. */
static bool center_on_member(struct search *search, int place) {
    double score;
    search->has_center = search->center_is_member = true;
    if (!search->zset.object) return true;
    if (!zset_value_score(&search->zset, search->client->argv[place], &score)) {
        reply_error(search->client, "ERR could not decode requested zset member");
        return false;
    }
    search->shape.center = geohash_decode(score);
    return true;
}

static bool center_on_place(struct search *search, int place) {
    search->has_center = true;
    return geo_commands_point(search->client, place, &search->shape.center);
}

/* Options of GEOSEARCH alone. `*known` is false where it is none. Moves `*place` over its values. */
static bool read_search_option(struct search *search, int *place, bool *known) {
    struct slice word = search->client->argv[*place];
    int          at = *place + 1, left = search->client->argc - at;
    *known = true;
    if (search->into && slice_is_nocase(word, "storedist")) {
        search->store_distance = true;
        return true;
    }
    if (slice_is_nocase(word, "frommember") && left >= 1 && !(search->has_center && !search->center_is_member)) {
        *place += 1;
        return center_on_member(search, at);
    }
    if (slice_is_nocase(word, "fromlonlat") && left >= 2 && !search->center_is_member) {
        *place += 2;
        return center_on_place(search, at);
    }
    if (slice_is_nocase(word, "byradius") && left >= 2 && !(search->has_shape && search->shape.is_box)) {
        *place += 2;
        return read_circle(search, at);
    }
    if (slice_is_nocase(word, "bybox") && left >= 3 && !(search->has_shape && !search->shape.is_box)) {
        *place += 3;
        return read_box(search, at);
    }
    *known = false;
    return true;
}

static bool read_count(struct search *search, int place) {
    if (!argument_int(search->client, place, &search->count)) return false;
    if (search->count > 0) return true;
    reply_error(search->client, "ERR COUNT must be > 0");
    return false;
}

static bool read_option(struct search *search, int *place) {
    struct client *client = search->client;
    struct slice   word = client->argv[*place];
    bool           has_value = *place + 1 < client->argc, known = false;
    if (slice_is_nocase(word, "withdist")) {
        search->with_distance = true;
    } else if (slice_is_nocase(word, "withhash")) {
        search->with_hash = true;
    } else if (slice_is_nocase(word, "withcoord")) {
        search->with_point = true;
    } else if (slice_is_nocase(word, "any")) {
        search->any = true;
    } else if (slice_is_nocase(word, "asc")) {
        search->order = NEAREST_FIRST;
    } else if (slice_is_nocase(word, "desc")) {
        search->order = FARTHEST_FIRST;
    } else if (has_value && slice_is_nocase(word, "count")) {
        return read_count(search, ++*place);
    } else if (has_value && search->may_store && (slice_is_nocase(word, "store") || slice_is_nocase(word, "storedist"))) {
        search->into = &client->argv[++*place];
        search->store_distance = word.size == 9;
    } else {
        if (search->kind == SEARCH && !read_search_option(search, place, &known)) return false;
        if (!known) reply_syntax_error(client);
        return known;
    }
    return true;
}

static bool options_agree(const struct search *search) {
    struct client *client = search->client;
    struct slice   name = client->argv[0];
    bool           is_search = search->kind == SEARCH;
    if (search->into && (search->with_distance || search->with_hash || search->with_point)) {
        reply_error(client, "ERR %s is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
                    is_search ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS");
    } else if (is_search && !search->has_center) {
        reply_error(client, "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for %.*s", (int)name.size, name.data);
    } else if (is_search && !search->has_shape) {
        reply_error(client, "ERR exactly one of BYRADIUS and BYBOX can be specified for %.*s", (int)name.size, name.data);
    } else if (search->any && !search->count) {
        reply_error(client, "ERR the ANY argument requires COUNT argument");
    } else {
        return true;
    }
    return false;
}

/* `key`: argument of the set. */
static bool read_arguments(struct search *search, int key) {
    int options = key + 1;
    if (!zset_key_read(search->client, search->client->argv[key], &search->zset)) return false;
    if (search->kind == AROUND_PLACE) {
        options = key + 5;
        if (!center_on_place(search, key + 1) || !read_circle(search, key + 3)) return false;
    } else if (search->kind == AROUND_MEMBER) {
        options = key + 4;
        if (search->zset.object && (!center_on_member(search, key + 1) || !read_circle(search, key + 2))) return false;
    }
    for (int i = options; i < search->client->argc; i++)
        if (!read_option(search, &i)) return false;
    return options_agree(search);
}

/* ---- finding ---- */

static void keep(struct search *search, const struct zset_item *item, struct geo_point point, double distance_m) {
    if (search->found_count == search->found_capacity) {
        search->found_capacity = MAX(2 * search->found_capacity, 16);
        search->found = mem_realloc(search->found, search->found_capacity * sizeof *search->found);
    }
    search->found[search->found_count++] =
        (struct found){slice_make(NULL, item->member.size), search->texts.size, item->score, distance_m, point};
    bytes_add_slice(&search->texts, item->member);
}

static bool is_enough(const struct search *search) {
    return search->any && search->found_count >= (size_t)search->count;
}

static void find_within(struct search *search, struct geo_range range) {
    struct zset_bound low = {ZSET_BEFORE_SCORE, range.low, {0}}, high = {ZSET_BEFORE_SCORE, range.high, {0}};
    size_t            first = zset_value_rank(&search->zset, &low), end = zset_value_rank(&search->zset, &high);
    struct zset_walk  walk;
    struct zset_item  item;
    if (end <= first) return;
    zset_walk_start(&walk, &search->zset, first, end - first, false);
    while (!is_enough(search) && zset_walk_next(&walk, &item)) {
        struct geo_point point = geohash_decode(item.score);
        double           distance_m;
        if (geohash_is_within(&search->shape, point, &distance_m)) keep(search, &item, point, distance_m);
    }
}

static int nearest_first(const void *a, const void *b) {
    double one = ((const struct found *)a)->distance_m, other = ((const struct found *)b)->distance_m;
    return one < other ? -1 : one > other;
}

static int farthest_first(const void *a, const void *b) {
    return nearest_first(b, a);
}

static void find(struct search *search) {
    struct geo_range ranges[GEO_RANGES_MAX];
    unsigned         count = geohash_cover(&search->shape, ranges);
    for (unsigned i = 0; i < count && !is_enough(search); i++) find_within(search, ranges[i]);
    for (size_t i = 0; i < search->found_count; i++)
        search->found[i].member.data = search->texts.data + search->found[i].text_offset;
    /* The first so many of no particular order would be of little use: the nearest are meant. */
    if (search->order == ANY_ORDER && search->count && !search->any) search->order = NEAREST_FIRST;
    if (search->order != ANY_ORDER && search->found_count)
        qsort(search->found, search->found_count, sizeof *search->found,
              search->order == NEAREST_FIRST ? nearest_first : farthest_first);
    if (search->count) search->found_count = MIN(search->found_count, (size_t)search->count);
}

/* ---- answering ---- */

static void reply_found(struct search *search) {
    struct client *client = search->client;
    size_t         extras = (size_t)search->with_distance + search->with_hash + search->with_point;
    reply_array(client, search->found_count);
    for (size_t i = 0; i < search->found_count; i++) {
        const struct found *found = &search->found[i];
        if (extras) reply_array(client, extras + 1);
        reply_bulk(client, found->member);
        if (search->with_distance) geo_commands_reply_distance(client, found->distance_m / search->shape.unit_m);
        if (search->with_hash) reply_int(client, (int64_t)found->score);
        if (search->with_point) geo_commands_reply_point(client, found->point);
    }
}

static void store_found(struct search *search) {
    struct client    *client = search->client;
    struct zset_rules rules = zset_key_rules(client);
    struct value      made = zset_value_new(&rules, SIZE_MAX, 0);
    for (size_t i = 0; i < search->found_count; i++) {
        const struct found *found = &search->found[i];
        double              score = search->store_distance ? found->distance_m / search->shape.unit_m : found->score;
        zset_value_set(&made, &rules, found->member, score);
    }
    zset_value_pack(&made, &rules);
    zset_key_store(client, *search->into, &made, search->kind == SEARCH ? "geosearchstore" : "georadiusstore");
    if (search->found_count > 1) client->server->dirty += search->found_count - 1; /* each counts */
    reply_int(client, (int64_t)search->found_count);
}

static void run(struct client *client, int key, struct search search) {
    search.client = client;
    search.shape.unit_m = 1;
    if (!read_arguments(&search, key)) return;
    if (search.zset.object) find(&search);
    if (search.into)
        store_found(&search);
    else
        reply_found(&search);
    mem_free(search.found);
    bytes_fini(&search.texts);
}

void georadius_command(struct client *client) {
    run(client, 1, (struct search){.kind = AROUND_PLACE, .may_store = true});
}

void georadius_ro_command(struct client *client) {
    run(client, 1, (struct search){.kind = AROUND_PLACE});
}

void georadiusbymember_command(struct client *client) {
    run(client, 1, (struct search){.kind = AROUND_MEMBER, .may_store = true});
}

void georadiusbymember_ro_command(struct client *client) {
    run(client, 1, (struct search){.kind = AROUND_MEMBER});
}

void geosearch_command(struct client *client) {
    run(client, 1, (struct search){.kind = SEARCH});
}

void geosearchstore_command(struct client *client) {
    run(client, 2, (struct search){.kind = SEARCH, .into = &client->argv[1]});
}
