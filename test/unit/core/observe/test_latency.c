#include "core/observe/latency.h"
#include "core/config/core_settings.h"
#include "core_fixture.h"

static void latency_fixture(struct fixture *f) {
    fixture_init(f);
    f->server->settings->latency_monitor_threshold_ms = 10;
}

static void sample(struct fixture *f, int64_t wall_s, const char *event, int64_t ms) {
    f->server->wall_ms = wall_s * 1000;
    latency_add_sample(f->server, event, ms);
}

UNIT_TEST(latency, keeps_the_worst_of_each_second) {
    struct fixture f;
    latency_fixture(&f);
    sample(&f, 100, "fork", 9); /* below the threshold */
    EXPECT_REPLY(&f, "latency latest", "*0|");
    sample(&f, 100, "fork", 10);
    sample(&f, 100, "fork", 40);
    sample(&f, 100, "fork", 20);
    sample(&f, 102, "fork", 15);
    sample(&f, 102, "aof-write", 11);
    EXPECT_REPLY(&f, "latency history fork", "*2|*2|:100|:40|*2|:102|:15|");
    EXPECT_REPLY(&f, "latency latest", "*2|*4|$9|aof-write|:102|:11|:11|*4|$4|fork|:102|:15|:40|");
    EXPECT_REPLY(&f, "latency reset fork nosuch", ":1|");
    EXPECT_REPLY(&f, "latency history fork", "*0|");
    EXPECT_REPLY(&f, "latency reset", ":1|");
    f.server->settings->latency_monitor_threshold_ms = 0;
    sample(&f, 103, "fork", 1000);
    EXPECT_REPLY(&f, "latency latest", "*0|");
    fixture_fini(&f);
}

UNIT_TEST(latency, forgets_the_oldest_of_160) {
    struct fixture f;
    latency_fixture(&f);
    for (int i = 0; i < 200; i++) sample(&f, 1000 + i, "fork", 10 + i);
    const char *text = fixture_run(&f, f.client, "latency history fork");
    CU_ASSERT_PTR_EQUAL(strstr(text, "*160|*2|:1040|:50|"), text);
    fixture_fini(&f);
}

UNIT_TEST(latency, draws) {
    struct fixture f;
    latency_fixture(&f);
    EXPECT_REPLY(&f, "latency graph fork", "-ERR No samples available for event 'fork'|");
    sample(&f, 100, "fork", 10);
    sample(&f, 101, "fork", 20);
    const char *text = fixture_run(&f, f.client, "latency graph fork");
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "fork - high 20 ms, low 10 ms (all time high 20 ms)\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "-\n `\n |\n |\n_|\n\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(fixture_run(&f, f.client, "latency doctor"), "fork: 2 latency spikes (average 15ms"));
    fixture_fini(&f);
}

UNIT_TEST(latency, counts_commands_as_a_cumulative_histogram) {
    struct fixture        f;
    struct command_entry *entry;
    latency_fixture(&f);
    entry = command_find(f.server->commands, SLICE("ping"));
    latency_count_command(f.server, entry, 1);
    latency_count_command(f.server, entry, 9);
    latency_count_command(f.server, entry, 9);
    latency_count_command(f.server, entry, 5000000); /* counts as a second */
    EXPECT_REPLY(&f, "latency histogram ping nosuch get",
                 "*2|$4|ping|*4|$5|calls|:4|$14|histogram_usec|*6|:1|:1|:16|:3|:1082130|:4|");
    f.server->settings->latency_tracking = false;
    latency_count_command(f.server, entry, 9);
    CU_ASSERT_PTR_NOT_NULL(strstr(fixture_run(&f, f.client, "latency histogram ping"), "|$5|calls|:4|"));
    server_reset_stats(f.server);
    EXPECT_REPLY(&f, "latency histogram ping", "*0|");
    fixture_fini(&f);
}
