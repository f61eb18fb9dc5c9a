noinst_LIBRARIES += libstore.a
libstore_a_SOURCES = \
	src/store/keyspace/expire.c src/store/keyspace/expire.h \
	src/store/keyspace/key_table.c src/store/keyspace/key_table.h \
	src/store/keyspace/keyspace.c src/store/keyspace/keyspace.h \
	src/store/keyspace/lazy_free.c src/store/keyspace/lazy_free.h \
	src/store/keyspace/record.c src/store/keyspace/record.h \
	src/store/types/str.c src/store/types/str.h \
	src/store/types/value.c src/store/types/value.h
