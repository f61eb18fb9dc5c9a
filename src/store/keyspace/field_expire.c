#include "store/keyspace/field_expire.h"
#include "base/clock.h"
#include "store/keyspace/expire.h"
#include "store/types/hash_value.h"

enum { LIKE_MAX = 16, SWEEP_BATCH = 16 };

static int64_t now_of(const struct keyspace *keyspace) {
    return *keyspace->shared->wall_ms;
}

static bool may_have_deadlines(const struct record *record) {
    return record_type(record) == VALUE_HASH && record_encoding(record) != VALUE_LISTPACK && record_encoding(record) != VALUE_SHORT;
}

void field_expire_file(struct keyspace *keyspace, struct record *record, uint64_t hash, bool is_moved) {
    if (!may_have_deadlines(record)) return;
    struct value value = record_value(record);
    int64_t      earliest_ms = hash_value_earliest_ms(&value), filed_ms = hash_value_filed_ms(&value);
    if (earliest_ms == HASH_NEVER || (!is_moved && filed_ms != HASH_NEVER && filed_ms <= earliest_ms)) return;
    if (!keyspace->field_timers) keyspace->field_timers = expire_index_new(now_of(keyspace));
    expire_index_add(keyspace->field_timers, hash, earliest_ms);
    hash_value_set_filed_ms(&value, earliest_ms);
}

/* ---- one key ---- */

struct ending {
    struct keyspace *keyspace;
    struct slice     key;
};

static void end_field(void *context, const struct hash_item *item) {
    const struct ending         *ending = context;
    const struct keyspace_hooks *hooks = &ending->keyspace->shared->hooks;
    ending->keyspace->shared->stats.expired_fields++;
    if (hooks->field_expired) hooks->field_expired(hooks->removal_context, ending->keyspace, ending->key, item->field);
}

bool field_expire_key(struct keyspace *keyspace, struct spot *spot, size_t max) {
    struct record *record = spot->record;
    if (!may_have_deadlines(record) || keyspace->shared->keep_expired) return true;
    struct value value = record_value(record);
    int64_t      earliest_ms = hash_value_earliest_ms(&value);
    if (earliest_ms == HASH_NEVER || earliest_ms >= now_of(keyspace)) return true;
    struct slice  key = record_key(record);
    struct ending ending = {keyspace, key};
    size_t        ended = hash_value_expire(&value, now_of(keyspace), max, end_field, &ending);
    record_update_object(record, &value);
    if (!ended) return true;
    keyspace_changed(keyspace, key, KEYSPACE_HASH, "hexpired");
    if (hash_value_count(&value)) return true;
    /* The key's name lies in the record, and is needed until all was told. */
    record = keyspace_take(keyspace, spot);
    keyspace_changed(keyspace, key, KEYSPACE_GENERIC, "del");
    record_free_object(record);
    record_free(record);
    return false;
}

/* ---- all keys ---- */

struct alike {
    struct keyspace *keyspace;
    struct record   *records[LIKE_MAX];
    unsigned         count;
    bool             is_full;
};

static void collect_due(void *context, struct record *record) {
    struct alike *alike = context;
    if (!may_have_deadlines(record)) return;
    struct value value = record_value(record);
    int64_t      filed_ms = hash_value_filed_ms(&value);
    if (filed_ms == HASH_NEVER || filed_ms > now_of(alike->keyspace)) return; /* a place that is left over */
    if (alike->count == LIKE_MAX)
        alike->is_full = true;
    else
        alike->records[alike->count++] = record;
}

/* The place of this hash came up. True: there was no time for all of it, so the place is to be looked at again. */
static bool serve(struct keyspace *keyspace, uint64_t hash, int64_t until_us) {
    struct alike alike = {.keyspace = keyspace};
    key_table_each_like(keyspace->table, hash, collect_due, &alike);
    for (unsigned i = 0; i < alike.count; i++) {
        struct spot spot = {.record = alike.records[i], .hash = keyspace_hash(keyspace, record_key(alike.records[i]))};
        for (;;) {
            size_t before = keyspace->shared->stats.expired_fields;
            if (!field_expire_key(keyspace, &spot, FIELD_EXPIRE_AT_ONCE)) break;
            if (keyspace->shared->stats.expired_fields - before < FIELD_EXPIRE_AT_ONCE) {
                struct value value = record_value(spot.record);
                hash_value_set_filed_ms(&value, HASH_NEVER);
                field_expire_file(keyspace, spot.record, spot.hash, false);
                break;
            }
            if (clock_now_us() >= until_us) return true;
        }
    }
    return alike.is_full;
}

struct refile {
    struct keyspace *keyspace;
    uint64_t         hash;
};

static void refile(void *context, struct record *record) {
    const struct refile *refile = context;
    field_expire_file(refile->keyspace, record, refile->hash, true);
}

/* The clock was set back: what is filed now would come up too late, so all places are filed anew. */
static bool sweep_some(struct keyspace *keyspace) {
    uint64_t hash;
    if (!keyspace->old_field_timers) {
        if (!expire_index_is_ahead(keyspace->field_timers, now_of(keyspace))) return false;
        keyspace->old_field_timers = keyspace->field_timers;
        keyspace->field_timers = expire_index_new(now_of(keyspace));
    }
    for (unsigned i = 0; i < SWEEP_BATCH; i++) {
        if (!expire_index_take(keyspace->old_field_timers, &hash)) {
            expire_index_free(&keyspace->old_field_timers);
            return false;
        }
        key_table_each_like(keyspace->table, hash, refile, &(struct refile){keyspace, hash});
    }
    return true;
}

bool field_expire_some(struct keyspace *keyspace, int64_t until_us) {
    if (!keyspace->field_timers || !keyspace->table || keyspace->shared->keep_expired) return false;
    for (bool more = true; more;) {
        more = sweep_some(keyspace);
        if (!keyspace->has_due_field) {
            enum expire_step step = expire_index_next(keyspace->field_timers, now_of(keyspace), &keyspace->due_field);
            keyspace->has_due_field = step == EXPIRE_DUE;
            more |= step != EXPIRE_NONE;
        }
        if (keyspace->has_due_field) {
            keyspace->has_due_field = serve(keyspace, keyspace->due_field, until_us);
            more = true;
        }
        if (more && clock_now_us() >= until_us) return true;
    }
    return false;
}
