# The unit tests: one program a room, linked with the libraries that the room may know and nothing else.
if HAVE_CUNIT
include $(srcdir)/test/unit/base/room.mk
include $(srcdir)/test/unit/net/room.mk
include $(srcdir)/test/unit/core/room.mk
include $(srcdir)/test/unit/store/room.mk
include $(srcdir)/test/unit/sentinel/machine/room.mk
include $(srcdir)/test/unit/sentinel/driver/room.mk
endif
UNIT_SOURCES = test/lib/unit.c test/lib/unit.h
