/* Makes room when more memory is in use than maxmemory allows: chooses keys as maxmemory-policy says and removes them.
 *
 * Keys are compared by samples, as in Redis: the best of those seen lately wait in a small pool, so that the choice gets
 * near the true order. With volatile-ttl the samples are the keys that end first.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/config/param.h"
#include "store/keyspace/databases.h"

struct evictor;

struct evict_settings {
#define PARAM(name, field, type, ...) PARAM_FIELD_##type(field)
#include "store/keyspace/evict_param.def"
#undef PARAM
};

/* Registers the parameters. Keeps databases. gives: evictor_free() */
struct evictor *evictor_new(struct params *params, struct databases *databases);
void            evictor_free(struct evictor **evictor);
void            evictor_start(struct evictor *evictor); /* the configuration was read */

void evictor_set_idle(struct evictor *evictor, bool idle); /* a replica: its primary makes room for both */

const struct evict_settings *evictor_settings(const struct evictor *evictor);
static inline bool evictor_has_limit(const struct evict_settings *settings) {
    return settings->maxmemory_bytes != 0;
}
const char *evictor_policy_name(const struct evictor *evictor);
bool        evictor_counts_uses(const struct evictor *evictor); /* an LFU policy */

/* `bytes` tells how much memory does not count: what tells others of evicted keys must not cause more of them. Keeps both. */
void   evictor_leave_out(struct evictor *evictor, size_t (*bytes)(void *context), void *context);
size_t evictor_left_out(const struct evictor *evictor);

enum evict_result {
    EVICT_FITS,   /* memory is within its limit, or there is none */
    EVICT_BEHIND, /* time was up: the work goes on when the loop is about to sleep; commands may run */
    EVICT_FULL    /* over the limit, and nothing may be removed */
};
/* Removes keys until memory is within its limit or the time of one turn is over. Only while no command runs. */
enum evict_result evictor_make_room(struct evictor *evictor);
bool              evictor_is_behind(const struct evictor *evictor);

/* INFO: how long memory was over its limit in all, and is now (0: it is not). Milliseconds. */
int64_t evictor_exceeded_ms(const struct evictor *evictor, int64_t *now_ms);
void    evictor_reset_stats(struct evictor *evictor);
