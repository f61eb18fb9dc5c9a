/* What is pending in a group, and who takes it over: XPENDING, XCLAIM, XAUTOCLAIM. */
#include "base/mem.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/commands/stream_commands_internal.h"
#include "store/tx/session.h"

/* ---- XPENDING ---- */

struct pending_range {
    struct entry_id start, end;
    int64_t         min_idle_ms, count;
    int             consumer_place; /* 0: all */
};

/* [IDLE ms] start end count [consumer] */
static bool read_range(struct client *client, struct pending_range *range) {
    int at = 3;
    *range = (struct pending_range){0};
    if (slice_is_nocase(client->argv[3], "idle")) {
        if (!argument_int(client, 4, &range->min_idle_ms)) return false;
        if (client->argc < 8) {
            reply_syntax_error(client);
            return false;
        }
        at = 5;
    }
    if (!argument_int(client, at + 2, &range->count)) return false;
    if (!stream_commands_start(client, at, &range->start) || !stream_commands_end(client, at + 1, &range->end)) return false;
    if (at + 3 < client->argc) range->consumer_place = at + 3;
    return true;
}

static int64_t idle_ms(const struct client *client, const struct stream_nack *nack) {
    return client->server->wall_ms - nack->delivered_ms;
}

static void reply_summary(struct client *client, const struct stream_group *group) {
    const struct stream_index *pending = &group->pending;
    reply_array(client, 4);
    reply_uint(client, stream_index_count(pending));
    if (!stream_index_count(pending)) {
        reply_null(client);
        reply_null(client);
        reply_null_array(client);
        return;
    }
    stream_commands_reply_id(client, stream_index_at(pending, stream_index_first(pending))->id);
    stream_commands_reply_id(client, stream_index_at(pending, stream_index_last(pending))->id);
    struct output_hole hole = reply_later(client);
    size_t consumers = 0;
    for (uint32_t i = 0; i < group->consumer_count; i++) {
        size_t count = stream_index_count(&group->consumers[i]->pending);
        if (!count) continue;
        reply_array(client, 2);
        reply_bulk(client, group->consumers[i]->name);
        reply_bulk_int(client, (int64_t)count);
        consumers++;
    }
    reply_array_here(client, hole, consumers);
}

static void reply_pending(struct client *client, const struct stream_index *pending, const struct pending_range *range) {
    struct output_hole hole = reply_later(client);
    int64_t found = 0;
    const struct index_item *item;
    for (struct index_place place = stream_index_from(pending, range->start);
         found < range->count && (item = stream_index_at(pending, place)) && entry_id_compare(item->id, range->end) <= 0;
         place = stream_index_next(pending, place)) {
        const struct stream_nack *nack = item->value;
        int64_t idle = idle_ms(client, nack);
        if (range->min_idle_ms && idle < range->min_idle_ms) continue;
        reply_array(client, 4);
        stream_commands_reply_id(client, item->id);
        reply_bulk(client, nack->consumer->name);
        reply_int(client, MAX(idle, 0));
        reply_int(client, (int64_t)nack->deliveries);
        found++;
    }
    reply_array_here(client, hole, (size_t)found);
}

void xpending_command(struct client *client) {
    struct pending_range range;
    struct stream *stream;
    struct stream_group *group;
    bool is_summary = client->argc == 3;
    if (!is_summary && (client->argc < 6 || client->argc > 9)) {
        reply_syntax_error(client);
        return;
    }
    if (!is_summary && !read_range(client, &range)) return;
    if (!stream_commands_read_group(client, 1, &stream, &group)) return;
    if (is_summary) {
        reply_summary(client, group);
        return;
    }
    const struct stream_index *pending = &group->pending;
    if (range.consumer_place) {
        const struct stream_consumer *consumer = stream_group_find_consumer(group, client->argv[range.consumer_place]);
        static const struct stream_index none;
        pending = consumer ? &consumer->pending : &none;
    }
    reply_pending(client, pending, &range);
}

/* ---- what claims have in common ---- */

static bool read_min_idle(struct client *client, const char *name, int64_t *ms) {
    if (number_parse_int(client->argv[4], ms)) {
        *ms = MAX(*ms, 0);
        return true;
    }
    reply_error(client, "ERR Invalid min-idle-time argument for %s", name);
    return false;
}

/* The entry was removed from the stream: it is forgotten here too, after that was told. */
static void forget(struct client *client, struct stream_group *group, struct entry_id id, const struct stream_nack *nack) {
    stream_commands_propagate_claim(client, client->argv[1], group, id, nack);
    stream_group_acknowledge(group, id);
    client->server->dirty++;
}

static void reply_claimed(struct client *client, const struct stream_entry *entry, bool only_id) {
    if (only_id)
        stream_commands_reply_id(client, entry->id);
    else
        stream_commands_reply_entry(client, entry);
}

/* ---- XCLAIM ---- */

struct claim {
    int64_t         min_idle_ms, delivered_ms, retry_count; /* the last: -1: as it is */
    bool            force, only_id;
    struct entry_id last_id;
    int             ids; /* from argument 5 on */
};

static bool claim_number(struct client *client, int place, const char *option, int64_t *number) {
    if (number_parse_int(client->argv[place], number)) return true;
    reply_error(client, "ERR Invalid %s option argument for XCLAIM", option);
    return false;
}

/* What follows the ids. */
static bool read_claim_options(struct client *client, struct claim *claim) {
    int64_t now_ms = client->server->wall_ms;
    for (int i = 5 + claim->ids; i < client->argc; i++) {
        struct slice word = client->argv[i];
        bool has_more = i + 1 < client->argc;
        if (slice_is_nocase(word, "force")) {
            claim->force = true;
        } else if (slice_is_nocase(word, "justid")) {
            claim->only_id = true;
        } else if (has_more && slice_is_nocase(word, "idle")) {
            int64_t idle;
            if (!claim_number(client, ++i, "IDLE", &idle)) return false;
            claim->delivered_ms = (int64_t)((uint64_t)now_ms - (uint64_t)idle);
        } else if (has_more && slice_is_nocase(word, "time")) {
            if (!claim_number(client, ++i, "TIME", &claim->delivered_ms)) return false;
        } else if (has_more && slice_is_nocase(word, "retrycount")) {
            if (!claim_number(client, ++i, "RETRYCOUNT", &claim->retry_count)) return false;
        } else if (has_more && slice_is_nocase(word, "lastid")) {
            if (!stream_commands_id(client, ++i, 0, &claim->last_id)) return false;
        } else {
            reply_error(client, "ERR Unrecognized XCLAIM option '%.*s'", (int)word.size, word.data);
            return false;
        }
    }
    /* A time that makes no sense (of a client whose clock is ahead, say) means now. */
    if (claim->delivered_ms < 0 || claim->delivered_ms > now_ms) claim->delivered_ms = now_ms;
    return true;
}

/* Gives the ids: mem_free(). NULL: replied. */
static struct entry_id *read_claim(struct client *client, struct claim *claim) {
    *claim = (struct claim){.delivered_ms = -1, .retry_count = -1};
    if (!read_min_idle(client, "XCLAIM", &claim->min_idle_ms)) return NULL;
    struct entry_id *ids = mem_alloc((size_t)(client->argc - 5) * sizeof *ids);
    while (5 + claim->ids < client->argc && entry_id_parse(client->argv[5 + claim->ids], 0, &ids[claim->ids], NULL)) claim->ids++;
    if (read_claim_options(client, claim)) return ids;
    mem_free(ids);
    return NULL;
}

/* The claiming one, argument 3, is seen (and made) when there is something to claim. */
static struct stream_consumer *claimer(struct client *client, struct stream_group *group, struct stream_consumer **known) {
    bool is_new;
    if (!*known) *known = stream_commands_consumer(client, client->argv[1], group, client->argv[3], &is_new);
    (*known)->active_ms = client->server->wall_ms;
    return *known;
}

/* True: it was claimed, and replied. */
static bool claim_one(struct client *client, const struct stream *stream, struct stream_group *group,
                      struct stream_consumer **known, const struct claim *claim, struct entry_id id) {
    struct stream_nack *nack = stream_group_find_nack(group, id);
    struct stream_entry entry;
    if (!stream_find(stream, id, &entry)) {
        if (nack) forget(client, group, id, nack);
        return false;
    }
    if (!nack) {
        if (!claim->force) return false;
        nack = stream_group_deliver(group, claimer(client, group, known), id, claim->delivered_ms);
    } else if (claim->min_idle_ms && idle_ms(client, nack) < claim->min_idle_ms) {
        return false;
    }
    stream_group_claim(nack, id, claimer(client, group, known));
    nack->delivered_ms = claim->delivered_ms;
    if (claim->retry_count >= 0)
        nack->deliveries = (uint64_t)claim->retry_count;
    else if (!claim->only_id)
        nack->deliveries++;
    reply_claimed(client, &entry, claim->only_id);
    stream_commands_propagate_claim(client, client->argv[1], group, id, nack);
    client->server->dirty++;
    return true;
}

void xclaim_command(struct client *client) {
    struct stream *stream;
    struct stream_group *group;
    struct claim claim;
    if (!stream_commands_read_group(client, 1, &stream, &group)) return;
    struct entry_id *ids = read_claim(client, &claim);
    if (!ids) return;
    bool has_advanced = entry_id_compare(claim.last_id, group->last_id) > 0;
    if (has_advanced) group->last_id = claim.last_id;
    struct stream_consumer *consumer = NULL;
    struct output_hole hole = reply_later(client);
    size_t claimed = 0;
    uint64_t dirty = client->server->dirty;
    for (int i = 0; i < claim.ids; i++) claimed += claim_one(client, stream, group, &consumer, &claim, ids[i]);
    mem_free(ids);
    if (has_advanced && client->server->dirty == dirty) { /* else the claims have told it */
        stream_commands_propagate_last_id(client, client->argv[1], group);
        client->server->dirty++;
    }
    reply_array_here(client, hole, claimed);
    dispatch_prevent_propagation(client);
}

/* ---- XAUTOCLAIM ---- */

enum { AUTOCLAIM_COUNT = 100, AUTOCLAIM_ATTEMPTS = 10 /* looked at for each that is wanted */ };

struct autoclaim {
    int64_t         min_idle_ms, count;
    struct entry_id start;
    bool            only_id;
};

static bool read_autoclaim(struct client *client, struct autoclaim *claim) {
    *claim = (struct autoclaim){.count = AUTOCLAIM_COUNT};
    if (!read_min_idle(client, "XAUTOCLAIM", &claim->min_idle_ms) || !stream_commands_start(client, 5, &claim->start)) return false;
    for (int i = 6; i < client->argc; i++) {
        if (i + 1 < client->argc && slice_is_nocase(client->argv[i], "count")) {
            if (number_parse_int(client->argv[++i], &claim->count) && claim->count >= 1 && claim->count <= INT64_MAX / 16) continue;
            reply_error(client, "ERR COUNT must be > 0");
            return false;
        }
        if (slice_is_nocase(client->argv[i], "justid")) {
            claim->only_id = true;
        } else {
            reply_syntax_error(client);
            return false;
        }
    }
    return true;
}

void xautoclaim_command(struct client *client) {
    struct stream *stream;
    struct stream_group *group;
    struct autoclaim claim;
    if (!read_autoclaim(client, &claim) || !stream_commands_read_group(client, 1, &stream, &group)) return;
    struct stream_consumer *consumer = NULL;
    int64_t attempts = claim.count * AUTOCLAIM_ATTEMPTS, left = claim.count;
    struct bytes deleted = {0}; /* ids */
    struct bytes claimed = {0}; /* ids, replied when it is known where the next call begins */
    struct index_place place = stream_index_from(&group->pending, claim.start);
    const struct index_item *item;
    while (attempts-- > 0 && left && (item = stream_index_at(&group->pending, place))) {
        struct entry_id id = item->id;
        struct stream_nack *nack = item->value;
        if (!stream_has(stream, id)) {
            forget(client, group, id, nack);
            bytes_add(&deleted, &id, sizeof id);
            place = stream_index_from(&group->pending, id);
            left--;
            continue;
        }
        place = stream_index_next(&group->pending, place);
        if (claim.min_idle_ms && idle_ms(client, nack) < claim.min_idle_ms) continue;
        stream_group_claim(nack, id, claimer(client, group, &consumer));
        nack->delivered_ms = client->server->wall_ms;
        if (!claim.only_id) nack->deliveries++;
        bytes_add(&claimed, &id, sizeof id);
        left--;
        stream_commands_propagate_claim(client, client->argv[1], group, id, nack);
        client->server->dirty++;
    }
    item = stream_index_at(&group->pending, place);
    reply_array(client, 3);
    stream_commands_reply_id(client, item ? item->id : ENTRY_ID_ZERO);
    reply_array(client, claimed.size / sizeof(struct entry_id));
    for (size_t at = 0; at < claimed.size; at += sizeof(struct entry_id)) {
        struct stream_entry entry;
        struct entry_id id;
        memcpy(&id, claimed.data + at, sizeof id);
        bool is_there = stream_find(stream, id, &entry);
        CHECK(is_there);
        reply_claimed(client, &entry, claim.only_id);
    }
    reply_array(client, deleted.size / sizeof(struct entry_id));
    for (size_t at = 0; at < deleted.size; at += sizeof(struct entry_id)) {
        struct entry_id id;
        memcpy(&id, deleted.data + at, sizeof id);
        stream_commands_reply_id(client, id);
    }
    bytes_fini(&claimed);
    bytes_fini(&deleted);
    dispatch_prevent_propagation(client);
}
