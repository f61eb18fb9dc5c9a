#include "lib/unit.h"
#include "base/mem.h"
#include "base/random.h"
#include "sentinel/machine/facts.h"

static const char primary_info[] =
    "# Server\r\nredis_version:7.0.15\r\nrun_id:0123456789012345678901234567890123456789\r\n"
    "# Replication\r\nrole:master\r\nconnected_slaves:2\r\n"
    "slave0:ip=10.0.0.2,port=6379,state=online,offset=10,lag=0\r\n"
    "slave1:10.0.0.3,6380,online\r\nmaster_repl_offset:77\r\n";

UNIT_TEST(facts, of_a_primary) {
    struct facts facts = {.priority = 100};
    struct facts_replicas *replicas = mem_alloc(sizeof *replicas);
    CU_ASSERT_TRUE_FATAL(facts_read_info(&facts, slice_text(primary_info), 5, replicas));
    CU_ASSERT_EQUAL(facts.role, ROLE_PRIMARY);
    CU_ASSERT_EQUAL(facts.at_ms, 5);
    CU_ASSERT_EQUAL(facts.primary_offset, 77);
    EXPECT_TEXT(facts.run_id, "0123456789012345678901234567890123456789");
    CU_ASSERT_EQUAL_FATAL(replicas->count, 2);
    CU_ASSERT_TRUE(slice_is(replicas->items[1].host, "10.0.0.3"));
    CU_ASSERT_EQUAL(replicas->items[1].port, 6380);
    mem_free(replicas);
}

UNIT_TEST(facts, of_a_replica_and_back) {
    struct facts facts = {.priority = 100};
    struct facts_replicas *replicas = mem_alloc(sizeof *replicas);
    CU_ASSERT_TRUE(facts_read_info(&facts,
                                   SLICE("role:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\n"
                                         "master_link_status:down\r\nmaster_link_down_since_seconds:-1\r\n"
                                         "slave_priority:10\r\nslave_repl_offset:99\r\nreplica_announced:0\r\n"),
                                   5, replicas));
    CU_ASSERT_EQUAL(facts.role, ROLE_REPLICA);
    EXPECT_TEXT(facts.primary_host, "10.0.0.1");
    CU_ASSERT_EQUAL(facts.priority, 10);
    CU_ASSERT_EQUAL(facts.replica_offset, 99);
    CU_ASSERT_FALSE(facts.announced);
    CU_ASSERT_TRUE(facts.link_down_ms > 1000000000);
    CU_ASSERT_TRUE(facts_read_info(&facts, SLICE("role:master\r\n"), 6, replicas));
    EXPECT_TEXT(facts.primary_host, "");
    mem_free(replicas);
}

UNIT_TEST(facts, whether_it_is_a_kvd) {
    struct facts facts = {.priority = 100};
    struct facts_replicas *replicas = mem_alloc(sizeof *replicas);
    CU_ASSERT_TRUE(facts_read_info(&facts, SLICE("redis_version:7.0.15\r\nkvd_version:0.1\r\nrole:master\r\n"), 1, replicas));
    CU_ASSERT_TRUE(facts.is_kvd);
    CU_ASSERT_TRUE(facts_read_info(&facts, SLICE("role:slave\r\n"), 2, replicas)); /* INFO replication */
    CU_ASSERT_TRUE(facts.is_kvd);
    CU_ASSERT_TRUE(facts_read_info(&facts, SLICE("redis_version:7.0.15\r\nrole:slave\r\n"), 3, replicas));
    CU_ASSERT_FALSE(facts.is_kvd);
    mem_free(replicas);
}

UNIT_TEST(facts, lies_change_nothing) {
    static const char *const lies[] = {
        "",
        "\n\n\n",
        "role:\r\n",
        "role:emperor\r\n",
        "role",
        ":::",
        "slave0:ip=10.0.0.2,port=6379\r\n",
        "# role:master\n",
    };
    struct facts_replicas *replicas = mem_alloc(sizeof *replicas);
    for (size_t i = 0; i < COUNT_OF(lies); i++) {
        struct facts facts = {.priority = 42};
        CU_ASSERT_FALSE(facts_read_info(&facts, slice_text(lies[i]), 5, replicas));
        CU_ASSERT_EQUAL(facts.at_ms, 0);
        CU_ASSERT_EQUAL(facts.priority, 42);
    }
    struct facts facts = {.priority = 42, .replica_offset = 7};
    CU_ASSERT_TRUE(facts_read_info(&facts,
                                   SLICE("role:slave\nslave_priority:-1\nslave_repl_offset:99999999999999999999\n"
                                         "master_port:99999\nmaster_host:a b\nrun_id:short\nslave:x\nslaveX:y\n"
                                         "slave0:ip=,port=1\nslave1:ip=a,port=0\nslave2:ip=a\nslave3:,,,\n"
                                         "master_link_down_since_seconds:9223372036854775807\n"),
                                   5, replicas));
    CU_ASSERT_EQUAL(facts.priority, 42);
    CU_ASSERT_EQUAL(facts.replica_offset, 7);
    CU_ASSERT_EQUAL(facts.primary_port, 0);
    CU_ASSERT_EQUAL(facts.link_down_ms, -1);
    EXPECT_TEXT(facts.primary_host, "");
    EXPECT_TEXT(facts.run_id, "");
    CU_ASSERT_EQUAL(replicas->count, 0);
    mem_free(replicas);
}

UNIT_TEST(facts, any_bytes_are_survived) {
    struct facts_replicas *replicas = mem_alloc(sizeof *replicas);
    struct random random;
    random_seed(&random, 3);
    for (int round = 0; round < 2000; round++) {
        char *text = mem_strndup(primary_info, sizeof primary_info - 1);
        for (int i = 0; i < 6; i++) text[random_below(&random, sizeof primary_info - 1)] = (char)random_next(&random);
        struct facts facts = {0};
        (void)!facts_read_info(&facts, slice_make(text, random_below(&random, sizeof primary_info)), 1, replicas);
        mem_free(text);
    }
    struct bytes many = {0};
    bytes_add_text(&many, "role:master\n");
    for (int i = 0; i < 5000; i++) bytes_add_printf(&many, "slave%d:ip=10.1.%d.%d,port=6379\n", i, i / 250, i % 250);
    struct facts facts = {0};
    CU_ASSERT_TRUE(facts_read_info(&facts, bytes_slice(&many), 1, replicas));
    CU_ASSERT_EQUAL(replicas->count, FACTS_REPLICAS_MAX);
    bytes_fini(&many);
    mem_free(replicas);
}

UNIT_TEST(facts, of_a_ping) {
    static const struct {
        struct reply_view reply;
        enum facts_ping ping;
    } cases[] = {
        {{.kind = REPLY_VIEW_STATUS, .text = {"PONG", 4}}, FACTS_PING_PONG},
        {{.kind = REPLY_VIEW_ERROR, .text = {"LOADING Redis is loading", 24}}, FACTS_PING_LOADING},
        {{.kind = REPLY_VIEW_ERROR, .text = {"MASTERDOWN Link", 15}}, FACTS_PING_MASTERDOWN},
        {{.kind = REPLY_VIEW_ERROR, .text = {"BUSY Redis is busy", 18}}, FACTS_PING_BUSY},
        {{.kind = REPLY_VIEW_ERROR, .text = {"PONG", 4}}, FACTS_PING_BAD},
        {{.kind = REPLY_VIEW_STATUS, .text = {"LOADING", 7}}, FACTS_PING_BAD},
        {{.kind = REPLY_VIEW_ERROR, .text = {"NOAUTH", 6}}, FACTS_PING_BAD},
        {{.kind = REPLY_VIEW_INTEGER, .integer = 1}, FACTS_PING_BAD},
        {{.kind = REPLY_VIEW_NULL}, FACTS_PING_BAD},
        {{.kind = REPLY_VIEW_ARRAY}, FACTS_PING_BAD},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) CU_ASSERT_EQUAL(facts_read_ping(&cases[i].reply), cases[i].ping);
}

UNIT_TEST(facts, of_an_opinion) {
    struct reply_view parts[3] = {{.kind = REPLY_VIEW_INTEGER, .integer = 1},
                                  {.kind = REPLY_VIEW_BULK, .text = {"*", 1}},
                                  {.kind = REPLY_VIEW_INTEGER}};
    struct reply_view reply = {.kind = REPLY_VIEW_ARRAY, .children = parts, .count = 3};
    struct facts_opinion opinion;
    CU_ASSERT_TRUE(facts_read_opinion(&reply, &opinion));
    CU_ASSERT_TRUE(opinion.down);
    CU_ASSERT_EQUAL(opinion.leader.size, 0);
    parts[2].integer = -1;
    CU_ASSERT_FALSE(facts_read_opinion(&reply, &opinion));
    parts[2].integer = INT64_MAX;
    CU_ASSERT_FALSE(facts_read_opinion(&reply, &opinion));
    parts[2].integer = 1;
    parts[1].text = SLICE("short");
    CU_ASSERT_FALSE(facts_read_opinion(&reply, &opinion));
    parts[0].kind = REPLY_VIEW_BULK;
    CU_ASSERT_FALSE(facts_read_opinion(&reply, &opinion));
    reply.count = 2;
    CU_ASSERT_FALSE(facts_read_opinion(&reply, &opinion));
    reply = (struct reply_view){.kind = REPLY_VIEW_ERROR, .text = SLICE("ERR no")};
    CU_ASSERT_FALSE(facts_read_opinion(&reply, &opinion));
}
