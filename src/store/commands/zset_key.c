#include "store/commands/zset_key.h"
#include "core/client/reply.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/types/score.h"

struct zset_rules zset_key_rules(const struct client *client) {
    const struct databases *databases = session_of(client)->databases;
    return (struct zset_rules){.max_entries = databases->settings.zset_max_listpack_entries,
                               .max_member_bytes = databases->settings.zset_max_listpack_value_bytes,
                               .hash_key = &databases->shared.hash_key};
}

bool zset_key_read(struct client *client, struct slice key, struct value *zset) {
    struct record *record = keyspace_read(session_keyspace(client), key);
    zset->object = NULL;
    if (!argument_is_type(client, record, VALUE_ZSET)) return false;
    if (record) *zset = record_value(record);
    return true;
}

bool zset_key_open(struct client *client, struct slice name, struct zset_key *key) {
    key->name = name;
    key->zset.object = NULL;
    keyspace_open(session_keyspace(client), name, &key->spot);
    if (!argument_is_type(client, key->spot.record, VALUE_ZSET)) return false;
    if (key->spot.record) key->zset = record_value(key->spot.record);
    return true;
}

void zset_key_close(struct client *client, struct zset_key *key, const char *event, uint64_t changes) {
    struct keyspace *keyspace = session_keyspace(client);
    if (key->spot.record)
        record_update_object(key->spot.record, &key->zset);
    else
        keyspace_put(keyspace, key->name, &key->spot, &key->zset, RECORD_NEVER);
    keyspace_changed(keyspace, key->name, KEYSPACE_ZSET, event);
    client->server->dirty += changes;
    if (zset_value_count(&key->zset)) return;
    keyspace_remove(keyspace, &key->spot);
    keyspace_changed(keyspace, key->name, KEYSPACE_GENERIC, "del");
}

void zset_key_store(struct client *client, struct slice name, struct value *zset, const char *event) {
    struct keyspace *keyspace = session_keyspace(client);
    struct spot      spot;
    bool             was_there = keyspace_open(keyspace, name, &spot);
    if (zset_value_count(zset)) {
        keyspace_put(keyspace, name, &spot, zset, RECORD_NEVER);
        keyspace_changed(keyspace, name, KEYSPACE_ZSET, event);
        client->server->dirty++;
        return;
    }
    zset_value_free(zset);
    if (!was_there) return;
    keyspace_remove(keyspace, &spot);
    keyspace_changed(keyspace, name, KEYSPACE_GENERIC, "del");
    client->server->dirty++;
}

void zset_reply_score(struct client *client, double score) {
    char   text[SCORE_TEXT_SIZE + 3] = ",";
    size_t size = score_print(text + 1, score);
    if (!reply_is_resp3(client)) {
        reply_bulk(client, slice_make(text + 1, size));
        return;
    }
    memcpy(text + 1 + size, "\r\n", 2);
    reply_raw(client, slice_make(text, size + 3));
}

void zset_reply_head(struct client *client, size_t count, bool with_scores) {
    reply_array(client, with_scores && !reply_is_resp3(client) ? 2 * count : count);
}

void zset_reply_item(struct client *client, struct slice member, double score, bool with_scores) {
    if (with_scores && reply_is_resp3(client)) reply_array(client, 2);
    reply_bulk(client, member);
    if (with_scores) zset_reply_score(client, score);
}
