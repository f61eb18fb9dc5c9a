# A fleet of pretended data nodes, for bench/ and test/wire.
check_PROGRAMS += fleet
fleet_SOURCES = test/fleet/fleet.c test/fleet/node.c test/fleet/node.h
fleet_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/test
fleet_LDADD = $(NET_LIBS)
check_PROGRAMS += floor
floor_SOURCES = test/fleet/floor.c
