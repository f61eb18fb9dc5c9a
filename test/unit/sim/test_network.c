#include "base/mem.h"
#include "lib/unit.h"
#include "sim/network.h"

#include <stdio.h>

/* Two hosts; what each side sees is written down. */
struct scene {
    struct schedule schedule;
    struct random random;
    struct network *network;
    unsigned left, right;
    struct link_end *client, *server;
    char log[1024];
};

static void note(struct scene *scene, const char *what) {
    size_t at = strlen(scene->log);
    snprintf(scene->log + at, sizeof scene->log - at, "%s;", what);
}

static void on_open(void *context, struct link_end *end) {
    (void)end;
    note(context, "open");
}

static void on_message(void *context, struct link_end *end, const struct message *message) {
    (void)end;
    struct bytes text = {0};
    message_describe(message, &text);
    note(context, bytes_text(&text));
    bytes_fini(&text);
}

static void on_closed(void *context, struct link_end *end, enum line_reason reason) {
    struct scene *scene = context;
    if (end == scene->client)
        scene->client = NULL;
    else
        scene->server = NULL;
    note(scene, line_reason_name(reason));
}

static const struct link_ops ops = {on_open, on_message, on_closed};

static void *on_accept(void *process, struct link_end *end) {
    struct scene *scene = process;
    scene->server = end;
    return scene;
}

static const struct listener_ops listener = {&ops, on_accept};

static void begin(struct scene *scene) {
    *scene = (struct scene){0};
    random_seed(&scene->random, 1);
    schedule_init(&scene->schedule);
    scene->network = network_new(&scene->schedule, &scene->random);
    scene->left = network_add_host(scene->network);
    scene->right = network_add_host(scene->network);
    network_start_process(scene->network, scene->left, 1, &listener, scene);
    network_start_process(scene->network, scene->right, 6379, &listener, scene);
}

static void dial(struct scene *scene, uint16_t port) {
    scene->client = link_open(scene->network, scene->left, network_address(scene->network, scene->right), port, 2000000,
                              &ops, scene);
}

static void run(struct scene *scene, int64_t for_us) {
    int64_t until_us = scene->schedule.now_us + for_us;
    while (schedule_step(&scene->schedule, until_us)) {
    }
}

static void end(struct scene *scene) {
    network_free(&scene->network);
    schedule_fini(&scene->schedule);
}

UNIT_TEST(network, delivers_in_order) {
    struct scene scene;
    begin(&scene);
    dial(&scene, 6379);
    run(&scene, 10000);
    for (int i = 0; i < 3; i++) link_send(scene.client, message_command_text(i == 0 ? "a" : i == 1 ? "b" : "c"));
    run(&scene, 10000);
    EXPECT_TEXT(scene.log, "open;a;b;c;");
    end(&scene);
}

UNIT_TEST(network, refuses_where_nobody_listens) {
    struct scene scene;
    begin(&scene);
    dial(&scene, 1234);
    run(&scene, 10000);
    EXPECT_TEXT(scene.log, "refused;");
    end(&scene);
}

UNIT_TEST(network, remembers_each_outage_that_was_told) {
    enum { SECOND = 1000000 };
    struct scene scene;
    begin(&scene);
    const char *address = network_address(scene.network, scene.right);
    run(&scene, SECOND);
    network_stop_process(scene.network, scene.right, false);
    run(&scene, SECOND);
    CU_ASSERT_TRUE(network_was_refused(scene.network, address, SECOND, 0)); /* it lasts */
    CU_ASSERT_FALSE(network_was_refused(scene.network, address, SECOND + 1, 0));
    network_start_process(scene.network, scene.right, 6379, &listener, &scene);
    run(&scene, SECOND);
    network_stop_process(scene.network, scene.right, false); /* a short one does not hide the long one */
    run(&scene, 1000);
    CU_ASSERT_TRUE(network_was_refused(scene.network, address, SECOND, 2 * SECOND));
    CU_ASSERT_FALSE(network_was_refused(scene.network, address, SECOND, SECOND));
    CU_ASSERT_TRUE(network_was_refused(scene.network, address, 1000, 0));
    network_start_process(scene.network, scene.right, 6379, &listener, &scene);
    network_stop_process(scene.network, scene.right, true); /* silence is no refusal */
    run(&scene, SECOND);
    CU_ASSERT_FALSE(network_was_refused(scene.network, address, 1000, SECOND / 2));
    end(&scene);
}

UNIT_TEST(network, a_cut_is_silence_then_a_burst) {
    struct scene scene;
    begin(&scene);
    dial(&scene, 6379);
    run(&scene, 10000);
    network_cut(scene.network, scene.left, scene.right, true);
    link_send(scene.client, message_command_text("a"));
    link_send(scene.client, message_command_text("b"));
    run(&scene, 5000000);
    EXPECT_TEXT(scene.log, "open;");
    network_heal(scene.network);
    run(&scene, 5000000);
    EXPECT_TEXT(scene.log, "open;a;b;");
    end(&scene);
}

UNIT_TEST(network, a_cut_has_a_direction) {
    struct scene scene;
    begin(&scene);
    dial(&scene, 6379);
    run(&scene, 10000);
    network_cut(scene.network, scene.right, scene.left, true);
    link_send(scene.client, message_command_text("there"));
    link_send(scene.server, message_status("back"));
    run(&scene, 1000000);
    EXPECT_TEXT(scene.log, "open;there;");
    end(&scene);
}

UNIT_TEST(network, a_killed_process_resets_and_a_dead_host_is_silent) {
    for (int power_lost = 0; power_lost < 2; power_lost++) {
        struct scene scene;
        begin(&scene);
        dial(&scene, 6379);
        run(&scene, 10000);
        network_stop_process(scene.network, scene.right, power_lost);
        run(&scene, 1000000);
        EXPECT_TEXT(scene.log, power_lost ? "open;" : "open;reset;");
        end(&scene);
    }
}

UNIT_TEST(network, connecting_to_a_dead_host_times_out) {
    struct scene scene;
    begin(&scene);
    network_stop_process(scene.network, scene.right, true);
    dial(&scene, 6379);
    run(&scene, 1900000);
    EXPECT_TEXT(scene.log, "");
    run(&scene, 200000);
    EXPECT_TEXT(scene.log, "timeout;");
    end(&scene);
}

UNIT_TEST(network, what_arrives_at_a_process_that_stands_still_waits) {
    struct scene scene;
    begin(&scene);
    dial(&scene, 6379);
    run(&scene, 10000);
    network_pause_process(scene.network, scene.right, scene.schedule.now_us + 500000);
    link_send(scene.client, message_command_text("a"));
    run(&scene, 400000);
    EXPECT_TEXT(scene.log, "open;");
    run(&scene, 200000);
    EXPECT_TEXT(scene.log, "open;a;");
    end(&scene);
}
