#include "lib/unit.h"
#include "core/config/param.h"
#include "base/mem.h"

#include <stdlib.h>

enum { RED = 3, BLUE = 7 };
static const struct param_choice colours[] = {{"red", RED}, {"blue", BLUE}, {"azure", BLUE}, {0}};

struct toy_settings {
    bool flag;
    int64_t level;
    uint64_t count, room_bytes;
    char *name, *secret;
    int colour;
    uint32_t mode;
    struct param_values words, pairs, limits, users;
};

#define ROW(name, field, type, ...) PARAM_ROW(struct toy_settings, name, field, type, __VA_ARGS__)
static const struct param toy_rows[] = {
    ROW("flag", flag, bool, .def = "yes", .flags = PARAM_MUTABLE) ROW("level", level, int, .def = "-1", .min = -1,
                                                                      .max = 10, .flags = PARAM_MUTABLE)
        ROW("count", count, uint, .def = "5", .flags = PARAM_MUTABLE, .alias = "old-count")
            ROW("room", room_bytes, size, .def = "1kb", .max = INT64_MAX, .flags = PARAM_MUTABLE)
                ROW("name", name, text, .def = "toy", .flags = PARAM_MUTABLE)
                    ROW("secret", secret, text, .flags = PARAM_MUTABLE | PARAM_SENSITIVE)
                        ROW("colour", colour, enum, .def = "red", .choices = colours, .flags = PARAM_MUTABLE)
                            ROW("mode", mode, octal, .def = "700", .max = 0777) ROW("words", words, list, .def = "a b",
                                                                                    .words = 1, .flags = PARAM_MUTABLE)
                                ROW("pairs", pairs, list, .words = 2, .flags = PARAM_MUTABLE | PARAM_MULTI)
                                    ROW("limits", limits, map, .def = "x 1 2 y 3 4", .words = 3, .flags = PARAM_MUTABLE)
                                        ROW("users", users, list, .flags = PARAM_MULTI)};

struct toy {
    struct toy_settings settings;
    struct params *params;
    int applied, refuse_from, other_applied;
};

static void toy_init(struct toy *toy) {
    memset(toy, 0, sizeof *toy);
    toy->params = params_new();
    params_add(toy->params, toy_rows, COUNT_OF(toy_rows), &toy->settings);
}

static const char *value_of(const struct toy *toy, const char *name) {
    static struct bytes text;
    bytes_clear(&text);
    param_get_text(params_find(toy->params, slice_text(name)), &text);
    return bytes_text(&text);
}

/* "ok", or the number of the change that failed and why. */
static const char *change(struct toy *toy, const char *name1, const char *text1, const char *name2, const char *text2) {
    static char answer[1200];
    struct error err;
    size_t failed = 99;
    struct param_change changes[] = {
        {params_find(toy->params, slice_text(name1)), slice_text(text1)},
        {name2 ? params_find(toy->params, slice_text(name2)) : NULL, slice_text(text2 ? text2 : "")}};
    if (params_change(toy->params, changes, name2 ? 2 : 1, &failed, &err)) return "ok";
    snprintf(answer, sizeof answer, "%zu %s", failed, err.text);
    return answer;
}

UNIT_TEST(param, stores_the_defaults) {
    struct toy toy;
    toy_init(&toy);
    CU_ASSERT_TRUE(toy.settings.flag);
    CU_ASSERT_EQUAL(toy.settings.level, -1);
    CU_ASSERT_EQUAL(toy.settings.room_bytes, 1024);
    CU_ASSERT_EQUAL(toy.settings.mode, 0700);
    EXPECT_TEXT(toy.settings.secret, "");
    EXPECT_TEXT(value_of(&toy, "limits"), "x 1 2 y 3 4");
    EXPECT_TEXT(value_of(&toy, "OLD-count"), "5");
    EXPECT_TEXT(value_of(&toy, "room"), "1024");
    EXPECT_TEXT(value_of(&toy, "mode"), "700");
    for (size_t i = 0; i < params_count(toy.params); i++) CU_ASSERT(param_is_default(params_at(toy.params, i)));
    params_free(&toy.params);
    CU_ASSERT_PTR_NULL(toy.settings.name);
}

UNIT_TEST(param, takes_each_type_in_its_forms) {
    struct toy toy;
    toy_init(&toy);
    EXPECT_TEXT(change(&toy, "flag", "NO", NULL, NULL), "ok");
    EXPECT_TEXT(value_of(&toy, "flag"), "no");
    EXPECT_TEXT(change(&toy, "room", "2MB", NULL, NULL), "ok");
    EXPECT_TEXT(value_of(&toy, "room"), "2097152");
    EXPECT_TEXT(change(&toy, "colour", "Azure", NULL, NULL), "ok");
    CU_ASSERT_EQUAL(toy.settings.colour, BLUE);
    EXPECT_TEXT(value_of(&toy, "colour"), "blue");
    EXPECT_TEXT(change(&toy, "words", "  x   y z ", NULL, NULL), "ok");
    EXPECT_TEXT(value_of(&toy, "words"), "x y z");
    EXPECT_TEXT(change(&toy, "words", "", NULL, NULL), "ok");
    CU_ASSERT_EQUAL(toy.settings.words.count, 0);
    EXPECT_TEXT(change(&toy, "pairs", "3600 1 300 100", NULL, NULL), "ok");
    CU_ASSERT_EQUAL(toy.settings.pairs.count, 2);
    EXPECT_TEXT(toy.settings.pairs.items[1].text, "300 100");
    EXPECT_TEXT(change(&toy, "limits", "y 7 8", NULL, NULL), "ok"); /* a map merges */
    EXPECT_TEXT(value_of(&toy, "limits"), "x 1 2 y 7 8");
    params_free(&toy.params);
}

UNIT_TEST(param, refuses_in_the_established_words) {
    struct toy toy;
    toy_init(&toy);
    EXPECT_TEXT(change(&toy, "flag", "true", NULL, NULL), "0 argument must be 'yes' or 'no'");
    EXPECT_TEXT(change(&toy, "level", "11", NULL, NULL), "0 argument must be between -1 and 10 inclusive");
    EXPECT_TEXT(change(&toy, "level", "1x", NULL, NULL), "0 argument couldn't be parsed into an integer");
    EXPECT_TEXT(change(&toy, "level", "", NULL, NULL), "0 argument couldn't be parsed into an integer");
    EXPECT_TEXT(change(&toy, "count", "-1", NULL, NULL),
                "0 argument must be between 0 and 9223372036854775807 inclusive");
    EXPECT_TEXT(change(&toy, "room", "1tb", NULL, NULL), "0 argument must be a memory value");
    EXPECT_TEXT(change(&toy, "room", "99999999999gb", NULL, NULL), "0 argument must be a memory value");
    EXPECT_TEXT(change(&toy, "colour", "green", NULL, NULL),
                "0 argument(s) must be one of the following: red, blue, azure");
    EXPECT_TEXT(change(&toy, "mode", "600", NULL, NULL), "0 can't set immutable config");
    EXPECT_TEXT(change(&toy, "pairs", "3600", NULL, NULL), "0 wrong number of arguments");
    EXPECT_TEXT(change(&toy, "limits", "x 1", NULL, NULL), "0 wrong number of arguments");
    EXPECT_TEXT(change(&toy, "limits", "x 1 2 x 1 2", NULL, NULL), "0 key 'x' is given twice");
    params_free(&toy.params);
}

static bool apply_toy(void *context, struct error *err) {
    struct toy *toy = context;
    toy->applied++;
    if (toy->refuse_from && toy->settings.count >= (uint64_t)toy->refuse_from) return error_set(err, "too many");
    return true;
}

static bool apply_other(void *context, struct error *err) {
    struct toy *toy = context;
    toy->other_applied++;
    return true;
}

static bool check_name(void *context, const struct param_values *values, struct error *err) {
    return strcmp(values->items[0].text, "bad") != 0 || error_set(err, "a bad name");
}

UNIT_TEST(param, changes_all_or_nothing) {
    struct toy toy;
    toy_init(&toy);
    params_bind(toy.params, "count", (struct param_binding){.apply = apply_toy}, &toy);
    params_bind(toy.params, "level", (struct param_binding){.apply = apply_toy}, &toy);
    params_bind(toy.params, "flag", (struct param_binding){.apply = apply_other}, &toy);
    params_bind(toy.params, "name", (struct param_binding){.check = check_name}, &toy);
    toy.refuse_from = 100;

    /* one effect for both, applied once */
    EXPECT_TEXT(change(&toy, "count", "7", "level", "7"), "ok");
    CU_ASSERT_EQUAL(toy.applied, 1);
    CU_ASSERT_EQUAL(param_origin(params_find(toy.params, SLICE("count"))).source, PARAM_FROM_COMMAND);
    /* the same value again is no change */
    EXPECT_TEXT(change(&toy, "count", "7", NULL, NULL), "ok");
    CU_ASSERT_EQUAL(toy.applied, 1);
    /* the second value is bad: nothing was stored or applied */
    EXPECT_TEXT(change(&toy, "count", "8", "name", "bad"), "1 a bad name");
    EXPECT_TEXT(value_of(&toy, "count"), "7");
    CU_ASSERT_EQUAL(toy.applied, 1);
    /* the second effect is refused: the first is taken back, with the old values in place */
    EXPECT_TEXT(change(&toy, "flag", "no", "count", "100"), "1 too many");
    EXPECT_TEXT(value_of(&toy, "flag"), "yes");
    EXPECT_TEXT(value_of(&toy, "count"), "7");
    CU_ASSERT_EQUAL(toy.other_applied, 2);
    CU_ASSERT_EQUAL(toy.applied, 3);
    params_free(&toy.params);
}

UNIT_TEST(param, reads_arguments_with_empty_and_quoted_words) {
    struct param_values values = {0};
    struct error err;
    struct slice two[] = {SLICE("FLUSHALL"), SLICE("")}, saves[] = {SLICE("3600"), SLICE("1"), SLICE("300 100")};
    static const struct param rename = {.name = "rename-command", .type = PARAM_TYPE_map, .words = 2};
    CU_ASSERT_TRUE(param_parse(&rename, two, 2, &values, &err));
    EXPECT_TEXT(values.items[0].key, "FLUSHALL");
    EXPECT_TEXT(values.items[0].text, "");
    param_values_fini(&values);
    CU_ASSERT_FALSE(param_parse(&rename, two, 1, &values, &err));
    CU_ASSERT_TRUE(param_parse(&toy_rows[9], saves, 3, &values, &err));
    CU_ASSERT_EQUAL(values.count, 2);
    param_values_fini(&values);
    CU_ASSERT_FALSE(param_parse(&toy_rows[0], saves, 2, &values, &err));
    EXPECT_TEXT(err.text, "takes one value");
    /* an item of whole text is never split */
    struct slice user[] = {SLICE("alice"), SLICE("on"), SLICE(">a b")};
    CU_ASSERT_TRUE(param_parse(&toy_rows[11], user, 3, &values, &err));
    CU_ASSERT_EQUAL(values.count, 1);
    EXPECT_TEXT(values.items[0].text, "alice on >a b");
    param_values_fini(&values);
}

UNIT_TEST(param, suggests_what_looks_alike) {
    struct toy toy;
    toy_init(&toy);
    EXPECT_TEXT(params_suggest(toy.params, SLICE("coulor")), "colour");
    EXPECT_TEXT(params_suggest(toy.params, SLICE("appendnoly")), "appendonly");
    EXPECT_TEXT(params_suggest(toy.params, SLICE("old_count")), "old-count");
    CU_ASSERT_PTR_NULL(params_suggest(toy.params, SLICE("entirely-else-and-new")));
    CU_ASSERT_PTR_NULL(params_suggest(toy.params, SLICE("")));
    params_free(&toy.params);
}

UNIT_TEST(param, knows_absent_names_and_their_off_values) {
    struct toy toy;
    toy_init(&toy);
    const struct param_absent *save = params_find_absent(toy.params, SLICE("SAVE"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(save);
    CU_ASSERT_TRUE(param_absent_accepts(save, SLICE("")));
    CU_ASSERT_FALSE(param_absent_accepts(save, SLICE("3600 1")));
    const struct param_absent *fsync = params_find_absent(toy.params, SLICE("appendfsync"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(fsync);
    CU_ASSERT_FALSE(param_absent_accepts(fsync, SLICE("")));
    CU_ASSERT_PTR_NULL(params_find_absent(toy.params, SLICE("port")));
    params_free(&toy.params);
}
