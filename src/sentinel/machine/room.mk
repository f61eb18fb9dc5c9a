noinst_LIBRARIES += libmachine.a
libmachine_a_SOURCES = \
	src/sentinel/machine/action.c src/sentinel/machine/action.h \
	src/sentinel/machine/arena.c src/sentinel/machine/arena.h \
	src/sentinel/machine/event.c src/sentinel/machine/event.h \
	src/sentinel/machine/events.def \
	src/sentinel/machine/explain.h \
	src/sentinel/machine/instance.h \
	src/sentinel/machine/machine.h \
	src/sentinel/machine/state.c src/sentinel/machine/state.h \
	src/sentinel/machine/world.h
