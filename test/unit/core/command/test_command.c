#include "core/command/command.h"

#include "core/command/dispatch.h"
#include "core/core_commands.h"
#include "core_fixture.h"

static void nothing(struct client *client) {
}

static const struct command sample[] = {
    {.name = "get", .arity = 2, .flags = COMMAND_READONLY | COMMAND_FAST, .body = nothing},
    {.name = "box", .arity = -2, .body = container_command},
    {.name = "box|open", .arity = 2, .flags = COMMAND_ADMIN, .body = nothing},
    {.name = "box|close-it", .arity = 2, .body = nothing},
    {.name = "restore-asking", .arity = 2, .flags = COMMAND_WRITE, .body = nothing},
};

static struct command_table *sample_table(void) {
    struct command_table *table = command_table_new();
    command_table_add(table, sample, COUNT_OF(sample));
    return table;
}

static const char *name_of(const struct command_entry *entry) {
    return entry ? entry->name : "none";
}

UNIT_TEST(command, is_found_by_name_in_any_case) {
    struct command_table *table = sample_table();
    for (int i = 0; i < 2; i++) { /* the second time from the cache */
        EXPECT_TEXT(name_of(command_find(table, SLICE("get"))), "get");
        EXPECT_TEXT(name_of(command_find(table, SLICE("GeT"))), "get");
        EXPECT_TEXT(name_of(command_find(table, SLICE("RESTORE-asking"))), "restore-asking");
        EXPECT_TEXT(name_of(command_find(table, SLICE("restore\rasking"))), "none");
        EXPECT_TEXT(name_of(command_find(table, SLICE("ge"))), "none");
        EXPECT_TEXT(name_of(command_find(table, SLICE("get "))), "none");
        EXPECT_TEXT(name_of(command_find(table, SLICE("get\0"))), "none");
        EXPECT_TEXT(name_of(command_find(table, SLICE(""))), "none");
    }
    command_table_free(&table);
}

UNIT_TEST(command, subcommands_stand_behind_their_container) {
    struct command_table *table = sample_table();
    struct slice          argv[2] = {SLICE("BOX"), SLICE("Open")};
    EXPECT_TEXT(name_of(command_find_request(table, argv, 2)), "box|open");
    EXPECT_TEXT(name_of(command_find_request(table, argv, 1)), "box");
    argv[1] = SLICE("nosuch");
    EXPECT_TEXT(name_of(command_find_request(table, argv, 2)), "box");
    EXPECT_TEXT(name_of(command_find_full(table, SLICE("box|CLOSE-it"))), "box|close-it");
    EXPECT_TEXT(name_of(command_find_full(table, SLICE("get|x"))), "none");
    CU_ASSERT_EQUAL(command_table_count(table), 3);
    struct bytes order = {0};
    for (struct command_entry *entry = NULL; (entry = command_next(table, entry));) bytes_add_printf(&order, "%s ", entry->name);
    EXPECT_TEXT(bytes_text(&order), "get box box|open box|close-it restore-asking ");
    bytes_fini(&order);
    command_table_free(&table);
}

UNIT_TEST(command, can_be_renamed_and_removed) {
    struct command_table *table = sample_table();
    (void)command_find(table, SLICE("get")); /* fills the cache */
    CU_ASSERT(command_table_rename(table, SLICE("get"), SLICE("fetch")));
    CU_ASSERT(!command_table_rename(table, SLICE("get"), SLICE("again")));
    CU_ASSERT(!command_table_rename(table, SLICE("box"), SLICE("fetch")));
    EXPECT_TEXT(name_of(command_find(table, SLICE("get"))), "none");
    EXPECT_TEXT(name_of(command_find(table, SLICE("fetch"))), "fetch");
    CU_ASSERT(command_table_rename(table, SLICE("box"), SLICE("crate")));
    EXPECT_TEXT(name_of(command_find_full(table, SLICE("crate|open"))), "crate|open");
    CU_ASSERT(command_table_rename(table, SLICE("crate"), SLICE("")));
    EXPECT_TEXT(name_of(command_find(table, SLICE("crate"))), "none");
    CU_ASSERT_EQUAL(command_table_count(table), 2);
    command_table_free(&table);
}

UNIT_TEST(command, a_mode_replaces_and_keeps) {
    static const struct command own[] = {{.name = "get", .arity = 3, .body = nothing}, {.name = "box", .arity = 1, .body = nothing}};
    struct command_table       *table = sample_table();
    unsigned                    id = command_find(table, SLICE("get"))->id;
    command_table_add(table, own, COUNT_OF(own));
    CU_ASSERT_EQUAL(command_find(table, SLICE("get"))->row->arity, 3);
    CU_ASSERT_EQUAL(command_find(table, SLICE("get"))->id, id); /* the ACL's bit stays */
    CU_ASSERT_EQUAL(command_find(table, SLICE("box"))->subcommand_count, 0);
    command_table_free(&table);
}

static bool is_write(const struct command *row) {
    return (row->flags & COMMAND_WRITE) != 0;
}

UNIT_TEST(command, a_mode_offers_only_some) {
    struct command_table *table = sample_table();
    command_table_keep(table, is_write);
    CU_ASSERT_EQUAL(command_table_count(table), 1);
    EXPECT_TEXT(name_of(command_next(table, NULL)), "restore-asking");
    command_table_free(&table);
}

UNIT_TEST(command, categories_follow_from_flags) {
    struct command_table *table = sample_table();
    CU_ASSERT_EQUAL(command_find(table, SLICE("get"))->categories, COMMAND_CATEGORY_READ | COMMAND_CATEGORY_FAST);
    CU_ASSERT_EQUAL(command_find_full(table, SLICE("box|open"))->categories,
                    COMMAND_CATEGORY_ADMIN | COMMAND_CATEGORY_DANGEROUS | COMMAND_CATEGORY_SLOW);
    CU_ASSERT_EQUAL(command_category_find(SLICE("SortedSet")), COMMAND_CATEGORY_SORTEDSET);
    CU_ASSERT_EQUAL(command_category_find(SLICE("nosuch")), 0);
    command_table_free(&table);
}

/* The lint of every row that core has: described, and sane. */
UNIT_TEST(command, every_row_of_core_is_described) {
    struct fixture f;
    fixture_init(&f);
    for (struct command_entry *entry = NULL; (entry = command_next(f.server->commands, entry));) {
        const struct command *row = entry->row;
        if (row->name[0] == 't' && !row->summary) continue; /* the fixture's own */
        bool is_good = row->summary && row->summary[0] && row->summary[strlen(row->summary) - 1] == '.' && row->since &&
                       row->body && row->arity != 0;
        if (!is_good) fprintf(stderr, "row %s is not described\n", row->name);
        CU_ASSERT(is_good);
    }
    fixture_fini(&f);
}

/* ---- COMMAND ---- */

UNIT_TEST(command_docs, info_tells_what_the_row_says) {
    struct fixture f;
    fixture_init(&f);
    EXPECT_REPLY(&f, "command info tget",
                 "*1|*10|$4|tget|:2|*2|+readonly|+fast|:1|:1|:1|*2|+@read|+@fast|*0|*1|*6|$5|flags|*2|+RO|+access|"
                 "$12|begin_search|*4|$4|type|$5|index|$4|spec|*2|$5|index|:1|$9|find_keys|*4|$4|type|$5|range|$4|spec|"
                 "*6|$7|lastkey|:0|$7|keystep|:1|$5|limit|:0|*0|");
    EXPECT_REPLY(&f, "command info nosuch", "*1|$-1|");
    fixture_fini(&f);
}

UNIT_TEST(command_docs, getkeys_finds_or_explains) {
    struct fixture f;
    fixture_init(&f);
    EXPECT_REPLY(&f, "command getkeys tset a b", "*1|$1|a|");
    EXPECT_REPLY(&f, "command getkeysandflags tset a b", "*1|*2|$1|a|*2|+RW|+update|");
    EXPECT_REPLY(&f, "command getkeys tset a", "-ERR Invalid number of arguments specified for command|");
    EXPECT_REPLY(&f, "command getkeys ping x", "-ERR The command has no key arguments|");
    EXPECT_REPLY(&f, "command getkeys nosuch x", "-ERR Invalid command specified|");
    fixture_fini(&f);
}

UNIT_TEST(command_docs, list_filters) {
    struct fixture f;
    fixture_init(&f);
    EXPECT_REPLY(&f, "command list filterby pattern tg*", "*1|$4|tget|");
    EXPECT_REPLY(&f, "command list filterby module x", "*0|");
    EXPECT_REPLY(&f, "command list filterby aclcat nosuch", "*0|");
    EXPECT_REPLY(&f, "command list filterby x y", "-ERR syntax error|");
    EXPECT_REPLY(&f, "command list x", "-ERR syntax error|");
    fixture_fini(&f);
}
