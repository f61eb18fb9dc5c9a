/* Ends the fields of hashes: a wheel of the keys whose hashes have deadlines, and their removal, bounded in time.
 *
 * A hash has one place in its database's wheel (expire.h), for a time that is not later than its first field ends; for
 * which time is noted in the hash (hash_value_filed_ms()), so that places that are left over are known when they come up.
 * Where a hash has no deadlines nothing is kept or done.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/keyspace/keyspace.h"

enum { FIELD_EXPIRE_AT_ONCE = 64 }; /* fields that a command removes before it does its own work */

/* After an edit of the hash in this record that may have given a field an earlier deadline. `is_moved`: it came from under
 * another key, whose place is of no use. */
void field_expire_file(struct keyspace *keyspace, struct record *record, uint64_t hash, bool is_moved);

/* Removes up to `max` fields of the hash in `spot` that have ended, tells so, and the key with the last. True: the key is
 * still there. */
bool field_expire_key(struct keyspace *keyspace, struct spot *spot, size_t max);
/* The same for all hashes until `until_us` (clock_now_us()). True: there is more to do. */
bool field_expire_some(struct keyspace *keyspace, int64_t until_us);
