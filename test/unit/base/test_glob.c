#include "lib/unit.h"
#include "base/glob.h"

static int m(const char *pattern, const char *text) {
    return glob_match(slice_text(pattern), slice_text(text));
}

UNIT_TEST(glob, knows_all_forms) {
    CU_ASSERT(m("*", ""));
    CU_ASSERT(m("h?llo", "hello"));
    CU_ASSERT(m("h*llo", "heeeello"));
    CU_ASSERT(m("h[ae]llo", "hallo"));
    CU_ASSERT_FALSE(m("h[ae]llo", "hillo"));
    CU_ASSERT(m("h[^e]llo", "hallo"));
    CU_ASSERT(m("h[a-c]llo", "hbllo"));
    CU_ASSERT(m("h[c-a]llo", "hbllo"));
    CU_ASSERT(m("\\*", "*"));
    CU_ASSERT_FALSE(m("\\*", "a"));
    CU_ASSERT(m("a**b", "axxb"));
    CU_ASSERT_FALSE(m("a", "ab"));
    CU_ASSERT(m("[a", "a"));
    CU_ASSERT(glob_match_nocase(SLICE("Max*"), SLICE("maxMEMORY")));
}

UNIT_TEST(glob, takes_no_time_for_hostile_patterns) {
    char text[2001], pattern[401];
    memset(text, 'a', 2000);
    text[2000] = 0;
    for (int i = 0; i < 400; i += 2) pattern[i] = '*', pattern[i + 1] = 'a';
    pattern[399] = 'b';
    pattern[400] = 0;
    CU_ASSERT_FALSE(m(pattern, text));
}
