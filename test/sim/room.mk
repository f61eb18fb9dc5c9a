# The simulator: the real sentinel machine in a virtual world. Links what the machine may know and nothing else.
check_PROGRAMS += test/sim/sim
SIM_SOURCES = \
	test/sim/dice.c test/sim/dice.h \
	test/sim/disk.c test/sim/disk.h \
	test/sim/event_order.c test/sim/event_order.h \
	test/sim/faults.c \
	test/sim/guard_watch.c test/sim/guard_watch.h \
	test/sim/history.c test/sim/history.h test/sim/history_internal.h \
	test/sim/host_lines.c test/sim/host_scripts.c test/sim/host_service.c \
	test/sim/invariants.c test/sim/invariants.h \
	test/sim/ledger.c test/sim/ledger.h \
	test/sim/liveness.c \
	test/sim/message.c test/sim/message.h \
	test/sim/mutant.c test/sim/mutant.h \
	test/sim/names.c test/sim/names.h \
	test/sim/network.c test/sim/network.h \
	test/sim/redis_sentinel.c test/sim/redis_sentinel.h test/sim/redis_sentinel_internal.h \
	test/sim/redis_sentinel_failover.c test/sim/redis_sentinel_hear.c \
	test/sim/scenario.c test/sim/scenario.h test/sim/scenario_internal.h \
	test/sim/scenario_calm.c test/sim/scenario_leader.c test/sim/scenario_many.c test/sim/scenario_return.c \
	test/sim/schedule.c test/sim/schedule.h \
	test/sim/sentinel_host.c test/sim/sentinel_host.h test/sim/sentinel_host_internal.h \
	test/sim/server_commands.c test/sim/server_follow.c test/sim/server_guard.c test/sim/server_info.c \
	test/sim/server_model.c test/sim/server_model.h test/sim/server_model_internal.h \
	test/sim/state_copy.c test/sim/state_copy.h \
	test/sim/topology.c \
	test/sim/trace.c test/sim/trace.h \
	test/sim/virtual_clock.c test/sim/virtual_clock.h
test_sim_sim_SOURCES = test/sim/main.c $(SIM_SOURCES)
test_sim_sim_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/test
test_sim_sim_LDADD = libmachine.a $(BASE_LIBS)

TESTS += test/sim/check_sim
EXTRA_DIST += test/sim/check_sim test/sim/README.md

if HAVE_CUNIT
check_PROGRAMS += unit_sim
TESTS += unit_sim
unit_sim_SOURCES = $(UNIT_SOURCES) $(SIM_SOURCES) \
	test/unit/sim/test_event_order.c test/unit/sim/test_network.c test/unit/sim/test_server_model.c \
	test/unit/sim/test_virtual_clock.c
unit_sim_CPPFLAGS = $(AM_CPPFLAGS) $(CUNIT_CFLAGS) -I$(top_srcdir)/test
unit_sim_LDADD = libmachine.a $(BASE_LIBS) $(CUNIT_LIBS)
endif

# make sim SEED=8123: one history with its trace
sim: test/sim/sim$(EXEEXT)
	@test -z "$(SEED)" || test/sim/sim$(EXEEXT) --seed $(SEED) --trace

.PHONY: sim
