/* One database: from keys to values, with expiry, and what is told to others when a key changes.
 *
 * Commands work on keys only through this file. A key that is past its deadline is never seen: whoever looks it up
 * removes it. Large values are freed on another thread (lazy_free).
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/keyspace/key_table.h"
#include "store/keyspace/usage.h"

struct keyspace;
struct lazy_free;
struct table;

/* ---- what all databases of a server share ---- */

enum keyspace_class { /* classes of keyspace events, in the letters of notify-keyspace-events */
    KEYSPACE_GENERIC = 1 << 0, /* g */
    KEYSPACE_STRING = 1 << 1,  /* $ */
    KEYSPACE_LIST = 1 << 2,    /* l */
    KEYSPACE_SET = 1 << 3,     /* s */
    KEYSPACE_HASH = 1 << 4,    /* h */
    KEYSPACE_ZSET = 1 << 5,    /* z */
    KEYSPACE_EXPIRED = 1 << 6, /* x */
    KEYSPACE_EVICTED = 1 << 7, /* e */
    KEYSPACE_STREAM = 1 << 8,  /* t */
    KEYSPACE_NEW = 1 << 9      /* n */
};

struct keyspace_hooks { /* each may be NULL */
    void *context, *removal_context;
    /* A key changed, for WATCH, clients that wait for it and those that keep copies: only called while
     * keyspace->watched or ->waited or is_tracking is set. */
    void (*touched)(void *context, struct keyspace *keyspace, struct slice key);
    /* Something happened to a key, for keyspace events. */
    void (*event)(void *context, struct keyspace *keyspace, struct slice key, enum keyspace_class class, const char *event);
    /* A key was removed by no command: past its deadline, or to make room. Replicas and the append-only file must be told.
     * Gets removal_context, as field_expired does. */
    void (*removed)(void *context, struct keyspace *keyspace, struct slice key);
    /* A field of a hash is past its deadline and about to be removed: the same. */
    void (*field_expired)(void *context, struct keyspace *keyspace, struct slice key, struct slice field);
    /* A lookup that found nothing (keymiss events). */
    void (*missed)(void *context, struct keyspace *keyspace, struct slice key);
    /* A key got a deadline (writable replicas end some keys themselves). */
    void (*deadline_set)(void *context, struct keyspace *keyspace, struct slice key);
    void *deadline_context;
    bool is_tracking; /* some client keeps copies */
};

struct keyspace_stats {
    uint64_t hits, misses;
    uint64_t expired;             /* keys removed because of their deadline */
    uint64_t expired_by_cycle;    /* ... not because somebody looked them up */
    uint64_t expired_fields;      /* of hashes */
    uint64_t expire_cycle_stopped; /* cycles that ended for lack of time */
    uint64_t evicted;             /* keys removed to make room */
    int64_t  expire_cycle_us;     /* spent in all cycles */
};

/* The hashes of keys that were seen lately: a batch is hashed when it is prefetched and again when it is executed. Keys
 * of 4 to 32 bytes are remembered whole, as four words that overlap (two halves where they are short). */
struct keyspace_memo {
    uint64_t words[4];
    uint64_t size; /* 0: empty */
    uint64_t hash;
};
enum { KEYSPACE_MEMO_BITS = 7 };

struct keyspace_shared { /* owned by the store; outlives its databases */
    struct hash_key       hash_key;
    struct keyspace_memo  memo[1 << KEYSPACE_MEMO_BITS];
    const int64_t        *wall_ms; /* the time of the running command */
    const uint32_t       *clock;   /* seconds, 24 bits: when a key was last used */
    struct usage_rules    usage;
    bool                  counts_uses; /* a record's access is a count (usage.h), not a time: an LFU policy */
    struct random         random;
    struct lazy_free     *lazy_free;
    bool                  free_here;     /* large values that the running command removes are freed on the spot ... */
    bool                  expire_here;   /* ... and those that have expired (lazyfree-lazy-...: no) */
    bool                  keep_expired;  /* what is past its deadline is not seen, but not removed either (paused) */
    bool                  is_replica;    /* keep_expired goes on: a primary says what has ended (replication/following's) */
    bool                  sees_expired;  /* what is past its deadline is seen: a primary's command runs, which knows better */
    bool                  no_touch;      /* lookups leave the time of last use alone (CLIENT NO-TOUCH) */
    struct keyspace_hooks hooks;
    struct keyspace_stats stats;
};

struct keyspace { /* shown for the sake of inlining; fields are keyspace.c's unless they say otherwise */
    struct keyspace_shared *shared;
    int                     id; /* SELECT's number */
    struct key_table       *table; /* NULL until a key is added */
    struct expire_index    *timers, *old_timers;
    uint8_t                 timer_generation; /* 0 or RECORD_TIMER_ODD */
    struct expire_index    *field_timers, *old_field_timers; /* field_expire.c's: keys whose hashes have deadlines */
    uint64_t                due_field;                       /* the place that it is at ... */
    bool                    has_due_field;                   /* ... if it is at one */
    size_t                  expiring;         /* keys with a deadline */
    __int128                deadline_sum_ms;  /* of these */
    struct table           *watched; /* tx/watch's: who watches which key; NULL: nobody ever did */
    struct table           *waited;  /* tx/waiting's: who waits for which key; NULL: nobody does */
};

void keyspace_init(struct keyspace *keyspace, struct keyspace_shared *shared, int id); /* keeps shared */
void keyspace_fini(struct keyspace *keyspace);

/* ---- looking up ---- */

/* Where a key is or would be. Valid until another key of this database is added or removed. */
struct spot {
    struct record *record; /* NULL: absent */
    uint64_t       hash;
    uint64_t      *slot;
};

static inline uint64_t keyspace_hash(const struct keyspace *keyspace, struct slice key) {
    struct keyspace_shared *shared = keyspace->shared;
    if (key.size < 4 || key.size > 32) return key_table_hash(&shared->hash_key, key);
    uint64_t words[4] = {0};
    if (LIKELY(key.size >= 8)) {
        size_t inner = key.size > 16 ? 8 : 0;
        memcpy(&words[0], key.data, 8);
        memcpy(&words[1], key.data + key.size - 8, 8);
        memcpy(&words[2], key.data + inner, 8);
        memcpy(&words[3], key.data + key.size - 8 - inner, 8);
    } else {
        memcpy(&words[0], key.data, 4);
        memcpy(&words[1], key.data + key.size - 4, 4);
    }
    uint64_t mixed = (words[1] ^ words[3] << 7) * 0x9e3779b97f4a7c15u;
    struct keyspace_memo *memo = &shared->memo[mixed >> (64 - KEYSPACE_MEMO_BITS)];
    uint64_t difference = (memo->words[0] ^ words[0]) | (memo->words[1] ^ words[1]) | (memo->words[2] ^ words[2]) |
                          (memo->words[3] ^ words[3]) | (memo->size ^ key.size);
    if (difference == 0) return memo->hash;
    memcpy(memo->words, words, sizeof words);
    memo->size = key.size;
    return memo->hash = key_table_hash(&shared->hash_key, key);
}
/* For reading: counts hit or miss, notes the use. NULL: absent. */
struct record *keyspace_read(struct keyspace *keyspace, struct slice key);
/* The same without noting the use (TTL, TYPE, OBJECT ...). */
struct record *keyspace_look(struct keyspace *keyspace, struct slice key);
/* ... and without telling of a miss (OBJECT). */
struct record *keyspace_inspect(struct keyspace *keyspace, struct slice key);
/* For changing: no statistics. True: it is there. */
bool keyspace_open(struct keyspace *keyspace, struct slice key, struct spot *spot);
/* The same with the hash known. */
bool keyspace_open_hashed(struct keyspace *keyspace, struct slice key, uint64_t hash, struct spot *spot);
/* So many keys will be added to this database, if it is empty: 8 bytes are set aside for each. */
void keyspace_reserve(struct keyspace *keyspace, uint64_t keys);
/* Begins to fetch what keyspace_read() of this hash will need: first the bucket, later the record. */
void keyspace_prefetch(const struct keyspace *keyspace, uint64_t hash);
void keyspace_prefetch_record(const struct keyspace *keyspace, uint64_t hash);

/* ---- changing; none of these calls the hooks but expiry itself ---- */

enum { KEYSPACE_KEEP_TTL = -2 };
/* Stores the value under the key, which spot tells about (from keyspace_open()). An old value is freed. The value's
 * object is taken. `expires_ms`: wall clock, RECORD_NEVER or KEYSPACE_KEEP_TTL. */
void keyspace_put(struct keyspace *keyspace, struct slice key, struct spot *spot, const struct value *value,
                  int64_t expires_ms);
/* The value under the key was edited: this is what became of it. An object that it had before is the caller's; a text does
 * not lie in the record. */
void keyspace_update(struct keyspace *keyspace, struct spot *spot, const struct value *value);
void keyspace_remove(struct keyspace *keyspace, struct spot *spot); /* the record is there; it is gone afterwards */
/* Removes a record of this database to make room, and tells. `here`: a large value is freed on the spot. */
void keyspace_evict(struct keyspace *keyspace, struct record *record, bool here);
/* The record leaves the database and is the caller's. */
struct record *keyspace_take(struct keyspace *keyspace, struct spot *spot);
void keyspace_set_expires(struct keyspace *keyspace, struct spot *spot, int64_t expires_ms); /* or RECORD_NEVER */
/* Makes the string value of this key an editable text of `size` bytes: what was there stays as far as it fits, new bytes
 * are zero. Lends them until the key changes. */
char *keyspace_edit_text(struct keyspace *keyspace, struct spot *spot, size_t size);

/* When or how often the key was used, where that is known of it (-1: it is not); what the policy does not keep is ignored. */
void keyspace_set_usage(const struct keyspace *keyspace, struct record *record, int64_t idle_s, int count);

/* ---- telling ---- */

/* What changed is nothing that an event tells of. */
void keyspace_touched(struct keyspace *keyspace, struct slice key);
static inline bool keyspace_has_audience(const struct keyspace *keyspace) {
    return ((uintptr_t)keyspace->watched | (uintptr_t)keyspace->waited | keyspace->shared->hooks.is_tracking) != 0;
}

/* After each change of a key. `event` is the name in keyspace events. */
static inline void keyspace_changed(struct keyspace *keyspace, struct slice key, enum keyspace_class class,
                                    const char *event) {
    if (UNLIKELY(keyspace_has_audience(keyspace))) keyspace_touched(keyspace, key);
    const struct keyspace_hooks *hooks = &keyspace->shared->hooks;
    if (UNLIKELY(hooks->event != NULL)) hooks->event(hooks->context, keyspace, key, class, event);
}

/* ---- the whole ---- */

size_t keyspace_count(const struct keyspace *keyspace);
/* Keys that are past their deadline and still there are counted until they are removed. */
int64_t keyspace_average_ttl_ms(const struct keyspace *keyspace); /* 0: no key has one */
size_t  keyspace_table_memory(const struct keyspace *keyspace);
size_t  keyspace_timer_memory(const struct keyspace *keyspace);
/* Removes every key; on the other thread if `async`. Returns how many. */
size_t keyspace_clear(struct keyspace *keyspace, bool async);
/* What is in them changes places (SWAPDB); who watches or waits for which key does not. */
void keyspace_swap(struct keyspace *a, struct keyspace *b);
/* Every key that is not past its deadline has the same chance; NULL: none. */
struct record *keyspace_random(struct keyspace *keyspace, struct random *random);
/* As key_table_scan(); an empty database ends at once. Expired records are passed too. */
bool keyspace_scan(const struct keyspace *keyspace, uint64_t *cursor, void (*each)(void *context, struct record *record),
                   void *context);
/* Up to `count` keys that have a deadline: those that end first (or nearly), or any (`random` given). Returns how many; 0
 * may mean that the places looked at stood for nothing any more, and that the next call sees others. */
size_t keyspace_sample_expiring(struct keyspace *keyspace, struct random *random, struct record **records, size_t count);
bool keyspace_is_expired(const struct keyspace *keyspace, const struct record *record);

/* Removes keys that are past their deadline until `until_us` (clock_now_us()). True: there is more to do. */
bool keyspace_expire_some(struct keyspace *keyspace, int64_t until_us);
