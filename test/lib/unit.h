/* Unit tests: a test registers itself, and one main runs the suites that were asked for.
 *
 *     UNIT_TEST(bytes, grows_in_place) { ... CU_ASSERT_EQUAL(...); }
 *
 * A program runs all its suites, or those that the environment variable T names (make check T=bytes).
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include <CUnit/CUnit.h>
#include <string.h>

struct unit_test {
    const char       *suite, *name;
    void (*run)(void);
    struct unit_test *next;
};

void unit_register(struct unit_test *test);

#define UNIT_TEST(suite_name, test_name)                                                                               \
    static void unit_##suite_name##_##test_name(void);                                                                 \
    static struct unit_test unit_entry_##suite_name##_##test_name = {#suite_name, #test_name,                          \
                                                                     unit_##suite_name##_##test_name, NULL};           \
    __attribute__((constructor)) static void unit_add_##suite_name##_##test_name(void) {                               \
        unit_register(&unit_entry_##suite_name##_##test_name);                                                         \
    }                                                                                                                  \
    static void unit_##suite_name##_##test_name(void)

/* Compares texts and prints both when they differ. */
#define EXPECT_TEXT(actual, expected) unit_expect_text((actual), (expected), __FILE__, __LINE__)
void unit_expect_text(const char *actual, const char *expected, const char *file, int line);
