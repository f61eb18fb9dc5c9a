/* The commands on the ends of lists: push, pop, move, and the forms that wait for an element. */
#include "store/commands/list_commands_internal.h"

#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/tx/session.h"
#include "store/tx/waiting.h"

#define COMMAND COMMAND_PROTOTYPE
#include "store/commands/list.def"
#undef COMMAND

/* ---- pushing ---- */

static void push(struct client *client, bool at_head, bool only_if_there) {
    struct spot spot;
    struct value list;
    struct list_rules rules = list_commands_rules(client);
    struct slice key = client->argv[1];
    if (!list_commands_open(client, key, &spot, &list)) return;
    if (!spot.record && only_if_there) {
        reply_int(client, 0);
        return;
    }
    if (!spot.record) list = list_value_new();
    list_value_push(&list, &rules, at_head, client->argv + 2, (size_t)client->argc - 2);
    if (!spot.record) keyspace_put(session_keyspace(client), key, &spot, &list, RECORD_NEVER);
    list_commands_changed(client, key, &spot, &list, at_head ? "lpush" : "rpush", (uint64_t)client->argc - 2);
    reply_uint(client, list_value_count(&list));
}

void lpush_command(struct client *client) {
    push(client, true, false);
}

void rpush_command(struct client *client) {
    push(client, false, false);
}

void lpushx_command(struct client *client) {
    push(client, true, true);
}

void rpushx_command(struct client *client) {
    push(client, false, true);
}

/* ---- popping ---- */

/* Removes an element of one end and replies with it. */
static void pop_one(struct client *client, struct slice key, struct spot *spot, struct value *list, bool at_head) {
    struct list_place place = list_value_at(list, at_head ? 0 : -1);
    char buffer[NUMBER_TEXT_SIZE];
    reply_bulk(client, list_value_text(list, place, buffer));
    list_value_remove_range(list, at_head ? 0 : list_value_count(list) - 1, 1);
    list_commands_changed(client, key, spot, list, at_head ? "lpop" : "rpop", 1);
    list_commands_drop_if_empty(client, key, list);
}

/* Removes up to `count` elements of one end and replies with them as an array. Returns how many. */
static size_t pop_array(struct client *client, struct slice key, struct spot *spot, struct value *list, bool at_head,
                        uint64_t count) {
    size_t all = list_value_count(list), taken = count < all ? (size_t)count : all;
    struct list_place place = list_value_at(list, at_head ? 0 : -1);
    char buffer[NUMBER_TEXT_SIZE];
    reply_array(client, taken);
    for (size_t i = 0; i < taken; i++, place = list_value_step(list, place, !at_head))
        reply_bulk(client, list_value_text(list, place, buffer));
    list_value_remove_range(list, at_head ? 0 : all - taken, taken);
    list_value_tidy(list, false);
    list_commands_changed(client, key, spot, list, at_head ? "lpop" : "rpop", taken);
    list_commands_drop_if_empty(client, key, list);
    return taken;
}

static void pop(struct client *client, bool at_head) {
    struct spot spot;
    struct value list;
    int64_t count = 1;
    bool has_count = client->argc == 3;
    if (client->argc > 3) {
        reply_wrong_arguments(client);
        return;
    }
    if (has_count && !list_commands_argument_at_least(client, 2, 0, &count, "ERR value is out of range, must be positive"))
        return;
    if (!list_commands_open(client, client->argv[1], &spot, &list)) return;
    if (!spot.record && has_count)
        reply_null_array(client);
    else if (!spot.record)
        reply_null(client);
    else if (!has_count)
        pop_one(client, client->argv[1], &spot, &list, at_head);
    else if (count == 0)
        reply_empty_array(client);
    else
        pop_array(client, client->argv[1], &spot, &list, at_head, (uint64_t)count);
}

void lpop_command(struct client *client) {
    pop(client, true);
}

void rpop_command(struct client *client) {
    pop(client, false);
}

/* Opens the first of these keys that is there. False: none is, or it is no list and that was replied (`*waits` tells). */
static bool find_first(struct client *client, int first, int count, int *at, struct spot *spot, bool *waits) {
    struct value list;
    for (*at = first; *at < first + count; ++*at) {
        *waits = false;
        if (!list_commands_open(client, client->argv[*at], spot, &list)) return false;
        if (spot->record) return true;
    }
    *waits = true;
    return false;
}

/* BLPOP and BRPOP: [key, element]; propagated as the plain pop. */
static void pop_first(struct client *client, int at, struct spot *spot, bool at_head) {
    struct slice key = client->argv[at];
    struct value list = record_value(spot->record);
    reply_array(client, 2);
    reply_bulk(client, key);
    pop_one(client, key, spot, &list, at_head);
    dispatch_rewrite(client, 2, (struct slice[]){slice_text(at_head ? "LPOP" : "RPOP"), key});
}

static bool serve_left(struct client *client, int at, struct record *record, void *context) {
    pop_first(client, at, &(struct spot){.record = record}, true);
    return true;
}

static bool serve_right(struct client *client, int at, struct record *record, void *context) {
    pop_first(client, at, &(struct spot){.record = record}, false);
    return true;
}

static void waiting_pop(struct client *client, bool at_head) {
    static const struct waiting_kind left = {.type = VALUE_LIST, .try_serve = serve_left};
    static const struct waiting_kind right = {.type = VALUE_LIST, .try_serve = serve_right};
    int64_t deadline_ms;
    int at, keys = client->argc - 2;
    struct spot spot;
    bool waits;
    if (!waiting_deadline(client, client->argc - 1, &deadline_ms)) return;
    if (find_first(client, 1, keys, &at, &spot, &waits))
        pop_first(client, at, &spot, at_head);
    else if (waits && !waiting_start(client, at_head ? &left : &right, 1, keys, deadline_ms, NULL))
        reply_null_array(client);
}

void blpop_command(struct client *client) {
    waiting_pop(client, true);
}

void brpop_command(struct client *client) {
    waiting_pop(client, false);
}

/* ---- LMPOP numkeys key ... LEFT|RIGHT [COUNT n] ---- */

struct mpop {
    int     first, keys; /* places of the keys */
    bool    at_head;
    int64_t count;
};

static bool argument_end(struct client *client, int place, bool *at_head) {
    *at_head = slice_is_nocase(client->argv[place], "left");
    if (*at_head || slice_is_nocase(client->argv[place], "right")) return true;
    reply_syntax_error(client);
    return false;
}

/* Argument `place` is the number of keys. */
static bool read_mpop(struct client *client, int place, struct mpop *mpop) {
    int64_t keys;
    bool has_count = false;
    *mpop = (struct mpop){.first = place + 1, .count = 1};
    if (!list_commands_argument_at_least(client, place, 1, &keys, "ERR numkeys should be greater than 0")) return false;
    if (keys >= client->argc - mpop->first) {
        reply_syntax_error(client);
        return false;
    }
    mpop->keys = (int)keys;
    int end = mpop->first + mpop->keys;
    if (!argument_end(client, end, &mpop->at_head)) return false;
    for (int i = end + 1; i < client->argc; i += 2) {
        if (has_count || !slice_is_nocase(client->argv[i], "count") || i + 1 == client->argc) {
            reply_syntax_error(client);
            return false;
        }
        if (!list_commands_argument_at_least(client, i + 1, 1, &mpop->count, "ERR count should be greater than 0"))
            return false;
        has_count = true;
    }
    return true;
}

static void pop_many(struct client *client, const struct mpop *mpop, int at, struct spot *spot) {
    struct slice key = client->argv[at];
    struct value list = record_value(spot->record);
    reply_array(client, 2);
    reply_bulk(client, key);
    size_t taken = pop_array(client, key, spot, &list, mpop->at_head, (uint64_t)mpop->count);
    char text[NUMBER_TEXT_SIZE];
    struct slice number = slice_make(text, number_print_uint(text, taken));
    dispatch_rewrite(client, 3, (struct slice[]){slice_text(mpop->at_head ? "LPOP" : "RPOP"), key, number});
}

void lmpop_command(struct client *client) {
    struct mpop mpop;
    int at;
    struct spot spot;
    bool none;
    if (!read_mpop(client, 1, &mpop)) return;
    if (find_first(client, mpop.first, mpop.keys, &at, &spot, &none))
        pop_many(client, &mpop, at, &spot);
    else if (none)
        reply_null_array(client);
}

static bool serve_many(struct client *client, int at, struct record *record, void *context) {
    struct mpop mpop;
    CHECK(read_mpop(client, 2, &mpop));
    pop_many(client, &mpop, at, &(struct spot){.record = record});
    return true;
}

void blmpop_command(struct client *client) {
    static const struct waiting_kind kind = {.type = VALUE_LIST, .try_serve = serve_many};
    int64_t deadline_ms;
    struct mpop mpop;
    int at;
    struct spot spot;
    bool waits;
    if (!waiting_deadline(client, 1, &deadline_ms) || !read_mpop(client, 2, &mpop)) return;
    if (find_first(client, mpop.first, mpop.keys, &at, &spot, &waits))
        pop_many(client, &mpop, at, &spot);
    else if (waits && !waiting_start(client, &kind, mpop.first, mpop.keys, deadline_ms, NULL))
        reply_null_array(client);
}

/* ---- moving ---- */

struct ends {
    bool from_head, to_head;
};

static bool read_ends(struct client *client, struct ends *ends) {
    return argument_end(client, 3, &ends->from_head) && argument_end(client, 4, &ends->to_head);
}

/* From the list in `source`, which is under argv[1], to argv[2]. False: WRONGTYPE. */
static bool move(struct client *client, struct record *source, struct ends ends) {
    struct slice from = client->argv[1], to = client->argv[2];
    struct list_rules rules = list_commands_rules(client);
    struct spot target;
    struct value list = record_value(source), other;
    if (!list_commands_open(client, to, &target, &other)) return false;
    if (!target.record) other = list_value_new();
    struct value *goal = target.record == source ? &list : &other;
    char buffer[NUMBER_TEXT_SIZE];
    struct bytes copy = {0};
    bytes_add_slice(&copy, list_value_text(&list, list_value_at(&list, ends.from_head ? 0 : -1), buffer));
    struct slice text = bytes_slice(&copy);
    list_value_remove_range(&list, ends.from_head ? 0 : list_value_count(&list) - 1, 1);
    list_value_push(goal, &rules, ends.to_head, &text, 1);
    record_update_object(source, &list);
    if (!target.record) keyspace_put(session_keyspace(client), to, &target, goal, RECORD_NEVER);
    reply_bulk(client, text);
    bytes_fini(&copy);
    list_commands_changed(client, to, &target, goal, ends.to_head ? "lpush" : "rpush", 1);
    list_commands_changed(client, from, &(struct spot){.record = source}, &list, ends.from_head ? "lpop" : "rpop", 0);
    list_commands_drop_if_empty(client, from, &list);
    return true;
}

static void move_now(struct client *client, struct ends ends) {
    struct spot source;
    struct value list;
    if (!list_commands_open(client, client->argv[1], &source, &list)) return;
    if (source.record)
        (void)move(client, source.record, ends);
    else
        reply_null(client);
}

void rpoplpush_command(struct client *client) {
    move_now(client, (struct ends){.to_head = true});
}

void lmove_command(struct client *client) {
    struct ends ends;
    if (read_ends(client, &ends)) move_now(client, ends);
}

/* Propagated as the same command without the time to wait. */
static void move_and_rewrite(struct client *client, struct record *source, struct ends ends, const char *name) {
    if (!move(client, source, ends)) return;
    struct slice plain[5] = {slice_text(name)};
    int argc = client->argc - 1;
    for (int i = 1; i < argc; i++) plain[i] = client->argv[i];
    dispatch_rewrite(client, argc, plain);
}

static void move_or_wait(struct client *client, struct ends ends, const struct waiting_kind *kind, const char *name) {
    int64_t deadline_ms;
    struct spot source;
    struct value list;
    if (!waiting_deadline(client, client->argc - 1, &deadline_ms)) return;
    if (!list_commands_open(client, client->argv[1], &source, &list)) return;
    if (source.record)
        move_and_rewrite(client, source.record, ends, name);
    else if (!waiting_start(client, kind, 1, 1, deadline_ms, NULL))
        reply_null(client);
}

static bool serve_rpoplpush(struct client *client, int at, struct record *record, void *context) {
    move_and_rewrite(client, record, (struct ends){.to_head = true}, "RPOPLPUSH");
    return true;
}

static bool serve_move(struct client *client, int at, struct record *record, void *context) {
    struct ends ends;
    CHECK(read_ends(client, &ends));
    move_and_rewrite(client, record, ends, "LMOVE");
    return true;
}

void brpoplpush_command(struct client *client) {
    static const struct waiting_kind kind = {.type = VALUE_LIST, .try_serve = serve_rpoplpush};
    move_or_wait(client, (struct ends){.to_head = true}, &kind, "RPOPLPUSH");
}

void blmove_command(struct client *client) {
    static const struct waiting_kind kind = {.type = VALUE_LIST, .try_serve = serve_move};
    struct ends ends;
    if (read_ends(client, &ends)) move_or_wait(client, ends, &kind, "LMOVE");
}
