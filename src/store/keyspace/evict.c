#include "store/keyspace/evict.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/keyspace/lazy_free.h"

enum {
    POLICY_ALL = 1 << 8,
    POLICY_LRU = 1 << 9,
    POLICY_LFU = 1 << 10,
    POLICY_TTL = 1 << 11,
    POLICY_RANDOM = 1 << 12,
    POLICY_NONE = 0
};
static const struct param_choice evict_policies[] = {
    {"volatile-lru", POLICY_LRU},       {"volatile-lfu", POLICY_LFU},
    {"volatile-random", POLICY_RANDOM}, {"volatile-ttl", POLICY_TTL},
    {"allkeys-lru", POLICY_ALL | POLICY_LRU}, {"allkeys-lfu", POLICY_ALL | POLICY_LFU},
    {"allkeys-random", POLICY_ALL | POLICY_RANDOM}, {"noeviction", POLICY_NONE},
    {NULL, 0},
};

enum {
    POOL_SIZE = 16,
    SAMPLE_TRIES = 64,  /* rounds for a sample: places of the expiry index that stand for nothing go meanwhile */
    CLOCK_EVERY = 16,   /* keys removed between two looks at the clock */
    EXPIRING_SHARE = 16 /* at least one key in so many has an expiry: then they are looked for among all keys */
};

/* A key that would be good to remove: found again by its hash, since it may have gone meanwhile. */
struct candidate {
    uint64_t score, hash;
    int      database;
};

struct evictor {
    struct evict_settings settings;
    struct databases     *databases;
    struct candidate      pool[POOL_SIZE]; /* by score, ascending */
    unsigned              pool_count;
    int                   next_database; /* for the random policies */
    bool                  is_behind, is_idle;
    size_t (*left_out)(void *context); /* NULL: everything counts */
    void                 *left_out_context;
    int64_t               exceeded_since_us, exceeded_us; /* 0: memory is within its limit */
};

static const struct param rows[] = {
#define PARAM(name, field, type, ...) PARAM_ROW(struct evict_settings, name, field, type, __VA_ARGS__)
#include "store/keyspace/evict_param.def"
#undef PARAM
};

/* ---- parameters ---- */

void evictor_start(struct evictor *evictor) {
    struct keyspace_shared *shared = &evictor->databases->shared;
    shared->counts_uses = (evictor->settings.policy & POLICY_LFU) != 0;
    shared->usage = (struct usage_rules){evictor->settings.lfu_log_factor, evictor->settings.lfu_decay_minutes};
    evictor->pool_count = 0; /* its scores mean something else */
}

static bool apply_policy(void *context, struct error *err) {
    evictor_start(context);
    return true;
}

static bool apply_limit(void *context, struct error *err) {
    struct evictor *evictor = context;
    size_t used = mem_used(), limit = evictor->settings.maxmemory_bytes;
    if (limit && limit < used)
        LOG_WRITE(LOG_WARNING,
                  "WARNING: the new maxmemory value set via CONFIG SET (%zu) is smaller than the current memory usage (%zu). "
                  "This will result in key eviction and/or the inability to accept new write commands depending on the "
                  "maxmemory-policy.",
                  limit, used);
    evictor->is_behind = limit && limit < used;
    return true;
}

struct evictor *evictor_new(struct params *params, struct databases *databases) {
    struct evictor *evictor = mem_zalloc(sizeof *evictor);
    evictor->databases = databases;
    params_add(params, rows, COUNT_OF(rows), &evictor->settings);
    params_bind(params, "maxmemory", (struct param_binding){.apply = apply_limit}, evictor);
    static const char *const of_policy[] = {"maxmemory-policy", "lfu-log-factor", "lfu-decay-time"};
    for (size_t i = 0; i < COUNT_OF(of_policy); i++)
        params_bind(params, of_policy[i], (struct param_binding){.apply = apply_policy}, evictor);
    return evictor;
}

void evictor_free(struct evictor **evictor) {
    mem_free(*evictor);
    *evictor = NULL;
}

const struct evict_settings *evictor_settings(const struct evictor *evictor) {
    return &evictor->settings;
}

const char *evictor_policy_name(const struct evictor *evictor) {
    for (const struct param_choice *choice = evict_policies; choice->name; choice++)
        if (choice->value == evictor->settings.policy) return choice->name;
    UNREACHABLE("a policy");
}

bool evictor_counts_uses(const struct evictor *evictor) {
    return (evictor->settings.policy & POLICY_LFU) != 0;
}

/* ---- choosing ---- */

/* The higher, the better to remove. */
static uint64_t score_of(const struct evictor *evictor, const struct record *record) {
    const struct keyspace_shared *shared = &evictor->databases->shared;
    if (evictor->settings.policy & POLICY_LRU) return usage_idle_seconds(record->access, *shared->clock);
    if (evictor->settings.policy & POLICY_LFU)
        return USAGE_MAX_COUNT - usage_count(record->access, *shared->wall_ms, &shared->usage);
    return UINT64_MAX - (uint64_t)record_expires_ms(record);
}

static void offer(struct evictor *evictor, const struct keyspace *keyspace, const struct record *record) {
    struct candidate new = {score_of(evictor, record), keyspace_hash(keyspace, record_key(record)), keyspace->id};
    unsigned at = evictor->pool_count;
    for (unsigned i = 0; i < evictor->pool_count; i++)
        if (evictor->pool[i].hash == new.hash && evictor->pool[i].database == new.database) return;
    while (at > 0 && evictor->pool[at - 1].score > new.score) at--;
    if (evictor->pool_count == POOL_SIZE) {
        if (at == 0) return; /* worse than all */
        memmove(evictor->pool, evictor->pool + 1, (at - 1) * sizeof *evictor->pool);
        evictor->pool[at - 1] = new;
        return;
    }
    memmove(evictor->pool + at + 1, evictor->pool + at, (evictor->pool_count - at) * sizeof *evictor->pool);
    evictor->pool[at] = new;
    evictor->pool_count++;
}

/* The record with this hash that may be removed. */
struct search {
    const struct keyspace *keyspace;
    uint64_t               hash;
    bool                   must_expire;
    struct record         *found;
};

static void look(void *context, struct record *record) {
    struct search *search = context;
    if (search->must_expire && !(record->flags & RECORD_EXPIRES)) return;
    if (keyspace_hash(search->keyspace, record_key(record)) == search->hash) search->found = record;
}

static struct record *find(const struct evictor *evictor, const struct keyspace *keyspace, uint64_t hash) {
    struct search search = {.keyspace = keyspace, .hash = hash, .must_expire = !(evictor->settings.policy & POLICY_ALL)};
    if (keyspace->table) key_table_each_like(keyspace->table, hash, look, &search);
    return search.found;
}

static bool may_choose(const struct evictor *evictor, const struct keyspace *keyspace) {
    return evictor->settings.policy & POLICY_ALL ? keyspace_count(keyspace) > 0 : keyspace->expiring > 0;
}

/* Some keys of this database that may be removed: `count` of them at most. */
static size_t sample(struct evictor *evictor, struct keyspace *keyspace, struct record **records, size_t count) {
    struct random *random = &evictor->databases->random;
    bool from_all = evictor->settings.policy & POLICY_ALL, by_time = evictor->settings.policy & POLICY_TTL;
    size_t taken = 0;
    if (from_all || (!by_time && keyspace->expiring * EXPIRING_SHARE >= keyspace_count(keyspace))) {
        for (size_t tries = 0; tries < count * EXPIRING_SHARE * 4 && taken < count; tries++) {
            struct record *record = key_table_random(keyspace->table, random);
            if (record && (from_all || record->flags & RECORD_EXPIRES)) records[taken++] = record;
        }
        return taken;
    }
    for (size_t tries = 0; tries < SAMPLE_TRIES && !taken; tries++)
        taken = keyspace_sample_expiring(keyspace, by_time ? NULL : random, records, count);
    return taken;
}

static bool choose_from_pool(struct evictor *evictor, struct keyspace **keyspace, struct record **record) {
    struct databases *databases = evictor->databases;
    for (int i = 0; i < databases->count; i++) {
        struct record *records[64];
        if (!may_choose(evictor, &databases->all[i])) continue;
        size_t count = sample(evictor, &databases->all[i], records, MIN(evictor->settings.samples, COUNT_OF(records)));
        for (size_t n = 0; n < count; n++) offer(evictor, &databases->all[i], records[n]);
    }
    while (evictor->pool_count) {
        struct candidate best = evictor->pool[--evictor->pool_count];
        *keyspace = &databases->all[best.database];
        *record = find(evictor, *keyspace, best.hash);
        if (*record) return true;
    }
    return false;
}

static bool choose_any(struct evictor *evictor, struct keyspace **keyspace, struct record **record) {
    struct databases *databases = evictor->databases;
    for (int i = 0; i < databases->count; i++) {
        *keyspace = &databases->all[evictor->next_database];
        evictor->next_database = (evictor->next_database + 1) % databases->count;
        if (may_choose(evictor, *keyspace) && sample(evictor, *keyspace, record, 1)) return true;
    }
    return false;
}

/* ---- making room ---- */

static int64_t time_limit_us(uint64_t tenacity) {
    if (tenacity >= 100) return INT64_MAX;
    int64_t limit = 50 * (int64_t)MIN(tenacity, 10u);
    for (uint64_t step = 10; step < tenacity; step++) limit += limit * 15 / 100;
    return limit;
}

static void note_exceeded(struct evictor *evictor, bool is_over) {
    if (is_over) {
        if (!evictor->exceeded_since_us) evictor->exceeded_since_us = clock_now_us();
    } else if (evictor->exceeded_since_us) {
        evictor->exceeded_us += clock_now_us() - evictor->exceeded_since_us;
        evictor->exceeded_since_us = 0;
    }
}

void evictor_leave_out(struct evictor *evictor, size_t (*bytes)(void *context), void *context) {
    evictor->left_out = bytes;
    evictor->left_out_context = context;
}

size_t evictor_left_out(const struct evictor *evictor) {
    return evictor->left_out ? evictor->left_out(evictor->left_out_context) : 0;
}

static bool is_over(const struct evictor *evictor) {
    size_t limit = evictor->settings.maxmemory_bytes, used = mem_used();
    return limit && used > limit && used - MIN(evictor_left_out(evictor), used) > limit;
}

static enum evict_result remove_some(struct evictor *evictor) {
    if (evictor->settings.policy == POLICY_NONE) return EVICT_FULL;
    int64_t end_us = 0, limit_us = time_limit_us(evictor->settings.tenacity);
    (void)databases_count(evictor->databases);
    for (unsigned removed = 0; is_over(evictor); removed++) {
        if (removed % CLOCK_EVERY == 0 && limit_us != INT64_MAX) {
            int64_t now_us = clock_now_us();
            if (!end_us) end_us = now_us + limit_us;
            else if (now_us > end_us) return EVICT_BEHIND;
        }
        struct keyspace *keyspace;
        struct record *record;
        bool found = evictor->settings.policy & POLICY_RANDOM ? choose_any(evictor, &keyspace, &record)
                                                               : choose_from_pool(evictor, &keyspace, &record);
        /* What is being freed by the other thread will make room soon. */
        if (!found) return lazy_free_pending(evictor->databases->shared.lazy_free) ? EVICT_BEHIND : EVICT_FULL;
        keyspace_evict(keyspace, record, !evictor->settings.lazyfree_lazy_eviction);
    }
    return EVICT_FITS;
}

void evictor_set_idle(struct evictor *evictor, bool idle) {
    evictor->is_idle = idle;
    evictor->is_behind &= !idle;
}

enum evict_result evictor_make_room(struct evictor *evictor) {
    if (UNLIKELY(evictor->is_idle)) return EVICT_FITS;
    bool over = is_over(evictor);
    note_exceeded(evictor, over);
    enum evict_result result = over ? remove_some(evictor) : EVICT_FITS;
    if (over && result == EVICT_FITS) note_exceeded(evictor, false);
    evictor->is_behind = result == EVICT_BEHIND;
    return result;
}

bool evictor_is_behind(const struct evictor *evictor) {
    return evictor->is_behind;
}

int64_t evictor_exceeded_ms(const struct evictor *evictor, int64_t *now_ms) {
    int64_t now = evictor->exceeded_since_us ? clock_now_us() - evictor->exceeded_since_us : 0;
    *now_ms = now / 1000;
    return (evictor->exceeded_us + now) / 1000;
}

void evictor_reset_stats(struct evictor *evictor) {
    evictor->exceeded_us = 0;
    if (evictor->exceeded_since_us) evictor->exceeded_since_us = clock_now_us();
}
