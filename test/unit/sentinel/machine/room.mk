check_PROGRAMS += unit_machine
TESTS += unit_machine
unit_machine_SOURCES = $(UNIT_SOURCES) \
	test/unit/sentinel/machine/solo.c test/unit/sentinel/machine/solo.h \
	test/unit/sentinel/machine/troupe.c test/unit/sentinel/machine/troupe.h \
	test/unit/sentinel/machine/test_asked.c \
	test/unit/sentinel/machine/test_chaos.c \
	test/unit/sentinel/machine/test_cadence.c \
	test/unit/sentinel/machine/test_choose.c \
	test/unit/sentinel/machine/test_complaint.c \
	test/unit/sentinel/machine/test_down.c \
	test/unit/sentinel/machine/test_election.c \
	test/unit/sentinel/machine/test_facts.c \
	test/unit/sentinel/machine/test_failover.c \
	test/unit/sentinel/machine/test_fence.c \
	test/unit/sentinel/machine/test_fresh.c \
	test/unit/sentinel/machine/test_gone.c \
	test/unit/sentinel/machine/test_guard.c \
	test/unit/sentinel/machine/test_hello.c \
	test/unit/sentinel/machine/test_history.c \
	test/unit/sentinel/machine/test_listen.c \
	test/unit/sentinel/machine/test_machine.c \
	test/unit/sentinel/machine/test_protect.c \
	test/unit/sentinel/machine/test_operate.c \
	test/unit/sentinel/machine/test_recall.c \
	test/unit/sentinel/machine/test_repoint.c \
	test/unit/sentinel/machine/test_save.c \
	test/unit/sentinel/machine/test_state.c \
	test/unit/sentinel/machine/test_tilt.c \
	test/unit/sentinel/machine/test_vote.c \
	test/unit/sentinel/machine/test_world.c
unit_machine_CPPFLAGS = $(AM_CPPFLAGS) $(CUNIT_CFLAGS) -I$(top_srcdir)/test
unit_machine_LDADD = libmachine.a $(BASE_LIBS) $(CUNIT_LIBS)
