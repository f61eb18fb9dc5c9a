#include "core/acl/acl_file.h"
#include "base/mem.h"
#include "core/command/command.h"
#include "lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void nothing(struct client *client) {
    (void)client;
}

static const struct command rows[] = {
    {.name = "get", .arity = 2, .body = nothing},
    {.name = "set", .arity = 3, .body = nothing},
};

struct fixture {
    struct command_table *commands;
    struct users         *users;
    struct bytes          problems;
};

static void fixture_init(struct fixture *f) {
    *f = (struct fixture){.commands = command_table_new()};
    command_table_add(f->commands, rows, COUNT_OF(rows));
    f->users = users_new(f->commands);
}

static void fixture_fini(struct fixture *f) {
    bytes_fini(&f->problems);
    users_free(&f->users);
    command_table_free(&f->commands);
}

static void expect_user(struct fixture *f, const char *name, const char *description) {
    struct bytes text = {0};
    struct user *user = users_find(f->users, slice_text(name));
    CU_ASSERT_PTR_NOT_NULL_FATAL(user);
    user_describe(user, &text);
    EXPECT_TEXT(bytes_text(&text), description);
    bytes_fini(&text);
}

UNIT_TEST(acl_file, reads_users_comments_and_blank_lines) {
    struct fixture f;
    fixture_init(&f);
    CU_ASSERT(acl_file_parse(f.users, "f", SLICE("# users\n\nuser a on  nopass ~x +get\t(+set ~y)\r\n  user b\n"),
                             &f.problems));
    expect_user(&f, "a", "on nopass ~x resetchannels -@all +get (~y resetchannels -@all +set)");
    expect_user(&f, "b", "off resetchannels -@all");
    expect_user(&f, "default", "on nopass ~* &* +@all");
    CU_ASSERT(acl_file_parse(f.users, "f", SLICE("user default on nopass +get\n"), &f.problems));
    expect_user(&f, "default", "on nopass resetchannels -@all +get");
    CU_ASSERT_EQUAL(users_count(f.users), 1);
    fixture_fini(&f);
}

UNIT_TEST(acl_file, names_every_bad_line_and_changes_nothing) {
    struct fixture f;
    fixture_init(&f);
    CU_ASSERT(acl_file_parse(f.users, "f", SLICE("user a on +get\n"), &f.problems));
    CU_ASSERT_FALSE(acl_file_parse(f.users, "u.acl", SLICE("user b on\nuser c on +foo\n\nusr d\nuser b\nuser e (+get\n"),
                                   &f.problems));
    EXPECT_TEXT(bytes_text(&f.problems),
                "u.acl:2: Error in ACL SETUSER modifier '+foo': Unknown command or category name in ACL. "
                "u.acl:4: should start with user keyword followed by the username. "
                "u.acl:5: Duplicate user 'b' found. A user can only be defined once in config files. "
                "u.acl:6: Unmatched parenthesis in acl selector starting at '(+get'. "
                "WARNING: ACL errors detected, no change to the previously active ACL rules was performed");
    expect_user(&f, "a", "on resetchannels -@all +get");
    CU_ASSERT_PTR_NULL(users_find(f.users, SLICE("b")));
    fixture_fini(&f);
}

UNIT_TEST(acl_file, saves_what_it_loads) {
    struct fixture f;
    char           directory[] = "/tmp/kvd-acl-XXXXXX";
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
    char *path = mem_printf("%s/users.acl", directory);
    fixture_init(&f);
    CU_ASSERT(acl_file_parse(f.users, "f", SLICE("user a on >secret ~x +get\nuser b off &n\n"), &f.problems));
    struct error err;
    CU_ASSERT(acl_file_save(f.users, path, &err));
    struct stat info;
    CU_ASSERT(stat(path, &info) == 0 && (info.st_mode & 0777) == 0600);
    CU_ASSERT(acl_file_parse(f.users, "f", SLICE(""), &f.problems));
    CU_ASSERT_EQUAL(users_count(f.users), 1);
    CU_ASSERT(acl_file_load(f.users, path, &f.problems));
    expect_user(&f, "a", "on #2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b ~x resetchannels -@all +get");
    expect_user(&f, "b", "off resetchannels &n -@all");
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_FALSE(acl_file_load(f.users, path, &f.problems));
    CU_ASSERT_EQUAL(users_count(f.users), 3);
    CU_ASSERT_EQUAL(rmdir(directory), 0); /* no temporary file is left */
    CU_ASSERT_FALSE(acl_file_save(f.users, path, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "No such file"));
    mem_free(path);
    fixture_fini(&f);
}
