#include "store/prefetch.h"
#include "core/command/command.h"
#include "core/server.h"
#include "store/keyspace/keyspace.h"
#include "store/types/hash_fields.h"

enum { KEYS_AT_ONCE = 64 }; /* more lines in flight than the processor has buffers for would be dropped again */

/* A field or member that a command on a large hash or set names. */
struct element {
    const struct server_request *request;
    const struct member_table   *table;
    uint64_t                     hash; /* of the key, then of the element */
};

struct batch {
    const struct keyspace *keyspace;
    uint64_t               hashes[KEYS_AT_ONCE];
    size_t                 count, element_count;
    struct element         elements[KEYS_AT_ONCE];
};

/* Returns false when the batch is full. */
static bool add(struct batch *batch, struct slice key) {
    uint64_t hash = keyspace_hash(batch->keyspace, key);
    keyspace_prefetch(batch->keyspace, hash);
    batch->hashes[batch->count++] = hash;
    return batch->count < KEYS_AT_ONCE;
}

/* In most commands on hashes and sets the element is what follows the key; where it is not, little time is lost. */
static bool names_element(const struct server_request *request) {
    const struct command *row = request->entry->row;
    return (row->group == COMMAND_GROUP_HASH || row->group == COMMAND_GROUP_SET) && request->entry->first_key == 1 &&
           request->entry->last_key == 1 && request->argc > 2;
}

/* The keys that COMMAND INFO's triple names: good enough, since a wrong guess costs nothing but time. */
static bool add_request(struct batch *batch, const struct server_request *request) {
    const struct command_entry *entry = request->entry;
    if (!entry || entry->first_key <= 0) return true;
    int last = entry->last_key < 0 ? request->argc + entry->last_key : entry->last_key;
    int step = MAX(entry->key_step, 1);
    size_t first = batch->count;
    for (int i = entry->first_key; i <= last && i < request->argc; i += step)
        if (!add(batch, request->argv[i])) return false;
    if (names_element(request))
        batch->elements[batch->element_count++] = (struct element){.request = request, .hash = batch->hashes[first]};
    return true;
}

static const struct member_table *members_of(const struct record *record) {
    if (!record || record_encoding(record) != VALUE_HASHTABLE) return NULL;
    return record_type(record) == VALUE_HASH ? hash_fields_table(record_object(record)) : record_object(record);
}

/* By now the records have come. Three rounds, each of which reads what the one before began to fetch. */
static void prefetch_elements(struct batch *batch) {
    struct element *end = batch->elements + batch->element_count;
    for (struct element *element = batch->elements; element < end; element++) {
        struct slice key = element->request->argv[1];
        element->table = members_of(key_table_find(batch->keyspace->table, key, element->hash, NULL));
        if (!element->table) continue;
        element->hash = member_table_hash(member_table_hash_key(element->table), element->request->argv[2]);
        member_table_prefetch(element->table, element->hash);
    }
    for (struct element *element = batch->elements; element < end; element++)
        if (element->table) member_table_prefetch_block(element->table, element->hash);
    for (struct element *element = batch->elements; element < end; element++)
        if (element->table) member_table_prefetch_entry(element->table, element->hash);
}

void prefetch_keys(const struct keyspace *keyspace, const struct server_request *requests, size_t count) {
    if (!keyspace->table) return;
    struct batch batch;
    batch.keyspace = keyspace;
    batch.count = batch.element_count = 0;
    for (size_t i = 0; i < count; i++)
        if (!add_request(&batch, &requests[i])) break;
    for (size_t i = 0; i < batch.count; i++) keyspace_prefetch_record(keyspace, batch.hashes[i]);
    if (batch.element_count > 1) prefetch_elements(&batch);
}
