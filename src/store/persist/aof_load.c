#include "store/persist/aof_load.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/server.h"
#include "store/keyspace/databases.h"
#include "store/persist/aof_file.h"
#include "store/persist/aof_manifest_file.h"
#include "store/persist/loading_internal.h"
#include "store/persist/persistence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SERVE_EVERY_COMMANDS = 64, REPLIES_MAX_BYTES = 16 * 1024, ERRORS_TOLD = 10 };

struct run {
    struct loading                *loading;
    const struct aof_load_options *options;
    struct client                 *client;
    struct aof_file               *file;
    const char                    *path;      /* of the file that is being read */
    uint64_t                       commands, failures;
    uint64_t                       good_until; /* of the file: what is complete ends there */
};

/* ---- one command ---- */

static bool arity_fits(const struct command_entry *entry, int argc) {
    int arity = entry->row->arity;
    return arity >= 0 ? argc == arity : argc >= -arity;
}

/* Whatever a server may have written, and what does no harm. */
static bool belongs_there(const struct command_entry *entry) {
    if (entry->flags & (COMMAND_WRITE | COMMAND_MAY_REPLICATE | COMMAND_READONLY)) return true;
    static const char *const others[] = {"select", "multi", "exec", "discard", "ping", "echo"};
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (strcmp(entry->name, others[i]) == 0) return true;
    return false;
}

static void drop_replies(struct client *client) {
    struct bytes replies = {0};
    reply_take(client, &replies);
    bytes_fini(&replies);
}

/* The server that wrote the file did not fail in it: something is not as it was then. */
static void say_failure(struct run *run, const struct command_entry *entry, size_t before) {
    struct bytes replies = {0};
    char text[256];
    reply_take(run->client, &replies);
    if (run->failures++ < ERRORS_TOLD) {
        slice_print_plain(slice_trim(slice_make(replies.data + before, replies.size - before)), text, sizeof text);
        LOG_WRITE(LOG_WARNING, "The command %s at offset %llu of %s failed: %s", entry->name,
                  (unsigned long long)aof_file_offset(run->file), run->path, text);
    }
    bytes_fini(&replies);
    run->client->server->stats.unexpected_error_replies++;
    if (run->loading->settings->propagation_errors != PERSIST_ERRORS_STOP) return;
    LOG_WRITE(LOG_WARNING, "The server stops because a command of %s failed (propagation-error-behavior)", run->path);
    abort();
}

static void execute(struct run *run, struct command_entry *entry, const struct aof_reader *reader) {
    struct client *client = run->client;
    struct server *server = client->server;
    size_t         before = reply_pending_bytes(client);
    uint64_t       errors = server->stats.error_replies;
    client_set_request(client, reader->argc, reader->argv, (struct slice){0});
    if (!dispatch_is_taken(client, entry)) dispatch_call(client, entry, DISPATCH_NO_PROPAGATE | DISPATCH_NO_STATS);
    if (UNLIKELY(server->stats.error_replies > errors)) say_failure(run, entry, before);
    else if (reply_pending_bytes(client) > REPLIES_MAX_BYTES) drop_replies(client);
}

static bool repeat(struct run *run, struct error *err) {
    const struct aof_reader *reader = aof_file_reader(run->file);
    struct command_entry *entry = command_find_request(run->client->server->commands, reader->argv, reader->argc);
    unsigned long long offset = (unsigned long long)aof_file_offset(run->file);
    char name[64];
    slice_print_plain(reader->argv[0], name, sizeof name);
    if (!entry && slice_is_nocase(reader->argv[0], "function")) { /* as libraries in a dump file are left out */
        run->loading->libraries++;
        return true;
    }
    if (!entry || entry->subcommand_count)
        return error_set(err, "at offset %llu: unknown command '%s'; this version of kvd does not have it", offset, name);
    if (!belongs_there(entry)) return error_set(err, "at offset %llu: the command '%s' does not belong into it", offset, name);
    if (!arity_fits(entry, reader->argc))
        return error_set(err, "at offset %llu: wrong number of arguments for '%s'", offset, name);
    execute(run, entry, reader);
    run->commands++;
    return true;
}

/* ---- one file ---- */

/* What lies behind good_until is cut off, on the disk too. */
static bool cut(struct run *run, uint64_t size, struct error *err) {
    int fd = open(run->path, O_WRONLY | O_CLOEXEC);
    bool good = fd >= 0 && ftruncate(fd, (off_t)run->good_until) == 0 && fsync(fd) == 0;
    int reason = errno;
    if (fd >= 0 && close(fd) != 0 && good) good = false, reason = errno;
    if (!good)
        return error_set(err, "can't cut %s to its first %llu bytes: %s", run->path, (unsigned long long)run->good_until,
                         strerror(reason));
    LOG_WRITE(LOG_WARNING, "The append-only file %s ended within a command or a transaction. It was cut from %llu to %llu bytes "
                           "(aof-load-truncated is yes)",
              run->path, (unsigned long long)size, (unsigned long long)run->good_until);
    return true;
}

static bool end_early(struct run *run, bool is_last, struct error *err) {
    if (run->client->flags & CLIENT_IN_MULTI)
        error_set(err, "a transaction that begins at offset %llu has no EXEC", (unsigned long long)run->good_until);
    if (!is_last)
        return error_prefix(err, "Unexpected end, but more files follow this one: something of it is missing. Restore it from a "
                                 "backup");
    if (!run->options->may_be_short)
        return error_prefix(err, "Unexpected end. Cut it with kvd-check-aof --fix after making a backup, or set "
                                 "aof-load-truncated to yes");
    return cut(run, aof_file_size(run->file), err);
}

/* Nothing is known of where the data is once something follows. */
static void forget_place(struct run *run) {
    run->loading->place = (struct rdb_place){.offset = -1};
}

static void look_at_remark(struct run *run) {
    struct rdb_place place = {.offset = -1};
    struct slice     id;
    if (run->client->flags & CLIENT_IN_MULTI) return;
    run->good_until = aof_file_next_offset(run->file);
    if (!aof_reader_place(aof_file_reader(run->file)->remark, &id, &place.offset, &place.stream_db)) return;
    if (id.size >= sizeof place.id) return;
    memcpy(place.id, id.data, id.size); /* ... whose end is zeroed */
    run->loading->place = place;
}

static bool read_commands(struct run *run, bool is_last, struct error *err) {
    struct loading *loading = run->loading;
    for (uint64_t turn = 1;; turn++) {
        switch (aof_file_next(run->file, err)) {
        case AOF_FILE_COMMAND:
            forget_place(run);
            if (!repeat(run, err)) return false;
            if (!(run->client->flags & CLIENT_IN_MULTI)) run->good_until = aof_file_next_offset(run->file);
            break;
        case AOF_FILE_REMARK: look_at_remark(run); break;
        case AOF_FILE_END: return !(run->client->flags & CLIENT_IN_MULTI) || end_early(run, is_last, err);
        case AOF_FILE_SHORT: return end_early(run, is_last, err);
        case AOF_FILE_BAD:
            return error_prefix(err, "Bad file format. Make a backup, then see what kvd-check-aof says and whether its --fix "
                                     "would cut more than you can lose");
        case AOF_FILE_UNREADABLE: return false;
        }
        if (turn % SERVE_EVERY_COMMANDS) continue;
        loading->at_bytes = aof_file_offset(run->file);
        loading_serve(loading);
        if (loading_is_over(loading)) return true;
    }
}

static bool read_preamble(struct run *run, struct error *err) {
    bool has;
    uint64_t end;
    if (!aof_file_has_preamble(run->file, &has, err)) return false;
    if (!has) return true;
    LOG_WRITE(LOG_NOTICE, "Reading RDB base file on AOF loading...");
    switch (loading_read_dump(run->loading, run->path, false, &end, err)) {
    case LOADING_DONE: break;
    case LOADING_ABSENT: return error_set(err, "it vanished");
    case LOADING_FAILED: return error_prefix(err, "in the dump that it begins with");
    }
    run->good_until = end;
    forget_place(run); /* a base has no place of its own */
    return aof_file_seek(run->file, end, err);
}

static bool read_file(struct run *run, const char *name, bool is_base, bool is_last, struct error *err) {
    struct loading *loading = run->loading;
    int64_t         start_us = clock_now_us();
    char           *path = aof_manifest_file_path(run->options->folder, name);
    bool            good = false;
    run->path = path;
    run->client = client_new_fake(loading->server);
    run->client->flags |= CLIENT_LOADING | CLIENT_IS_INTERNAL;
    run->good_until = 0;
    loading->at_bytes = 0;
    switch (aof_file_open(&run->file, path, err)) {
    case AOF_FILE_OPEN:
        good = read_preamble(run, err) && (loading_is_over(loading) || read_commands(run, is_last, err));
        loading->before_bytes += aof_file_size(run->file);
        aof_file_close(&run->file);
        if (!good) error_prefix(err, "the append-only file %s", path);
        break;
    case AOF_FILE_ABSENT: error_set(err, "the append-only file %s is in the manifest, but it is not there", path); break;
    case AOF_FILE_FAILED: break;
    }
    if (good && !loading_is_over(loading))
        LOG_WRITE(LOG_NOTICE, "DB loaded from %s file %s: %.3f seconds", is_base ? "base" : "incr", name,
                  (double)(clock_now_us() - start_us) / 1e6);
    loading->at_bytes = 0;
    client_free(&run->client); /* and a transaction that did not end */
    mem_free(path);
    return good;
}

/* ---- all files ---- */

static bool add_size(const char *folder, const char *name, uint64_t *sum, struct error *err) {
    uint64_t bytes;
    if (!aof_manifest_file_size(folder, name, &bytes))
        return error_set(err, "the manifest lists %s/%s: %s", folder, name, strerror(errno));
    *sum += bytes;
    return true;
}

/* Of what the manifest lists, which must be there. */
static bool measure(const char *folder, const struct aof_manifest *manifest, uint64_t *base, uint64_t *all, struct error *err) {
    const struct aof_entry *entry = aof_manifest_base(manifest);
    *base = 0;
    if (entry && !add_size(folder, entry->name, base, err)) return false;
    *all = *base;
    for (size_t i = 0; i < aof_manifest_incr_count(manifest); i++)
        if (!add_size(folder, aof_manifest_incr(manifest, i)->name, all, err)) return false;
    return true;
}

static bool read_files(struct run *run, const struct aof_manifest *manifest, struct error *err) {
    const struct aof_entry *base = aof_manifest_base(manifest);
    size_t count = aof_manifest_incr_count(manifest);
    if (base && !read_file(run, base->name, true, count == 0, err)) return false;
    for (size_t i = 0; i < count; i++) {
        if (loading_is_over(run->loading)) return true;
        if (!read_file(run, aof_manifest_incr(manifest, i)->name, false, i + 1 == count, err)) return false;
    }
    return true;
}

static bool load(struct loading *loading, const struct aof_load_options *options, struct aof_loaded *loaded, struct error *err) {
    struct server *server = loading->server;
    uint64_t       dirty = server->dirty;
    struct run     run = {.loading = loading, .options = options};
    loading_begin(loading, options->serves, false);
    loading->keeps_past = true; /* what ended is told as a DEL; until then it was there */
    loading->total_bytes = loaded->all_bytes;
    bool good = read_files(&run, loaded->manifest, err);
    loading_finish(loading);
    server->dirty = dirty;
    loaded->commands = run.commands;
    if (!good || loading_is_over(loading)) return good;
    if (run.failures)
        LOG_WRITE(LOG_WARNING, "%llu commands of the append-only file failed: the data may differ from what was written",
                  (unsigned long long)run.failures);
    LOG_WRITE(LOG_NOTICE, "DB loaded from append only file: %.3f seconds", (double)(clock_now_us() - loading->start_us) / 1e6);
    return measure(options->folder, loaded->manifest, &loaded->base_bytes, &loaded->all_bytes, err);
}

/* ---- a file of the time before there was a folder ---- */

/* Whether the file <stem> in the working directory is to be the base: there is no list yet, or the list names just it and
 * the server ended before it was moved. */
static bool is_to_be_moved(const struct aof_load_options *options, const struct aof_manifest *manifest) {
    uint64_t bytes;
    const struct aof_entry *base = aof_manifest_base(manifest);
    if (access(options->stem, F_OK) != 0) return false;
    if (aof_manifest_is_empty(manifest)) return true;
    return base && !aof_manifest_incr_count(manifest) && strcmp(base->name, options->stem) == 0 &&
           !aof_manifest_file_size(options->folder, options->stem, &bytes) && errno == ENOENT;
}

static bool move_old(const struct aof_load_options *options, struct aof_manifest *manifest, struct error *err) {
    if (!aof_manifest_file_make_folder(options->folder, err)) return false;
    if (aof_manifest_is_empty(manifest)) {
        aof_manifest_adopt(manifest, options->stem);
        if (!aof_manifest_file_write(options->folder, options->stem, manifest, err)) return false;
    }
    char *path = aof_manifest_file_path(options->folder, options->stem);
    bool good = rename(options->stem, path) == 0 && file_sync_directory(path) && file_sync_directory(options->stem);
    if (good) LOG_WRITE(LOG_NOTICE, "Successfully migrated an old-style AOF configuration (%s) into the AOF folder (%s)",
                        options->stem, options->folder);
    else error_set(err, "can't move the append-only file %s to %s: %s", options->stem, path, strerror(errno));
    mem_free(path);
    return good;
}

enum loading_result aof_load_run(struct loading *loading, const struct aof_load_options *options, struct aof_loaded *loaded,
                                 struct error *err) {
    bool is_there;
    *loaded = (struct aof_loaded){.manifest = aof_manifest_file_read(options->folder, options->stem, &is_there, err)};
    if (!loaded->manifest) return LOADING_FAILED;
    bool good = !is_to_be_moved(options, loaded->manifest) || move_old(options, loaded->manifest, err);
    if (good && aof_manifest_is_empty(loaded->manifest)) return LOADING_ABSENT;
    good = good && measure(options->folder, loaded->manifest, &loaded->base_bytes, &loaded->all_bytes, err) &&
           load(loading, options, loaded, err);
    if (!good) aof_manifest_free(&loaded->manifest);
    return good ? LOADING_DONE : LOADING_FAILED;
}
