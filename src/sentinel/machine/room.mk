noinst_LIBRARIES += libmachine.a
libmachine_a_SOURCES =
