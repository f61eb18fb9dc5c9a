#include "core/observe/info.h"
#include "base/table.h"
#include "core_fixture.h"

static void print_answer(void *context, struct bytes *out) {
    info_print_int(out, *(int *)context);
}

static void print_lines(void *context, struct bytes *out) {
    (void)context;
    bytes_add_text(out, "db0:keys=1\r\n");
}

static void add_one(void *context) {
    ++*(int *)context;
}

static const struct info_field fields[] = {
    {"server", "answer", print_answer, "The answer."},
    {"stats", "hits", print_answer, "Hits."},
};

static void expect_info(struct info *info, const char *sections, const char *expected) {
    struct slice names[8], rest = slice_text(sections);
    size_t       count = 0;
    while (sections[0] != '\0' && slice_split(&rest, ' ', &names[count])) count++;
    struct bytes text = {0};
    info_print(info, names, count, &text);
    EXPECT_TEXT(bytes_text(&text), expected);
    bytes_fini(&text);
}

UNIT_TEST(info, prints_the_sections_that_are_asked_for) {
    int          answer = 41;
    struct info *info = info_new();
    info_add_lines(info, "keyspace", print_lines, NULL);
    info_add_lines(info, "commandstats", print_lines, NULL);
    info_add_fields(info, fields, COUNT_OF(fields), &answer);
    info_before(info, "server", add_one, &answer);
    expect_info(info, "server", "# Server\r\nanswer:42\r\n");
    expect_info(info, "STATS keyspace", "# Stats\r\nhits:42\r\n\r\n# Keyspace\r\ndb0:keys=1\r\n");
    expect_info(info, "nosuch", "");
    expect_info(info, "cpu", "");
    expect_info(info, "", "# Server\r\nanswer:43\r\n\r\n# Stats\r\nhits:43\r\n\r\n# Keyspace\r\ndb0:keys=1\r\n");
    expect_info(info, "Commandstats server", "# Server\r\nanswer:44\r\n\r\n# Commandstats\r\ndb0:keys=1\r\n");
    expect_info(info, "all",
                "# Server\r\nanswer:45\r\n\r\n# Stats\r\nhits:45\r\n\r\n# Commandstats\r\ndb0:keys=1\r\n\r\n# Keyspace\r\n"
                "db0:keys=1\r\n");
    info_free(&info);
}

UNIT_TEST(info, prints_values_as_the_established_server_does) {
    struct bytes out = {0};
    info_print_seconds(&out, 16623);
    bytes_add_char(&out, ' ');
    info_print_fixed(&out, 0.2549);
    bytes_add_char(&out, ' ');
    info_print_percent(&out, 98.474);
    bytes_add_char(&out, ' ');
    info_print_human(&out, 1237256);
    info_print_text(&out, NULL);
    EXPECT_TEXT(bytes_text(&out), "0.016623 0.25 98.47% 1.18M");
    bytes_fini(&out);
}

/* Every field has a name of its own and a sentence. */
UNIT_TEST(info, lint_of_the_fields) {
    struct fixture           f;
    const struct info_field *field;
    fixture_init(&f);
    struct table *seen = table_new();
    size_t        at = 0;
    while (info_next_field(f.server->info, &at, &field)) {
        CU_ASSERT_PTR_NULL(table_set(seen, slice_text(field->name), seen));
        size_t size = strlen(field->help);
        CU_ASSERT_FATAL(size > 5 && field->help[size - 1] == '.');
    }
    CU_ASSERT(at > 100);
    table_free(&seen, NULL);
    fixture_fini(&f);
}

UNIT_TEST(info, has_the_fields_that_exporters_read) {
    static const char *const wanted[] = {
        "redis_version:7.0.15|", "redis_mode:",    "run_id:",       "connected_clients:", "maxclients:10000|",
        "used_memory:",          "mem_allocator:", "used_cpu_sys:", "uptime_in_seconds:", "total_commands_processed:",
    };
    struct fixture f;
    fixture_init(&f);
    const char *text = fixture_run(&f, f.client, "info");
    for (size_t i = 0; i < COUNT_OF(wanted); i++) CU_ASSERT_PTR_NOT_NULL(strstr(text, wanted[i]));
    CU_ASSERT_PTR_NULL(strstr(text, "# Commandstats"));
    fixture_fini(&f);
}

UNIT_TEST(info, counts_commands_errors_and_latencies) {
    struct fixture f;
    fixture_init(&f);
    (void)fixture_run(&f, f.client, "ping");
    (void)fixture_run(&f, f.client, "echo");
    (void)fixture_run(&f, f.client, "nosuch");
    const char *text = fixture_run(&f, f.client, "info commandstats errorstats latencystats");
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "|cmdstat_ping:calls=1,usec="));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "|cmdstat_echo:calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0|"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "|errorstat_ERR:count=2|"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "|latency_percentiles_usec_ping:p50="));
    server_reset_stats(f.server);
    text = fixture_run(&f, f.client, "info commandstats errorstats latencystats");
    CU_ASSERT_PTR_NULL(strstr(text, "ping"));
    CU_ASSERT_PTR_NULL(strstr(text, "errorstat_"));
    fixture_fini(&f);
}
