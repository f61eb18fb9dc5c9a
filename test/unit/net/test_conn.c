#include "lib/unit.h"
#include "net/conn.h"
#include "net/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;

struct peer { /* echoes into `got` and counts what it was told */
    struct conn *conn;
    struct bytes got;
    int          opened, failure, readable, writable;
    bool         ended, close_when_readable;
};

static void on_open(struct conn *conn, void *context, int failure) {
    struct peer *peer = context;
    peer->opened++;
    peer->failure = failure;
}

static void on_readable(struct conn *conn, void *context) {
    struct peer *peer = context;
    char data[1000];
    size_t size;
    peer->readable++;
    if (peer->close_when_readable) {
        conn_close(&peer->conn);
        return;
    }
    switch (conn_read(conn, data, sizeof data, &size)) {
    case IO_DONE: bytes_add(&peer->got, data, size); break;
    case IO_AGAIN: break;
    case IO_CLOSED:
    case IO_FAILED: peer->ended = true; conn_want_read(conn, false); break;
    }
}

static void on_writable(struct conn *conn, void *context) {
    struct peer *peer = context;
    peer->writable++;
    conn_want_write(conn, false);
}

static const struct conn_handlers handlers = {on_open, on_readable, on_writable};

static void pair(struct peer *a, struct peer *b) {
    int ends[2];
    loop = loop_new();
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    *a = *b = (struct peer){0};
    a->conn = conn_adopt(loop, ends[0], NULL, NULL);
    b->conn = conn_adopt(loop, ends[1], NULL, NULL);
    conn_set_handlers(a->conn, &handlers, a);
    conn_set_handlers(b->conn, &handlers, b);
}

static void finish(struct peer *a, struct peer *b) {
    conn_close(&a->conn);
    conn_close(&b->conn);
    bytes_fini(&a->got);
    bytes_fini(&b->got);
    loop_free(&loop);
}

UNIT_TEST(conn, moves_bytes_and_tells_the_end) {
    struct peer a, b;
    size_t size;
    pair(&a, &b);
    CU_ASSERT(conn_is_open(a.conn));
    CU_ASSERT_EQUAL(conn_read(a.conn, &size, 4, &size), IO_AGAIN);
    CU_ASSERT_EQUAL(conn_write(a.conn, "hello", 5, &size), IO_DONE);
    struct iovec parts[] = {{(void *)" wo", 3}, {(void *)"rld", 3}};
    CU_ASSERT_EQUAL(conn_writev(a.conn, parts, 2, &size), IO_DONE);
    CU_ASSERT_EQUAL(size, 6);
    loop_turn(loop, true);
    EXPECT_TEXT(bytes_text(&b.got), "hello world");
    conn_close(&a.conn);
    loop_turn(loop, true);
    CU_ASSERT(b.ended);
    CU_ASSERT_FALSE(conn_is_open(b.conn));
    CU_ASSERT_EQUAL(b.opened, 0);
    while (conn_write(b.conn, "x", 1, &size) == IO_DONE) {}
    CU_ASSERT_EQUAL(conn_failure(b.conn), EPIPE);
    EXPECT_TEXT(conn_error(b.conn), "Broken pipe");
    finish(&a, &b);
}

UNIT_TEST(conn, tells_when_it_can_write_again) {
    struct peer a, b;
    static char data[1 << 16];
    size_t size, sent = 0;
    pair(&a, &b);
    conn_want_read(b.conn, false);
    while (conn_write(a.conn, data, sizeof data, &size) == IO_DONE) sent += size;
    conn_want_write(a.conn, true);
    loop_turn(loop, false);
    CU_ASSERT_EQUAL(a.writable, 0);
    CU_ASSERT_EQUAL(b.readable, 0);
    conn_want_read(b.conn, true);
    while (b.got.size < sent) loop_turn(loop, true);
    loop_turn(loop, false);
    CU_ASSERT_EQUAL(a.writable, 1);
    finish(&a, &b);
}

UNIT_TEST(conn, may_be_closed_in_its_callback) {
    struct peer a, b;
    size_t size;
    pair(&a, &b);
    b.close_when_readable = true;
    conn_want_write(b.conn, true);
    CU_ASSERT_EQUAL(conn_write(a.conn, "x", 1, &size), IO_DONE);
    loop_turn(loop, true);
    CU_ASSERT_PTR_NULL(b.conn);
    CU_ASSERT_EQUAL(b.readable, 1);
    CU_ASSERT_EQUAL(b.writable, 0);
    finish(&a, &b);
}

static int listening_socket(struct address *at) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CU_ASSERT_FATAL(address_parse_ip(at, "127.0.0.1", 0));
    CU_ASSERT_EQUAL_FATAL(bind(fd, &at->any, at->size), 0);
    socklen_t size = at->size;
    CU_ASSERT_EQUAL_FATAL(getsockname(fd, &at->any, &size), 0);
    return fd;
}

UNIT_TEST(conn, dials) {
    struct peer a = {0};
    struct address at, source;
    char text[ADDRESS_TEXT_SIZE], expected[ADDRESS_TEXT_SIZE];
    loop = loop_new();
    int fd = listening_socket(&at);
    CU_ASSERT_EQUAL_FATAL(listen(fd, 5), 0);
    CU_ASSERT_FATAL(address_parse_ip(&source, "127.0.0.2", 0));
    struct conn_options options = {.source = &source};
    a.conn = conn_dial(loop, &at, &options, &handlers, &a, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(a.conn);
    CU_ASSERT_FALSE(conn_is_open(a.conn) && !a.opened);
    while (!a.opened) loop_turn(loop, true);
    CU_ASSERT_EQUAL(a.failure, 0);
    CU_ASSERT(conn_is_open(a.conn));
    EXPECT_TEXT(conn_kind_text(a.conn), "tcp");
    EXPECT_TEXT(conn_peer_text(a.conn, text), address_print(&at, expected));
    EXPECT_TEXT(address_print_ip(conn_local(a.conn), text), "127.0.0.2");
    conn_set_keepalive(a.conn, 60);
    int value;
    socklen_t size = sizeof value;
    CU_ASSERT_EQUAL(getsockopt(conn_fd(a.conn), SOL_SOCKET, SO_KEEPALIVE, &value, &size), 0);
    CU_ASSERT_EQUAL(value, 1);
    conn_close(&a.conn);
    close(fd);
    loop_free(&loop);
}

UNIT_TEST(conn, says_why_it_cannot_dial) {
    struct peer a = {0};
    struct address at;
    struct error err;
    int failure;
    loop = loop_new();
    int fd = listening_socket(&at); /* bound, but nobody listens */
    a.conn = conn_dial(loop, &at, NULL, &handlers, &a, &failure, &err);
    if (a.conn) {
        while (!a.opened) loop_turn(loop, true);
        failure = a.failure;
        EXPECT_TEXT(conn_error(a.conn), "Connection refused");
        conn_close(&a.conn);
    }
    CU_ASSERT_EQUAL(failure, ECONNREFUSED);
    CU_ASSERT(address_set_unix(&at, "/nonexistent/socket"));
    CU_ASSERT_PTR_NULL(conn_dial(loop, &at, NULL, &handlers, &a, &failure, &err));
    CU_ASSERT_EQUAL(failure, ENOENT);
    EXPECT_TEXT(err.text, "cannot connect to /nonexistent/socket:0: No such file or directory");
    close(fd);
    loop_free(&loop);
}
