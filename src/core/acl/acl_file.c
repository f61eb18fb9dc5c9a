#include "core/acl/acl_file.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- reading ---- */

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* The words of a line; gives the array: mem_free(). */
static struct slice *split_words(struct slice line, size_t *count) {
    struct slice *words = mem_alloc((line.size / 2 + 1) * sizeof *words);
    size_t        at = 0;
    *count = 0;
    while (at < line.size) {
        while (at < line.size && is_blank(line.data[at])) at++;
        size_t begin = at;
        while (at < line.size && !is_blank(line.data[at])) at++;
        if (at > begin) words[(*count)++] = slice_make(line.data + begin, at - begin);
    }
    return words;
}

bool acl_file_define(struct users *users, struct slice line, struct table *seen, struct error *err) {
    size_t        count;
    struct slice *words = split_words(line, &count);
    bool          good = false;
    if (count == 0)
        error_set(err, "a user needs a name");
    else if (!users_is_good_name(words[0]))
        error_set(err, "Usernames can't contain spaces or null characters");
    else if (seen != NULL && table_set(seen, words[0], seen) != NULL)
        error_set(err, "Duplicate user '%.*s' found. A user can only be defined once in config files",
                  (int)words[0].size, words[0].data);
    else
        good = users_define(users, words[0], words + 1, count - 1, err);
    mem_free(words);
    return good;
}

static void report(struct bytes *problems, const char *path, unsigned line, const char *what) {
    size_t size = strlen(what);
    bytes_add_printf(problems, "%s%s:%u: %s%s", problems->size > 0 ? " " : "", path, line, what,
                     size > 0 && what[size - 1] == '.' ? "" : ".");
}

bool acl_file_parse(struct users *users, const char *path, struct slice text, struct bytes *problems) {
    struct users *fresh = users_new_like(users);
    struct table *seen = table_new();
    struct slice  rest = text, line;
    size_t        before = problems->size;
    for (unsigned number = 1; slice_split(&rest, '\n', &line); number++) {
        struct error err;
        line = slice_trim(line);
        if (line.size == 0 || line.data[0] == '#') continue;
        if (line.size < 5 || memcmp(line.data, "user", 4) != 0 || !is_blank(line.data[4]))
            report(problems, path, number, "should start with user keyword followed by the username");
        else if (!acl_file_define(fresh, slice_make(line.data + 5, line.size - 5), seen, &err))
            report(problems, path, number, err.text);
    }
    table_free(&seen, NULL);
    bool good = problems->size == before;
    if (good) {
        users_replace(users, &fresh);
    } else {
        bytes_add_text(problems, " WARNING: ACL errors detected, no change to the previously active ACL rules was "
                                 "performed");
        users_free(&fresh);
    }
    return good;
}

static bool read_all(int fd, struct bytes *out) {
    char buffer[16384];
    for (;;) {
        ssize_t size = read(fd, buffer, sizeof buffer);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return size == 0;
        bytes_add(out, buffer, (size_t)size);
    }
}

bool acl_file_load(struct users *users, const char *path, struct bytes *problems) {
    struct bytes text = {0};
    int          fd = open(path, O_RDONLY | O_CLOEXEC);
    bool         good = fd >= 0 && read_all(fd, &text);
    if (!good)
        bytes_add_printf(problems, "Error loading ACLs, opening file '%s': %s", path, strerror(errno));
    if (fd >= 0) close(fd);
    good = good && acl_file_parse(users, path, bytes_slice(&text), problems);
    bytes_fini(&text);
    return good;
}

/* ---- writing ---- */

static void print_users(const struct users *users, struct bytes *out) {
    size_t        count = users_count(users);
    struct user **sorted = users_sorted(users);
    for (size_t i = 0; i < count; i++) {
        bytes_add_printf(out, "user %s ", sorted[i]->name);
        user_describe(sorted[i], out);
        bytes_add_char(out, '\n');
    }
    mem_free(sorted);
}

static bool write_all(int fd, struct slice text) {
    while (text.size > 0) {
        ssize_t size = write(fd, text.data, text.size);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return false;
        text = slice_make(text.data + size, text.size - (size_t)size);
    }
    return true;
}

/* The rename is durable only when the directory is. */
static bool sync_directory(const char *path) {
    char *copy = mem_strdup(path);
    int   fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    mem_free(copy);
    if (fd < 0) return false;
    bool good = fsync(fd) == 0 || errno == EINVAL;
    close(fd);
    return good;
}

bool acl_file_save(const struct users *users, const char *path, struct error *err) {
    struct bytes text = {0};
    print_users(users, &text);
    char *temporary = mem_printf("%s.tmp-%ld", path, (long)getpid());
    /* The file's own permissions; a new one is for its owner alone, as it holds password hashes. */
    struct stat known;
    mode_t      mode = stat(path, &known) == 0 ? known.st_mode & 0777 : 0600;
    int         fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    bool        good = fd >= 0 && write_all(fd, bytes_slice(&text)) && fsync(fd) == 0;
    int         why = errno;
    if (fd >= 0 && close(fd) != 0 && good) {
        good = false;
        why = errno;
    }
    if (good && (rename(temporary, path) != 0 || !sync_directory(path))) {
        good = false;
        why = errno;
    }
    if (!good) {
        unlink(temporary);
        error_set(err, "cannot write the users to %s: %s", path, strerror(why));
    }
    mem_free(temporary);
    bytes_fini(&text);
    return good;
}
