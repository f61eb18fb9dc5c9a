#include "store/commands/sort_commands.h"
#include "base/mem.h"
#include "core/acl/user.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/keyspec.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/tx/session.h"
#include "store/types/hash_value.h"
#include "store/types/list_value.h"
#include "store/types/set_value.h"
#include "store/types/zset_value.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static bool find_sort_keys(const struct command *row, const struct slice *argv, int argc, struct keyspec_result *result);

#define COMMAND COMMAND_PROTOTYPE
#include "store/commands/sort.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command sort_commands[] = {
#include "store/commands/sort.def"
};
#undef COMMAND
const size_t sort_command_count = COUNT_OF(sort_commands);

struct element { /* texts lie in the sort's arena */
    struct slice text;
    struct slice by; /* what BY found; data NULL: nothing */
    double       score;
    size_t       number; /* its place before */
};

struct sort {
    struct client   *client;
    struct keyspace *keyspace;
    /* what is wanted */
    bool         is_descending, is_alpha, is_stored, is_read_only;
    bool         is_unsorted; /* BY a pattern without an asterisk */
    struct slice by;          /* data NULL: the elements themselves */
    int64_t      start, count;
    int          store_place;
    int          gets; /* GET options; each is looked for among the arguments again */
    /* what there is */
    struct element *elements;
    size_t          element_count, capacity;
    struct bytes    arena;
    bool            is_no_number; /* some score was none */
};

/* ---- options ---- */

/* The key, and the target of the last STORE: options that take arguments are stepped over. */
static bool find_sort_keys(const struct command *row, const struct slice *argv, int argc, struct keyspec_result *result) {
    int store = 0;
    for (int i = 2; i < argc; i++) {
        if (slice_is_nocase(argv[i], "limit")) {
            i += 2;
        } else if (slice_is_nocase(argv[i], "get") || slice_is_nocase(argv[i], "by")) {
            i++;
        } else if ((row->flags & COMMAND_WRITE) && slice_is_nocase(argv[i], "store") && i + 1 < argc) {
            store = ++i;
        }
    }
    keyspec_add(result, 1, KEY_RO | KEY_ACCESS);
    if (store) keyspec_add(result, store, KEY_OW | KEY_UPDATE);
    return true;
}

/* Patterns reach keys that the ACL cannot check one by one. */
static bool may_use_patterns(struct client *client, const char *option) {
    if (user_may_read_all_keys(client->user, client->entry, client->argv, client->argc)) return true;
    reply_error(client, "ERR %s option of SORT denied due to insufficient ACL permissions.", option);
    return false;
}

static bool read_by(struct sort *sort, struct slice pattern) {
    if (!memchr(pattern.data, '*', pattern.size)) {
        sort->is_unsorted = true;
        return true;
    }
    sort->by = pattern;
    return may_use_patterns(sort->client, "BY");
}

static bool read_options(struct sort *sort) {
    struct client *client = sort->client;
    for (int i = 2; i < client->argc; i++) {
        struct slice option = client->argv[i];
        int left = client->argc - i - 1;
        if (slice_is_nocase(option, "asc")) {
            sort->is_descending = false;
        } else if (slice_is_nocase(option, "desc")) {
            sort->is_descending = true;
        } else if (slice_is_nocase(option, "alpha")) {
            sort->is_alpha = true;
        } else if (left >= 2 && slice_is_nocase(option, "limit")) {
            if (!argument_int(client, i + 1, &sort->start) || !argument_int(client, i + 2, &sort->count)) return false;
            i += 2;
        } else if (left >= 1 && !sort->is_read_only && slice_is_nocase(option, "store")) {
            sort->is_stored = true;
            sort->store_place = ++i;
        } else if (left >= 1 && slice_is_nocase(option, "by")) {
            if (!read_by(sort, client->argv[++i])) return false;
        } else if (left >= 1 && slice_is_nocase(option, "get")) {
            if (!may_use_patterns(client, "GET")) return false;
            sort->gets++;
            i++;
        } else {
            reply_syntax_error(client);
            return false;
        }
    }
    return true;
}

/* The pattern of the next GET behind argument `*at`, which becomes its place. */
static struct slice next_get(const struct sort *sort, int *at) {
    const struct slice *argv = sort->client->argv;
    for (int i = *at + 1; i < sort->client->argc; i++) {
        if (slice_is_nocase(argv[i], "limit")) {
            i += 2;
        } else if (slice_is_nocase(argv[i], "by") || slice_is_nocase(argv[i], "store")) {
            i++;
        } else if (slice_is_nocase(argv[i], "get")) {
            *at = i + 1;
            return argv[i + 1];
        }
    }
    UNREACHABLE("a GET that was counted");
}

/* ---- what a pattern means for an element ---- */

/* A value that was found: it lies in a record or in `item`, and is good until another key is looked up. */
struct found {
    char             buffer[NUMBER_TEXT_SIZE];
    struct hash_item item;
};

/* "weight_*" is a key, "object_*->name" a field of a hash, "#" the element. Data NULL: there is nothing. */
static struct slice look_up(const struct sort *sort, struct slice pattern, struct slice element, struct found *found) {
    struct slice none = {0};
    if (pattern.size == 1 && pattern.data[0] == '#') return element;
    const char *star = memchr(pattern.data, '*', pattern.size), *end = pattern.data + pattern.size;
    if (!star) return none;
    const char *arrow = memmem(star + 1, (size_t)(end - star - 1), "->", 2);
    if (arrow && arrow + 2 == end) arrow = NULL;
    struct bytes key = {0};
    bytes_add(&key, pattern.data, (size_t)(star - pattern.data));
    bytes_add_slice(&key, element);
    bytes_add(&key, star + 1, (size_t)((arrow ? arrow : end) - star - 1));
    struct record *record = keyspace_read(sort->keyspace, bytes_slice(&key));
    bytes_fini(&key);
    if (!record) return none;
    if (!arrow) return record_type(record) == VALUE_STRING ? record_text(record, found->buffer) : none;
    if (record_type(record) != VALUE_HASH) return none;
    struct value hash = record_value(record);
    struct slice field = slice_make(arrow + 2, (size_t)(end - arrow - 2));
    return hash_value_find(&hash, *sort->keyspace->shared->wall_ms, field, &found->item) ? found->item.text : none;
}

/* ---- loading ---- */

/* Texts are offsets into the arena, which moves while it grows, until resolve() makes them addresses. */
static struct slice keep(struct sort *sort, struct slice text) {
    struct slice kept = {(const char *)(uintptr_t)sort->arena.size, text.size};
    bytes_add_slice(&sort->arena, text);
    return kept;
}

static void resolve(struct sort *sort) {
    if (!sort->arena.data) bytes_add_char(&sort->arena, 0); /* elements may be empty, but are there */
    for (size_t i = 0; i < sort->element_count; i++)
        sort->elements[i].text.data = sort->arena.data + (uintptr_t)sort->elements[i].text.data;
}

static bool add_element(void *context, struct slice text) {
    struct sort *sort = context;
    if (sort->element_count == sort->capacity) {
        sort->capacity = sort->capacity ? sort->capacity * 2 : 64;
        sort->elements = mem_realloc(sort->elements, sort->capacity * sizeof *sort->elements);
    }
    sort->elements[sort->element_count] = (struct element){.text = keep(sort, text), .number = sort->element_count};
    sort->element_count++;
    return true;
}

static void load_list(struct sort *sort, const struct value *list, size_t start, size_t count, bool backwards) {
    struct list_walk walk;
    struct slice text;
    list_walk_start(&walk, list, backwards ? list_value_count(list) - start - count : start);
    for (size_t left = count; left && list_walk_next(&walk, &text); left--) add_element(sort, text);
    list_walk_end(&walk);
    for (size_t i = 0; backwards && i < count / 2; i++) {
        struct element kept = sort->elements[i];
        sort->elements[i] = sort->elements[count - 1 - i];
        sort->elements[count - 1 - i] = kept;
    }
}

static void load_zset(struct sort *sort, const struct value *zset, size_t start, size_t count, bool backwards) {
    struct zset_walk walk;
    struct zset_item item;
    if (count == 0) return;
    zset_walk_start(&walk, zset, backwards ? zset_value_count(zset) - 1 - start : start, count, backwards);
    while (zset_walk_next(&walk, &item)) add_element(sort, item.member);
}

static size_t count_of(const struct value *value) {
    switch ((enum value_type)value->type) {
    case VALUE_LIST: return list_value_count(value);
    case VALUE_SET: return set_value_count(value);
    case VALUE_ZSET: return zset_value_count(value);
    default: UNREACHABLE("a type that is not sorted");
    }
}

/* Elements `*from` up to `*to` of the result are wanted. What need not be sorted is only loaded where it is wanted. */
static void load(struct sort *sort, const struct value *value, size_t *from, size_t *to) {
    size_t all = value ? count_of(value) : 0, start = (size_t)MIN(MAX(sort->start, 0), (int64_t)all);
    size_t left = all - start, count = sort->count < 0 ? left : (size_t)MIN(sort->count, (int64_t)left);
    *from = start;
    *to = start + count;
    if (!value) return;
    bool is_part = sort->is_unsorted && value->type != VALUE_SET, backwards = is_part && sort->is_descending;
    if (is_part) {
        *from = 0;
        *to = count;
    }
    switch ((enum value_type)value->type) {
    case VALUE_LIST: load_list(sort, value, is_part ? start : 0, is_part ? count : all, backwards); break;
    case VALUE_ZSET: load_zset(sort, value, is_part ? start : 0, is_part ? count : all, backwards); break;
    default: set_value_each(value, add_element, sort);
    }
    resolve(sort);
}

/* The number that a whole text is; as strtod reads it. */
static bool to_score(struct slice text, double *score) {
    char room[64], *copy = text.size < sizeof room ? room : mem_alloc(text.size + 1), *end;
    if (text.size) memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    errno = 0;
    *score = strtod(copy, &end);
    bool is_good = *end == 0 && errno != ERANGE && !isnan(*score);
    if (copy != room) mem_free(copy);
    return is_good;
}

/* What each element is compared by. */
static void weigh(struct sort *sort) {
    struct found found;
    size_t begin = sort->arena.size;
    for (size_t i = 0; i < sort->element_count; i++) {
        struct element *element = &sort->elements[i];
        struct slice by = sort->by.data ? look_up(sort, sort->by, element->text, &found) : element->text;
        if (!by.data) continue;
        if (!sort->is_alpha)
            sort->is_no_number |= !to_score(by, &element->score);
        else if (sort->by.data) /* copied with a zero behind it, for strcoll() */
            element->by = slice_make(mem_strndup(by.data, by.size), by.size);
    }
    CHECK(sort->arena.size == begin); /* else texts would have moved */
}

/* ---- sorting ---- */

static int compare_bytes(struct slice a, struct slice b) {
    int order = memcmp(a.data, b.data, MIN(a.size, b.size));
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

/* In the order of the locale. The established server's texts end at their first zero byte here. */
static int compare_words(struct slice a, struct slice b) {
    char room_a[128], room_b[128];
    char *copy_a = a.size < sizeof room_a ? memcpy(room_a, a.data, a.size) : mem_alloc(a.size + 1);
    char *copy_b = b.size < sizeof room_b ? memcpy(room_b, b.data, b.size) : mem_alloc(b.size + 1);
    if (copy_a != room_a) memcpy(copy_a, a.data, a.size);
    if (copy_b != room_b) memcpy(copy_b, b.data, b.size);
    copy_a[a.size] = copy_b[b.size] = 0;
    int order = strcoll(copy_a, copy_b);
    if (copy_a != room_a) mem_free(copy_a);
    if (copy_b != room_b) mem_free(copy_b);
    return order;
}

static int compare_found(const struct sort *sort, const struct element *a, const struct element *b) {
    if (!a->by.data || !b->by.data) return (a->by.data != NULL) - (b->by.data != NULL);
    return sort->is_stored ? compare_bytes(a->by, b->by) : strcoll(a->by.data, b->by.data);
}

/* What is stored must not depend on the locale. */
static int compare(const void *first, const void *second, void *context) {
    const struct sort *sort = context;
    const struct element *a = first, *b = second;
    int order;
    if (!sort->is_alpha)
        order = a->score != b->score ? (a->score > b->score ? 1 : -1) : compare_bytes(a->text, b->text);
    else if (sort->by.data)
        order = compare_found(sort, a, b);
    else
        order = sort->is_stored ? compare_bytes(a->text, b->text) : compare_words(a->text, b->text);
    if (order == 0) return (a->number > b->number) - (a->number < b->number);
    return sort->is_descending ? -order : order;
}

/* ---- results ---- */

static void each_result(const struct sort *sort, size_t from, size_t to, void (*each)(void *context, struct slice text),
                        void *context) {
    struct found found;
    for (size_t i = from; i < to; i++) {
        struct slice text = sort->elements[i].text;
        if (!sort->gets) each(context, text);
        for (int n = 0, at = 1; n < sort->gets; n++) each(context, look_up(sort, next_get(sort, &at), text, &found));
    }
}

static void reply_result(void *context, struct slice text) {
    if (text.data)
        reply_bulk(context, text);
    else
        reply_null(context);
}

struct target {
    struct value      list;
    struct list_rules rules;
};

static void store_result(void *context, struct slice text) {
    struct target *target = context;
    if (!text.data) text = SLICE("");
    list_value_push(&target->list, &target->rules, false, &text, 1);
}

static void store(const struct sort *sort, size_t from, size_t to) {
    struct client *client = sort->client;
    const struct keyspace_settings *settings = &session_of(client)->databases->settings;
    struct slice key = client->argv[sort->store_place];
    struct target target = {.list = list_value_new(),
                            .rules = {.max_listpack_size = (int32_t)settings->list_max_listpack_size,
                                      .compress_depth = (uint32_t)settings->list_compress_depth}};
    each_result(sort, from, to, store_result, &target);
    size_t count = list_value_count(&target.list);
    struct spot spot;
    bool was_there = keyspace_open(sort->keyspace, key, &spot);
    if (count) {
        keyspace_put(sort->keyspace, key, &spot, &target.list, RECORD_NEVER);
        keyspace_changed(sort->keyspace, key, KEYSPACE_LIST, "sortstore");
        client->server->dirty += count;
    } else if (was_there) {
        keyspace_remove(sort->keyspace, &spot);
        keyspace_changed(sort->keyspace, key, KEYSPACE_GENERIC, "del");
        client->server->dirty++;
    }
    reply_uint(client, count);
}

static void sort_opened(struct sort *sort, const struct value *value) {
    struct client *client = sort->client;
    /* A set has no order: where the result lasts, or a script sees it, it is given one. */
    if (sort->is_unsorted && value && value->type == VALUE_SET && (sort->is_stored || client->flags & CLIENT_IN_SCRIPT)) {
        sort->is_unsorted = false;
        sort->is_alpha = true;
        sort->by = (struct slice){0};
    }
    size_t from, to;
    load(sort, value, &from, &to);
    if (!sort->is_unsorted) {
        weigh(sort);
        if (!sort->is_no_number && sort->element_count > 1)
            qsort_r(sort->elements, sort->element_count, sizeof *sort->elements, compare, sort);
    }
    if (sort->is_no_number) {
        reply_error(client, "ERR One or more scores can't be converted into double");
    } else if (sort->is_stored) {
        store(sort, from, to);
    } else {
        reply_array(client, (to - from) * (size_t)MAX(sort->gets, 1));
        each_result(sort, from, to, reply_result, client);
    }
    for (size_t i = 0; i < sort->element_count; i++) mem_free((char *)sort->elements[i].by.data);
    mem_free(sort->elements);
    bytes_fini(&sort->arena);
}

static void run(struct client *client, bool is_read_only) {
    struct sort sort = {
        .client = client, .keyspace = session_keyspace(client), .is_read_only = is_read_only, .count = -1};
    if (!read_options(&sort)) return;
    const struct record *record = keyspace_read(sort.keyspace, client->argv[1]);
    if (!record) {
        sort_opened(&sort, NULL);
        return;
    }
    struct value value = record_value(record);
    if (value.type == VALUE_LIST || value.type == VALUE_SET || value.type == VALUE_ZSET)
        sort_opened(&sort, &value);
    else
        reply_wrong_type(client);
}

void sort_command(struct client *client) {
    run(client, false);
}

void sort_ro_command(struct client *client) {
    run(client, true);
}
