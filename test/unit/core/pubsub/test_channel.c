#include "core/pubsub/channel.h"

#include "core_fixture.h"

UNIT_TEST(channel, delivers_to_channels_and_patterns) {
    struct fixture f;
    fixture_init(&f);
    struct client *other = fixture_client(&f);
    EXPECT_REPLY(&f, "subscribe a b", "*3|$9|subscribe|$1|a|:1|*3|$9|subscribe|$1|b|:2|");
    EXPECT_REPLY(&f, "psubscribe a*", "*3|$10|psubscribe|$2|a*|:3|");
    EXPECT_TEXT(fixture_run(&f, other, "publish a hi"), ":2|");
    EXPECT_TEXT(fixture_output(&f, f.client), "*3|$7|message|$1|a|$2|hi|*4|$8|pmessage|$2|a*|$1|a|$2|hi|");
    EXPECT_TEXT(fixture_run(&f, other, "publish c hi"), ":0|");
    EXPECT_TEXT(fixture_run(&f, other, "pubsub numsub a c"), "*4|$1|a|:1|$1|c|:0|");
    EXPECT_TEXT(fixture_run(&f, other, "pubsub numpat"), ":1|");
    EXPECT_TEXT(fixture_run(&f, other, "pubsub channels b*"), "*1|$1|b|");
    fixture_fini(&f);
}

UNIT_TEST(channel, resp3_gets_pushes_and_may_send_commands) {
    struct fixture f;
    fixture_init(&f);
    f.client->resp = 3;
    EXPECT_REPLY(&f, "subscribe a", ">3|$9|subscribe|$1|a|:1|");
    EXPECT_REPLY(&f, "tget x", "$1|x|");
    EXPECT_REPLY(&f, "publish a m", ">3|$7|message|$1|a|$1|m|:1|");
    EXPECT_REPLY(&f, "ping", "+PONG|");
    fixture_fini(&f);
}

UNIT_TEST(channel, resp2_subscribers_may_send_little) {
    struct fixture f;
    fixture_init(&f);
    (void)fixture_run(&f, f.client, "subscribe a");
    EXPECT_REPLY(&f, "tget x", "-ERR Can't execute 'tget': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET "
                               "are allowed in this context|");
    EXPECT_REPLY(&f, "ping", "*2|$4|pong|$0||");
    EXPECT_REPLY(&f, "ping x", "*2|$4|pong|$1|x|");
    EXPECT_REPLY(&f, "unsubscribe", "*3|$11|unsubscribe|$1|a|:0|");
    EXPECT_REPLY(&f, "tget x", "$1|x|");
    fixture_fini(&f);
}

UNIT_TEST(channel, unsubscribing_from_nothing_is_answered) {
    struct fixture f;
    fixture_init(&f);
    EXPECT_REPLY(&f, "unsubscribe", "*3|$11|unsubscribe|$-1|:0|");
    EXPECT_REPLY(&f, "punsubscribe x", "*3|$12|punsubscribe|$1|x|:0|");
    EXPECT_REPLY(&f, "sunsubscribe", "*3|$12|sunsubscribe|$-1|:0|");
    fixture_fini(&f);
}

UNIT_TEST(channel, shards_are_a_world_of_their_own) {
    struct fixture f;
    fixture_init(&f);
    struct client *other = fixture_client(&f);
    EXPECT_REPLY(&f, "ssubscribe a", "*3|$10|ssubscribe|$1|a|:1|");
    EXPECT_TEXT(fixture_run(&f, other, "publish a hi"), ":0|");
    EXPECT_TEXT(fixture_run(&f, other, "spublish a hi"), ":1|");
    EXPECT_TEXT(fixture_output(&f, f.client), "*3|$8|smessage|$1|a|$2|hi|");
    fixture_fini(&f);
}

UNIT_TEST(channel, silence_does_not_swallow_messages) {
    struct fixture f;
    fixture_init(&f);
    struct client *other = fixture_client(&f);
    f.client->resp = 3;
    EXPECT_REPLY(&f, "client reply off", "");
    EXPECT_REPLY(&f, "ping", "");
    EXPECT_REPLY(&f, "subscribe a", ">3|$9|subscribe|$1|a|:1|");
    (void)fixture_run(&f, other, "publish a hi");
    EXPECT_TEXT(fixture_output(&f, f.client), ">3|$7|message|$1|a|$2|hi|");
    fixture_fini(&f);
}

UNIT_TEST(channel, a_client_that_goes_leaves_nothing) {
    struct fixture f;
    fixture_init(&f);
    struct client *other = fixture_client(&f);
    size_t         before = channels_memory(f.server->channels);
    (void)fixture_run(&f, other, "subscribe a b c");
    (void)fixture_run(&f, other, "psubscribe x* y*");
    (void)fixture_run(&f, other, "reset");
    CU_ASSERT_EQUAL(channels_count(f.server->channels, CHANNEL_PLAIN), 0);
    CU_ASSERT_EQUAL(channels_count(f.server->channels, CHANNEL_PATTERN), 0);
    (void)fixture_run(&f, other, "subscribe a");
    client_free(&other);
    CU_ASSERT_EQUAL(channels_count(f.server->channels, CHANNEL_PLAIN), 0);
    CU_ASSERT(channels_memory(f.server->channels) <= before + 4096);
    fixture_fini(&f);
}
