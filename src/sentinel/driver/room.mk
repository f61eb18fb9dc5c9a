noinst_LIBRARIES += libdriver.a
libdriver_a_SOURCES =
