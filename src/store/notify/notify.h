/* What clients are told about keys without asking for it each time: keyspace events and invalidated copies.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/config/param.h"
#include "store/keyspace/keyspace.h"
#include "store/notify/keyspace_events.h"
#include "store/notify/tracking.h"

struct waiting;

struct notify_settings {
#define PARAM(name, field, type, ...) PARAM_FIELD_##type(field)
#include "store/notify/notify_param.def"
#undef PARAM
};

struct notify { /* owned by the store */
    struct notify_settings  settings;
    struct keyspace_events *events;
    struct tracking        *tracking;
    struct waiting         *waiting; /* the store's */
    struct keyspace_hooks  *hooks; /* of all databases */
};

/* Registers the parameters and calls itself from `hooks`, whose context becomes this. `waiting`: is told of changed keys too.
 * Keeps all. gives: notify_free() */
struct notify *notify_new(struct server *server, struct keyspace_hooks *hooks, struct waiting *waiting);
void           notify_free(struct notify **notify);
void           notify_start(struct notify *notify); /* the configuration was read */
