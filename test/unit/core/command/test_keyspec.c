#include "core/command/keyspec.h"

#include "base/mem.h"
#include "lib/unit.h"

/* The places of the keys as "1:5 2:5 " (place:flags), or "bad". */
static const char *keys_of(const struct command *row, const char *words) {
    static char           text[512];
    struct slice          argv[32], rest = slice_text(words);
    int                   argc = 0;
    struct keyspec_result result;
    text[0] = 0;
    while (slice_split(&rest, ' ', &argv[argc])) argc++;
    if (!keyspec_find(row, argv, argc, false, &result)) return "bad";
    for (unsigned i = 0; i < result.count; i++) {
        char one[16];
        snprintf(one, sizeof(one), "%d ", result.keys[i].place);
        strcat(text, one);
    }
    keyspec_fini(&result);
    return text;
}

static const struct command mget = {.name = "mget", KEYS({KEY_RO, KEYS_AT(1), KEYS_RANGE(-1, 1, 0)})};
static const struct command mset = {.name = "mset", KEYS({KEY_OW, KEYS_AT(1), KEYS_RANGE(-1, 2, 0)})};
static const struct command blpop = {.name = "blpop", KEYS({KEY_RW, KEYS_AT(1), KEYS_RANGE(-2, 1, 0)})};
static const struct command lmpop = {.name = "lmpop", KEYS({KEY_RW, KEYS_AT(1), KEYS_COUNTED(0, 1, 1)})};
static const struct command xread = {.name = "xread", KEYS({KEY_RO, KEYS_AFTER("STREAMS", 1), KEYS_RANGE(-1, 1, 2)})};
static const struct command zstore = {.name = "zunionstore",
                                      KEYS({KEY_OW, KEYS_AT(1), KEYS_RANGE(0, 1, 0)},
                                           {KEY_RO, KEYS_AT(2), KEYS_COUNTED(0, 1, 1)})};
static const struct command migrate = {.name = "migrate",
                                       KEYS({KEY_RW, KEYS_AT(3), KEYS_RANGE(0, 1, 0)},
                                            {KEY_RW | KEY_INCOMPLETE, KEYS_AFTER("KEYS", -2), KEYS_RANGE(-1, 1, 0)})};
static const struct command renamed = {.name = "rename",
                                      KEYS({KEY_RW, KEYS_AT(1), KEYS_RANGE(0, 1, 0)}, {KEY_OW, KEYS_AT(2), KEYS_RANGE(0, 1, 0)})};
static const struct command spublish = {.name = "spublish", KEYS({KEY_NOT_KEY, KEYS_AT(1), KEYS_RANGE(0, 1, 0)})};

UNIT_TEST(keyspec, ranges) {
    EXPECT_TEXT(keys_of(&mget, "mget a b c"), "1 2 3 ");
    EXPECT_TEXT(keys_of(&mset, "mset a 1 b 2"), "1 3 ");
    EXPECT_TEXT(keys_of(&blpop, "blpop a b 0"), "1 2 ");
    EXPECT_TEXT(keys_of(&blpop, "blpop 0"), "bad");
    EXPECT_TEXT(keys_of(&mget, "mget"), "bad");
}

UNIT_TEST(keyspec, counted_keys_must_be_there) {
    EXPECT_TEXT(keys_of(&lmpop, "lmpop 2 a b left"), "2 3 ");
    EXPECT_TEXT(keys_of(&lmpop, "lmpop 4 a b left"), "bad");
    EXPECT_TEXT(keys_of(&lmpop, "lmpop 0 a"), "bad");
    EXPECT_TEXT(keys_of(&lmpop, "lmpop -1 a"), "bad");
    EXPECT_TEXT(keys_of(&lmpop, "lmpop x a"), "bad");
    EXPECT_TEXT(keys_of(&lmpop, "lmpop 9223372036854775807 a"), "bad");
    EXPECT_TEXT(keys_of(&lmpop, "lmpop 2147483647 a"), "bad");
    EXPECT_TEXT(keys_of(&zstore, "zunionstore d 2 a b weights 1 2"), "1 3 4 ");
}

UNIT_TEST(keyspec, keywords) {
    EXPECT_TEXT(keys_of(&xread, "xread count 1 streams a b 0 0"), "4 5 ");
    EXPECT_TEXT(keys_of(&xread, "xread STREAMS a 0"), "2 ");
    EXPECT_TEXT(keys_of(&xread, "xread count 1"), "");
    EXPECT_TEXT(keys_of(&migrate, "migrate h 1 k 0 10"), "3 ");
    EXPECT_TEXT(keys_of(&migrate, "migrate h 1 _ 0 10 copy KEYS a b"), "3 8 9 ");
}

UNIT_TEST(keyspec, what_is_routed_is_no_key) {
    EXPECT_TEXT(keys_of(&spublish, "spublish ch m"), "");
    CU_ASSERT(!keyspec_has_keys(&spublish));
    CU_ASSERT(keyspec_has_keys(&mget));
}

UNIT_TEST(keyspec, many_keys_leave_the_inline_room) {
    struct slice argv[201];
    for (int i = 0; i <= 200; i++) argv[i] = SLICE("k");
    struct keyspec_result result;
    CU_ASSERT(keyspec_find(&mget, argv, 201, false, &result));
    CU_ASSERT_EQUAL(result.count, 200);
    CU_ASSERT_EQUAL(result.keys[199].place, 200);
    keyspec_fini(&result);
}

static const char *legacy(const struct command *row) {
    static char text[64];
    int         first, last, step;
    bool        is_movable;
    keyspec_legacy_range(row, &first, &last, &step, &is_movable);
    snprintf(text, sizeof(text), "%d %d %d%s", first, last, step, is_movable ? " movable" : "");
    return text;
}

UNIT_TEST(keyspec, legacy_triple_is_the_established_one) {
    static const struct command none = {.name = "ping"};
    EXPECT_TEXT(legacy(&none), "0 0 0");
    EXPECT_TEXT(legacy(&mget), "1 -1 1");
    EXPECT_TEXT(legacy(&mset), "1 -1 2");
    EXPECT_TEXT(legacy(&renamed), "1 2 1");
    EXPECT_TEXT(legacy(&zstore), "1 1 1 movable");
    EXPECT_TEXT(legacy(&migrate), "3 3 1 movable");
    EXPECT_TEXT(legacy(&xread), "0 0 0 movable");
}
