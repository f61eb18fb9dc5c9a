check_PROGRAMS += unit_net
TESTS += unit_net
unit_net_SOURCES = $(UNIT_SOURCES) \
	test/unit/net/test_address.c test/unit/net/test_buffer.c test/unit/net/test_conn.c test/unit/net/test_link.c \
	test/unit/net/test_link_faults.c \
	test/unit/net/test_listener.c test/unit/net/test_loop.c test/unit/net/test_resolve.c \
	test/unit/net/test_resp_parse.c test/unit/net/test_resp_parse_reply.c test/unit/net/test_resp_write.c \
	test/unit/net/test_tls.c
unit_net_CPPFLAGS = $(AM_CPPFLAGS) $(CUNIT_CFLAGS) -I$(top_srcdir)/test
unit_net_LDADD = $(NET_LIBS) $(CUNIT_LIBS)
