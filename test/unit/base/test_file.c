#include "lib/unit.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char *own_directory(void) {
    char *path = mem_strdup("/tmp/kvd-unit-file-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(path));
    return path;
}

static void expect_contents(const char *path, const char *wanted) {
    char text[64] = "";
    uint64_t size;
    int fd = file_open_to_read(path, &size);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(size, strlen(wanted));
    CU_ASSERT_EQUAL(read(fd, text, sizeof text - 1), (ssize_t)strlen(wanted));
    EXPECT_TEXT(text, wanted);
    CU_ASSERT_EQUAL(close(fd), 0);
}

UNIT_TEST(file, replaced_as_a_whole_and_read) {
    char *directory = own_directory(), *path = mem_printf("%s/a", directory);
    struct error err;
    struct stat status;
    CU_ASSERT(file_replace(path, slice_text("one"), 0600, &err));
    expect_contents(path, "one");
    CU_ASSERT_EQUAL(stat(path, &status), 0);
    CU_ASSERT_EQUAL(status.st_mode & 0777, 0600);
    CU_ASSERT(file_replace(path, slice_text("another"), 0644, &err));
    expect_contents(path, "another");
    CU_ASSERT_EQUAL(stat(path, &status), 0);
    CU_ASSERT_EQUAL(status.st_mode & 0777, 0600); /* as it was */
    CU_ASSERT(file_replace(path, slice_text(""), 0644, &err));
    expect_contents(path, "");
    CU_ASSERT(file_sync_directory(path));
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_EQUAL(rmdir(directory), 0); /* nothing else is left in it */
    mem_free(path);
    mem_free(directory);
}

UNIT_TEST(file, what_is_no_file_is_not_opened) {
    char *directory = own_directory(), *path = mem_printf("%s/absent", directory);
    struct error err;
    uint64_t size;
    CU_ASSERT_EQUAL(file_open_to_read(path, &size), -1);
    CU_ASSERT_EQUAL(errno, ENOENT);
    CU_ASSERT_EQUAL(file_open_to_read(directory, &size), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    char *below = mem_printf("%s/absent/b", directory);
    CU_ASSERT_FALSE(file_replace(below, slice_text("x"), 0600, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "cannot be made"));
    CU_ASSERT_EQUAL(rmdir(directory), 0);
    mem_free(below);
    mem_free(path);
    mem_free(directory);
}
