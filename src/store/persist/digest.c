#include "store/persist/digest.h"
#include "store/keyspace/databases.h"
#include "store/types/hash_value.h"
#include "store/types/list_value.h"
#include "store/types/set_value.h"
#include "store/types/stream.h"
#include "store/types/zset_value.h"

#include <arpa/inet.h>
#include <openssl/sha.h>
#include <stdio.h>

_Static_assert(sizeof(struct digest) == SHA_DIGEST_LENGTH, "SHA-1");

/* For what has no order. */
static void add(struct digest *digest, struct slice data) {
    struct digest one;
    SHA1((const unsigned char *)data.data, data.size, one.bytes);
    for (size_t i = 0; i < sizeof one.bytes; i++) digest->bytes[i] ^= one.bytes[i];
}

/* For what comes one after the other. */
static void mix(struct digest *digest, struct slice data) {
    add(digest, data);
    struct digest mixed;
    SHA1(digest->bytes, sizeof digest->bytes, mixed.bytes);
    *digest = mixed;
}

static void mix_number(struct digest *digest, uint32_t number) {
    uint32_t big = htonl(number);
    mix(digest, slice_make(&big, sizeof big));
}

static void mix_list(struct digest *digest, const struct value *list) {
    struct list_walk walk;
    struct slice text;
    list_walk_start(&walk, list, 0);
    while (list_walk_next(&walk, &text)) mix(digest, text);
    list_walk_end(&walk);
}

static bool add_member(void *context, struct slice member) {
    add(context, member);
    return true;
}

static void add_pair(struct digest *digest, struct slice first, struct slice second) {
    struct digest pair = {0};
    mix(&pair, first);
    mix(&pair, second);
    add(digest, slice_make(pair.bytes, sizeof pair.bytes));
}

static void add_field(void *context, const struct hash_item *item) {
    add_pair(context, item->field, item->text);
}

static void add_scores(struct digest *digest, const struct value *zset) {
    struct zset_walk walk;
    struct zset_item item;
    char score[40];
    zset_walk_start(&walk, zset, 0, zset_value_count(zset), false);
    while (zset_walk_next(&walk, &item))
        add_pair(digest, item.member, slice_make(score, (size_t)snprintf(score, sizeof score, "%.17g", item.score)));
}

static void mix_stream(struct digest *digest, const struct stream *stream) {
    char name[NUMBER_TEXT_SIZE], text[NUMBER_TEXT_SIZE], id[2 * NUMBER_TEXT_SIZE];
    struct stream_walk walk;
    stream_walk_start(&walk, stream, ENTRY_ID_ZERO, ENTRY_ID_MAX, false);
    while (stream_walk_next(&walk)) {
        size_t size = number_print_uint(id, walk.entry.id.ms);
        id[size++] = '.';
        size += number_print_uint(id + size, walk.entry.id.seq);
        mix(digest, slice_make(id, size));
        struct stream_fields fields = stream_node_fields(&walk.entry);
        while (stream_node_next_field(&fields)) {
            mix(digest, listpack_text(fields.name, name));
            mix(digest, listpack_text(fields.value, text));
        }
    }
}

static void mix_value(struct digest *digest, const struct record *record) {
    char buffer[NUMBER_TEXT_SIZE];
    struct value value = record_value(record);
    switch (record_type(record)) {
    case VALUE_STRING: mix(digest, record_text(record, buffer)); return;
    case VALUE_LIST: mix_list(digest, &value); return;
    case VALUE_SET: set_value_each(&value, add_member, digest); return;
    case VALUE_HASH: hash_value_walk(&value, HASH_SEE_ALL, add_field, digest); return;
    case VALUE_ZSET: add_scores(digest, &value); return;
    case VALUE_STREAM: mix_stream(digest, value.object); return;
    case VALUE_TYPE_COUNT: break;
    }
    UNREACHABLE("a type of value");
}

enum { STREAM_NUMBER = 6 }; /* after modules, of which we have none */

static void mix_record(struct digest *digest, const struct record *record) {
    enum value_type type = record_type(record);
    mix_number(digest, type == VALUE_STREAM ? STREAM_NUMBER : (uint32_t)type);
    mix_value(digest, record);
    if (record_expires_ms(record) != RECORD_NEVER) add(digest, SLICE("!!expire!!"));
}

void digest_of_value(struct digest *digest, const struct record *record) {
    *digest = (struct digest){0};
    mix_record(digest, record);
}

struct walk {
    const struct keyspace *keyspace;
    struct digest         *all;
};

static void add_record(void *context, struct record *record) {
    const struct walk *walk = context;
    if (keyspace_is_expired(walk->keyspace, record)) return;
    struct digest digest = {0};
    mix(&digest, record_key(record));
    mix_record(&digest, record);
    add(walk->all, slice_make(digest.bytes, sizeof digest.bytes));
}

void digest_of_all(struct digest *digest, struct databases *databases) {
    *digest = (struct digest){0};
    for (int i = 0; i < databases_count(databases); i++) {
        const struct keyspace *keyspace = databases_find(databases, i);
        uint64_t cursor = 0;
        if (!keyspace_count(keyspace)) continue;
        mix_number(digest, (uint32_t)i);
        while (keyspace_scan(keyspace, &cursor, add_record, &(struct walk){keyspace, digest})) continue;
    }
}

void digest_print(const struct digest *digest, char *text) {
    for (size_t i = 0; i < sizeof digest->bytes; i++) snprintf(text + 2 * i, 3, "%02x", digest->bytes[i]);
}
