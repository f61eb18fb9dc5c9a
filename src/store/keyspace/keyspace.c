#include "store/keyspace/keyspace.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/table.h"
#include "store/keyspace/expire.h"
#include "store/keyspace/field_expire.h"
#include "store/keyspace/lazy_free.h"
#include "store/types/str.h"

enum {
    EXPIRE_BATCH = 16,       /* hashes that are prefetched together */
    EXPIRE_SWEEP_MIN = 1024, /* places that may be stale before the index is rebuilt */
    RANDOM_TRIES = 100
};

void keyspace_init(struct keyspace *keyspace, struct keyspace_shared *shared, int id) {
    *keyspace = (struct keyspace){.shared = shared, .id = id};
}

void keyspace_fini(struct keyspace *keyspace) {
    keyspace_clear(keyspace, false);
}

/* ---- deadlines ---- */

static void count_deadline(struct keyspace *keyspace, int64_t deadline_ms, int sign) {
    if (deadline_ms == RECORD_NEVER) return;
    keyspace->expiring += (size_t)(int64_t)sign;
    keyspace->deadline_sum_ms += sign * (__int128)deadline_ms;
}

/* The record's deadline was `before_ms`: makes sure that the index holds a place that is not later than what it is now. */
static void file_deadline(struct keyspace *keyspace, struct record *record, uint64_t hash, int64_t before_ms) {
    int64_t now_ms = record_expires_ms(record);
    if (now_ms == RECORD_NEVER) return;
    const struct keyspace_hooks *hooks = &keyspace->shared->hooks;
    if (UNLIKELY(hooks->deadline_set != NULL)) hooks->deadline_set(hooks->deadline_context, keyspace, record_key(record));
    if (record->flags & RECORD_HAS_TIMER && before_ms != RECORD_NEVER && now_ms >= before_ms) return;
    if (!keyspace->timers) keyspace->timers = expire_index_new(*keyspace->shared->wall_ms);
    expire_index_add(keyspace->timers, hash, now_ms);
    record->flags = (uint8_t)((record->flags & ~RECORD_TIMER_ODD) | RECORD_HAS_TIMER | keyspace->timer_generation);
}

bool keyspace_is_expired(const struct keyspace *keyspace, const struct record *record) {
    int64_t at = record_expires_ms(record);
    return at != RECORD_NEVER && *keyspace->shared->wall_ms > at;
}

static void free_record(struct keyspace *keyspace, struct record *record, bool here) {
    if (record_is_inline(record)) {
        record_free(record);
    } else if (here) {
        record_free_object(record);
        record_free(record);
    } else {
        lazy_free_record(keyspace->shared->lazy_free, record);
    }
}

static void free_object_of(struct keyspace *keyspace, const struct record *record) {
    void *object = record_object(record);
    if (!object) return;
    if (keyspace->shared->free_here)
        value_free_object(record_type(record), record_encoding(record), object);
    else
        lazy_free_object(keyspace->shared->lazy_free, record_type(record), record_encoding(record), object);
}

static void expire(struct keyspace *keyspace, struct record *record, uint64_t hash) {
    struct keyspace_shared *shared = keyspace->shared;
    struct slice key = record_key(record);
    count_deadline(keyspace, record_expires_ms(record), -1);
    key_table_remove(keyspace->table, record, hash);
    shared->stats.expired++;
    if (shared->hooks.removed) shared->hooks.removed(shared->hooks.removal_context, keyspace, key);
    keyspace_changed(keyspace, key, KEYSPACE_EXPIRED, "expired");
    free_record(keyspace, record, shared->expire_here);
}

/* ---- looking up ---- */

static inline struct record *find(struct keyspace *keyspace, struct slice key, uint64_t hash, uint64_t **slot) {
    if (UNLIKELY(!keyspace->table)) return NULL;
    struct record *record = key_table_find(keyspace->table, key, hash, slot);
    if (record && UNLIKELY(record->flags & RECORD_EXPIRES) && keyspace_is_expired(keyspace, record)) {
        if (keyspace->shared->sees_expired) return record;
        if (!keyspace->shared->keep_expired) expire(keyspace, record, hash);
        return NULL;
    }
    return record;
}

static inline struct record *count_lookup(struct keyspace *keyspace, struct slice key, struct record *record) {
    struct keyspace_shared *shared = keyspace->shared;
    if (record) {
        shared->stats.hits++;
    } else {
        shared->stats.misses++;
        if (UNLIKELY(shared->hooks.missed != NULL)) shared->hooks.missed(shared->hooks.context, keyspace, key);
    }
    return record;
}

static void count_use(struct keyspace_shared *shared, struct record *record) {
    record->access = usage_used(record->access, *shared->wall_ms, &shared->usage, &shared->random) & 0xffffff;
}

static inline void touch(const struct keyspace *keyspace, struct record *record) {
    struct keyspace_shared *shared = keyspace->shared;
    if (UNLIKELY(shared->no_touch)) return;
    if (UNLIKELY(shared->counts_uses)) count_use(shared, record);
    else record->access = *shared->clock;
}

static uint32_t first_access(const struct keyspace_shared *shared) {
    return shared->counts_uses ? usage_of_count(USAGE_NEW_COUNT, *shared->wall_ms) : *shared->clock;
}

struct record *keyspace_read(struct keyspace *keyspace, struct slice key) {
    struct record *record = find(keyspace, key, keyspace_hash(keyspace, key), NULL);
    if (record) touch(keyspace, record);
    return count_lookup(keyspace, key, record);
}

struct record *keyspace_look(struct keyspace *keyspace, struct slice key) {
    return count_lookup(keyspace, key, find(keyspace, key, keyspace_hash(keyspace, key), NULL));
}

struct record *keyspace_inspect(struct keyspace *keyspace, struct slice key) {
    struct keyspace_shared *shared = keyspace->shared;
    struct record *record = find(keyspace, key, keyspace_hash(keyspace, key), NULL);
    if (record) shared->stats.hits++;
    else shared->stats.misses++;
    return record;
}

bool keyspace_open(struct keyspace *keyspace, struct slice key, struct spot *spot) {
    return keyspace_open_hashed(keyspace, key, keyspace_hash(keyspace, key), spot);
}

bool keyspace_open_hashed(struct keyspace *keyspace, struct slice key, uint64_t hash, struct spot *spot) {
    spot->hash = hash;
    spot->slot = NULL;
    spot->record = find(keyspace, key, spot->hash, &spot->slot);
    if (!spot->record) return false;
    touch(keyspace, spot->record);
    return true;
}

void keyspace_reserve(struct keyspace *keyspace, uint64_t keys) {
    if (!keyspace->table) keyspace->table = key_table_new(&keyspace->shared->hash_key);
    key_table_reserve(keyspace->table, (size_t)keys);
}

void keyspace_prefetch(const struct keyspace *keyspace, uint64_t hash) {
    if (keyspace->table) key_table_prefetch(keyspace->table, hash);
}

void keyspace_prefetch_record(const struct keyspace *keyspace, uint64_t hash) {
    if (keyspace->table) key_table_prefetch_record(keyspace->table, hash);
}

/* ---- changing ---- */

static void replace(struct spot *spot, struct record *record) {
    if (record == spot->record) return;
    key_table_replace(spot->slot, record);
    spot->record = record;
}

void keyspace_put(struct keyspace *keyspace, struct slice key, struct spot *spot, const struct value *value,
                  int64_t expires_ms) {
    int64_t before_ms = RECORD_NEVER;
    if (spot->record) {
        before_ms = record_expires_ms(spot->record);
        if (expires_ms == KEYSPACE_KEEP_TTL) expires_ms = before_ms;
        free_object_of(keyspace, spot->record);
        replace(spot, record_assign(spot->record, value, expires_ms));
    } else {
        if (expires_ms == KEYSPACE_KEEP_TTL) expires_ms = RECORD_NEVER;
        /* Something under this key may have been kept although it has expired: it is replaced now. */
        if (UNLIKELY(keyspace->shared->keep_expired) && !keyspace->shared->sees_expired && keyspace->table) {
            struct record *old = key_table_find(keyspace->table, key, spot->hash, NULL);
            if (old) expire(keyspace, old, spot->hash);
        }
        if (UNLIKELY(!keyspace->table)) keyspace->table = key_table_new(&keyspace->shared->hash_key);
        spot->record = record_new(key, value, expires_ms);
        spot->record->access = first_access(keyspace->shared) & 0xffffff;
        spot->slot = NULL;
        key_table_add(keyspace->table, spot->record, spot->hash);
        const struct keyspace_hooks *hooks = &keyspace->shared->hooks;
        if (UNLIKELY(hooks->event != NULL)) hooks->event(hooks->context, keyspace, key, KEYSPACE_NEW, "new");
    }
    if (UNLIKELY(value->type == VALUE_HASH)) field_expire_file(keyspace, spot->record, spot->hash, true);
    if (before_ms == expires_ms) return;
    count_deadline(keyspace, before_ms, -1);
    count_deadline(keyspace, expires_ms, 1);
    file_deadline(keyspace, spot->record, spot->hash, before_ms);
}

struct record *keyspace_take(struct keyspace *keyspace, struct spot *spot) {
    struct record *record = spot->record;
    count_deadline(keyspace, record_expires_ms(record), -1);
    key_table_remove(keyspace->table, record, spot->hash);
    spot->record = NULL;
    spot->slot = NULL;
    return record;
}

void keyspace_remove(struct keyspace *keyspace, struct spot *spot) {
    free_record(keyspace, keyspace_take(keyspace, spot), keyspace->shared->free_here);
}

void keyspace_evict(struct keyspace *keyspace, struct record *record, bool here) {
    struct keyspace_shared *shared = keyspace->shared;
    struct slice key = record_key(record);
    struct spot spot = {.record = record, .hash = keyspace_hash(keyspace, key)};
    keyspace_take(keyspace, &spot);
    shared->stats.evicted++;
    if (shared->hooks.removed) shared->hooks.removed(shared->hooks.removal_context, keyspace, key);
    keyspace_changed(keyspace, key, KEYSPACE_EVICTED, "evicted");
    free_record(keyspace, record, here);
}

/* The slot of a record that was just added is looked up only when it is needed: few commands change it again. */
static void find_slot(struct keyspace *keyspace, struct spot *spot) {
    if (!spot->slot)
        CHECK(key_table_find(keyspace->table, record_key(spot->record), spot->hash, &spot->slot) == spot->record);
}

void keyspace_set_expires(struct keyspace *keyspace, struct spot *spot, int64_t expires_ms) {
    int64_t before_ms = record_expires_ms(spot->record);
    if (before_ms == expires_ms) return;
    find_slot(keyspace, spot);
    replace(spot, record_set_expires(spot->record, expires_ms));
    count_deadline(keyspace, before_ms, -1);
    count_deadline(keyspace, expires_ms, 1);
    file_deadline(keyspace, spot->record, spot->hash, before_ms);
}

void keyspace_update(struct keyspace *keyspace, struct spot *spot, const struct value *value) {
    if (LIKELY(value->form == VALUE_OBJECT && record_object(spot->record))) {
        record_update_object(spot->record, value);
        return;
    }
    find_slot(keyspace, spot);
    replace(spot, record_assign(spot->record, value, record_expires_ms(spot->record)));
}

char *keyspace_edit_text(struct keyspace *keyspace, struct spot *spot, size_t size) {
    struct record *record = spot->record;
    find_slot(keyspace, spot);
    char buffer[NUMBER_TEXT_SIZE];
    if (record_is_number(record)) {
        struct value value = value_of_raw_text(record_text(record, buffer));
        replace(spot, record_assign(record, &value, record_expires_ms(record)));
        record = spot->record;
    }
    if (record->flags & RECORD_TEXT) {
        if (size <= VALUE_INLINE_MAX) {
            replace(spot, record_resize_text(record, size));
            return (char *)record_payload(spot->record);
        }
        struct value value = {.type = VALUE_STRING, .encoding = VALUE_RAW, .form = VALUE_OBJECT};
        value.object = str_new(record_text(record, buffer));
        replace(spot, record_assign(record, &value, record_expires_ms(record)));
        record = spot->record;
    }
    struct str *str = record_object(record);
    char *text = str_resize(&str, size);
    record_set_object(record, str);
    return text;
}

void keyspace_set_usage(const struct keyspace *keyspace, struct record *record, int64_t idle_s, int count) {
    const struct keyspace_shared *shared = keyspace->shared;
    if (shared->counts_uses && count >= 0)
        record->access = usage_of_count((unsigned)count, *shared->wall_ms) & 0xffffff;
    else if (!shared->counts_uses && idle_s >= 0)
        record->access = usage_of_idle((uint32_t)MIN(idle_s, 0xffffff), *shared->clock) & 0xffffff;
}

void keyspace_touched(struct keyspace *keyspace, struct slice key) {
    const struct keyspace_hooks *hooks = &keyspace->shared->hooks;
    if (hooks->touched) hooks->touched(hooks->context, keyspace, key);
}

/* ---- the whole ---- */

size_t keyspace_count(const struct keyspace *keyspace) {
    return keyspace->table ? key_table_count(keyspace->table) : 0;
}

int64_t keyspace_average_ttl_ms(const struct keyspace *keyspace) {
    if (!keyspace->expiring) return 0;
    int64_t left = (int64_t)(keyspace->deadline_sum_ms / (__int128)keyspace->expiring) - *keyspace->shared->wall_ms;
    return MAX(left, 0);
}

size_t keyspace_table_memory(const struct keyspace *keyspace) {
    return keyspace->table ? key_table_memory(keyspace->table) : 0;
}

size_t keyspace_timer_memory(const struct keyspace *keyspace) {
    const struct expire_index *all[] = {keyspace->timers, keyspace->old_timers, keyspace->field_timers,
                                        keyspace->old_field_timers};
    size_t bytes = 0;
    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (all[i]) bytes += expire_index_memory(all[i]);
    return bytes;
}

size_t keyspace_clear(struct keyspace *keyspace, bool async) {
    size_t count = keyspace_count(keyspace);
    if (async)
        lazy_free_table(keyspace->shared->lazy_free, &keyspace->table);
    else
        key_table_free(&keyspace->table);
    expire_index_free(&keyspace->timers);
    expire_index_free(&keyspace->old_timers);
    expire_index_free(&keyspace->field_timers);
    expire_index_free(&keyspace->old_field_timers);
    keyspace->has_due_field = false;
    keyspace->expiring = 0;
    keyspace->deadline_sum_ms = 0;
    return count;
}

void keyspace_swap(struct keyspace *a, struct keyspace *b) {
    struct keyspace was = *a;
    int a_id = a->id, b_id = b->id;
    struct table *a_watched = a->watched, *b_watched = b->watched;
    struct table *a_waited = a->waited, *b_waited = b->waited;
    *a = *b;
    *b = was;
    a->id = a_id;
    b->id = b_id;
    a->watched = a_watched;
    b->watched = b_watched;
    a->waited = a_waited;
    b->waited = b_waited;
}

struct record *keyspace_random(struct keyspace *keyspace, struct random *random) {
    for (unsigned i = 0; keyspace->table; i++) {
        struct record *record = key_table_random(keyspace->table, random);
        if (!record) return NULL;
        if (!keyspace_is_expired(keyspace, record)) return record;
        /* Where everything has expired and must be kept, an expired key is better than looking for ever. */
        if (keyspace->shared->keep_expired) {
            if (i < RANDOM_TRIES) continue;
            return record;
        }
        expire(keyspace, record, keyspace_hash(keyspace, record_key(record)));
    }
    return NULL;
}

bool keyspace_scan(const struct keyspace *keyspace, uint64_t *cursor, void (*each)(void *context, struct record *record),
                   void *context) {
    if (keyspace->table) return key_table_scan(keyspace->table, cursor, each, context);
    *cursor = 0;
    return false;
}

/* ---- active expiry ---- */

struct due {
    struct keyspace *keyspace;
    struct record   *records[EXPIRE_BATCH];
    unsigned         count;
    int64_t          next_ms; /* the earliest deadline of those that are not due; RECORD_NEVER: there are none */
};

static void sort_out(void *context, struct record *record) {
    struct due *due = context;
    int64_t at = record_expires_ms(record);
    if (at == RECORD_NEVER) return;
    if (keyspace_is_expired(due->keyspace, record) && due->count < EXPIRE_BATCH)
        due->records[due->count++] = record;
    else if (due->next_ms == RECORD_NEVER || at < due->next_ms)
        due->next_ms = at;
}

static void expire_like(struct keyspace *keyspace, uint64_t hash) {
    struct due due = {.keyspace = keyspace, .next_ms = RECORD_NEVER};
    key_table_each_like(keyspace->table, hash, sort_out, &due);
    for (unsigned i = 0; i < due.count; i++) {
        expire(keyspace, due.records[i], keyspace_hash(keyspace, record_key(due.records[i])));
        keyspace->shared->stats.expired_by_cycle++;
    }
    if (due.next_ms != RECORD_NEVER) expire_index_add(keyspace->timers, hash, due.next_ms);
}

struct sample {
    struct record **records;
    size_t          count, max;
    int64_t         next_ms; /* as in struct due */
};

static void sample_like(void *context, struct record *record) {
    struct sample *sample = context;
    int64_t at = record_expires_ms(record);
    if (at == RECORD_NEVER) return;
    if (sample->next_ms == RECORD_NEVER || at < sample->next_ms) sample->next_ms = at;
    for (size_t i = 0; i < sample->count; i++)
        if (sample->records[i] == record) return;
    if (sample->count < sample->max) sample->records[sample->count++] = record;
}

size_t keyspace_sample_expiring(struct keyspace *keyspace, struct random *random, struct record **records, size_t count) {
    enum { PLACES = 16 };
    uint64_t hashes[PLACES];
    bool is_sweeping = keyspace->old_timers && expire_index_count(keyspace->old_timers);
    struct expire_index *index = is_sweeping ? keyspace->old_timers : keyspace->timers;
    struct sample sample = {.records = records, .max = count};
    size_t places = index && keyspace->table ? expire_index_take_some(index, random, hashes, PLACES) : 0;
    for (size_t i = 0; i < places; i++) {
        sample.next_ms = RECORD_NEVER;
        key_table_each_like(keyspace->table, hashes[i], sample_like, &sample);
        /* A place that stands for nothing any more is not filed again. */
        if (sample.next_ms != RECORD_NEVER) expire_index_add(index, hashes[i], sample.next_ms);
    }
    return sample.count;
}

/* Stale places (of keys that were removed, or whose deadline was moved forward) outnumber the others, or the clock was set
 * back: the places are filed anew, one for each key. Which generation a key's place is of is a bit in its record. */
static void start_sweep(struct keyspace *keyspace) {
    keyspace->old_timers = keyspace->timers;
    keyspace->timers = expire_index_new(*keyspace->shared->wall_ms);
    keyspace->timer_generation ^= RECORD_TIMER_ODD;
}

struct refile {
    struct keyspace *keyspace;
    uint64_t         hash;
};

static void refile(void *context, struct record *record) {
    struct refile *refile = context;
    struct keyspace *keyspace = refile->keyspace;
    if (!(record->flags & RECORD_HAS_TIMER)) return;
    if ((record->flags & RECORD_TIMER_ODD) == keyspace->timer_generation) return;
    record->flags ^= RECORD_TIMER_ODD;
    expire_index_add(keyspace->timers, refile->hash, record_expires_ms(record));
}

/* True: the sweep is not at its end. */
static bool sweep_some(struct keyspace *keyspace) {
    uint64_t hash;
    for (unsigned i = 0; i < EXPIRE_BATCH; i++) {
        if (!expire_index_take(keyspace->old_timers, &hash)) {
            expire_index_free(&keyspace->old_timers);
            return false;
        }
        key_table_each_like(keyspace->table, hash, refile, &(struct refile){keyspace, hash});
    }
    return true;
}

static bool wants_sweep(const struct keyspace *keyspace) {
    return expire_index_count(keyspace->timers) > 2 * keyspace->expiring + EXPIRE_SWEEP_MIN ||
           expire_index_is_ahead(keyspace->timers, *keyspace->shared->wall_ms);
}

/* True: there is more to do. */
static bool expire_batch(struct keyspace *keyspace) {
    uint64_t hashes[EXPIRE_BATCH];
    unsigned count = 0;
    enum expire_step step = EXPIRE_DUE;
    while (count < EXPIRE_BATCH) {
        step = expire_index_next(keyspace->timers, *keyspace->shared->wall_ms, &hashes[count]);
        if (step != EXPIRE_DUE) break;
        key_table_prefetch(keyspace->table, hashes[count++]);
    }
    for (unsigned i = 0; i < count; i++) key_table_prefetch_record(keyspace->table, hashes[i]);
    for (unsigned i = 0; i < count; i++) expire_like(keyspace, hashes[i]);
    return step != EXPIRE_NONE;
}

bool keyspace_expire_some(struct keyspace *keyspace, int64_t until_us) {
    if (!keyspace->timers || !keyspace->table || keyspace->shared->keep_expired) return false;
    if (!keyspace->old_timers && wants_sweep(keyspace)) start_sweep(keyspace);
    for (bool more = true; more;) {
        more = keyspace->old_timers && sweep_some(keyspace);
        more |= expire_batch(keyspace);
        if (more && clock_now_us() >= until_us) return true;
    }
    return false;
}
