/* The whole dataset as the commands that make it: what a rewrite writes where it is not to begin with a dump.
 *
 * The same commands as redis-server 7.0 writes: SET, RPUSH, SADD, HMSET and ZADD of at most 64 elements each, XADD, XSETID,
 * XGROUP, XCLAIM, PEXPIREAT; HPEXPIREAT for fields of hashes that have deadlines. Knows no files.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/persist/rdb_out.h"

struct databases;

/* Called now and then with how many keys were written; false: stop. */
typedef bool aof_commands_out_progress(void *context, uint64_t keys); /* a function */

/* The bytes go to where `out` drains. `progress` may be NULL. False: progress() said so. */
MUST_USE bool aof_commands_out_all(struct rdb_out *out, struct databases *databases, aof_commands_out_progress *progress,
                                   void *context);
