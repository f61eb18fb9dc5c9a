/* Publishes what happens to keys on the channels of keyspace events, as notify-keyspace-events asks for.
 *
 * An event is published on __keyspace@DB__:KEY with the event's name as message (K), then on __keyevent@DB__:EVENT with
 * the key (E).
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/config/param.h"
#include "store/keyspace/keyspace.h"

struct channels;
struct keyspace_events;

struct keyspace_events *keyspace_events_new(struct channels *channels); /* keeps; gives: keyspace_events_free() */
void                    keyspace_events_free(struct keyspace_events **events);

/* What notify-keyspace-events says: text that passed keyspace_events_check(). */
void keyspace_events_set(struct keyspace_events *events, const char *classes);
bool keyspace_events_wants_any(const struct keyspace_events *events);    /* but misses */
bool keyspace_events_wants_misses(const struct keyspace_events *events);

/* Publishes if the class is wanted. */
void keyspace_events_tell(struct keyspace_events *events, const struct keyspace *keyspace, struct slice key,
                          enum keyspace_class class, const char *event);
void keyspace_events_tell_miss(struct keyspace_events *events, const struct keyspace *keyspace, struct slice key);

/* For the parameter's row: knows the letters and puts them into the established order. */
bool keyspace_events_check(const struct param *row, struct param_values *values, struct error *err);
