noinst_LIBRARIES += libnet.a
libnet_a_SOURCES = \
	src/net/address.c src/net/address.h \
	src/net/buffer.c src/net/buffer.h \
	src/net/conn.c src/net/conn.h src/net/conn_internal.h \
	src/net/conn_tcp.c src/net/conn_tls.c src/net/conn_unix.c \
	src/net/link.c src/net/link.h src/net/link_internal.h src/net/link_requests.c \
	src/net/listener.c src/net/listener.h \
	src/net/loop.c src/net/loop.h \
	src/net/resolve.c src/net/resolve.h \
	src/net/resp_parse.c src/net/resp_parse.h src/net/resp_parse_reply.c \
	src/net/resp_write.c src/net/resp_write.h \
	src/net/tls.c src/net/tls.h src/net/tls_internal.h
