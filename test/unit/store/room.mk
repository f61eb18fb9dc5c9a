check_PROGRAMS += unit_store
TESTS += unit_store
unit_store_SOURCES = $(UNIT_SOURCES) \
	test/unit/store/commands/test_stream_commands.c \
	test/unit/store/effects/test_effects.c \
	test/unit/store/keyspace/test_expire.c test/unit/store/keyspace/test_field_expire.c \
	test/unit/store/keyspace/test_key_table.c \
	test/unit/store/keyspace/test_keyspace.c test/unit/store/keyspace/test_record.c test/unit/store/keyspace/test_usage.c \
	test/unit/store/notify/test_keyspace_events.c \
	test/unit/store/persist/test_aof_commands_out.c test/unit/store/persist/test_aof_load.c \
	test/unit/store/persist/test_aof_manifest.c test/unit/store/persist/test_aof_read.c \
	test/unit/store/persist/test_packed_old.c test/unit/store/persist/test_rdb_ahead.c \
	test/unit/store/persist/test_rdb_in.c \
	test/unit/store/persist/test_rdb_load.c test/unit/store/persist/test_rdb_read.c \
	test/unit/store/replication/test_handshake.c \
	test/unit/store/types/test_bits.c test/unit/store/types/test_hash_short.c \
	test/unit/store/types/test_hash_value.c \
	test/unit/store/replication/test_backlog.c test/unit/store/replication/test_history.c \
	test/unit/store/replication/test_lease.c \
	test/unit/store/replication/test_synced_offset.c \
	test/unit/store/types/test_hyperloglog.c test/unit/store/types/test_list_value.c \
	test/unit/store/types/test_member_table.c \
	test/unit/store/types/test_geohash.c test/unit/store/types/test_score.c \
	test/unit/store/types/test_set_value.c test/unit/store/types/test_str.c \
	test/unit/store/types/test_stream.c test/unit/store/types/test_stream_group.c \
	test/unit/store/types/test_stream_index.c test/unit/store/types/test_stream_node.c \
	test/unit/store/types/test_zset_pack.c \
	test/unit/store/types/test_zset_tree.c test/unit/store/types/test_zset_value.c
unit_store_CPPFLAGS = $(AM_CPPFLAGS) $(CUNIT_CFLAGS) -I$(top_srcdir)/test
unit_store_LDADD = libstore.a $(CORE_LIBS) $(CUNIT_LIBS)
