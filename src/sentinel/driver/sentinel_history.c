#include "sentinel/driver/sentinel_history.h"
#include "core/client/reply.h"
#include "sentinel/machine/history.h"

static bool is_list(struct slice name) {
    return slice_is(name, "vote") || slice_is(name, "replica");
}

static size_t count_of(struct slice text, const char *list) {
    size_t count = 0;
    struct slice line, name;
    while (slice_split(&text, '\n', &line)) {
        if (!slice_split(&line, '\t', &name)) continue;
        if (list ? slice_is(name, list) : !is_list(name)) count++;
    }
    return count;
}

/* "vote" lines as [{voter, candidate}], "replica" lines as [{address, offset, ...}]. */
static void reply_list(struct client *client, struct slice text, const char *list, const char *title,
                       const char *const *names, size_t count) {
    reply_bulk_text(client, title);
    reply_array(client, count_of(text, list));
    struct slice line, part;
    while (slice_split(&text, '\n', &line)) {
        if (!slice_split(&line, '\t', &part) || !slice_is(part, list)) continue;
        reply_map(client, count);
        for (size_t i = 0; i < count; i++) {
            reply_bulk_text(client, names[i]);
            reply_bulk(client, slice_split(&line, '\t', &part) ? part : slice_text(""));
        }
    }
}

static void reply_record(struct client *client, const struct primary *primary, const struct history_record *record) {
    static const char *const vote[] = {"voter", "candidate"};
    static const char *const replica[] = {"address", "offset", "priority", "lag-bytes", "verdict", "why"};
    struct slice text = slice_text(record->text), rest = text, line, name;
    reply_map(client, count_of(text, NULL) + 4);
    reply_bulk_text(client, "name");
    reply_bulk_text(client, primary->name);
    reply_bulk_text(client, "serial");
    reply_bulk_int(client, (int64_t)record->serial);
    while (slice_split(&rest, '\n', &line)) {
        if (!slice_split(&line, '\t', &name) || is_list(name)) continue;
        reply_bulk(client, name);
        reply_bulk(client, line.data ? line : slice_text(""));
    }
    reply_list(client, text, "vote", "votes", vote, COUNT_OF(vote));
    reply_list(client, text, "replica", "replicas", replica, COUNT_OF(replica));
}

static size_t reply_records(struct client *client, const struct primary *primary, size_t most) {
    size_t count = 0;
    for (const struct list_node *node = primary->history.head.prev; node != &primary->history.head && count < most;
         node = node->prev, count++)
        reply_record(client, primary, container_of(node, struct history_record, node));
    return count;
}

void sentinel_history_reply(struct client *client, const struct world *world, const struct primary *primary,
                            size_t count) {
    struct output_hole hole = reply_later(client);
    size_t total = 0;
    if (primary)
        total = reply_records(client, primary, count);
    else
        LIST_EACH(&world->primaries, node)
            total += reply_records(client, container_of(node, struct primary, node), count);
    reply_array_here(client, hole, total);
}
