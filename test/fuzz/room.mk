# What parses has a fuzzer. `make check` replays its corpus; `make fuzz F=resp_parse [T=seconds]` searches with
# clang's libFuzzer and the sanitizers, and keeps what it finds in fuzz-found-<name> of the build folder.
fuzzers = fuzz_resp_parse fuzz_yaml fuzz_import fuzz_listpack
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
FUZZ_ROOMS_yaml = base core/config

fuzz_import_SOURCES = test/fuzz/fuzz_import.c $(FUZZ_MAIN)
fuzz_import_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_import_LDADD = $(CORE_LIBS)
FUZZ_ROOMS_import = base core/config

fuzz_listpack_SOURCES = test/fuzz/fuzz_listpack.c $(FUZZ_MAIN)
fuzz_listpack_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_listpack_LDADD = $(BASE_LIBS)
FUZZ_ROOMS_listpack = base

# The rooms that a fuzzer is built from; FUZZ_ROOMS_<name> where it needs others.
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
	  $(YAML_LIBS) $(SSL_LIBS) $(EV_LIBS) $(filter-out libbase.a $(JEMALLOC_LIBS),$(BASE_LIBS)) -o fuzz-$(F)
	mkdir -p fuzz-found-$(F)
	./fuzz-$(F) -max_total_time=$(or $(T),60) -max_len=4096 fuzz-found-$(F) \
	  $(top_srcdir)/test/fuzz/corpus/$(F)

.PHONY: fuzz
CLEANFILES += fuzz-resp_parse fuzz-yaml fuzz-import fuzz-listpack
EXTRA_DIST += test/fuzz/corpus test/fuzz/fuzz_config.h
