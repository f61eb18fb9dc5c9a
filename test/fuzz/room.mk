# What parses has a fuzzer. `make check` replays its corpus; `make fuzz F=resp_parse [T=seconds]` searches with
# clang's libFuzzer and the sanitizers, and keeps what it finds in fuzz-found-<name> of the build folder.
fuzzers = fuzz_resp_parse fuzz_yaml fuzz_import fuzz_listpack fuzz_packed fuzz_hello fuzz_info fuzz_state fuzz_restore fuzz_stream_node \
	fuzz_aof_manifest fuzz_aof_read fuzz_rdb_load
check_PROGRAMS += $(fuzzers)
TESTS += $(fuzzers)

FUZZ_MAIN = test/fuzz/standalone.c
FUZZ_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_CORPUS='"$(top_srcdir)/test/fuzz/corpus/"'

fuzz_resp_parse_SOURCES = test/fuzz/fuzz_resp_parse.c $(FUZZ_MAIN)
fuzz_resp_parse_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_resp_parse_LDADD = $(NET_LIBS)

fuzz_yaml_SOURCES = test/fuzz/fuzz_yaml.c $(FUZZ_MAIN)
fuzz_yaml_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_yaml_LDADD = $(CORE_LIBS)
FUZZ_ROOMS_yaml = base net core/config

fuzz_import_SOURCES = test/fuzz/fuzz_import.c $(FUZZ_MAIN)
fuzz_import_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_import_LDADD = $(CORE_LIBS)
FUZZ_ROOMS_import = base net core/config

fuzz_listpack_SOURCES = test/fuzz/fuzz_listpack.c $(FUZZ_MAIN)
fuzz_listpack_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_listpack_LDADD = $(BASE_LIBS)
FUZZ_ROOMS_listpack = base

fuzz_packed_SOURCES = test/fuzz/fuzz_packed.c $(FUZZ_MAIN)
fuzz_packed_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_packed_LDADD = libstore.a $(CORE_LIBS)
FUZZ_ROOMS_packed = base
FUZZ_FILES_packed = store/types/hash_short.c store/types/list_short.c store/types/zset_pack.c

fuzz_stream_node_SOURCES = test/fuzz/fuzz_stream_node.c $(FUZZ_MAIN)
fuzz_stream_node_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_stream_node_LDADD = libstore.a $(CORE_LIBS)
FUZZ_ROOMS_stream_node = base
FUZZ_FILES_stream_node = store/types/entry_id.c store/types/stream.c store/types/stream_group.c store/types/stream_index.c store/types/stream_node.c

fuzzers += fuzz_handshake
CLEANFILES += fuzz-handshake
fuzz_handshake_SOURCES = test/fuzz/fuzz_handshake.c $(FUZZ_MAIN)
fuzz_handshake_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_handshake_LDADD = libstore.a $(CORE_LIBS)
FUZZ_FILES_handshake = store/replication/handshake.c

fuzz_hello_SOURCES = test/fuzz/fuzz_hello.c $(FUZZ_MAIN)
fuzz_hello_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_hello_LDADD = libmachine.a $(BASE_LIBS)
FUZZ_ROOMS_hello = base sentinel/machine

fuzz_info_SOURCES = test/fuzz/fuzz_info.c $(FUZZ_MAIN)
fuzz_info_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_info_LDADD = libmachine.a $(BASE_LIBS)
FUZZ_ROOMS_info = base sentinel/machine

fuzz_state_SOURCES = test/fuzz/fuzz_state.c $(FUZZ_MAIN)
fuzz_state_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_state_LDADD = libdriver.a libmachine.a $(CORE_LIBS)
FUZZ_ROOMS_state = base net sentinel/machine
FUZZ_FILES_state = sentinel/driver/state_entries.c sentinel/driver/state_file.c sentinel/driver/state_text.c

fuzz_restore_SOURCES = test/fuzz/fuzz_restore.c $(FUZZ_MAIN)
fuzz_restore_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_restore_LDADD = libstore.a $(CORE_LIBS)
FUZZ_ROOMS_restore = base store/types
FUZZ_FILES_restore = store/keyspace/expire.c store/keyspace/key_table.c store/keyspace/record.c \
	$(foreach file,dump_payload packed_old rdb_in rdb_out rdb_read rdb_stream rdb_write,store/persist/$(file).c)

fuzz_aof_manifest_SOURCES = test/fuzz/fuzz_aof_manifest.c $(FUZZ_MAIN)
fuzz_aof_manifest_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_aof_manifest_LDADD = libstore.a $(CORE_LIBS)
FUZZ_FILES_aof_manifest = store/persist/aof_manifest.c

fuzz_aof_read_SOURCES = test/fuzz/fuzz_aof_read.c $(FUZZ_MAIN)
fuzz_aof_read_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_aof_read_LDADD = libstore.a $(CORE_LIBS)
FUZZ_FILES_aof_read = store/persist/aof_read.c

fuzz_rdb_load_SOURCES = test/fuzz/fuzz_rdb_load.c $(FUZZ_MAIN)
fuzz_rdb_load_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_rdb_load_LDADD = libstore.a $(CORE_LIBS)
FUZZ_ROOMS_rdb_load = $(FUZZ_ROOMS_restore)
FUZZ_FILES_rdb_load = $(FUZZ_FILES_restore) store/persist/rdb_load.c

# The rooms that a fuzzer is built from; FUZZ_ROOMS_<name> where it needs others, FUZZ_FILES_<name> are further files.
FUZZ_CC = clang
FUZZ_ROOMS = base net
# commands, which need all of core
FUZZ_WITHOUT = %/config_command.c
fuzz_rooms = $(or $(FUZZ_ROOMS_$(F)),$(FUZZ_ROOMS))

fuzz:
	@test -n "$(F)" || { echo "make fuzz F=<name>, one of: $(fuzzers:fuzz_%=%)"; exit 1; }
	$(FUZZ_CC) -O1 -g -std=gnu11 -fno-strict-aliasing -fsanitize=fuzzer,address,undefined \
	  $(AM_CPPFLAGS) -include $(top_srcdir)/test/fuzz/fuzz_config.h $(CPPFLAGS) \
	  $(top_srcdir)/test/fuzz/fuzz_$(F).c $(filter-out $(FUZZ_WITHOUT),$(foreach room,$(fuzz_rooms),$(wildcard $(top_srcdir)/src/$(room)/*.c))) \
	  $(FUZZ_FILES_$(F):%=$(top_srcdir)/src/%) \
	  $(YAML_LIBS) $(SSL_LIBS) $(EV_LIBS) $(filter-out libbase.a $(JEMALLOC_LIBS),$(BASE_LIBS)) -o fuzz-$(F)
	mkdir -p fuzz-found-$(F)
	./fuzz-$(F) -max_total_time=$(or $(T),60) -max_len=4096 fuzz-found-$(F) \
	  $(top_srcdir)/test/fuzz/corpus/$(F)

.PHONY: fuzz
CLEANFILES += fuzz-resp_parse fuzz-yaml fuzz-import fuzz-listpack fuzz-packed fuzz-hello fuzz-info fuzz-state fuzz-restore fuzz-stream_node \
	fuzz-aof_manifest fuzz-aof_read fuzz-rdb_load
EXTRA_DIST += test/fuzz/corpus test/fuzz/fuzz_config.h
