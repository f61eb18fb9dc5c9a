check_PROGRAMS += unit_core
TESTS += unit_core
unit_core_CPPFLAGS = $(AM_CPPFLAGS) $(CUNIT_CFLAGS) -I$(top_srcdir)/test -DTEST_SOURCE_DIR='"$(abs_top_srcdir)"'
unit_core_LDADD = $(CORE_LIBS) $(CUNIT_LIBS)
unit_core_SOURCES = $(UNIT_SOURCES)
# configuration
unit_core_SOURCES += \
	test/unit/core/config/test_core_settings.c \
	test/unit/core/config/test_import.c \
	test/unit/core/config/test_param.c \
	test/unit/core/config/test_yaml_read.c \
	test/unit/core/config/test_yaml_rewrite.c
EXTRA_DIST += test/unit/core/config/names.txt

# users
unit_core_SOURCES += \
	test/unit/core/acl/test_acl.c \
	test/unit/core/acl/test_acl_file.c \
	test/unit/core/acl/test_acl_log.c \
	test/unit/core/acl/test_user.c
# observation
unit_core_SOURCES += \
	test/unit/core/observe/test_info.c \
	test/unit/core/observe/test_latency.c \
	test/unit/core/observe/test_memory_report.c \
	test/unit/core/observe/test_monitor.c \
	test/unit/core/observe/test_slowlog.c
# server, commands, clients, pub/sub
unit_core_SOURCES += \
	test/unit/core/core_fixture.c test/unit/core/core_fixture.h \
	test/unit/core/client/test_client.c \
	test/unit/core/client/test_client_filter.c \
	test/unit/core/client/test_client_hold.c test/unit/core/client/live.h \
	test/unit/core/client/test_reply.c \
	test/unit/core/command/test_command.c \
	test/unit/core/command/test_dispatch.c \
	test/unit/core/command/test_keyspec.c \
	test/unit/core/pubsub/test_channel.c
unit_core_CPPFLAGS += -I$(top_srcdir)/test/unit/core
