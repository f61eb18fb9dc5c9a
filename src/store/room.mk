noinst_LIBRARIES += libstore.a
libstore_a_SOURCES = \
	src/store/store.c src/store/store.h \
	src/store/store_info.c src/store/store_info.def src/store/store_internal.h \
	src/store/effects/effects.c src/store/effects/effects.h \
	src/store/notify/keyspace_events.c src/store/notify/keyspace_events.h \
	src/store/notify/notify.c src/store/notify/notify.h src/store/notify/notify_param.def \
	src/store/notify/tracking.c src/store/notify/tracking.h \
	src/store/notify/tracking_commands.c src/store/notify/tracking_commands.h src/store/notify/tracking.def \
	src/store/prefetch.c src/store/prefetch.h \
	src/store/keyspace/databases.c src/store/keyspace/databases.h src/store/keyspace/keyspace_param.def \
	src/store/keyspace/defrag.c src/store/keyspace/defrag.h src/store/keyspace/defrag_param.def \
	src/store/keyspace/evict.c src/store/keyspace/evict.h src/store/keyspace/evict_param.def \
	src/store/keyspace/usage.c src/store/keyspace/usage.h \
	src/store/keyspace/expire.c src/store/keyspace/expire.h \
	src/store/keyspace/field_expire.c src/store/keyspace/field_expire.h \
	src/store/keyspace/key_table.c src/store/keyspace/key_table.h \
	src/store/keyspace/keyspace.c src/store/keyspace/keyspace.h \
	src/store/keyspace/lazy_free.c src/store/keyspace/lazy_free.h \
	src/store/keyspace/record.c src/store/keyspace/record.h \
	src/store/types/entry_id.c src/store/types/entry_id.h \
	src/store/types/stream.c src/store/types/stream.h \
	src/store/types/stream_group.c src/store/types/stream_group.h \
	src/store/types/stream_index.c src/store/types/stream_index.h \
	src/store/types/stream_node.c src/store/types/stream_node.h \
	src/store/types/bits.c src/store/types/bits.h \
	src/store/types/geohash.c src/store/types/geohash.h \
	src/store/types/hyperloglog.c src/store/types/hyperloglog.h \
	src/store/types/hash_fields.c src/store/types/hash_fields.h \
	src/store/types/hash_packed.c src/store/types/hash_packed.h \
	src/store/types/hash_short.c src/store/types/hash_short.h \
	src/store/types/hash_value.c src/store/types/hash_value.h \
	src/store/types/list_chain.c src/store/types/list_chain.h \
	src/store/types/list_chunk.c src/store/types/list_chunk.h \
	src/store/types/list_short.c src/store/types/list_short.h \
	src/store/types/list_value.c src/store/types/list_value.h \
	src/store/types/member_table.c src/store/types/member_table.h \
	src/store/types/member_table_internal.h src/store/types/member_table_walk.c \
	src/store/types/score.c src/store/types/score.h \
	src/store/types/set_value.c src/store/types/set_value.h \
	src/store/types/str.c src/store/types/str.h \
	src/store/types/value.c src/store/types/value.h \
	src/store/types/zset_member.h \
	src/store/types/zset_pack.c src/store/types/zset_pack.h \
	src/store/types/zset_tree.c src/store/types/zset_tree.h \
	src/store/types/zset_value.c src/store/types/zset_value.h \
	src/store/persist/aof_check.c src/store/persist/aof_check.h \
	src/store/persist/aof_commands_out.c src/store/persist/aof_commands_out.h \
	src/store/persist/aof_file.c src/store/persist/aof_file.h \
	src/store/persist/aof_manifest_file.c src/store/persist/aof_manifest_file.h \
	src/store/persist/aof_load.c src/store/persist/aof_load.h \
	src/store/persist/aof_read.c src/store/persist/aof_read.h \
	src/store/persist/loading_internal.h \
	src/store/persist/aof_manifest.c src/store/persist/aof_manifest.h \
	src/store/replication/backlog.c src/store/replication/backlog.h \
	src/store/replication/full_sync.c src/store/replication/full_sync.h \
	src/store/replication/guard.c src/store/replication/guard.h \
	src/store/replication/lease.c src/store/replication/lease.h \
	src/store/commands/guard_commands.c src/store/commands/guard_commands.h src/store/commands/guard.def \
	src/store/replication/waits.c src/store/replication/waits.h \
	src/store/replication/sync_replies.c src/store/replication/sync_replies.h \
	src/store/replication/synced_offset.c src/store/replication/synced_offset.h \
	src/store/commands/replication_commands.c src/store/commands/replication_commands.h src/store/commands/replication.def \
	src/store/replication/history.c src/store/replication/history.h \
	src/store/replication/replicas.c src/store/replication/replicas.h \
	src/store/replication/replication_session.h \
	src/store/replication/replication.c src/store/replication/replication.h src/store/replication/replication_param.def \
	src/store/replication/replication_info.c src/store/replication/replication_info.h \
	src/store/replication/replication_info.def \
	src/store/persist/aof.c src/store/persist/aof.h \
	src/store/persist/aof_append.c src/store/persist/aof_append.h \
	src/store/persist/aof_folder.c src/store/persist/aof_folder.h \
	src/store/persist/aof_rewriting.c src/store/persist/aof_rewriting.h \
	src/store/persist/aof_waits.c src/store/persist/aof_waits.h \
	src/store/persist/aof_sync.c src/store/persist/aof_sync.h \
	src/store/persist/child.c src/store/persist/child.h \
	src/store/persist/digest.c src/store/persist/digest.h \
	src/store/persist/dump_payload.c src/store/persist/dump_payload.h \
	src/store/persist/file_check.c src/store/persist/file_check.h \
	src/store/persist/loading.c src/store/persist/loading.h \
	src/store/persist/persistence.c src/store/persist/persistence.h src/store/persist/persist_param.def \
	src/store/persist/packed_old.c src/store/persist/packed_old.h \
	src/store/persist/rdb_ahead.c src/store/persist/rdb_ahead.h \
	src/store/persist/rdb_file.c src/store/persist/rdb_file.h \
	src/store/persist/rdb_format.h \
	src/store/persist/rdb_in.c src/store/persist/rdb_in.h \
	src/store/persist/rdb_load.c src/store/persist/rdb_load.h \
	src/store/persist/rdb_out.c src/store/persist/rdb_out.h \
	src/store/persist/rdb_read.c src/store/persist/rdb_read.h \
	src/store/persist/rdb_stream.c src/store/persist/rdb_stream.h \
	src/store/persist/rdb_rules.c src/store/persist/rdb_rules.h \
	src/store/persist/rdb_save.c src/store/persist/rdb_save.h \
	src/store/persist/rdb_write.c src/store/persist/rdb_write.h \
	src/store/persist/saving.c src/store/persist/saving.h \
	src/store/replication/following.c src/store/replication/following.h src/store/replication/following_internal.h \
	src/store/replication/following_info.c src/store/replication/following_param.def \
	src/store/replication/farewell.c src/store/replication/farewell.h \
	src/store/replication/handover.c src/store/replication/handover.h \
	src/store/replication/handshake.c src/store/replication/handshake.h \
	src/store/replication/own_keys.c src/store/replication/own_keys.h \
	src/store/replication/stream_in.c src/store/replication/stream_in.h \
	src/store/replication/sync_in.c src/store/replication/sync_in.h \
	src/store/replication/upstream.c src/store/replication/upstream.h \
	src/store/tx/multi.c src/store/tx/multi.h src/store/tx/multi.def \
	src/store/tx/session.c src/store/tx/session.h \
	src/store/tx/waiting.c src/store/tx/waiting.h \
	src/store/tx/watch.c src/store/tx/watch.h \
	src/store/commands/arguments.c src/store/commands/arguments.h \
	src/store/commands/bitmap_commands.c src/store/commands/bitmap_commands.h src/store/commands/bitmap.def \
	src/store/commands/hyperloglog_commands.c src/store/commands/hyperloglog_commands.h src/store/commands/hyperloglog.def \
	src/store/commands/database_commands.c src/store/commands/database_commands.h src/store/commands/database.def \
	src/store/commands/debug_command.c src/store/commands/debug_command.h src/store/commands/debug.def \
	src/store/commands/dump_commands.c src/store/commands/dump_commands.h src/store/commands/dump.def \
	src/store/commands/expire_commands.c src/store/commands/expire_commands.h src/store/commands/expire.def \
	src/store/commands/following_commands.c src/store/commands/following_commands.h src/store/commands/following.def \
	src/store/commands/generic_commands.c src/store/commands/generic_commands.h src/store/commands/generic.def \
	src/store/commands/geo_commands.c src/store/commands/geo_commands.h src/store/commands/geo.def \
	src/store/commands/geo_search_commands.c \
	src/store/commands/hash_commands.c src/store/commands/hash_commands.h src/store/commands/hash.def \
	src/store/commands/hash_commands_internal.h src/store/commands/hash_expire_commands.c \
	src/store/commands/lcs_command.c src/store/commands/lcs_command.h \
	src/store/commands/list_commands.c src/store/commands/list_commands.h src/store/commands/list_commands_internal.h \
	src/store/commands/list_ends_commands.c src/store/commands/list.def \
	src/store/commands/object_commands.c src/store/commands/object_commands.h src/store/commands/object.def src/store/commands/memory_usage.def \
	src/store/commands/persist_commands.c src/store/commands/persist_commands.h src/store/commands/persist.def \
	src/store/commands/sort_commands.c src/store/commands/sort_commands.h src/store/commands/sort.def \
	src/store/commands/set_commands.c src/store/commands/set_commands.h src/store/commands/set.def \
	src/store/commands/stream_claim_commands.c src/store/commands/stream_commands.c src/store/commands/stream_commands.h \
	src/store/commands/stream_commands_internal.h src/store/commands/stream.def \
	src/store/commands/stream_edit_commands.c src/store/commands/stream_group_commands.c \
	src/store/commands/stream_info_commands.c src/store/commands/stream_read_commands.c \
	src/store/commands/string_commands.c src/store/commands/string_commands.h src/store/commands/string.def \
	src/store/commands/zset_combine_commands.c src/store/commands/zset_pop_commands.c \
	src/store/commands/zset_range_commands.c \
	src/store/commands/zset_commands.c src/store/commands/zset_commands.h src/store/commands/zset.def \
	src/store/commands/zset_key.c src/store/commands/zset_key.h
EXTRA_DIST += src/store/README.md
