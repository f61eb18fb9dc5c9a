#include "lib/unit.h"
#include "net/address.h"
#include "net/conn.h"
#include "net/link.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/resolve.h"
#include "net/tls.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* A server that the test plays: what it hears is collected, what it says is written by say(). */
static struct loop     *loop;
static struct listener *listener;
static struct conn     *server;
static struct bytes     heard;
static int              accepted;
static char             trace[4000];

static void note(const char *format, ...) {
    va_list args;
    size_t size = strlen(trace);
    va_start(args, format);
    vsnprintf(trace + size, sizeof trace - size, format, args);
    va_end(args);
}

static void on_server_readable(struct conn *conn, void *context) {
    char data[65536];
    size_t size;
    if (conn_read(conn, data, sizeof data, &size) == IO_DONE) bytes_add(&heard, data, size);
    else conn_want_read(conn, false);
}

static const struct conn_handlers server_handlers = {.on_readable = on_server_readable};

static void on_accept(void *context, struct conn **conn) {
    accepted++;
    conn_close(&server);
    server = *conn;
    *conn = NULL;
    conn_set_handlers(server, &server_handlers, NULL);
}

static void say(const char *text) {
    size_t size;
    CU_ASSERT_EQUAL(conn_write(server, text, strlen(text), &size), IO_DONE);
}

/* ---- the link's owner ---- */

static bool free_on_lost, dial_on_down;
static struct link *link_;
static uint16_t     port;

static void on_up(struct link *link, void *context) {
    note("up ");
}

static void on_down(struct link *link, void *context, enum link_reason reason, const char *text) {
    note("down(%s) ", link_reason_name(reason));
    if (dial_on_down) {
        dial_on_down = false;
        link_dial(link, "127.0.0.1", port);
    }
}

static void on_message(struct link *link, void *context, const struct resp_reply *message) {
    struct bytes text = {0};
    resp_reply_print(message, &text);
    note("msg%s ", bytes_text(&text));
    bytes_fini(&text);
}

static void on_reply(struct link *link, void *context, enum link_result result, const struct resp_reply *reply) {
    struct bytes text = {0};
    const char *name = context;
    if (reply) resp_reply_print(reply, &text);
    note("%s=%s ", name,
         result == LINK_REPLY ? bytes_text(&text) : result == LINK_TIMEOUT ? "timeout" : "lost");
    bytes_fini(&text);
    if (free_on_lost && result == LINK_LOST) link_free(&link_);
}

static const struct link_handlers handlers = {on_up, on_down, on_message};

static void begin(const struct link_settings *settings) {
    struct error err;
    const char *here[] = {"127.0.0.1"};
    loop = loop_new();
    struct listener_settings where = {.addresses = here, .count = 1, .backlog = 5};
    listener = listener_new(loop, &where, on_accept, NULL, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(listener);
    port = listener_port(listener);
    static const struct link_settings none;
    trace[0] = 0;
    bytes_clear(&heard);
    accepted = 0;
    link_ = link_new(loop, settings ? settings : &none, &handlers, NULL);
}

static void finish(void) {
    link_free(&link_);
    conn_close(&server);
    listener_free(&listener);
    loop_free(&loop);
    bytes_fini(&heard);
}

static void wait_for(const char *text) {
    for (int i = 0; i < 100000 && !strstr(trace, text); i++) loop_turn(loop, true);
    CU_ASSERT_PTR_NOT_NULL(strstr(trace, text));
}

static void wait_heard(size_t size) {
    while (heard.size < size) loop_turn(loop, true);
}

static void come_up(void) {
    link_dial(link_, "127.0.0.1", port);
    CU_ASSERT_EQUAL(link_state(link_), LINK_CONNECTING);
    while (link_state(link_) != LINK_UP || !accepted) loop_turn(loop, true);
}

UNIT_TEST(link, pipelines_requests) {
    begin(NULL);
    come_up();
    link_call_texts(link_, 0, on_reply, (void *)"a", "PING", NULL);
    link_call_texts(link_, 0, on_reply, (void *)"b", "GET", "k", NULL);
    link_call_texts(link_, 0, NULL, NULL, "INCR", "k", NULL);
    CU_ASSERT_EQUAL(link_waiting(link_), 3);
    wait_heard(14 + 20 + 21);
    EXPECT_TEXT(bytes_text(&heard), "*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*2\r\n$4\r\nINCR\r\n$1\r\nk\r\n");
    say("+PONG\r\n$3\r\nva");
    wait_for("a=");
    say("l\r\n:1\r\n");
    wait_for("b=");
    EXPECT_TEXT(trace, "up a=PONG b=\"val\" ");
    CU_ASSERT_EQUAL(link_waiting(link_), 0);
    CU_ASSERT(link_last_input_ms(link_) > 0);
    conn_close(&server);
    wait_for("down(closed)");
    EXPECT_TEXT(link_reason_text(link_), "closed by the peer");
    finish();
}

UNIT_TEST(link, introduces_itself_without_waiting) {
    begin(&(struct link_settings){.user = "u", .password = "p", .client_name = "me"});
    come_up();
    link_call_texts(link_, 0, on_reply, (void *)"a", "PING", NULL);
    wait_heard(60);
    CU_ASSERT_PTR_NOT_NULL(strstr(bytes_text(&heard), "*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$1\r\np\r\n*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME"));
    say("-ERR Client sent AUTH, but no password is set\r\n-ERR unknown command\r\n+PONG\r\n");
    wait_for("a=PONG");
    finish();
}

UNIT_TEST(link, a_refused_password_takes_it_down) {
    begin(&(struct link_settings){.password = "p"});
    come_up();
    link_call_texts(link_, 0, on_reply, (void *)"a", "PING", NULL);
    wait_heard(30);
    say("-WRONGPASS invalid username-password pair or user is disabled.\r\n-NOAUTH Authentication required.\r\n");
    wait_for("down(");
    EXPECT_TEXT(trace, "up a=lost down(auth_failed) ");
    CU_ASSERT_EQUAL(link_reason(link_), LINK_AUTH_FAILED);
    finish();
}

UNIT_TEST(link, deadlines_pass_and_late_answers_are_swallowed) {
    begin(NULL);
    come_up();
    link_call_texts(link_, loop_now_ms(loop) + 2, on_reply, (void *)"a", "PING", NULL);
    link_call_texts(link_, loop_now_ms(loop) + 600000, on_reply, (void *)"b", "PING", NULL);
    wait_for("a=timeout");
    say("+LATE\r\n+SECOND\r\n");
    wait_for("b=");
    EXPECT_TEXT(trace, "up a=timeout b=SECOND ");
    finish();
}

UNIT_TEST(link, subscribes) {
    begin(NULL);
    come_up();
    struct slice channels[] = {SLICE("one"), SLICE("two")};
    link_subscribe(link_, channels, 2, 0, on_reply, (void *)"s");
    link_call_texts(link_, 0, on_reply, (void *)"p", "PING", NULL);
    say("*3\r\n$9\r\nsubscribe\r\n$3\r\none\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$3\r\none\r\n$2\r\nhi\r\n"
        "*3\r\n$9\r\nsubscribe\r\n$3\r\ntwo\r\n:2\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n"
        "*3\r\n$7\r\nmessage\r\n$3\r\ntwo\r\n$2\r\nho\r\n>2\r\n+invalidate\r\n_\r\n");
    wait_for("invalidate");
    EXPECT_TEXT(trace, "up msg[\"message\", \"one\", \"hi\"] s=[\"subscribe\", \"two\", 2] p=[\"pong\", \"\"] "
                       "msg[\"message\", \"two\", \"ho\"] msg<invalidate, null> ");
    finish();
}

UNIT_TEST(link, says_why_it_is_down) {
    begin(NULL);
    listener_free(&listener);
    link_dial(link_, "127.0.0.1", port);
    CU_ASSERT_EQUAL(trace[0], 0);
    wait_for("down(refused)");
    link_dial(link_, "no.such.name", port);
    wait_for("down(unresolved)");
    EXPECT_TEXT(link_reason_text(link_), "'no.such.name' is no address, and names are not resolved");
    link_call_texts(link_, 0, on_reply, (void *)"a", "PING", NULL);
    CU_ASSERT_PTR_NULL(strstr(trace, "lost"));
    wait_for("a=lost");
    struct address at;
    CU_ASSERT_FATAL(address_parse_ip(&at, "127.0.0.1", port));
    link_dial_address(link_, &at);
    trace[0] = 0;
    wait_for("down(refused)");
    EXPECT_TEXT(link_reason_name(LINK_HUNG_UP), "hung_up");
    finish();
}

UNIT_TEST(link, what_is_not_resp_takes_it_down) {
    static const struct {
        const char *said, *trace;
    } cases[] = {
        {"HTTP/1.1 400 Bad Request\r\n", "up a=lost down(protocol) "},
        {"*1000000000\r\n", "up a=lost down(too_large) "},
        {"+OK\r\n+unasked\r\n", "up a=OK down(protocol) "},
        {"$2000\r\n", "up a=lost down(too_large) "},
        {"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", "up a=lost down(too_large) "},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        begin(&(struct link_settings){.max_reply_bytes = 1000, .max_depth = 8});
        come_up();
        link_call_texts(link_, 0, on_reply, (void *)"a", "INFO", NULL);
        say(cases[i].said);
        wait_for("down(");
        EXPECT_TEXT(trace, cases[i].trace);
        finish();
    }
}

UNIT_TEST(link, a_peer_that_does_not_read) {
    begin(&(struct link_settings){.max_output_bytes = 1 << 20});
    come_up();
    conn_want_read(server, false);
    static char large[100000];
    memset(large, 'x', sizeof large - 1);
    for (int i = 0; i < 1000 && !strstr(trace, "down"); i++) {
        link_call_texts(link_, 0, NULL, NULL, "SET", "k", large, NULL);
        loop_turn(loop, false);
    }
    wait_for("down(too_large)");
    finish();
}

UNIT_TEST(link, dials_again_by_itself) {
    begin(&(struct link_settings){.retry_min_ms = 1, .retry_max_ms = 4});
    come_up();
    conn_close(&server);
    wait_for("down(closed) up");
    while (accepted < 2) loop_turn(loop, true);
    uint16_t old = port;
    listener_free(&listener);
    conn_close(&server);
    wait_for("down(refused) down(refused)");
    CU_ASSERT_EQUAL(old, port);
    link_hang_up(link_);
    CU_ASSERT_EQUAL(link_reason(link_), LINK_HUNG_UP);
    finish();
}

UNIT_TEST(link, owner_may_do_anything_in_callbacks) {
    begin(NULL);
    come_up();
    dial_on_down = true;
    conn_close(&server);
    wait_for("down(closed) up");
    while (accepted < 2) loop_turn(loop, true);
    link_call_texts(link_, 0, on_reply, (void *)"a", "PING", NULL);
    link_call_texts(link_, 0, on_reply, (void *)"b", "PING", NULL);
    link_call_texts(link_, 0, on_reply, (void *)"c", "PING", NULL);
    link_forget(link_, "zzz");
    free_on_lost = true;
    conn_close(&server);
    wait_for("a=lost b=lost c=lost");
    CU_ASSERT_PTR_NULL(link_);
    free_on_lost = false;
    loop_turn(loop, false);
    CU_ASSERT_PTR_NULL(strstr(trace, "c=lost down"));
    finish();
}

static struct conn *detached;

static void on_detach(struct link *link, void *context, enum link_result result, const struct resp_reply *reply) {
    struct bytes *unread = context;
    detached = link_detach(link, unread);
}

UNIT_TEST(link, hands_over_its_connection) {
    struct bytes unread = {0};
    begin(NULL);
    come_up();
    link_call_texts(link_, 0, on_detach, &unread, "PSYNC", "?", "-1", NULL);
    say("+FULLRESYNC x 1\r\nraw bytes");
    while (!detached) loop_turn(loop, true);
    EXPECT_TEXT(bytes_text(&unread), "raw bytes");
    CU_ASSERT_EQUAL(link_state(link_), LINK_IDLE);
    CU_ASSERT(conn_is_open(detached));
    conn_close(&detached);
    bytes_fini(&unread);
    finish();
}

/* A name server that answers only when the test lets it. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static int slow_lookup(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out) {
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return getaddrinfo("127.0.0.1", service, hints, out);
}

UNIT_TEST(link, dials_names_and_does_not_wait_for_ever) {
    begin(NULL);
    struct resolver *resolver = resolver_new(loop);
    resolver_set_lookup(resolver, slow_lookup);
    link_configure(link_, &(struct link_settings){.resolver = resolver, .connect_timeout_ms = 5});
    pthread_mutex_lock(&gate);
    link_dial(link_, "a.name", port);
    CU_ASSERT_EQUAL(link_state(link_), LINK_RESOLVING);
    wait_for("down(unresolved)");
    EXPECT_TEXT(link_reason_text(link_), "the name was not resolved within 5 ms");
    link_dial(link_, "a.name", port);
    link_hang_up(link_);
    pthread_mutex_unlock(&gate);
    link_configure(link_, &(struct link_settings){.resolver = resolver});
    link_dial(link_, "a.name", port);
    wait_for("up");
    CU_ASSERT(address_is_loopback(link_peer(link_)));
    link_free(&link_);
    resolver_free(&resolver);
    finish();
}

/* A socket whose queue is full: the kernel drops what would open another connection, as a host that is not there does. */
static int silent_listener(int *fillers, size_t count, uint16_t *silent_port) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CU_ASSERT_FATAL(bind(fd, (struct sockaddr *)&here, size) == 0 && listen(fd, 0) == 0);
    CU_ASSERT_FATAL(getsockname(fd, (struct sockaddr *)&here, &size) == 0);
    for (size_t i = 0; i < count; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fillers[i], (struct sockaddr *)&here, size);
    }
    *silent_port = ntohs(here.sin_port);
    return fd;
}

UNIT_TEST(link, a_host_that_does_not_answer_at_all_is_given_up_earlier) {
    int fillers[4];
    uint16_t silent_port;
    begin(&(struct link_settings){.connect_timeout_ms = 600000, .answer_timeout_ms = 7});
    int fd = silent_listener(fillers, COUNT_OF(fillers), &silent_port);
    link_dial(link_, "127.0.0.1", silent_port);
    wait_for("down(timed_out)");
    EXPECT_TEXT(link_reason_text(link_), "no connection within 7 ms");
    link_dial(link_, "127.0.0.1", port); /* the next one, to somebody who is there */
    wait_for("up");
    for (size_t i = 0; i < COUNT_OF(fillers); i++) close(fillers[i]);
    close(fd);
    finish();
}

UNIT_TEST(link, what_is_not_acknowledged_for_long_ends_it) {
    begin(&(struct link_settings){.unacked_timeout_ms = 300});
    link_dial(link_, "127.0.0.1", port);
    wait_for("up");
    int timeout_ms = 0;
    socklen_t size = sizeof timeout_ms;
    CU_ASSERT_EQUAL(getsockopt(conn_fd(link_conn(link_)), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, &size), 0);
    CU_ASSERT_EQUAL(timeout_ms, 300); /* the kernel does the rest: test/chaos/returning shows it */
    finish();
}

#ifdef HAVE_TLS
UNIT_TEST(link, a_handshake_has_its_time_once_the_host_answered) {
    struct error err;
    struct tls *tls = tls_new();
    CU_ASSERT_FATAL(tls_configure(tls, &(struct tls_settings){.allow_no_certificate = true}, &err));
    begin(&(struct link_settings){.tls = tls, .connect_timeout_ms = 21, .answer_timeout_ms = 1});
    link_dial(link_, "127.0.0.1", port);
    wait_for("down(timed_out)");
    EXPECT_TEXT(link_reason_text(link_), "no connection within 21 ms");
    finish();
    tls_free(&tls);
}

UNIT_TEST(link, a_handshake_that_never_ends) {
    struct error err;
    struct tls *tls = tls_new();
    CU_ASSERT_FATAL(tls_configure(tls, &(struct tls_settings){.allow_no_certificate = true}, &err));
    begin(&(struct link_settings){.tls = tls, .connect_timeout_ms = 5});
    link_dial(link_, "127.0.0.1", port); /* it takes the connection, and says nothing */
    wait_for("down(timed_out)");
    link_dial(link_, "127.0.0.1", port);
    while (heard.size == 0) loop_turn(loop, true);
    say("-ERR what?\r\n");
    trace[0] = 0;
    wait_for("down(t");
    finish();
    tls_free(&tls);
}
#endif
