check_PROGRAMS += unit_driver
TESTS += unit_driver
unit_driver_SOURCES = $(UNIT_SOURCES) \
	test/unit/sentinel/driver/test_scripts.c test/unit/sentinel/driver/test_sentinel_config.c \
	test/unit/sentinel/driver/test_state_entries.c \
	test/unit/sentinel/driver/test_state_file.c test/unit/sentinel/driver/test_state_text.c \
	test/unit/sentinel/driver/test_view.c test/unit/sentinel/driver/test_watch.c
unit_driver_CPPFLAGS = $(AM_CPPFLAGS) $(CUNIT_CFLAGS) -I$(top_srcdir)/test
unit_driver_LDADD = libdriver.a libmachine.a $(CORE_LIBS) $(CUNIT_LIBS)
