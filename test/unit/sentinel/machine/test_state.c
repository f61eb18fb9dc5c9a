#include "lib/unit.h"
#include "sentinel/machine/action.h"
#include "sentinel/machine/machine.h"

#include <stdio.h>

UNIT_TEST(state, kinds_have_names) {
    for (unsigned i = 0; i < STATE_KINDS; i++) {
        enum state_kind kind = STATE_KINDS;
        CU_ASSERT_TRUE(state_kind_find(slice_text(state_kind_name((enum state_kind)i)), &kind));
        CU_ASSERT_EQUAL(kind, i);
    }
    enum state_kind kind;
    CU_ASSERT_FALSE(state_kind_find(SLICE("nothing"), &kind));
}

UNIT_TEST(action, every_event_is_described) {
    for (unsigned i = 0; i < SENTINEL_EVENT_COUNT; i++) {
        const char *name = sentinel_event_name((enum sentinel_event)i);
        CU_ASSERT_TRUE(name[0] == '+' || name[0] == '-');
        CU_ASSERT_TRUE(strlen(sentinel_event_help((enum sentinel_event)i)) > 10);
        for (unsigned j = 0; j < i; j++)
            CU_ASSERT_NOT_EQUAL(strcmp(name, sentinel_event_name((enum sentinel_event)j)), 0);
    }
}

UNIT_TEST(action, memory_lives_until_the_list_is_cleared) {
    struct actions actions;
    actions_init(&actions);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 500; i++) {
            const char *text = actions_printf(&actions, "number %d", i);
            actions_add(&actions, ACTION_RESOLVE)->resolve.name = text;
        }
        for (int i = 0; i < 500; i++) {
            char text[32];
            snprintf(text, sizeof text, "number %d", i);
            EXPECT_TEXT(actions.items[i].resolve.name, text);
        }
        memset(actions_alloc(&actions, 100000), 1, 100000);
        actions_clear(&actions);
        CU_ASSERT_EQUAL(actions.count, 0);
    }
    actions_fini(&actions);
}

UNIT_TEST(machine, tables_are_printed) {
    struct bytes text = {0};
    machine_dump_tables(&text);
    CU_ASSERT_PTR_NOT_NULL(strstr(bytes_text(&text), "    wait_start -> none, select_slave\n"));
    bytes_fini(&text);
}
