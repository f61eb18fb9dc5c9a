check_PROGRAMS += unit_base
TESTS += unit_base
unit_base_SOURCES = $(UNIT_SOURCES) \
	test/unit/base/test_bytes.c test/unit/base/test_crc64.c test/unit/base/test_file.c test/unit/base/test_lzf.c test/unit/base/test_glob.c test/unit/base/test_hash.c test/unit/base/test_heap.c \
	test/unit/base/test_histogram.c test/unit/base/test_intset.c test/unit/base/test_listpack.c \
	test/unit/base/test_number.c test/unit/base/test_table.c test/unit/base/test_tick.c test/unit/base/test_worker.c
unit_base_CPPFLAGS = $(AM_CPPFLAGS) $(CUNIT_CFLAGS) -I$(top_srcdir)/test
unit_base_LDADD = $(BASE_LIBS) $(CUNIT_LIBS)
