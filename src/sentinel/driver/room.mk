noinst_LIBRARIES += libdriver.a
libdriver_a_SOURCES = \
	src/sentinel/driver/state_file.c src/sentinel/driver/state_file.h \
	src/sentinel/driver/state_text.c src/sentinel/driver/state_text.h
