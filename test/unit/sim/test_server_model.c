#include "base/mem.h"
#include "lib/unit.h"
#include "sim/server_model.h"

#include <stdio.h>

enum { SECOND = 1000000 };

/* A primary with a replica, and one client of each that writes the last reply down. */
struct scene {
    struct schedule schedule;
    struct random random;
    struct network *network;
    struct server *primary, *replica;
    unsigned host;
    struct link_end *client;
    char last[2000];
    int pushed;
};

static void on_open(void *context, struct link_end *end) {
    (void)context;
    (void)end;
}

static void on_message(void *context, struct link_end *end, const struct message *message) {
    (void)end;
    struct scene *scene = context;
    struct bytes text = {0};
    if (message->kind == MESSAGE_PUSH) scene->pushed++;
    if (message->kind == MESSAGE_REPLY && message->reply.kind == REPLY_VIEW_BULK)
        bytes_add_slice(&text, message->text);
    else
        message_describe(message, &text);
    snprintf(scene->last, sizeof scene->last, "%s", bytes_text(&text));
    bytes_fini(&text);
}

static void on_closed(void *context, struct link_end *end, enum line_reason reason) {
    (void)end;
    struct scene *scene = context;
    scene->client = NULL;
    snprintf(scene->last, sizeof scene->last, "%s", line_reason_name(reason));
}

static const struct link_ops ops = {on_open, on_message, on_closed};

static void run(struct scene *scene, int64_t for_us) {
    int64_t until_us = scene->schedule.now_us + for_us;
    while (schedule_step(&scene->schedule, until_us)) {
    }
}

static const char *address_of(struct scene *scene, struct server *server) {
    return network_address(scene->network, server_host(server));
}

static void begin(struct scene *scene) {
    static const struct server_traits traits = {.name = "s",
                                                .priority = 100,
                                                .writes_us = 1000,
                                                .sync_us = 10000,
                                                .stream_us = 50000,
                                                .timeout_us = 5 * SECOND,
                                                .announced = true,
                                                .rewrites = true,
                                                .serves_stale = true,
                                                .hands_over = true};
    *scene = (struct scene){0};
    random_seed(&scene->random, 1);
    schedule_init(&scene->schedule);
    scene->network = network_new(&scene->schedule, &scene->random);
    scene->primary = server_new(scene->network, &scene->schedule, &scene->random, &traits, 6379);
    scene->replica = server_new(scene->network, &scene->schedule, &scene->random, &traits, 6379);
    scene->host = network_add_host(scene->network);
    server_configure(scene->replica, address_of(scene, scene->primary), 6379);
    server_start(scene->primary, 0, false);
    server_start(scene->replica, 0, false);
    run(scene, 3 * SECOND);
}

static const char *ask(struct scene *scene, struct server *server, const char *line) {
    if (scene->client) link_close(scene->client);
    scene->client = link_open(scene->network, scene->host, address_of(scene, server), 6379, SECOND, &ops, scene);
    run(scene, SECOND / 100);
    scene->last[0] = 0;
    if (scene->client) link_send(scene->client, message_command_text(line));
    run(scene, SECOND / 100);
    return scene->last;
}

static void order(struct scene *scene, struct server *server, const char *slaveof) {
    static const char *const rest[] = {"CONFIG REWRITE", "CLIENT KILL TYPE normal", "CLIENT KILL TYPE pubsub", "EXEC"};
    ask(scene, server, "MULTI");
    link_send(scene->client, message_command_text(slaveof));
    for (size_t i = 0; i < COUNT_OF(rest); i++) link_send(scene->client, message_command_text(rest[i]));
    run(scene, SECOND / 100);
}

static void end(struct scene *scene) {
    server_free(&scene->primary);
    server_free(&scene->replica);
    network_free(&scene->network);
    schedule_fini(&scene->schedule);
}

UNIT_TEST(server_model, a_replica_follows_and_is_listed) {
    struct scene scene;
    begin(&scene);
    CU_ASSERT_TRUE(server_follows(scene.replica, address_of(&scene, scene.primary), 6379));
    CU_ASSERT_TRUE(server_offset(scene.replica) > 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(ask(&scene, scene.primary, "INFO"), "slave0:ip=10.7.0.3,port=6379,state=online"));
    CU_ASSERT_PTR_NOT_NULL(strstr(ask(&scene, scene.replica, "INFO replication"), "master_link_status:up"));
    end(&scene);
}

UNIT_TEST(server_model, orders_change_the_role_and_survive_a_restart) {
    struct scene scene;
    begin(&scene);
    order(&scene, scene.replica, "SLAVEOF NO ONE");
    EXPECT_TEXT(scene.last, "[+OK, +OK, :1, :1]");
    CU_ASSERT_TRUE(server_is_primary(scene.replica));
    server_stop(scene.replica, false);
    server_start(scene.replica, 0, false);
    run(&scene, SECOND);
    CU_ASSERT_TRUE(server_is_primary(scene.replica));
    end(&scene);
}

UNIT_TEST(server_model, pings_tell_what_is_wrong) {
    struct scene scene;
    begin(&scene);
    EXPECT_TEXT(ask(&scene, scene.primary, "PING"), "+PONG");
    server_run_script(scene.primary, scene.schedule.now_us + SECOND, true);
    CU_ASSERT_EQUAL(strncmp(ask(&scene, scene.primary, "PING"), "-BUSY", 5), 0);
    EXPECT_TEXT(ask(&scene, scene.primary, "SCRIPT KILL"), "+OK");
    EXPECT_TEXT(ask(&scene, scene.primary, "PING"), "+PONG");
    server_stop(scene.primary, false);
    server_start(scene.primary, SECOND, false);
    CU_ASSERT_EQUAL(strncmp(ask(&scene, scene.primary, "PING"), "-LOADING", 8), 0);
    end(&scene);
}

UNIT_TEST(server_model, what_is_published_reaches_subscribers_of_replicas) {
    struct scene scene;
    begin(&scene);
    ask(&scene, scene.replica, "SUBSCRIBE __sentinel__:hello");
    struct link_end *subscriber = scene.client;
    scene.client = NULL;
    EXPECT_TEXT(ask(&scene, scene.primary, "PUBLISH __sentinel__:hello x"), "hello x");
    CU_ASSERT_EQUAL(scene.pushed, 1);
    link_close(subscriber);
    end(&scene);
}

UNIT_TEST(server_model, a_handover_swaps_the_roles_and_loses_nothing) {
    struct scene scene;
    begin(&scene);
    char line[100];
    snprintf(line, sizeof line, "FAILOVER TO %s 6379 TIMEOUT 1000", address_of(&scene, scene.replica));
    EXPECT_TEXT(ask(&scene, scene.primary, line), "+OK");
    run(&scene, 2 * SECOND);
    CU_ASSERT_TRUE(server_is_primary(scene.replica));
    CU_ASSERT_TRUE(server_follows(scene.primary, address_of(&scene, scene.replica), 6379));
    end(&scene);
}
