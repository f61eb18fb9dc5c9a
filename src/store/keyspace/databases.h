/* The databases of one server by number, the parameters they obey, and the clock-driven work on them.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/config/param.h"
#include "store/keyspace/keyspace.h"

struct keyspace_settings {
#define PARAM(name, field, type, ...) PARAM_FIELD_##type(field)
#include "store/keyspace/keyspace_param.def"
#undef PARAM
};

struct databases { /* owned by the store */
    struct keyspace_shared   shared;
    struct keyspace_settings settings;
    struct keyspace         *all; /* NULL until the first is asked for: the number of them is a parameter */
    int                      count;
    struct random            random;
    bool                     expires_actively; /* DEBUG SET-ACTIVE-EXPIRE */
    bool                     has_backlog;      /* keys are due and there was no time for them */
    int                      next_expire;      /* database at which the next cycle begins */
};

/* Registers the parameters. Keeps `wall_ms` and `clock` (the server's). gives: databases_free() */
struct databases *databases_new(struct params *params, const int64_t *wall_ms, const uint32_t *clock);
void              databases_free(struct databases **databases);

int              databases_count(struct databases *databases);
struct keyspace *databases_find(struct databases *databases, int64_t number); /* NULL: there is no such number */
size_t           databases_keys(struct databases *databases);                 /* in all of them */
void             databases_reset_stats(struct databases *databases);

/* Removes keys that are past their deadline, for at most `budget_us`. True: there is more to do, so come back soon. */
bool databases_expire(struct databases *databases, int64_t budget_us);
/* The budget that active-expire-effort stands for. */
int64_t databases_expire_budget_us(const struct databases *databases);
