#include "../lib/unit.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>

static struct unit_test *tests;

void unit_register(struct unit_test *test) {
    struct unit_test **at = &tests;
    while (*at) at = &(*at)->next;
    *at = test;
}

void unit_expect_text(const char *actual, const char *expected, const char *file, int line) {
    int same = actual && strcmp(actual, expected) == 0;
    if (!same)
        fprintf(stderr, "%s:%d:\n  expected \"%s\"\n  but got  \"%s\"\n", file, line, expected,
                actual ? actual : "(null)");
    CU_assertImplementation(same, (unsigned)line, "texts are the same", file, "", CU_FALSE);
}

int main(void) {
    const char *wanted = getenv("T");
    if (wanted && !wanted[0]) wanted = NULL;
    if (CU_initialize_registry() != CUE_SUCCESS) return 2;
    unsigned added = 0;
    for (struct unit_test *test = tests; test; test = test->next) {
        if (wanted && strcmp(wanted, test->suite) != 0) continue;
        CU_pSuite suite = CU_get_suite(test->suite);
        if (!suite) suite = CU_add_suite(test->suite, NULL, NULL);
        if (!suite || !CU_add_test(suite, test->name, test->run)) return 2;
        added++;
    }
    if (added == 0) {
        CU_cleanup_registry();
        return wanted ? 77 : 2; /* 77: automake counts the program as skipped */
    }
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failed ? 1 : 0;
}
