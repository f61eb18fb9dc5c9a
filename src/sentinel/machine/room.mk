noinst_LIBRARIES += libmachine.a
libmachine_a_SOURCES = \
	src/sentinel/machine/action.c src/sentinel/machine/action.h \
	src/sentinel/machine/arena.c src/sentinel/machine/arena.h \
	src/sentinel/machine/asked.c src/sentinel/machine/asked.h \
	src/sentinel/machine/attempt.c src/sentinel/machine/attempt.h \
	src/sentinel/machine/cadence.c src/sentinel/machine/cadence.h \
	src/sentinel/machine/choose.c src/sentinel/machine/choose.h \
	src/sentinel/machine/complaint.c src/sentinel/machine/complaint.h \
	src/sentinel/machine/down.c src/sentinel/machine/down.h \
	src/sentinel/machine/election.c src/sentinel/machine/election.h \
	src/sentinel/machine/event.c src/sentinel/machine/event.h \
	src/sentinel/machine/events.def \
	src/sentinel/machine/explain.c src/sentinel/machine/explain.h \
	src/sentinel/machine/facts.c src/sentinel/machine/facts.h \
	src/sentinel/machine/failover.c src/sentinel/machine/failover.h \
	src/sentinel/machine/protect.c src/sentinel/machine/protect.h \
	src/sentinel/machine/fence.c src/sentinel/machine/fence.h \
	src/sentinel/machine/fresh.c src/sentinel/machine/fresh.h \
	src/sentinel/machine/gone.c src/sentinel/machine/gone.h \
	src/sentinel/machine/guard.c src/sentinel/machine/guard.h src/sentinel/machine/guard_internal.h \
	src/sentinel/machine/guard_fence.c \
	src/sentinel/machine/hello.c src/sentinel/machine/hello.h \
	src/sentinel/machine/history.c src/sentinel/machine/history.h \
	src/sentinel/machine/instance.c src/sentinel/machine/instance.h \
	src/sentinel/machine/instance_internal.h \
	src/sentinel/machine/listen.c src/sentinel/machine/listen.h \
	src/sentinel/machine/machine.c src/sentinel/machine/machine.h \
	src/sentinel/machine/operate.c src/sentinel/machine/operate.h \
	src/sentinel/machine/options.c src/sentinel/machine/options.h \
	src/sentinel/machine/order.c src/sentinel/machine/order.h \
	src/sentinel/machine/outbox.c src/sentinel/machine/outbox.h \
	src/sentinel/machine/recall.c src/sentinel/machine/recall.h \
	src/sentinel/machine/repoint.c src/sentinel/machine/repoint.h \
	src/sentinel/machine/save.c src/sentinel/machine/save.h \
	src/sentinel/machine/state.c src/sentinel/machine/state.h \
	src/sentinel/machine/tilt.c src/sentinel/machine/tilt.h \
	src/sentinel/machine/vote.c src/sentinel/machine/vote.h \
	src/sentinel/machine/world.c src/sentinel/machine/world.h \
	src/sentinel/machine/world_internal.h
EXTRA_DIST += src/sentinel/machine/README.md
