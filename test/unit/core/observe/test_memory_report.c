#include "core/observe/memory_report.h"
#include "core_fixture.h"

static size_t thousand(void *context) {
    (void)context;
    return 1000;
}

static size_t keys(void *context) {
    return *(size_t *)context;
}

UNIT_TEST(memory_report, adds_up_what_modes_know) {
    static const struct memory_source source = {.overhead = thousand, .keys = keys, .backlog = thousand};
    struct memory_figures             before, after;
    struct fixture                    f;
    size_t                            count = 7;
    fixture_init(&f);
    memory_report_read(f.server, &before);
    memory_report_add(f.server, &source, &count);
    memory_report_read(f.server, &after);
    CU_ASSERT_EQUAL(before.keys, 0);
    CU_ASSERT_EQUAL(after.keys, 7);
    CU_ASSERT_EQUAL(after.backlog, 1000);
    CU_ASSERT_EQUAL(after.overhead, before.overhead + 2000);
    CU_ASSERT(after.peak >= after.used && after.system_total > 0);
    const char *text = fixture_run(&f, f.client, "memory stats");
    CU_ASSERT_PTR_EQUAL(strstr(text, "*54|$14|peak.allocated|:"), text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "|$10|keys.count|:7|"));
    fixture_fini(&f);
}

UNIT_TEST(memory_report, ratios_of_nothing_are_zero) {
    CU_ASSERT_EQUAL(memory_ratio(5, 0), 0);
    CU_ASSERT_EQUAL(memory_ratio(3, 4), 0.75);
}
