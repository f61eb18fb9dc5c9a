#include "store/commands/arguments.h"
#include "base/number.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/config/core_settings.h"
#include "core/server.h"
#include "store/keyspace/record.h"
#include "store/types/score.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

bool argument_int(struct client *client, int place, int64_t *out) {
    if (LIKELY(number_parse_int(client->argv[place], out))) return true;
    reply_not_integer(client);
    return false;
}

bool argument_int_within(struct client *client, int place, int64_t min, int64_t max, int64_t *out, const char *error) {
    bool is_number = number_parse_int(client->argv[place], out);
    if (is_number && *out >= min && *out <= max) return true;
    if (error)
        reply_error(client, "%s", error);
    else if (!is_number)
        reply_not_integer(client);
    else
        reply_error(client, "ERR value is out of range, value must between %lld and %lld", (long long)min, (long long)max);
    return false;
}

bool argument_double(struct client *client, int place, double *out, const char *error) {
    if (score_parse(client->argv[place], out)) return true;
    if (error)
        reply_error(client, "%s", error);
    else
        reply_not_float(client);
    return false;
}

bool argument_int32(struct client *client, int place, int *out, const char *error) {
    int64_t number;
    bool is_number = number_parse_int(client->argv[place], &number);
    if (is_number && number >= INT_MIN && number <= INT_MAX) {
        *out = (int)number;
        return true;
    }
    if (error)
        reply_error(client, "%s", error);
    else if (is_number)
        reply_error(client, "ERR value is out of range, value must between %d and %d", INT_MIN, INT_MAX);
    else
        reply_not_integer(client);
    return false;
}

void reply_invalid_expire(struct client *client) {
    reply_error(client, "ERR invalid expire time in '%s' command", client->entry->row->name);
}

bool argument_is_string(struct client *client, const struct record *record) {
    if (LIKELY(!record || record_type(record) == VALUE_STRING)) return true;
    reply_wrong_type(client);
    return false;
}

bool argument_length_allowed(struct client *client, uint64_t size) {
    if (LIKELY(size <= client->server->settings->proto_max_bulk_len_bytes)) return true;
    reply_error(client, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    return false;
}

/* ---- SET's and GETEX's options ---- */

static const struct option {
    const char *name;
    unsigned    flag;
    unsigned    excludes; /* none of these may have been given before */
    bool        has_value;
} set_option_table[] = {
    {"nx", SET_NX, SET_XX | SET_IFEQ, false},
    {"xx", SET_XX, SET_NX | SET_IFEQ, false},
    {"ifeq", SET_IFEQ, SET_NX | SET_XX, true},
    {"get", SET_GET, 0, false},
    {"keepttl", SET_KEEPTTL, SET_PERSIST | SET_EXPIRY, false},
    {"persist", SET_PERSIST, SET_KEEPTTL | SET_EXPIRY, false},
    {"ex", SET_EX, SET_KEEPTTL | SET_PERSIST | (SET_EXPIRY & ~SET_EX), true},
    {"px", SET_PX, SET_KEEPTTL | SET_PERSIST | (SET_EXPIRY & ~SET_PX), true},
    {"exat", SET_EXAT, SET_KEEPTTL | SET_PERSIST | (SET_EXPIRY & ~SET_EXAT), true},
    {"pxat", SET_PXAT, SET_KEEPTTL | SET_PERSIST | (SET_EXPIRY & ~SET_PXAT), true},
};

static const struct option *find_option(struct slice word) {
    for (size_t i = 0; i < COUNT_OF(set_option_table); i++)
        if (slice_is_nocase(word, set_option_table[i].name)) return &set_option_table[i];
    return NULL;
}

bool argument_set_options(struct client *client, int first, unsigned allowed, struct set_options *options) {
    *options = (struct set_options){0};
    for (int i = first; i < client->argc; i++) {
        const struct option *option = find_option(client->argv[i]);
        if (!option || !(option->flag & allowed) || option->excludes & options->flags ||
            (option->has_value && i + 1 == client->argc)) {
            reply_syntax_error(client);
            return false;
        }
        options->flags |= option->flag;
        if (!option->has_value) continue;
        i++;
        if (option->flag == SET_IFEQ)
            options->ifeq_place = i;
        else
            options->expiry_place = i;
    }
    return true;
}

bool argument_deadline(struct client *client, int place, unsigned flags, int64_t *deadline_ms) {
    int64_t number;
    if (!argument_int(client, place, &number)) return false;
    bool in_seconds = flags & (SET_EX | SET_EXAT), is_relative = flags & (SET_EX | SET_PX);
    int64_t base_ms = is_relative ? client->server->wall_ms : 0;
    if (number <= 0 || (in_seconds && number > INT64_MAX / 1000) ||
        (in_seconds ? number * 1000 : number) > INT64_MAX - base_ms) {
        reply_invalid_expire(client);
        return false;
    }
    *deadline_ms = (in_seconds ? number * 1000 : number) + base_ms;
    return true;
}

/* ---- scans ---- */

/* Digits as strtoul() takes them: nothing at all is 0, a sign and leading zeros are allowed, blanks before and anything
 * behind are not. */
static bool parse_cursor(struct slice text, uint64_t *cursor) {
    char copy[64];
    if (text.size >= sizeof copy) return false;
    if (text.size) memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    if (copy[0] == ' ' || (copy[0] >= '\t' && copy[0] <= '\r')) return false;
    char *end;
    errno = 0;
    *cursor = strtoull(copy, &end, 10);
    return *end == 0 && end == copy + text.size && errno != ERANGE;
}

bool argument_cursor(struct client *client, int place, uint64_t *cursor) {
    if (parse_cursor(client->argv[place], cursor)) return true;
    reply_error(client, "ERR invalid cursor");
    return false;
}

static bool scan_option(struct client *client, int place, bool type_allowed, struct scan_options *options) {
    struct slice word = client->argv[place];
    if (place + 1 < client->argc) {
        struct slice given = client->argv[place + 1];
        if (slice_is_nocase(word, "count")) {
            if (!argument_int(client, place + 1, &options->count)) return false;
            if (options->count >= 1) return true;
        } else if (slice_is_nocase(word, "match")) {
            /* "*" matches all. */
            options->pattern = slice_is(given, "*") ? (struct slice){0} : slice_make(given.data ? given.data : "", given.size);
            return true;
        } else if (type_allowed && slice_is_nocase(word, "type")) {
            options->type = slice_make(given.data ? given.data : "", given.size);
            return true;
        }
    }
    reply_syntax_error(client);
    return false;
}

bool argument_scan_options(struct client *client, int first, bool type_allowed, struct scan_options *options) {
    *options = (struct scan_options){.count = 10};
    for (int i = first; i < client->argc; i += 2)
        if (!scan_option(client, i, type_allowed, options)) return false;
    return true;
}

bool argument_is_type(struct client *client, const struct record *record, enum value_type type) {
    if (LIKELY(!record || record_type(record) == type)) return true;
    reply_wrong_type(client);
    return false;
}
