#include "store/persist/aof_check.h"
#include "base/mem.h"
#include "base/number.h"
#include "store/persist/aof_file.h"
#include "store/persist/aof_manifest.h"
#include "store/persist/file_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MANIFEST_HEAD_BYTES = 64, MANIFEST_BYTES_MAX = 64 * 1024 * 1024 };

struct options {
    const char *path;
    bool        fixes, cuts_by_time;
    int64_t     until_s; /* cuts_by_time: what is later goes */
};

/* What there is in one file. */
struct findings {
    uint64_t size, good_until, commands, transactions, keys;
    bool     has_dump, dump_is_damaged, is_late; /* is_late: at good_until something later than wanted begins */
    int64_t  first_s, last_s;                    /* of its remarks about time; 0: it has none */
};

#define NUMBER(number) ((unsigned long long)(number))

/* ---- reading one file ---- */

/* MULTI or EXEC, without arguments. */
static bool is_word(const struct aof_reader *reader, const char *word) {
    return reader->argc == 1 && slice_is_nocase(reader->argv[0], word);
}

/* False: it is too late. */
static bool note_time(struct findings *found, const struct options *options, struct slice remark) {
    int64_t wall_s;
    if (!aof_reader_timestamp(remark, &wall_s)) return true;
    if (options->cuts_by_time && wall_s > options->until_s) {
        found->is_late = true;
        return false;
    }
    if (!found->first_s) found->first_s = wall_s;
    found->last_s = wall_s;
    return true;
}

/* True: to its end, or to what is too late. */
static bool read_commands(struct aof_file *file, struct findings *found, const struct options *options, struct error *err) {
    const struct aof_reader *reader = aof_file_reader(file);
    bool is_open = false; /* a transaction */
    while (true) {
        switch (aof_file_next(file, err)) {
        case AOF_FILE_REMARK:
            if (!note_time(found, options, reader->remark)) return true;
            break;
        case AOF_FILE_COMMAND:
            if (is_word(reader, "multi")) {
                if (is_open) return error_set(err, "at offset %llu: MULTI within a transaction", NUMBER(aof_file_offset(file)));
                is_open = true;
            } else if (is_word(reader, "exec")) {
                if (!is_open) return error_set(err, "at offset %llu: EXEC without MULTI", NUMBER(aof_file_offset(file)));
                is_open = false;
                found->transactions++;
            }
            found->commands++;
            break;
        case AOF_FILE_END:
            return !is_open || error_set(err, "it ends at offset %llu, within a transaction that begins at offset %llu (MULTI "
                                              "without EXEC)", NUMBER(found->size), NUMBER(found->good_until));
        case AOF_FILE_SHORT:
        case AOF_FILE_BAD:
        case AOF_FILE_UNREADABLE: return false;
        }
        if (!is_open) found->good_until = aof_file_next_offset(file);
    }
}

static bool read_file(const char *path, struct findings *found, const struct options *options, struct error *err) {
    struct aof_file *file = NULL;
    switch (aof_file_open(&file, path, err)) {
    case AOF_FILE_OPEN: break;
    case AOF_FILE_ABSENT: return error_set(err, "there is no such file");
    case AOF_FILE_FAILED: return false;
    }
    *found = (struct findings){.size = aof_file_size(file)};
    bool good = aof_file_has_preamble(file, &found->has_dump, err);
    if (good && found->has_dump) {
        good = file_check_preamble(path, &found->good_until, &found->keys, err);
        found->dump_is_damaged = !good;
        good = good && aof_file_seek(file, found->good_until, err);
    }
    good = good && read_commands(file, found, options, err);
    aof_file_close(&file);
    return good;
}

/* ---- telling ---- */

static void print_findings(const char *name, const char *kind, const struct findings *found) {
    printf("%s %s: %llu bytes", kind, name, NUMBER(found->size));
    if (found->has_dump) printf(", a dump of %llu keys", NUMBER(found->keys));
    printf(", %llu commands", NUMBER(found->commands));
    if (found->transactions) printf(", %llu transactions", NUMBER(found->transactions));
    if (found->first_s) printf(", times from %lld to %lld", (long long)found->first_s, (long long)found->last_s);
    printf("\n");
}

static bool ask(void) {
    char answer[16] = "";
    printf("Continue? [y/N]: ");
    (void)fflush(stdout);
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static bool cut(const char *path, uint64_t size) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool good = fd >= 0 && ftruncate(fd, (off_t)size) == 0 && fsync(fd) == 0;
    int reason = errno;
    if (fd >= 0 && close(fd) != 0 && good) good = false, reason = errno;
    if (!good) printf("Failed to truncate AOF %s: %s\n", path, strerror(reason));
    return good;
}

static bool fix(const char *path, const struct findings *found, bool is_last, const struct options *options) {
    if (found->dump_is_damaged) {
        printf("A dump cannot be cut: a server would load none of it. Restore the file from a backup or from a replica.\n");
        return false;
    }
    if (!is_last) {
        printf("Failed to truncate AOF %s because it is not the last file: what follows was written after what would be lost. "
               "Restore it from a backup or from a replica.\n", path);
        return false;
    }
    uint64_t lost = found->size - found->good_until;
    if (!options->fixes) {
        printf("AOF %s is not valid. --fix cuts it to %llu bytes: the %llu bytes behind that, and what they say, are lost. Make a "
               "backup first.\n", path, NUMBER(found->good_until), NUMBER(lost));
        return false;
    }
    printf("This will shrink the AOF %s from %llu bytes, with %llu bytes, to %llu bytes\n", path, NUMBER(found->size),
           NUMBER(lost), NUMBER(found->good_until));
    if (!ask()) {
        printf("Aborting...\n");
        return false;
    }
    if (!cut(path, found->good_until)) return false;
    printf("Successfully truncated AOF %s\n", path);
    return true;
}

static bool cut_by_time(const char *path, const struct findings *found, bool is_last, const struct options *options) {
    if (!is_last) {
        printf("Failed to truncate AOF %s to timestamp %lld because it is not the last file: remove those that follow from the "
               "manifest first, in a copy.\n", path, (long long)options->until_s);
        return false;
    }
    if (!found->good_until) {
        printf("AOF %s has nothing before timestamp %lld, aborting...\n", path, (long long)options->until_s);
        return false;
    }
    if (!cut(path, found->good_until)) return false;
    printf("Successfully truncated AOF %s to timestamp %lld (%llu bytes of %llu)\n", path, (long long)options->until_s,
           NUMBER(found->good_until), NUMBER(found->size));
    return true;
}

static bool check_file(const char *path, const char *name, const char *kind, bool is_last, const struct options *options) {
    struct findings found = {0};
    struct error err = {""};
    bool good = read_file(path, &found, options, &err);
    print_findings(name, kind, &found);
    if (good && found.is_late) return cut_by_time(path, &found, is_last, options);
    if (good) return true;
    printf("%s is damaged: %s\n", name, err.text);
    if (!found.size && !found.good_until) return false; /* it could not be read at all */
    printf("It is whole up to offset %llu: %llu bytes lie behind that.\n", NUMBER(found.good_until),
           NUMBER(found.size - found.good_until));
    return fix(path, &found, is_last, options);
}

/* ---- manifest ---- */

static bool read_text(const char *path, size_t max, struct bytes *out) {
    char piece[4096];
    FILE *file = fopen(path, "rb");
    if (!file) return false;
    for (size_t size; out->size < max && (size = fread(piece, 1, MIN(sizeof piece, max - out->size), file));)
        bytes_add(out, piece, size);
    bool good = !ferror(file);
    return fclose(file) == 0 && good;
}

/* By what its first line says that is no remark; a remark may also be about time, in a file of commands. */
static bool is_manifest(const char *path) {
    struct bytes head = {0};
    size_t length = strlen(path);
    if (length > 9 && strcmp(path + length - 9, ".manifest") == 0) return true;
    bool found = read_text(path, MANIFEST_HEAD_BYTES, &head) && slice_starts_with(bytes_slice(&head), "file ");
    bytes_fini(&head);
    return found;
}

static bool check_listed(const char *manifest, const struct aof_entry *entry, const char *kind, bool is_last,
                         const struct options *options) {
    const char *slash = strrchr(manifest, '/');
    char *path = mem_printf("%.*s%s", slash ? (int)(slash - manifest + 1) : 0, manifest, entry->name);
    bool good = check_file(path, entry->name, kind, is_last, options);
    mem_free(path);
    return good;
}

static bool check_manifest(const struct options *options) {
    struct bytes text = {0};
    struct error err = {""};
    if (!read_text(options->path, MANIFEST_BYTES_MAX, &text)) {
        printf("Can't read the manifest %s: %s\n", options->path, strerror(errno));
        bytes_fini(&text);
        return false;
    }
    struct aof_manifest *manifest = aof_manifest_parse(bytes_slice(&text), &err);
    bytes_fini(&text);
    if (!manifest) {
        printf("The manifest %s is damaged: %s\n", options->path, err.text);
        return false;
    }
    const struct aof_entry *base = aof_manifest_base(manifest);
    size_t count = aof_manifest_incr_count(manifest);
    bool good = !base || check_listed(options->path, base, "base", count == 0, options);
    for (size_t i = 0; i < count && good; i++)
        good = check_listed(options->path, aof_manifest_incr(manifest, i), "incr", i + 1 == count, options);
    if (good && aof_manifest_history_count(manifest))
        printf("%zu files are history: a server removes them\n", aof_manifest_history_count(manifest));
    if (good) printf("All AOF files and manifest are valid\n");
    aof_manifest_free(&manifest);
    return good;
}

/* ---- all ---- */

static bool read_words(int count, char **words, struct options *options) {
    *options = (struct options){0};
    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], "--fix") == 0) {
            options->fixes = true;
        } else if (strcmp(words[i], "--truncate-to-timestamp") == 0 && i + 1 < count) {
            options->cuts_by_time = true;
            if (!number_parse_int(slice_text(words[++i]), &options->until_s) || options->until_s < 0) return false;
        } else if (options->path || strncmp(words[i], "--", 2) == 0) {
            return false;
        } else {
            options->path = words[i];
        }
    }
    return options->path && !(options->fixes && options->cuts_by_time);
}

bool aof_check_run(int count, char **words) {
    struct options options;
    if (!read_words(count, words, &options)) {
        printf("usage: kvd-check-aof [--fix | --truncate-to-timestamp SECONDS] FILE\n"
               "FILE is a manifest (appendonlydir/appendonly.aof.manifest) or one append-only file.\n");
        return false;
    }
    if (is_manifest(options.path)) return check_manifest(&options);
    bool good = check_file(options.path, options.path, "file", true, &options);
    if (good) printf("AOF %s is valid\n", options.path);
    return good;
}
