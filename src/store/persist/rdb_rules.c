#include "store/persist/rdb_rules.h"
#include "store/keyspace/databases.h"

struct rdb_rules rdb_rules_of(const struct databases *databases) {
    const struct keyspace_settings *settings = &databases->settings;
    const struct hash_key *key = &databases->shared.hash_key;
    return (struct rdb_rules){
        .hash = {.max_entries = settings->hash_max_listpack_entries,
                 .max_text_bytes = settings->hash_max_listpack_value_bytes,
                 .hash_key = key,
                 .now_ms = *databases->shared.wall_ms},
        .list = {.max_listpack_size = (int32_t)settings->list_max_listpack_size,
                 .compress_depth = (uint32_t)settings->list_compress_depth},
        .set = {.hash_key = key,
                .max_intset_entries = settings->set_max_intset_entries,
                .max_listpack_entries = settings->set_max_listpack_entries,
                .max_listpack_bytes = settings->set_max_listpack_value_bytes},
        .zset = {.max_entries = settings->zset_max_listpack_entries,
                 .max_member_bytes = settings->zset_max_listpack_value_bytes,
                 .hash_key = key},
    };
}
