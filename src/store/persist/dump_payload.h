/* The payload of DUMP and RESTORE: type, value, version of RDB, CRC-64.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/persist/rdb_out.h"
#include "store/types/value.h"

void dump_payload_write(struct rdb_out *out, const struct value *value); /* `out` is empty */

/* False: it is too short, of a version that we do not know, or its CRC is wrong. `*body` (lent) is type and value. */
MUST_USE bool dump_payload_open(struct slice payload, struct slice *body);

struct rdb_rules;
/* The value of an opened payload. gives: its object (value_free_object(), or whoever stores it). False: damaged, or a
 * value without elements. A text lies in `*memory`, which the caller frees after use; NULL where it is not needed. */
MUST_USE bool dump_payload_read(struct slice body, const struct rdb_rules *rules, struct value *value, char **memory);
