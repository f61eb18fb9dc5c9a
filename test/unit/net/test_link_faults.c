#include "lib/unit.h"
#include "net/conn.h"
#include "net/link.h"
#include "net/listener.h"
#include "net/loop.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The n-th system call on a connection fails, for n = 1, 2, 3 ... until a whole conversation succeeds. These
 * definitions stand before those of the C library. */
static unsigned calls, failing; /* failing 0: none */
static int      with;

static bool fails(void) {
    if (failing == 0 || ++calls != failing) return false;
    errno = with;
    return true;
}

ssize_t recv(int fd, void *data, size_t size, int flags) {
    if (fails()) return -1;
    return syscall(SYS_recvfrom, fd, data, size, flags, NULL, NULL);
}

ssize_t send(int fd, const void *data, size_t size, int flags) {
    if (fails()) return -1;
    return syscall(SYS_sendto, fd, data, size, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    if (fails()) return -1;
    return syscall(SYS_sendmsg, fd, message, flags);
}

int socket(int family, int type, int protocol) {
    if (fails()) return -1;
    return (int)syscall(SYS_socket, family, type, protocol);
}

int connect(int fd, const struct sockaddr *address, socklen_t size) {
    if (fails()) return -1;
    return (int)syscall(SYS_connect, fd, address, size);
}

int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags) {
    if (fails()) return -1;
    return (int)syscall(SYS_accept4, fd, address, size, flags);
}

/* ---- one conversation: up, two requests, the second of which is large; the server echoes +OK for each read ---- */

static struct loop *loop;
static struct conn *server;
static size_t       heard;
static int          ups, downs, answered, replies, lost;

static void on_server_readable(struct conn *conn, void *context) {
    static char data[100000];
    size_t size, written;
    switch (conn_read(conn, data, sizeof data, &size)) {
    case IO_DONE:
        heard += size;
        if (heard >= 14 + 60000 && conn_write(conn, "+OK\r\n+OK\r\n", 10, &written) != IO_DONE) conn_close(&server);
        break;
    case IO_AGAIN: break;
    case IO_CLOSED:
    case IO_FAILED: conn_close(&server); break;
    }
}

static const struct conn_handlers server_handlers = {.on_readable = on_server_readable};

static void on_accept(void *context, struct conn **conn) {
    conn_close(&server);
    server = *conn;
    *conn = NULL;
    heard = 0;
    conn_set_handlers(server, &server_handlers, NULL);
}

static void on_reply(struct link *link, void *context, enum link_result result, const struct resp_reply *reply) {
    answered++;
    if (result == LINK_REPLY) replies++;
    else lost++;
}

static void on_up(struct link *link, void *context) {
    static char large[60001];
    memset(large, 'x', sizeof large - 1);
    ups++;
    link_call_texts(link, 0, on_reply, NULL, "PING", NULL);
    link_call_texts(link, 0, on_reply, NULL, "ECHO", large, NULL);
}

static void on_down(struct link *link, void *context, enum link_reason reason, const char *text) {
    CU_ASSERT(reason != LINK_NONE && text[0] != 0);
    downs++;
}

static const struct link_handlers handlers = {.on_up = on_up, .on_down = on_down};

/* True: it succeeded although the n-th call failed (there was none, or the failure was overcome). */
static bool converse(unsigned nth, int number) {
    struct error err;
    const char *here[] = {"127.0.0.1"};
    loop = loop_new();
    failing = 0;
    struct listener_settings where = {.addresses = here, .count = 1, .backlog = 5};
    struct listener *listener = listener_new(loop, &where, on_accept, NULL, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(listener);
    struct link *link = link_new(loop, &(struct link_settings){0}, &handlers, NULL);
    ups = downs = answered = replies = lost = 0;
    calls = 0;
    failing = nth;
    with = number;
    link_dial(link, "127.0.0.1", listener_port(listener));
    while (replies < 2 && downs == 0) loop_turn(loop, true);
    bool reached = calls >= nth;
    failing = 0;
    CU_ASSERT(ups <= 1 && downs <= 1);
    CU_ASSERT_EQUAL(answered, 2 * ups); /* each exactly once */
    CU_ASSERT_EQUAL(link_waiting(link), 0);
    bool done = replies == 2;
    link_free(&link);
    CU_ASSERT_EQUAL(answered, 2 * ups);
    conn_close(&server);
    listener_free(&listener);
    loop_free(&loop);
    return done && !reached;
}

UNIT_TEST(link_faults, any_call_may_be_reset) {
    unsigned nth = 1;
    while (!converse(nth, ECONNRESET)) CU_ASSERT_FATAL(++nth < 200);
    CU_ASSERT(nth > 4);
}

UNIT_TEST(link_faults, any_call_may_find_no_resources) {
    unsigned nth = 1;
    while (!converse(nth, ENOBUFS)) CU_ASSERT_FATAL(++nth < 200);
}

UNIT_TEST(link_faults, any_call_may_be_interrupted) {
    unsigned nth = 1;
    while (!converse(nth, EAGAIN)) CU_ASSERT_FATAL(++nth < 200);
}
