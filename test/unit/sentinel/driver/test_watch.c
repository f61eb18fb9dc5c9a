#include "lib/unit.h"
#include "base/mem.h"
#include "net/loop.h"
#include "net/resp_parse.h"
#include "sentinel/driver/watch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

struct stage { /* a watch, the socket it dials, and what it told */
    struct loop  *loop;
    struct watch *watch;
    int           listener, peer;
    uint16_t      port;
    struct bytes  told;
};

static void on_up(void *context, uint32_t instance, enum line_kind line, const char *local_ip) {
    struct stage *stage = context;
    bytes_add_printf(&stage->told, "up %u.%d %s;", instance, line, local_ip);
}

static void on_down(void *context, uint32_t instance, enum line_kind line, enum line_reason reason, const char *detail) {
    struct stage *stage = context;
    (void)detail;
    bytes_add_printf(&stage->told, "down %u.%d %s;", instance, line, line_reason_name(reason));
}

static void on_reply(void *context, uint32_t instance, uint64_t request, uint32_t index, const struct resp_reply *reply) {
    struct stage *stage = context;
    bytes_add_printf(&stage->told, "reply %u %d.%u ", instance, (int)request, index);
    resp_reply_print(reply, &stage->told);
    bytes_add_char(&stage->told, ';');
}

static void on_hello(void *context, uint32_t instance, struct slice payload) {
    struct stage *stage = context;
    bytes_add_printf(&stage->told, "hello %u %.*s;", instance, (int)payload.size, payload.data);
}

static const struct watch_handlers handlers = {on_up, on_down, on_reply, on_hello};

static void stage_init(struct stage *stage) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    *stage = (struct stage){.loop = loop_new(), .listener = socket(AF_INET, SOCK_STREAM, 0), .peer = -1};
    CU_ASSERT_EQUAL_FATAL(bind(stage->listener, (struct sockaddr *)&address, size), 0);
    CU_ASSERT_EQUAL_FATAL(listen(stage->listener, 5), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(stage->listener, (struct sockaddr *)&address, &size), 0);
    stage->port = ntohs(address.sin_port);
    stage->watch = watch_new(stage->loop, 7, &handlers, stage);
}

static void stage_fini(struct stage *stage) {
    watch_free(&stage->watch);
    loop_free(&stage->loop);
    if (stage->peer >= 0) close(stage->peer);
    if (stage->listener >= 0) close(stage->listener);
    bytes_fini(&stage->told);
}

static void connect_line(struct stage *stage, enum line_kind line) {
    struct watch_target target = {.ip = "127.0.0.1", .host = "127.0.0.1", .port = stage->port, .timeout_ms = 5000, .answer_timeout_ms = 5000};
    watch_connect(stage->watch, line, &target);
}

static void wait_told(struct stage *stage, const char *text) {
    while (!strstr(bytes_text(&stage->told), text)) loop_turn(stage->loop, true);
}

static void accept_peer(struct stage *stage) {
    if (stage->peer >= 0) close(stage->peer);
    stage->peer = accept(stage->listener, NULL, NULL);
    CU_ASSERT_FATAL(stage->peer >= 0);
}

/* Reads exactly this from the watch. */
static void expect_sent(struct stage *stage, const char *text) {
    char got[512] = "";
    size_t size = 0;
    while (size < strlen(text)) {
        loop_turn(stage->loop, false);
        ssize_t n = recv(stage->peer, got + size, strlen(text) - size, MSG_DONTWAIT);
        if (n > 0) size += (size_t)n;
    }
    EXPECT_TEXT(got, text);
}

static void answer(struct stage *stage, const char *text) {
    CU_ASSERT_EQUAL(send(stage->peer, text, strlen(text), 0), (ssize_t)strlen(text));
}

static void send_two(struct stage *stage, uint64_t request) {
    const struct slice ping[] = {SLICE("PING")}, role[] = {SLICE("ROLE")};
    const struct command_view commands[] = {{ping, 1}, {role, 1}};
    watch_send(stage->watch, request, commands, 2);
}

UNIT_TEST(watch, tells_each_reply_with_its_request_and_place) {
    struct stage stage;
    stage_init(&stage);
    connect_line(&stage, LINE_COMMAND);
    accept_peer(&stage);
    wait_told(&stage, "up 7.0 127.0.0.1;");
    CU_ASSERT(watch_is_up(stage.watch, LINE_COMMAND));
    send_two(&stage, 40);
    expect_sent(&stage, "*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nROLE\r\n");
    answer(&stage, "+PONG\r\n-NOPERM no\r\n");
    wait_told(&stage, "reply 7 40.1");
    CU_ASSERT(strstr(bytes_text(&stage.told), "reply 7 40.0") != NULL);
    CU_ASSERT(strstr(bytes_text(&stage.told), "reply 7 40.0") < strstr(bytes_text(&stage.told), "reply 7 40.1"));
    stage_fini(&stage);
}

UNIT_TEST(watch, a_line_that_is_lost_tells_so_once_and_its_requests_are_silent) {
    struct stage stage;
    stage_init(&stage);
    connect_line(&stage, LINE_COMMAND);
    accept_peer(&stage);
    wait_told(&stage, "up");
    send_two(&stage, 41);
    expect_sent(&stage, "*1\r\n$4\r\nPING\r\n");
    close(stage.peer);
    stage.peer = -1;
    wait_told(&stage, "down");
    EXPECT_TEXT(bytes_text(&stage.told), "up 7.0 127.0.0.1;down 7.0 reset;");
    /* Nobody listens any more. */
    close(stage.listener);
    stage.listener = -1;
    bytes_clear(&stage.told);
    connect_line(&stage, LINE_COMMAND);
    wait_told(&stage, "down");
    EXPECT_TEXT(bytes_text(&stage.told), "down 7.0 refused;");
    stage_fini(&stage);
}

UNIT_TEST(watch, hears_hellos_and_nothing_else) {
    struct stage stage;
    stage_init(&stage);
    connect_line(&stage, LINE_PUBSUB);
    accept_peer(&stage);
    expect_sent(&stage, "*2\r\n$9\r\nSUBSCRIBE\r\n$18\r\n__sentinel__:hello\r\n");
    answer(&stage, "*3\r\n$9\r\nsubscribe\r\n$18\r\n__sentinel__:hello\r\n:1\r\n"
                   "*3\r\n$7\r\nmessage\r\n$5\r\nother\r\n$1\r\nx\r\n"
                   "*3\r\n$7\r\nmessage\r\n$18\r\n__sentinel__:hello\r\n$3\r\na,b\r\n");
    wait_told(&stage, "hello");
    EXPECT_TEXT(bytes_text(&stage.told), "up 7.1 127.0.0.1;hello 7 a,b;");
    stage_fini(&stage);
}

UNIT_TEST(watch, a_refused_subscription_is_a_lost_line) {
    struct stage stage;
    stage_init(&stage);
    connect_line(&stage, LINE_PUBSUB);
    accept_peer(&stage);
    expect_sent(&stage, "*2\r\n$9\r\nSUBSCRIBE\r\n$18\r\n__sentinel__:hello\r\n");
    answer(&stage, "-NOPERM this user has no permissions to access one of the channels\r\n");
    wait_told(&stage, "down");
    EXPECT_TEXT(bytes_text(&stage.told), "up 7.1 127.0.0.1;down 7.1 auth-failed;");
    CU_ASSERT_FALSE(watch_is_up(stage.watch, LINE_PUBSUB));
    stage_fini(&stage);
}

UNIT_TEST(watch, a_late_reply_of_an_older_connection_is_nobodys) {
    struct stage stage;
    stage_init(&stage);
    connect_line(&stage, LINE_COMMAND);
    accept_peer(&stage);
    wait_told(&stage, "up");
    send_two(&stage, 42);
    watch_disconnect(stage.watch, LINE_COMMAND);
    connect_line(&stage, LINE_COMMAND);
    accept_peer(&stage);
    bytes_clear(&stage.told);
    wait_told(&stage, "up");
    send_two(&stage, 43);
    expect_sent(&stage, "*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nROLE\r\n");
    answer(&stage, "+PONG\r\n+OK\r\n");
    wait_told(&stage, "43.1");
    CU_ASSERT_PTR_NULL(strstr(bytes_text(&stage.told), " 42."));
    stage_fini(&stage);
}
