#include "lib/unit.h"
#include "core/config/core_settings.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdio.h>

static struct params *new_params(struct core_settings *settings) {
    memset(settings, 0, sizeof *settings);
    struct params *params = params_new();
    core_settings_add(settings, params);
    return params;
}

/* names.txt: every parameter of Redis 7 and Valkey 8. */
UNIT_TEST(core_settings, knows_every_name_of_the_established_servers) {
    struct core_settings settings;
    struct params *params = new_params(&settings);
    FILE *file = fopen(TEST_SOURCE_DIR "/test/unit/core/config/names.txt", "r");
    char name[128];
    unsigned count = 0;
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    for (; fscanf(file, "%127s", name) == 1; count++) {
        if (params_find(params, slice_text(name)) || params_find_absent(params, slice_text(name))) continue;
        fprintf(stderr, "%s is neither in a table nor among the absent names\n", name);
        CU_FAIL("a name is unknown");
    }
    CU_ASSERT(count > 200);
    fclose(file);
    params_free(&params);
}

UNIT_TEST(core_settings, every_row_is_documented_and_sane) {
    struct core_settings settings;
    struct params *params = new_params(&settings);
    for (size_t i = 0; i < params_count(params); i++) {
        const struct param *row = param_row(params_at(params, i));
        size_t size = row->help ? strlen(row->help) : 0;
        bool good = row->section && size > 10 && row->help[size - 1] == '.' && isupper(row->help[0]);
        good &= (row->type == PARAM_TYPE_enum) == (row->choices != NULL);
        good &= !(row->flags & PARAM_PROTECTED) || (row->flags & PARAM_MUTABLE);
        for (const char *c = row->name; *c; c++)
            good &= islower((unsigned char)*c) || *c == '-' || isdigit((unsigned char)*c);
        if (!good) fprintf(stderr, "row %s\n", row->name);
        CU_ASSERT(good);
    }
    for (size_t i = 0; i < params_absent_count(params); i++) {
        const struct param_absent *absent = params_absent_at(params, i);
        CU_ASSERT_PTR_NOT_NULL(absent); /* NULL: a row has the name too, so remove it from param_absent.def */
        if (absent) CU_ASSERT(absent->reason && strlen(absent->reason) > 3);
    }
    params_free(&params);
}

static const char *set(struct params *params, const char *name, const char *text) {
    static char answer[1200];
    struct error err;
    struct bytes value = {0};
    struct param_entry *entry = params_find(params, slice_text(name));
    struct param_change change = {entry, slice_text(text)};
    if (!params_change(params, &change, 1, NULL, &err)) return snprintf(answer, sizeof answer, "%s", err.text), answer;
    param_get_text(entry, &value);
    snprintf(answer, sizeof answer, "= %s", bytes_text(&value));
    bytes_fini(&value);
    return answer;
}

/* Each line was compared with redis-server 7.0.15. */
UNIT_TEST(core_settings, answers_like_the_established_server) {
    struct core_settings settings;
    struct params *params = new_params(&settings);
    EXPECT_TEXT(set(params, "client-output-buffer-limit", "normal 1kb 2mb 3 replica 1 2 3"),
                "= normal 1024 2097152 3 slave 1 2 3 pubsub 33554432 8388608 60");
    EXPECT_TEXT(set(params, "client-output-buffer-limit", "foo 1 2 3"),
                "Invalid client class specified in buffer limit configuration.");
    EXPECT_TEXT(set(params, "client-output-buffer-limit", "normal 1x 2 3"),
                "Error in hard, soft or soft_seconds setting in buffer limit configuration.");
    EXPECT_TEXT(set(params, "client-output-buffer-limit", "normal 1 2"),
                "Wrong number of arguments in buffer limit configuration.");
    EXPECT_TEXT(set(params, "oom-score-adj", "relative"), "= yes");
    EXPECT_TEXT(set(params, "oom-score-adj-values", "1 2 3000"),
                "Invalid oom-score-adj-values, elements must be between -2000 and 2000.");
    EXPECT_TEXT(set(params, "oom-score-adj-values", "1"), "wrong number of arguments");
    EXPECT_TEXT(set(params, "latency-tracking-info-percentiles", "50.0 99.90 100"), "= 50 99.9 100");
    EXPECT_TEXT(set(params, "latency-tracking-info-percentiles", ""), "= ");
    EXPECT_TEXT(set(params, "latency-tracking-info-percentiles", "101"),
                "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]");
    EXPECT_TEXT(set(params, "shutdown-on-sigterm", "now save"), "= save now");
    EXPECT_TEXT(set(params, "shutdown-on-sigterm", "default save"), "= save");
    EXPECT_TEXT(set(params, "shutdown-on-sigterm", "save nosave"),
                "shutdown options SAVE and NOSAVE can't be used simultaneously");
    EXPECT_TEXT(set(params, "shutdown-on-sigterm", ""),
                "argument(s) must be one of the following: default, save, nosave, now, force");
    EXPECT_TEXT(set(params, "hz", "1000"), "= 500");
    EXPECT_TEXT(set(params, "hz", "0"), "= 1");
    EXPECT_TEXT(set(params, "proc-title-template", "{foo}"),
                "template format is invalid or contains unknown variables");
    EXPECT_TEXT(set(params, "proc-title-template", "{title} {port}"), "= {title} {port}");
    EXPECT_TEXT(set(params, "dir", "/nonexistent"), "No such file or directory");
    EXPECT_TEXT(set(params, "client-query-buffer-limit", "5"),
                "argument must be between 1048576 and 9223372036854775807 inclusive");
    EXPECT_TEXT(set(params, "bind", ""), "= ");
    EXPECT_TEXT(set(params, "tls-protocols", "TLSv1.2 TLSv1.3"), "= TLSv1.2 TLSv1.3");
    struct output_limit limit = core_settings_output_limit(&settings, "replica");
    CU_ASSERT(limit.hard_bytes == 1 && limit.soft_bytes == 2 && limit.soft_seconds == 3);
    params_free(&params);
}

UNIT_TEST(core_settings, checks_processor_lists) {
    struct core_settings settings;
    struct params *params = new_params(&settings);
    const struct param *row = param_row(params_find(params, SLICE("server-cpulist")));
    static const struct {
        const char *text;
        bool good;
    } cases[] = {{"", true},    {"0", true},    {"0-3,8", true}, {"0-7:2", true},  {"3-1", false},   {"a", false},
                 {"1,", false}, {"1:0", false}, {"1-", false},   {"99999", false}, {"1-2-3", false}, {"1:2:3", false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct param_values values = {0};
        struct slice text = slice_text(cases[i].text);
        bool good = param_parse(row, &text, 1, &values, NULL);
        if (good != cases[i].good) fprintf(stderr, "cpulist \"%s\"\n", cases[i].text);
        CU_ASSERT_EQUAL(good, cases[i].good);
        param_values_fini(&values);
    }
    params_free(&params);
}
