#include "lib/unit.h"
#include "base/mem.h"
#include "store/persist/aof_manifest.h"

static void expect_print(const struct aof_manifest *manifest, const char *text) {
    struct bytes out = {0};
    aof_manifest_print(manifest, &out);
    CU_ASSERT_STRING_EQUAL(bytes_text(&out), text);
    bytes_fini(&out);
}

static void expect_wrong(const char *text, const char *why) {
    struct error err;
    struct aof_manifest *manifest = aof_manifest_parse(slice_text(text), &err);
    CU_ASSERT_PTR_NULL_FATAL(manifest);
    CU_ASSERT_STRING_EQUAL(err.text, why);
}

UNIT_TEST(aof_manifest, reads_what_redis_wrote) {
    static const char text[] = "file \"my file\\\"x.aof.2.base.rdb\" seq 2 type b\n"
                               "file a.1.incr.aof seq 1 type h\n"
                               "file \"my file\\\"x.aof.2.incr.aof\" seq 2 type i\n"
                               "file a.9.incr.aof seq 9 type i\n";
    struct error err;
    struct aof_manifest *manifest = aof_manifest_parse(slice_text(text), &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(manifest);
    CU_ASSERT_STRING_EQUAL(aof_manifest_base(manifest)->name, "my file\"x.aof.2.base.rdb");
    CU_ASSERT_EQUAL(aof_manifest_incr_count(manifest), 2);
    CU_ASSERT_EQUAL(aof_manifest_history_count(manifest), 1);
    CU_ASSERT_EQUAL(aof_manifest_last_incr(manifest)->number, 9);
    expect_print(manifest, text);
    struct aof_manifest *copy = aof_manifest_copy(manifest);
    aof_manifest_free(&manifest);
    expect_print(copy, text);
    aof_manifest_free(&copy);
}

UNIT_TEST(aof_manifest, passes_over_remarks_and_what_is_new) {
    struct error err;
    struct aof_manifest *manifest = aof_manifest_parse(
        SLICE("# a remark\nTYPE i SEQ 3 checksum 0x12 FILE x.3.incr.aof\r\n"), &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(manifest);
    CU_ASSERT_PTR_NULL(aof_manifest_base(manifest));
    expect_print(manifest, "file x.3.incr.aof seq 3 type i\n");
    aof_manifest_free(&manifest);
}

UNIT_TEST(aof_manifest, says_which_line_is_wrong_and_how) {
    expect_wrong("", "it lists no files");
    expect_wrong("# only this\n", "it lists no files");
    expect_wrong("file a seq 1 type b", "line 1: the line has no end: the file was cut off");
    expect_wrong("file a seq 1 type b\n\n", "line 2: an empty line");
    expect_wrong("file a seq 1 type\n", "line 1: a word without a value");
    expect_wrong("file a seq 1\n", "line 1: \"type\" is missing");
    expect_wrong("seq 1 type b\n", "line 1: \"file\" is missing");
    expect_wrong("file a type b\n", "line 1: \"seq\" is missing");
    expect_wrong("file a seq 0 type b\n", "line 1: \"seq 0\" is not a number from 1 on");
    expect_wrong("file a seq 1 type x\n", "line 1: \"type x\" is none of b (base), i (incr) and h (history)");
    expect_wrong("file ../a seq 1 type b\n",
                 "line 1: a file that is not a plain name in the folder of the append-only files");
    expect_wrong("file .. seq 1 type b\n",
                 "line 1: a file that is not a plain name in the folder of the append-only files");
    expect_wrong("file \"a\\x00b\" seq 1 type b\n",
                 "line 1: a file that is not a plain name in the folder of the append-only files");
    expect_wrong("file \"\" seq 1 type b\n", "line 1: a file without a name");
    expect_wrong("file \"a seq 1 type b\n", "line 1: quotes that do not match");
    expect_wrong("file a seq 1 type b\nfile b seq 2 type b\n", "line 2: a second base; the first is a");
    expect_wrong("file a seq 2 type i\nfile b seq 2 type i\n",
                 "line 2: the incr file b has number 2, but 2 came before it");
    expect_wrong("file a seq 2 type b\nfile a seq 2 type i\n", "the file a is listed twice");
    expect_wrong("file a seq 2 type b\nfile a seq 1 type h\n", "the file a is listed twice");
    expect_wrong("file a file b seq 2 type b\n", "line 1: \"file\" is there twice");
}

UNIT_TEST(aof_manifest, believes_no_long_line_and_no_long_name) {
    char text[AOF_LINE_MAX + 64];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    expect_wrong(text, "line 1: a line of more than 1024 bytes");
    memcpy(text, "file ", 5);
    strcpy(text + 400, " seq 1 type b\n");
    expect_wrong(text, "line 1: a file name of 395 bytes; there may be 255");
}

UNIT_TEST(aof_manifest, a_rewrite_from_nothing_to_the_end) {
    struct error err;
    struct aof_manifest *manifest = aof_manifest_new();
    CU_ASSERT_TRUE(aof_manifest_is_empty(manifest));
    CU_ASSERT_STRING_EQUAL(aof_manifest_replace_base(manifest, "a.aof", true, &err)->name, "a.aof.1.base.rdb");
    CU_ASSERT_STRING_EQUAL(aof_manifest_add_incr(manifest, "a.aof", &err)->name, "a.aof.1.incr.aof");
    CU_ASSERT_STRING_EQUAL(aof_manifest_add_incr(manifest, "a.aof", &err)->name, "a.aof.2.incr.aof");
    expect_print(manifest, "file a.aof.1.base.rdb seq 1 type b\nfile a.aof.1.incr.aof seq 1 type i\n"
                           "file a.aof.2.incr.aof seq 2 type i\n");
    aof_manifest_retire_incr(manifest, 1);
    CU_ASSERT_STRING_EQUAL(aof_manifest_replace_base(manifest, "a.aof", false, &err)->name, "a.aof.2.base.aof");
    expect_print(manifest, "file a.aof.2.base.aof seq 2 type b\nfile a.aof.1.incr.aof seq 1 type h\n"
                           "file a.aof.1.base.rdb seq 1 type h\nfile a.aof.2.incr.aof seq 2 type i\n");
    aof_manifest_forget_history(manifest);
    aof_manifest_retire_incr(manifest, 1);
    expect_print(manifest, "file a.aof.2.base.aof seq 2 type b\nfile a.aof.2.incr.aof seq 2 type i\n");
    aof_manifest_free(&manifest);
}

UNIT_TEST(aof_manifest, an_old_file_becomes_the_base_and_its_name_is_not_given_again) {
    struct error err;
    struct aof_manifest *manifest = aof_manifest_new();
    aof_manifest_adopt(manifest, "a.aof.2.base.rdb");
    CU_ASSERT_STRING_EQUAL(aof_manifest_replace_base(manifest, "a.aof", true, &err)->name, "a.aof.3.base.rdb");
    expect_print(manifest, "file a.aof.3.base.rdb seq 3 type b\nfile a.aof.2.base.rdb seq 1 type h\n");
    aof_manifest_free(&manifest);
}

UNIT_TEST(aof_manifest, numbers_and_names_end) {
    struct error err;
    struct aof_manifest *manifest = aof_manifest_parse(SLICE("file a seq 9223372036854775807 type i\n"), &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(manifest);
    CU_ASSERT_PTR_NULL(aof_manifest_add_incr(manifest, "a.aof", &err));
    char stem[300];
    memset(stem, 's', sizeof stem - 1);
    stem[sizeof stem - 1] = 0;
    CU_ASSERT_PTR_NULL(aof_manifest_replace_base(manifest, stem, true, &err));
    CU_ASSERT_STRING_EQUAL(err.text, "the parameter appendfilename is too long for the names of files");
    expect_print(manifest, "file a seq 9223372036854775807 type i\n");
    aof_manifest_free(&manifest);
}
