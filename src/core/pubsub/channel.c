#include "core/pubsub/channel.h"

#include "base/glob.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/table.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/server.h"
#include "net/resp_write.h"

enum { KINDS = 3 };

/* A channel (or pattern, or shard channel) that somebody listens to. Freed with its last subscription. */
struct topic {
    struct list      subscriptions; /* of subscription.in_topic */
    struct list_node in_patterns;   /* patterns only */
    char            *name;
    size_t           name_size;
    enum channel_kind kind;
};

struct subscription {
    struct list_node in_topic;
    struct client   *client;
    struct topic    *topic;
};

/* A client's side: what it listens to. */
struct channel_member {
    struct table *subscriptions[KINDS]; /* name to struct subscription; NULL: none ever */
};

struct channels {
    struct table *topics[KINDS]; /* name to struct topic */
    struct list   patterns;      /* in the order of their first subscription */
    size_t        memory;
};

struct channels *channels_new(void) {
    struct channels *channels = mem_zalloc(sizeof(*channels));
    for (int i = 0; i < KINDS; i++) channels->topics[i] = table_new();
    list_init(&channels->patterns);
    return channels;
}

void channels_free(struct channels **channels) {
    struct channels *gone = *channels;
    if (!gone) return;
    *channels = NULL;
    for (int i = 0; i < KINDS; i++) {
        CHECK(table_count(gone->topics[i]) == 0); /* the clients went before */
        table_free(&gone->topics[i], NULL);
    }
    mem_free(gone);
}

static struct slice topic_name(const struct topic *topic) {
    return slice_make(topic->name, topic->name_size);
}

/* ---- who listens ---- */

static struct topic *topic_get(struct channels *channels, enum channel_kind kind, struct slice name) {
    struct topic *topic = table_find(channels->topics[kind], name);
    if (topic) return topic;
    topic = mem_zalloc(sizeof(*topic));
    list_init(&topic->subscriptions);
    list_node_init(&topic->in_patterns);
    topic->name = slice_to_text(name);
    topic->name_size = name.size;
    topic->kind = kind;
    table_set(channels->topics[kind], name, topic);
    if (kind == CHANNEL_PATTERN) list_add(&channels->patterns, &topic->in_patterns);
    channels->memory += mem_size(topic) + mem_size(topic->name);
    return topic;
}

static void topic_drop(struct channels *channels, struct topic *topic) {
    channels->memory -= mem_size(topic) + mem_size(topic->name);
    table_remove(channels->topics[topic->kind], topic_name(topic));
    list_remove(&topic->in_patterns);
    mem_free(topic->name);
    mem_free(topic);
}

static struct subscription *find_subscription(const struct client *client, enum channel_kind kind, struct slice name) {
    if (!client->channels || !client->channels->subscriptions[kind]) return NULL;
    return table_find(client->channels->subscriptions[kind], name);
}

static bool subscribe(struct client *client, enum channel_kind kind, struct slice name) {
    if (find_subscription(client, kind, name)) return false;
    struct channels *channels = client->server->channels;
    if (!client->channels) client->channels = mem_zalloc(sizeof(*client->channels));
    struct table **own = &client->channels->subscriptions[kind];
    if (!*own) *own = table_new();
    struct subscription *subscription = mem_zalloc(sizeof(*subscription));
    subscription->client = client;
    subscription->topic = topic_get(channels, kind, name);
    list_node_init(&subscription->in_topic);
    list_add(&subscription->topic->subscriptions, &subscription->in_topic);
    table_set(*own, name, subscription);
    channels->memory += mem_size(subscription);
    return true;
}

/* Takes the subscription off the topic's side. */
static void leave(struct channels *channels, struct subscription *subscription) {
    struct topic *topic = subscription->topic;
    channels->memory -= mem_size(subscription);
    list_remove(&subscription->in_topic);
    mem_free(subscription);
    if (list_is_empty(&topic->subscriptions)) topic_drop(channels, topic);
}

static bool unsubscribe(struct client *client, enum channel_kind kind, struct slice name) {
    struct subscription *subscription = find_subscription(client, kind, name);
    if (!subscription) return false;
    table_remove(client->channels->subscriptions[kind], name);
    leave(client->server->channels, subscription);
    return true;
}

bool channel_subscribe(struct client *client, struct slice channel) {
    return subscribe(client, CHANNEL_PLAIN, channel);
}

bool channel_unsubscribe(struct client *client, struct slice channel) {
    return unsubscribe(client, CHANNEL_PLAIN, channel);
}

bool channel_subscribe_pattern(struct client *client, struct slice pattern) {
    return subscribe(client, CHANNEL_PATTERN, pattern);
}

bool channel_unsubscribe_pattern(struct client *client, struct slice pattern) {
    return unsubscribe(client, CHANNEL_PATTERN, pattern);
}

bool channel_subscribe_shard(struct client *client, struct slice channel) {
    return subscribe(client, CHANNEL_SHARD, channel);
}

bool channel_unsubscribe_shard(struct client *client, struct slice channel) {
    return unsubscribe(client, CHANNEL_SHARD, channel);
}

void channel_forget_client(struct client *client) {
    struct channel_member *member = client->channels;
    if (!member) return;
    for (int kind = 0; kind < KINDS; kind++) {
        struct table_walk walk = {0};
        if (!member->subscriptions[kind]) continue;
        while (table_next(member->subscriptions[kind], &walk)) leave(client->server->channels, walk.value);
        table_free(&member->subscriptions[kind], NULL);
    }
    mem_free(member);
    client->channels = NULL;
}

/* ---- delivery ---- */

/* A message in both versions of the protocol, each encoded when the first subscriber needs it. */
struct message {
    const char  *kind;    /* "message", "pmessage", "smessage" */
    struct slice pattern; /* data NULL: none */
    struct slice channel, text;
    struct bytes encoded[2];
};

static struct slice encode(struct message *message, int version) {
    struct bytes *out = &message->encoded[version - 2];
    if (!out->size) {
        resp_print_push(out, version, message->pattern.data ? 4 : 3);
        resp_print_bulk(out, slice_text(message->kind));
        if (message->pattern.data) resp_print_bulk(out, message->pattern);
        resp_print_bulk(out, message->channel);
        resp_print_bulk(out, message->text);
    }
    return bytes_slice(out);
}

static size_t deliver(struct topic *topic, struct message *message) {
    size_t count = 0;
    LIST_EACH(&topic->subscriptions, node) {
        struct client *client = container_of(node, struct subscription, in_topic)->client;
        uint64_t       was_pushing = client->flags & CLIENT_PUSHING;
        client->flags |= CLIENT_PUSHING;
        reply_raw(client, encode(message, client->resp));
        client->flags = (client->flags & ~CLIENT_PUSHING) | was_pushing;
        client_check_output_limits(client);
        count++;
    }
    bytes_fini(&message->encoded[0]);
    bytes_fini(&message->encoded[1]);
    return count;
}

static size_t publish(struct channels *channels, enum channel_kind kind, const char *word, struct slice channel,
                      struct slice text) {
    struct topic *topic = table_find(channels->topics[kind], channel);
    if (!topic) return 0;
    struct message message = {.kind = word, .channel = channel, .text = text};
    return deliver(topic, &message);
}

size_t channel_publish(struct channels *channels, struct slice channel, struct slice message) {
    size_t count = publish(channels, CHANNEL_PLAIN, "message", channel, message);
    LIST_EACH(&channels->patterns, node) {
        struct topic *topic = container_of(node, struct topic, in_patterns);
        if (!glob_match(topic_name(topic), channel)) continue;
        struct message one = {.kind = "pmessage", .pattern = topic_name(topic), .channel = channel, .text = message};
        count += deliver(topic, &one);
    }
    return count;
}

size_t channel_publish_shard(struct channels *channels, struct slice channel, struct slice message) {
    return publish(channels, CHANNEL_SHARD, "smessage", channel, message);
}

/* ---- asking ---- */

static size_t count_of(const struct client *client, enum channel_kind kind) {
    if (!client->channels || !client->channels->subscriptions[kind]) return 0;
    return table_count(client->channels->subscriptions[kind]);
}

size_t channel_count_of(const struct client *client) {
    return count_of(client, CHANNEL_PLAIN) + count_of(client, CHANNEL_PATTERN);
}

size_t channel_patterns_of(const struct client *client) {
    return count_of(client, CHANNEL_PATTERN);
}

size_t channel_shards_of(const struct client *client) {
    return count_of(client, CHANNEL_SHARD);
}

void channel_each_of(const struct client *client, enum channel_kind kind, void (*each)(void *context, struct slice name),
                     void *context) {
    struct table_walk walk = {0};
    if (!count_of(client, kind)) return;
    while (table_next(client->channels->subscriptions[kind], &walk)) each(context, walk.key);
}

size_t channels_count(const struct channels *channels, enum channel_kind kind) {
    return table_count(channels->topics[kind]);
}

size_t channels_subscribers(const struct channels *channels, enum channel_kind kind, struct slice name) {
    const struct topic *topic = table_find(channels->topics[kind], name);
    size_t              count = 0;
    if (topic) LIST_EACH(&topic->subscriptions, node) { count++; }
    return count;
}

void channels_each(const struct channels *channels, enum channel_kind kind,
                   void (*each)(void *context, struct slice name), void *context) {
    struct table_walk walk = {0};
    while (table_next(channels->topics[kind], &walk)) each(context, walk.key);
}

size_t channels_memory(const struct channels *channels) {
    size_t sum = channels->memory;
    for (int i = 0; i < KINDS; i++) sum += table_memory(channels->topics[i]);
    return sum;
}
