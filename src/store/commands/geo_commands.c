#include "store/commands/geo_commands.h"
#include "base/mem.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "store/commands/arguments.h"
#include "store/commands/zset_commands.h"
#include "store/commands/zset_key.h"
#include "store/types/geohash.h"

#define COMMAND COMMAND_ROW
const struct command geo_commands[] = {
#include "store/commands/geo.def"
};
#undef COMMAND
const size_t geo_command_count = COUNT_OF(geo_commands);

/* ---- arguments and replies ---- */

bool geo_commands_unit(struct client *client, int place, double *unit_m) {
    static const struct {
        const char *name;
        double      metres;
    } units[] = {{"m", 1}, {"km", 1000}, {"ft", 0.3048}, {"mi", 1609.34}};
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (!slice_is_nocase(client->argv[place], units[i].name)) continue;
        *unit_m = units[i].metres;
        return true;
    }
    reply_error(client, "ERR unsupported unit provided. please use M, KM, FT, MI");
    return false;
}

bool geo_commands_point(struct client *client, int place, struct geo_point *point) {
    if (!argument_double(client, place, &point->longitude, NULL) || !argument_double(client, place + 1, &point->latitude, NULL))
        return false;
    if (geohash_is_valid(*point)) return true;
    reply_error(client, "ERR invalid longitude,latitude pair %f,%f", point->longitude, point->latitude);
    return false;
}

static void reply_degrees(struct client *client, double degrees) {
    char   text[64] = ",";
    size_t size = number_print_long_double(text + 1, degrees);
    if (!reply_is_resp3(client)) {
        reply_bulk(client, slice_make(text + 1, size));
        return;
    }
    memcpy(text + 1 + size, "\r\n", 2);
    reply_raw(client, slice_make(text, size + 3));
}

void geo_commands_reply_point(struct client *client, struct geo_point point) {
    reply_array(client, 2);
    reply_degrees(client, point.longitude);
    reply_degrees(client, point.latitude);
}

void geo_commands_reply_distance(struct client *client, double distance) {
    reply_bulk_printf(client, "%.4f", distance);
}

/* ---- adding: a ZADD, and passed on as one ---- */

static void propagate_as_zadd(struct client *client, int first, int places, const double *scores) {
    int           argc = first + 2 * places;
    struct slice *argv = mem_alloc((size_t)argc * sizeof *argv);
    char        (*texts)[NUMBER_TEXT_SIZE] = mem_alloc((size_t)places * sizeof *texts);
    argv[0] = SLICE("ZADD");
    for (int i = 1; i < first; i++) argv[i] = client->argv[i];
    for (int i = 0; i < places; i++) {
        argv[first + 2 * i] = slice_make(texts[i], number_print_int(texts[i], (int64_t)scores[i]));
        argv[first + 2 * i + 1] = client->argv[first + 3 * i + 2];
    }
    dispatch_rewrite(client, argc, argv);
    mem_free(texts);
    mem_free(argv);
}

void geoadd_command(struct client *client) {
    struct zset_addition addition = {.stride = 3};
    int                  first = 2;
    for (; first < client->argc; first++) {
        if (slice_is_nocase(client->argv[first], "nx")) addition.flags |= ZSET_ADD_NX;
        else if (slice_is_nocase(client->argv[first], "xx")) addition.flags |= ZSET_ADD_XX;
        else if (slice_is_nocase(client->argv[first], "ch")) addition.flags |= ZSET_ADD_CH;
        else break;
    }
    int places = (client->argc - first) / 3;
    if ((client->argc - first) % 3 || !places || ((addition.flags & ZSET_ADD_NX) && (addition.flags & ZSET_ADD_XX))) {
        reply_syntax_error(client);
        return;
    }
    double *scores = mem_alloc((size_t)places * sizeof *scores);
    bool    is_good = true;
    for (int i = 0; i < places && is_good; i++) {
        struct geo_point point;
        is_good = geo_commands_point(client, first + 3 * i, &point);
        if (is_good) scores[i] = (double)geohash_encode(point);
    }
    if (is_good) {
        addition.first_member = first + 2;
        addition.count = places;
        addition.scores = scores;
        if (zset_commands_add(client, &addition)) propagate_as_zadd(client, first, places, scores);
    }
    mem_free(scores);
}

/* ---- looking ---- */

void geopos_command(struct client *client) {
    struct value zset;
    if (!zset_key_read(client, client->argv[1], &zset)) return;
    reply_array(client, (size_t)client->argc - 2);
    for (int i = 2; i < client->argc; i++) {
        double score;
        if (zset.object && zset_value_score(&zset, client->argv[i], &score))
            geo_commands_reply_point(client, geohash_decode(score));
        else
            reply_null_array(client);
    }
}

void geohash_command(struct client *client) {
    struct value zset;
    if (!zset_key_read(client, client->argv[1], &zset)) return;
    reply_array(client, (size_t)client->argc - 2);
    for (int i = 2; i < client->argc; i++) {
        double score;
        char   text[GEOHASH_TEXT_SIZE];
        if (zset.object && zset_value_score(&zset, client->argv[i], &score)) {
            geohash_print(text, score);
            reply_bulk(client, slice_make(text, sizeof text));
        } else {
            reply_null(client);
        }
    }
}

void geodist_command(struct client *client) {
    struct value zset;
    double       unit_m = 1, one, other;
    if (client->argc > 5) {
        reply_syntax_error(client);
        return;
    }
    if (client->argc == 5 && !geo_commands_unit(client, 4, &unit_m)) return;
    if (!zset_key_read(client, client->argv[1], &zset)) return;
    if (zset.object && zset_value_score(&zset, client->argv[2], &one) && zset_value_score(&zset, client->argv[3], &other))
        geo_commands_reply_distance(client, geohash_distance_m(geohash_decode(one), geohash_decode(other)) / unit_m);
    else
        reply_null(client);
}
