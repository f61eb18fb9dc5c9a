/* Keys with a deadline that clients wrote on a writable replica: no primary will say when they end, so we do.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

struct databases;
struct own_keys;

struct own_keys *own_keys_new(struct databases *databases); /* keeps. gives: own_keys_free() */
void             own_keys_free(struct own_keys **keys);

void   own_keys_watch(struct own_keys *keys, bool wanted); /* notes the deadlines that are set from now on, or forgets all */
void   own_keys_expire(struct own_keys *keys);             /* removes those that have ended; bounded in time */
size_t own_keys_count(const struct own_keys *keys);
