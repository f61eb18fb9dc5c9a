#include "store/keyspace/usage.h"
#include "lib/unit.h"

static const int64_t NOON_MS = 1700000000000;

UNIT_TEST(usage, idle_time_survives_the_clocks_wrap) {
    CU_ASSERT_EQUAL(usage_idle_seconds(0xfffffe, 3), 5);
    CU_ASSERT_EQUAL(usage_idle_seconds(100, 100), 0);
    CU_ASSERT_EQUAL(usage_idle_seconds(usage_of_idle(77, 5), 5), 77);
    CU_ASSERT_EQUAL(usage_idle_seconds(usage_of_idle(UINT32_MAX, 5), 5), 0xfffffe);
}

static unsigned after_uses(unsigned uses, const struct usage_rules *rules) {
    struct random random;
    random_seed(&random, 7);
    uint32_t access = usage_of_count(USAGE_NEW_COUNT, NOON_MS);
    for (unsigned i = 0; i < uses; i++) access = usage_used(access, NOON_MS, rules, &random);
    return usage_count(access, NOON_MS, rules);
}

UNIT_TEST(usage, the_count_grows_with_the_logarithm_of_the_uses) {
    /* The table in redis.conf: with factor 10, 100 uses are about 10, 1000 about 18, 100,000 about 142, a million 255. */
    struct usage_rules rules = {10, 1};
    unsigned hundred = after_uses(100, &rules), thousand = after_uses(1000, &rules), more = after_uses(100000, &rules);
    CU_ASSERT(hundred >= 7 && hundred <= 14);
    CU_ASSERT(thousand >= 14 && thousand <= 24);
    CU_ASSERT(more >= 115 && more <= 165);
    CU_ASSERT_EQUAL(after_uses(1000000, &rules), 255);
    rules.log_factor = 0;
    CU_ASSERT_EQUAL(after_uses(100, &rules), 105);
    CU_ASSERT_EQUAL(after_uses(1000, &rules), 255);
}

UNIT_TEST(usage, the_count_shrinks_without_use) {
    struct usage_rules rules = {10, 2};
    uint32_t access = usage_of_count(100, NOON_MS);
    CU_ASSERT_EQUAL(usage_count(access, NOON_MS, &rules), 100);
    CU_ASSERT_EQUAL(usage_count(access, NOON_MS + 10 * 60000, &rules), 95);
    CU_ASSERT_EQUAL(usage_count(access, NOON_MS + 1000 * 60000ll, &rules), 0);
    rules.decay_minutes = 0;
    CU_ASSERT_EQUAL(usage_count(access, NOON_MS + 1000 * 60000ll, &rules), 100);
    CU_ASSERT_EQUAL(usage_of_count(300, NOON_MS) & 255, 255);
}
