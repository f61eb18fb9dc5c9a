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
	test/unit/core/acl/test_acl_file.c \
	test/unit/core/acl/test_acl_log.c \
	test/unit/core/acl/test_user.c
