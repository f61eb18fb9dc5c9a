noinst_LIBRARIES += libdriver.a
libdriver_a_SOURCES = \
	src/sentinel/driver/driver.c src/sentinel/driver/driver.h \
	src/sentinel/driver/instance_map.c src/sentinel/driver/instance_map.h \
	src/sentinel/driver/scripts.c src/sentinel/driver/scripts.h \
	src/sentinel/driver/sentinel_commands.c src/sentinel/driver/sentinel_commands.def \
	src/sentinel/driver/sentinel_commands.h src/sentinel/driver/sentinel_commands_internal.h \
	src/sentinel/driver/sentinel_config.c src/sentinel/driver/sentinel_config.def \
	src/sentinel/driver/sentinel_config.h \
	src/sentinel/driver/sentinel_history.c src/sentinel/driver/sentinel_history.h \
	src/sentinel/driver/sentinel_info.c src/sentinel/driver/sentinel_info.h \
	src/sentinel/driver/sentinel_orders.c \
	src/sentinel/driver/state_entries.c src/sentinel/driver/state_entries.h \
	src/sentinel/driver/state_file.c src/sentinel/driver/state_file.h \
	src/sentinel/driver/state_text.c src/sentinel/driver/state_text.h \
	src/sentinel/driver/view.c src/sentinel/driver/view.h \
	src/sentinel/driver/watch.c src/sentinel/driver/watch.h
