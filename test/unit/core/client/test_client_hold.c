#include "core/client/client_hold.h"

#include "base/table.h"
#include "core/client/client_internal.h"
#include "core/client/reply.h"
#include "live.h"

/* A client whose commands the test holds; what it was sent is read from its socket. */
struct held {
    struct live    live;
    int            fd;
    struct client *client;
};

static void held_init(struct held *held) {
    live_init(&held->live);
    held->fd = dial(&held->live);
    held->live.fixture.server->may_hold_replies = true;
    held->client = container_of(list_first(&held->live.fixture.server->clients), struct client, node);
}

static void held_fini(struct held *held) {
    close(held->fd);
    live_fini(&held->live);
}

static const char *get(struct held *held) {
    return talk(&held->live, held->fd, "");
}

/* A command that replies "+name"; then client_hold_replies() is called for it. */
static void command(struct held *held, const char *name) {
    held->client->io->reply_start = client_output_place(held->client);
    if (*name) reply_status(held->client, name);
}

static const struct slice unknown = {"NOREPLICAS unknown", 18};

UNIT_TEST(client_hold, keeps_order_and_lets_others_go) {
    struct held held;
    held_init(&held);
    int other = dial(&held.live);
    command(&held, "A");
    client_hold_replies(held.client, CLIENT_HOLD_DISK, 100);
    EXPECT_TEXT(talk(&held.live, held.fd, "PING\r\nPING\r\n"), ""); /* later ones wait too */
    EXPECT_TEXT(talk(&held.live, other, "PING\r\n"), "+PONG\r\n");
    client_hold_confirm(held.client, CLIENT_HOLD_DISK, 99);
    EXPECT_TEXT(get(&held), "");
    client_hold_confirm(held.client, CLIENT_HOLD_DISK, 100);
    EXPECT_TEXT(get(&held), "+A\r\n+PONG\r\n+PONG\r\n");
    close(other);
    held_fini(&held);
}

UNIT_TEST(client_hold, waits_at_both_gates) {
    struct held held;
    held_init(&held);
    for (int round = 0; round < 2; round++) { /* either may be the first to confirm */
        unsigned first = round ? CLIENT_HOLD_DISK : CLIENT_HOLD_PEERS, second = round ? CLIENT_HOLD_PEERS : CLIENT_HOLD_DISK;
        command(&held, "A");
        client_hold_replies(held.client, CLIENT_HOLD_DISK, 7);
        client_hold_replies(held.client, CLIENT_HOLD_PEERS, 7000);
        client_hold_confirm(held.client, first, 7000);
        EXPECT_TEXT(get(&held), "");
        client_hold_confirm(held.client, second, 7000);
        EXPECT_TEXT(get(&held), "+A\r\n");
    }
    held_fini(&held);
}

UNIT_TEST(client_hold, kinds_of_peers_confirm_their_own) {
    struct held held;
    held_init(&held);
    command(&held, "A");
    client_hold_replies(held.client, CLIENT_HOLD_PEERS + 1, 10);
    command(&held, "B");
    client_hold_replies(held.client, CLIENT_HOLD_PEERS, 20);
    command(&held, "C");
    client_hold_replies(held.client, CLIENT_HOLD_DISK, 1);
    client_hold_confirm(held.client, CLIENT_HOLD_PEERS, 20);
    client_hold_confirm(held.client, CLIENT_HOLD_DISK, 1);
    EXPECT_TEXT(get(&held), ""); /* A's do not answer */
    client_hold_confirm(held.client, CLIENT_HOLD_PEERS + 1, 15);
    EXPECT_TEXT(get(&held), "+A\r\n+B\r\n+C\r\n");
    held_fini(&held);
}

UNIT_TEST(client_hold, errors_take_the_place_of_what_fails) {
    struct held held;
    held_init(&held);
    command(&held, "ok");
    command(&held, "A");
    client_hold_replies(held.client, CLIENT_HOLD_PEERS, 10);
    client_hold_replies(held.client, CLIENT_HOLD_DISK, 1);
    command(&held, "read");
    command(&held, "B");
    client_hold_replies(held.client, CLIENT_HOLD_PEERS, 20);
    command(&held, "C");
    client_hold_replies(held.client, CLIENT_HOLD_PEERS, 30);
    reply_status(held.client, "pushed");
    command(&held, "D");
    client_hold_replies(held.client, CLIENT_HOLD_DISK, 5);
    EXPECT_TEXT(get(&held), "+ok\r\n");
    client_hold_fail(held.client, CLIENT_HOLD_PEERS, 20, unknown);
    EXPECT_TEXT(get(&held), "-NOREPLICAS unknown\r\n+read\r\n-NOREPLICAS unknown\r\n"); /* A waits for no disk any more */
    client_hold_fail(held.client, CLIENT_HOLD_PEERS, 20, unknown); /* harmless */
    client_hold_confirm(held.client, CLIENT_HOLD_PEERS, 30);
    EXPECT_TEXT(get(&held), "+C\r\n+pushed\r\n");
    client_hold_confirm(held.client, CLIENT_HOLD_DISK, 5);
    EXPECT_TEXT(get(&held), "+D\r\n");
    struct server_error_stat *stat = table_find(held.live.fixture.server->error_stats, SLICE("NOREPLICAS"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(stat);
    CU_ASSERT_EQUAL(stat->count, 2);
    held_fini(&held);
}

UNIT_TEST(client_hold, a_failure_behind_what_waits_is_told_in_order) {
    struct held held;
    held_init(&held);
    command(&held, "A");
    client_hold_replies(held.client, CLIENT_HOLD_DISK, 1);
    command(&held, "B");
    client_hold_replies(held.client, CLIENT_HOLD_PEERS, 10);
    client_hold_fail(held.client, CLIENT_HOLD_PEERS, INT64_MAX, unknown);
    EXPECT_TEXT(get(&held), "");
    client_hold_confirm(held.client, CLIENT_HOLD_DISK, 1);
    EXPECT_TEXT(get(&held), "+A\r\n-NOREPLICAS unknown\r\n");
    held_fini(&held);
}

UNIT_TEST(client_hold, what_had_no_reply_gets_no_error) {
    struct held held;
    held_init(&held);
    command(&held, ""); /* CLIENT REPLY OFF */
    client_hold_replies(held.client, CLIENT_HOLD_PEERS, 10);
    command(&held, "");
    client_hold_replies(held.client, CLIENT_HOLD_PEERS, 20);
    command(&held, "A");
    client_hold_replies(held.client, CLIENT_HOLD_PEERS, 30);
    EXPECT_TEXT(get(&held), "");
    client_hold_fail(held.client, CLIENT_HOLD_PEERS, 20, unknown);
    EXPECT_TEXT(get(&held), "");
    client_hold_fail(held.client, CLIENT_HOLD_PEERS, 30, unknown);
    EXPECT_TEXT(get(&held), "-NOREPLICAS unknown\r\n");
    held_fini(&held);
}

static void count_release(void *owner) {
    ++*(int *)owner;
}

/* Large values that are not copied, blocks of the output, and what was sent of them before. */
UNIT_TEST(client_hold, errors_fit_into_large_outputs) {
    struct held held;
    held_init(&held);
    static char large[100 * 1024];
    memset(large, 'x', sizeof large);
    int released = 0;
    struct bytes expected = {0}, got = {0};
    for (int i = 0; i < 300; i++) {
        char name[32];
        snprintf(name, sizeof name, "reply %d", i);
        command(&held, name);
        if (i % 3 == 1) client_hold_replies(held.client, CLIENT_HOLD_PEERS, i);
        if (i % 3 == 1 && i < 200) bytes_add_printf(&expected, "-NOREPLICAS unknown\r\n");
        else bytes_add_printf(&expected, "+%s\r\n", name);
        if (i % 100 != 50) continue;
        reply_raw_shared(held.client, slice_make(large, sizeof large), count_release, &released);
        bytes_add(&expected, large, sizeof large);
    }
    client_hold_fail(held.client, CLIENT_HOLD_PEERS, 199, unknown);
    client_hold_confirm(held.client, CLIENT_HOLD_PEERS, 299);
    for (int i = 0; i < 100 && got.size < expected.size; i++) {
        turn(&held.live);
        ssize_t size = recv(held.fd, held.live.text, sizeof held.live.text, 0);
        if (size > 0) bytes_add(&got, held.live.text, (size_t)size);
    }
    CU_ASSERT(slice_equal(bytes_slice(&expected), bytes_slice(&got)));
    CU_ASSERT_EQUAL(released, 3);
    bytes_fini(&expected);
    bytes_fini(&got);
    held_fini(&held);
}

UNIT_TEST(client_hold, many_are_few_steps) {
    struct held held;
    held_init(&held);
    for (int i = 0; i < 20000; i++) {
        command(&held, i % 2 ? "" : "A");
        client_hold_replies(held.client, CLIENT_HOLD_PEERS, i);
        if (i >= 100) client_hold_confirm(held.client, CLIENT_HOLD_PEERS, i - 100);
    }
    CU_ASSERT(held.client->io->held_capacity <= 512);
    client_hold_confirm(held.client, CLIENT_HOLD_PEERS, INT64_MAX);
    CU_ASSERT_EQUAL(held.client->io->held_end, 0);
    held_fini(&held);
}
