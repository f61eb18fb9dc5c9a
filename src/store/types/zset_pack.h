/* A small sorted set in one block of memory: members with their scores, in order.
 *
 *     [used: u32][count: u32] entry entry ...
 *     entry:  [head][member][tag][score][length of that, backwards: u8, or u32 and 255]
 *     head:   0..247 size of the text that follows     248 u32 size, then the text     249 .. 252 an integer of 1, 2, 4, 8 bytes
 *     tag:    0..199 is the score itself     200 + 3 * d + w  an integer of w (u8, i16, i32), divided by 10^d     255 a double
 *
 * It takes about a sixth less than the listpack that its dump is, whose scores are texts and whose members and scores have
 * a length behind them each: 20 small members fit into 256 bytes. A member that is the exact decimal form of an integer is
 * kept as that integer where it is shorter. The score -0 becomes 0, as in a listpack.
 * Knows nothing of order: who inserts says where. An entry is good until the block is edited.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "base/number.h"

struct zset_pack;
struct zset_pack_entry; /* a place in the block; never allocated */

struct zset_pack *zset_pack_new(void);                          /* gives: mem_free() */
struct zset_pack *zset_pack_new_sized(size_t bytes); /* with room for so many: zset_pack_shrink() in the end. gives */
void              zset_pack_shrink(struct zset_pack **pack);
struct zset_pack *zset_pack_copy(const struct zset_pack *pack); /* gives */
size_t            zset_pack_count(const struct zset_pack *pack);

/* NULL: there is none. */
const struct zset_pack_entry *zset_pack_first(const struct zset_pack *pack);
const struct zset_pack_entry *zset_pack_next(const struct zset_pack *pack, const struct zset_pack_entry *entry);
const struct zset_pack_entry *zset_pack_previous(const struct zset_pack *pack, const struct zset_pack_entry *entry);
const struct zset_pack_entry *zset_pack_at(const struct zset_pack *pack, size_t rank); /* from the nearer end */
const struct zset_pack_entry *zset_pack_find(const struct zset_pack *pack, struct slice member);

struct slice zset_pack_member(const struct zset_pack_entry *entry, char *buffer); /* lends; buffer: NUMBER_TEXT_SIZE */
double       zset_pack_score(const struct zset_pack_entry *entry);

bool zset_pack_has_room(const struct zset_pack *pack, struct slice member);
/* Before `at`; NULL: at the end. `*pack` may become another block; the member must not lie in it. */
void zset_pack_insert(struct zset_pack **pack, const struct zset_pack_entry *at, struct slice member, double score);
/* `count` entries from this one on, which are there. */
void zset_pack_remove(struct zset_pack **pack, const struct zset_pack_entry *entry, size_t count);
