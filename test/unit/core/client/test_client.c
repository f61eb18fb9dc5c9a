#include "core/client/client.h"

#include "core/client/client_internal.h"
#include "core/pubsub/channel.h"
#include "live.h"

#include <errno.h>

UNIT_TEST(client, answers_over_a_socket) {
    struct live live;
    live_init(&live);
    int fd = dial(&live);
    EXPECT_TEXT(talk(&live, fd, "PING\r\nECHO hi\r\n"), "+PONG\r\n$2\r\nhi\r\n");
    CU_ASSERT_EQUAL(live.fixture.server->client_count, 1);
    EXPECT_TEXT(talk(&live, fd, "QUIT\r\n"), "+OK\r\nEOF");
    CU_ASSERT_EQUAL(live.fixture.server->client_count, 0);
    close(fd);
    live_fini(&live);
}

UNIT_TEST(client, is_told_when_there_are_too_many) {
    struct live live;
    live_init(&live);
    live.fixture.server->settings->maxclients = 1;
    int one = dial(&live), two = dial(&live);
    EXPECT_TEXT(talk(&live, one, "PING\r\n"), "+PONG\r\n");
    EXPECT_TEXT(talk(&live, two, ""), "-ERR max number of clients reached\r\nEOF");
    CU_ASSERT_EQUAL(live.fixture.server->stats.connections_rejected, 1);
    close(one);
    turn(&live);
    int three = dial(&live);
    EXPECT_TEXT(talk(&live, three, "PING\r\n"), "+PONG\r\n");
    close(two);
    close(three);
    live_fini(&live);
}

UNIT_TEST(client, can_be_killed_and_can_kill_itself) {
    struct live live;
    live_init(&live);
    int one = dial(&live), two = dial(&live);
    EXPECT_TEXT(talk(&live, one, "CLIENT KILL TYPE normal\r\n"), ":1\r\n");
    EXPECT_TEXT(talk(&live, two, ""), "EOF");
    EXPECT_TEXT(talk(&live, one, "CLIENT KILL TYPE normal SKIPME no\r\nPING\r\n"), ":1\r\nEOF");
    close(one);
    close(two);
    live_fini(&live);
}

UNIT_TEST(client, output_beyond_the_limit_ends_it) {
    struct live live;
    live_init(&live);
    struct server *server = live.fixture.server;
    int            fd = dial(&live);
    (void)talk(&live, fd, "SUBSCRIBE a\r\n");
    struct error        err;
    struct param_change change = {params_find(server->params, SLICE("client-output-buffer-limit")),
                                  SLICE("pubsub 1000000 0 0")};
    size_t              failed;
    CU_ASSERT(params_change(server->params, &change, 1, &failed, &err));
    static char large[100000];
    memset(large, 'x', sizeof(large));
    for (int i = 0; i < 40 && server->client_count; i++) { /* the peer does not read */
        (void)channel_publish(server->channels, SLICE("a"), slice_make(large, sizeof(large)));
        turn(&live);
    }
    CU_ASSERT_EQUAL(server->client_count, 0);
    CU_ASSERT_EQUAL(server->stats.output_buffer_disconnections, 1);
    close(fd);
    live_fini(&live);
}

UNIT_TEST(client, a_request_beyond_the_limit_ends_it) {
    struct live live;
    live_init(&live);
    struct server *server = live.fixture.server;
    server->settings->client_query_buffer_limit_bytes = 100000;
    int         fd = dial(&live);
    static char part[20001];
    memset(part, 'x', 20000);
    (void)talk(&live, fd, "*3\r\n$4\r\ntset\r\n$1\r\na\r\n$300000\r\n");
    for (int i = 0; i < 12 && server->client_count; i++) {
        if (send(fd, part, 20000, MSG_NOSIGNAL) < 0) break;
        turn(&live);
    }
    CU_ASSERT_EQUAL(server->client_count, 0);
    CU_ASSERT_EQUAL(server->stats.query_buffer_disconnections, 1);
    close(fd);
    live_fini(&live);
}

UNIT_TEST(client, a_large_argument_arrives_whole) {
    struct live live;
    live_init(&live);
    int         fd = dial(&live);
    static char large[200000];
    memset(large, 'y', sizeof(large));
    EXPECT_TEXT(talk(&live, fd, "*2\r\n$4\r\necho\r\n$200000\r\n"), "");
    size_t sent = 0, got = 0;
    while (sent < sizeof(large)) {
        ssize_t n = send(fd, large + sent, MIN(sizeof(large) - sent, 30000), MSG_NOSIGNAL);
        if (n > 0) sent += (size_t)n;
        turn(&live);
    }
    CU_ASSERT(send(fd, "\r\nPING\r\n", 8, MSG_NOSIGNAL) == 8);
    for (int i = 0; i < 100; i++) {
        turn(&live);
        ssize_t n = recv(fd, live.text, sizeof(live.text), 0);
        if (n > 0) got += (size_t)n;
    }
    CU_ASSERT_EQUAL(got, strlen("$200000\r\n") + 200000 + 2 + strlen("+PONG\r\n"));
    close(fd);
    live_fini(&live);
}

UNIT_TEST(client, idle_ones_are_closed_after_the_timeout) {
    struct live live;
    live_init(&live);
    struct server *server = live.fixture.server;
    int            fd = dial(&live), subscriber = dial(&live);
    (void)talk(&live, subscriber, "SUBSCRIBE a\r\n");
    server->settings->timeout_s = 5;
    LIST_EACH(&server->clients, node) {
        container_of(node, struct client, node)->last_ms -= 6000;
    }
    LIST_EACH(&server->clients, node2) {
        (void)client_cron(container_of(node2, struct client, node));
    }
    CU_ASSERT_EQUAL(server->client_count, 1); /* who listens is never idle */
    close(fd);
    close(subscriber);
    live_fini(&live);
}

UNIT_TEST(client, is_described_in_one_line) {
    struct live live;
    live_init(&live);
    int         fd = dial(&live);
    const char *line = talk(&live, fd, "CLIENT SETNAME bob\r\nCLIENT SETINFO lib-name x\r\nCLIENT INFO\r\n");
    CU_ASSERT_PTR_NOT_NULL(strstr(line, " name=bob age=0 idle=0 flags=U db=0 sub=0 psub=0 ssub=0 multi=-1 watch=0 "));
    CU_ASSERT_PTR_NOT_NULL(strstr(line, " events=r cmd=client|info user=default redir=-1 resp=2 capa= lib-name=x lib-ver= "));
    close(fd);
    live_fini(&live);
}

UNIT_TEST(client, shutdown_ends_the_loop_without_a_reply) {
    struct live live;
    live_init(&live);
    int fd = dial(&live);
    EXPECT_TEXT(talk(&live, fd, "SHUTDOWN ABORT\r\n"), "-ERR No shutdown in progress.\r\n");
    EXPECT_TEXT(talk(&live, fd, "SHUTDOWN SAVE NOSAVE\r\n"), "-ERR syntax error\r\n");
    EXPECT_TEXT(talk(&live, fd, "SHUTDOWN NOSAVE\r\n"), "");
    CU_ASSERT_EQUAL(server_shutdown_state(live.fixture.server), SERVER_SHUTDOWN_DONE);
    close(fd);
    live_fini(&live);
}
