/* How values that are read are to be kept: the parameters of each type and the keyspace's hash key.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/types/hash_value.h"
#include "store/types/list_value.h"
#include "store/types/set_value.h"
#include "store/types/zset_value.h"

struct databases;

struct rdb_rules {
    struct hash_rules hash;
    struct list_rules list;
    struct set_limits set;
    struct zset_rules zset;
    bool              deep; /* what is packed is also searched for duplicates */
};
struct rdb_rules rdb_rules_of(const struct databases *databases); /* not deep; keeps the hash key */
