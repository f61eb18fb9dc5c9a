noinst_LIBRARIES += libnet.a
libnet_a_SOURCES = \
	src/net/address.h src/net/buffer.h src/net/conn.h src/net/link.h src/net/listener.h src/net/loop.h \
	src/net/resolve.h src/net/resp_parse.h src/net/resp_write.h src/net/tls.h
