/* SUBSCRIBE, PUBLISH, PUBSUB and their kin. */
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/core_commands.h"
#include "core/pubsub/channel.h"

#include "base/glob.h"
#include "base/mem.h"
#include "core/client/client.h"
#include "core/server.h"

#define COMMAND COMMAND_PROTOTYPE
#include "core/pubsub/pubsub.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command pubsub_commands[] = {
#include "core/pubsub/pubsub.def"
};
#undef COMMAND
const size_t pubsub_command_count = COUNT_OF(pubsub_commands);

/* ---- subscribing ---- */

/* `name` NULL data: nothing was subscribed to. */
static void confirm(struct client *client, const char *what, struct slice name, size_t left) {
    uint64_t was_pushing = client->flags & CLIENT_PUSHING;
    client->flags |= CLIENT_PUSHING;
    reply_push(client, 3);
    reply_bulk_text(client, what);
    if (name.data) {
        reply_bulk(client, name);
    } else {
        reply_null(client);
    }
    reply_int(client, (int64_t)left);
    client->flags = (client->flags & ~CLIENT_PUSHING) | was_pushing;
}

static size_t left_of(const struct client *client, enum channel_kind kind) {
    return kind == CHANNEL_SHARD ? channel_shards_of(client) : channel_count_of(client);
}

static void subscribe_all(struct client *client, const char *what, enum channel_kind kind,
                          bool (*subscribe)(struct client *client, struct slice name)) {
    for (int i = 1; i < client->argc; i++) {
        (void)subscribe(client, client->argv[i]);
        confirm(client, what, client->argv[i], left_of(client, kind));
    }
}

void subscribe_command(struct client *client) {
    subscribe_all(client, "subscribe", CHANNEL_PLAIN, channel_subscribe);
}

void psubscribe_command(struct client *client) {
    subscribe_all(client, "psubscribe", CHANNEL_PATTERN, channel_subscribe_pattern);
}

void ssubscribe_command(struct client *client) {
    subscribe_all(client, "ssubscribe", CHANNEL_SHARD, channel_subscribe_shard);
}

/* Names, copied: what they are taken from changes while they are worked on. */
struct names {
    char  **texts;
    size_t *sizes;
    size_t  count;
};

static void collect(void *context, struct slice name) {
    struct names *names = context;
    names->texts = mem_realloc(names->texts, (names->count + 1) * sizeof(*names->texts));
    names->sizes = mem_realloc(names->sizes, (names->count + 1) * sizeof(*names->sizes));
    names->texts[names->count] = slice_to_text(name);
    names->sizes[names->count++] = name.size;
}

static void names_fini(struct names *names) {
    for (size_t i = 0; i < names->count; i++) mem_free(names->texts[i]);
    mem_free(names->texts);
    mem_free(names->sizes);
}

static void unsubscribe_all(struct client *client, const char *what, enum channel_kind kind,
                            bool (*unsubscribe)(struct client *client, struct slice name)) {
    if (client->argc > 1) {
        for (int i = 1; i < client->argc; i++) {
            (void)unsubscribe(client, client->argv[i]);
            confirm(client, what, client->argv[i], left_of(client, kind));
        }
        return;
    }
    struct names names = {0};
    channel_each_of(client, kind, collect, &names);
    for (size_t i = 0; i < names.count; i++) {
        struct slice name = slice_make(names.texts[i], names.sizes[i]);
        (void)unsubscribe(client, name);
        confirm(client, what, name, left_of(client, kind));
    }
    if (!names.count) confirm(client, what, (struct slice){NULL, 0}, left_of(client, kind));
    names_fini(&names);
}

void unsubscribe_command(struct client *client) {
    unsubscribe_all(client, "unsubscribe", CHANNEL_PLAIN, channel_unsubscribe);
}

void punsubscribe_command(struct client *client) {
    unsubscribe_all(client, "punsubscribe", CHANNEL_PATTERN, channel_unsubscribe_pattern);
}

void sunsubscribe_command(struct client *client) {
    unsubscribe_all(client, "sunsubscribe", CHANNEL_SHARD, channel_unsubscribe_shard);
}

/* ---- publishing: replicas' subscribers are to get it too ---- */

void publish_command(struct client *client) {
    size_t count = channel_publish(client->server->channels, client->argv[1], client->argv[2]);
    dispatch_propagate_to_replicas(client);
    reply_int(client, (int64_t)count);
}

void spublish_command(struct client *client) {
    size_t count = channel_publish_shard(client->server->channels, client->argv[1], client->argv[2]);
    dispatch_propagate_to_replicas(client);
    reply_int(client, (int64_t)count);
}

/* ---- PUBSUB ---- */

struct listing {
    struct client *client;
    struct slice   pattern; /* data NULL: all */
    size_t         count;
};

static void list_one(void *context, struct slice name) {
    struct listing *listing = context;
    if (listing->pattern.data && !glob_match(listing->pattern, name)) return;
    reply_bulk(listing->client, name);
    listing->count++;
}

static void list_channels(struct client *client, enum channel_kind kind) {
    if (client->argc > 3) {
        dispatch_reply_subcommand_syntax(client);
        return;
    }
    struct listing     listing = {.client = client};
    struct output_hole hole = reply_later(client);
    if (client->argc == 3) listing.pattern = client->argv[2];
    channels_each(client->server->channels, kind, list_one, &listing);
    reply_array_here(client, hole, listing.count);
}

static void count_subscribers(struct client *client, enum channel_kind kind) {
    reply_array(client, (size_t)(client->argc - 2) * 2);
    for (int i = 2; i < client->argc; i++) {
        reply_bulk(client, client->argv[i]);
        reply_int(client, (int64_t)channels_subscribers(client->server->channels, kind, client->argv[i]));
    }
}

void pubsub_channels_command(struct client *client) {
    list_channels(client, CHANNEL_PLAIN);
}

void pubsub_shardchannels_command(struct client *client) {
    list_channels(client, CHANNEL_SHARD);
}

void pubsub_numsub_command(struct client *client) {
    count_subscribers(client, CHANNEL_PLAIN);
}

void pubsub_shardnumsub_command(struct client *client) {
    count_subscribers(client, CHANNEL_SHARD);
}

void pubsub_numpat_command(struct client *client) {
    reply_int(client, (int64_t)channels_count(client->server->channels, CHANNEL_PATTERN));
}

void pubsub_help_command(struct client *client) {
    static const char *const lines[] = {
        "CHANNELS [<pattern>]",
        "    Return the channels that have subscribers and match the pattern (default: all).",
        "NUMPAT",
        "    Return the number of patterns that are subscribed to.",
        "NUMSUB [<channel> [<channel> ...]]",
        "    Return the number of subscribers of each channel, patterns not counted.",
        "SHARDCHANNELS [<pattern>]",
        "    Return the shard channels that have subscribers and match the pattern (default: all).",
        "SHARDNUMSUB [<shardchannel> [<shardchannel> ...]]",
        "    Return the number of subscribers of each shard channel.",
        NULL,
    };
    reply_help(client, lines);
}
