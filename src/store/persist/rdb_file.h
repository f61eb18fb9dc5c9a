/* RDB files: saved beside the old one, synced and put in its place; read in pieces, so that others can work in between.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/error.h"
#include "store/persist/rdb_load.h"

struct databases;
struct rdb_out;
struct rdb_save;

struct rdb_file_options {
    bool compress, checksum, incremental_sync;
};

/* Writes temp-<pid>.rdb in the working directory, syncs it, renames it to `name` and syncs the directory. False: `err`
 * says why; the old file is as it was and the temporary one is gone. */
MUST_USE bool rdb_file_save(const char *name, struct databases *databases, const struct rdb_save *save,
                            const struct rdb_file_options *options, struct error *err);
/* What is put out by somebody else, saved in the same way and with nothing added: commands, say. `write` returns false when it
 * gave up. */
typedef bool rdb_file_writer(void *context, struct rdb_out *out); /* a function */
MUST_USE bool rdb_file_save_other(const char *name, rdb_file_writer *write, void *context, bool incremental_sync,
                                  struct error *err);
/* The temporary file of a process that was killed while it saved. */
void rdb_file_remove_temporary(long pid);

struct rdb_file;

enum rdb_file_opened { RDB_FILE_OPEN, RDB_FILE_ABSENT, RDB_FILE_FAILED };
/* Gives: rdb_file_close(). Takes the loader when it is opened. */
enum rdb_file_opened rdb_file_open(struct rdb_file **file, const char *name, struct rdb_loader **loader, struct error *err);
/* Reads a piece (a quarter of a mebibyte, or more where one text is longer). RDB_MORE: there is more. */
enum rdb_result rdb_file_step(struct rdb_file *file, struct error *err);
uint64_t        rdb_file_size(const struct rdb_file *file);   /* bytes, as of opening */
uint64_t        rdb_file_offset(const struct rdb_file *file); /* bytes loaded */
const struct rdb_loader *rdb_file_loader(const struct rdb_file *file);
void            rdb_file_close(struct rdb_file **file);
