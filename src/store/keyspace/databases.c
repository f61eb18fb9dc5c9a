#include "store/keyspace/databases.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/keyspace/field_expire.h"
#include "store/keyspace/lazy_free.h"

static const struct param rows[] = {
#define PARAM(name, field, type, ...) PARAM_ROW(struct keyspace_settings, name, field, type, __VA_ARGS__)
#include "store/keyspace/keyspace_param.def"
#undef PARAM
};

struct databases *databases_new(struct params *params, const int64_t *wall_ms, const uint32_t *clock) {
    struct databases *databases = mem_zalloc(sizeof *databases);
    params_add(params, rows, COUNT_OF(rows), &databases->settings);
    databases->shared.wall_ms = wall_ms;
    databases->shared.clock = clock;
    databases->shared.lazy_free = lazy_free_new();
    random_os_bytes(&databases->shared.hash_key, sizeof databases->shared.hash_key);
    random_seed(&databases->random, random_os_seed());
    random_seed(&databases->shared.random, random_os_seed());
    databases->expires_actively = true;
    return databases;
}

void databases_free(struct databases **place) {
    struct databases *databases = *place;
    if (!databases) return;
    *place = NULL;
    for (int i = 0; i < databases->count; i++) keyspace_fini(&databases->all[i]);
    lazy_free_free(&databases->shared.lazy_free);
    mem_free(databases->all);
    mem_free(databases);
}

int databases_count(struct databases *databases) {
    if (UNLIKELY(!databases->all)) {
        databases->count = (int)databases->settings.databases;
        databases->all = mem_alloc((size_t)databases->count * sizeof *databases->all);
        for (int i = 0; i < databases->count; i++) keyspace_init(&databases->all[i], &databases->shared, i);
    }
    return databases->count;
}

struct keyspace *databases_find(struct databases *databases, int64_t number) {
    if (number < 0 || number >= databases_count(databases)) return NULL;
    return &databases->all[number];
}

size_t databases_keys(struct databases *databases) {
    size_t keys = 0;
    for (int i = 0; i < databases->count; i++) keys += keyspace_count(&databases->all[i]);
    return keys;
}

void databases_reset_stats(struct databases *databases) {
    databases->shared.stats = (struct keyspace_stats){0};
    lazy_free_reset(databases->shared.lazy_free);
}

int64_t databases_expire_budget_us(const struct databases *databases) {
    return 350 + 150 * (int64_t)databases->settings.active_expire_effort;
}

bool databases_expire(struct databases *databases, int64_t budget_us) {
    if (!databases->expires_actively || !databases->count) return databases->has_backlog = false;
    struct keyspace_shared *shared = &databases->shared;
    int64_t start_us = clock_now_us();
    bool more = false;
    shared->expire_here = !databases->settings.lazyfree_lazy_expire;
    for (int n = 0; n < databases->count && !more; n++) {
        struct keyspace *keyspace = &databases->all[databases->next_expire];
        more = keyspace_expire_some(keyspace, start_us + budget_us);
        more |= field_expire_some(keyspace, start_us + budget_us);
        /* The one whose time ran out goes on next time, after all others had their turn. */
        databases->next_expire = (databases->next_expire + 1) % databases->count;
    }
    shared->stats.expire_cycle_us += clock_now_us() - start_us;
    if (more) shared->stats.expire_cycle_stopped++;
    return databases->has_backlog = more;
}
