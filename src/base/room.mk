noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	src/base/bytes.c src/base/bytes.h \
	src/base/check.c src/base/check.h \
	src/base/clock.c src/base/clock.h \
	src/base/crash.c src/base/crash.h \
	src/base/daemon.c src/base/daemon.h \
	src/base/crc32.c src/base/crc32.h \
	src/base/crc64.c src/base/crc64.h \
	src/base/error.c src/base/error.h \
	src/base/file.c src/base/file.h \
	src/base/glob.c src/base/glob.h \
	src/base/hash.c src/base/hash.h \
	src/base/heap.c src/base/heap.h \
	src/base/histogram.c src/base/histogram.h \
	src/base/intset.c src/base/intset.h \
	src/base/list.h \
	src/base/listpack.c src/base/listpack.h \
	src/base/log.c src/base/log.h \
	src/base/lzf.c src/base/lzf.h \
	src/base/mem.c src/base/mem.h \
	src/base/memtest.c src/base/memtest.h \
	src/base/number.c src/base/number.h \
	src/base/random.c src/base/random.h \
	src/base/sm.c src/base/sm.h \
	src/base/table.c src/base/table.h \
	src/base/tick.c src/base/tick.h \
	src/base/worker.c src/base/worker.h
