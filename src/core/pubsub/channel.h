/* Who listens to which channel, pattern or shard channel, and the delivery of messages.
 *
 * SUBSCRIBE and its kin are its commands (pubsub.def); others publish through channel_publish(), for instance keyspace
 * notifications and the sentinel's events.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

struct client;
struct channels; /* owned by the server */

struct channels *channels_new(void); /* gives: channels_free() */
void             channels_free(struct channels **channels);

/* Sends to the subscribers of the channel and of matching patterns; returns how many received it. */
size_t channel_publish(struct channels *channels, struct slice channel, struct slice message);
size_t channel_publish_shard(struct channels *channels, struct slice channel, struct slice message);

/* Without replies and idempotent: true when something changed. */
bool channel_subscribe(struct client *client, struct slice channel);
bool channel_unsubscribe(struct client *client, struct slice channel);
bool channel_subscribe_pattern(struct client *client, struct slice pattern);
bool channel_unsubscribe_pattern(struct client *client, struct slice pattern);
bool channel_subscribe_shard(struct client *client, struct slice channel);
bool channel_unsubscribe_shard(struct client *client, struct slice channel);
/* Everything of this client (it is gone, or RESET). */
void channel_forget_client(struct client *client);

/* Subscriptions of a client: channels, patterns, shard channels. */
size_t channel_count_of(const struct client *client);          /* channels + patterns, as replies count them */
size_t channel_patterns_of(const struct client *client);
size_t channel_shards_of(const struct client *client);
/* Calls `each` for every channel (or pattern, or shard channel) that the client is subscribed to: the ACL uses it to find
 * clients that may no longer listen. */
enum channel_kind { CHANNEL_PLAIN, CHANNEL_PATTERN, CHANNEL_SHARD };
void channel_each_of(const struct client *client, enum channel_kind kind,
                     void (*each)(void *context, struct slice name), void *context);

/* INFO stats: pubsub_channels, pubsub_patterns, pubsubshard_channels. */
size_t channels_count(const struct channels *channels, enum channel_kind kind);
size_t channels_subscribers(const struct channels *channels, enum channel_kind kind, struct slice name);
/* Calls `each` for every channel that somebody listens to, in no order. */
void   channels_each(const struct channels *channels, enum channel_kind kind,
                     void (*each)(void *context, struct slice name), void *context);
size_t channels_memory(const struct channels *channels);
