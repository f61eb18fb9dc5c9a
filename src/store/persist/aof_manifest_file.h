/* The manifest of an append-only file on the disk: read, replaced, and where the files that it lists lie.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/persist/aof_manifest.h"

/* "<folder>/<name>". gives: mem_free() */
char *aof_manifest_file_path(const char *folder, const char *name);
/* The folder, made where it is missing. */
MUST_USE bool aof_manifest_file_make_folder(const char *folder, struct error *err);

/* Gives what <folder>/<stem>.manifest says; an empty list where there is no such file (`*is_there`). NULL: `err`. */
MUST_USE struct aof_manifest *aof_manifest_file_read(const char *folder, const char *stem, bool *is_there, struct error *err);
/* Puts it in place so that after a crash the old or the new one is there. Blocks. */
MUST_USE bool aof_manifest_file_write(const char *folder, const char *stem, const struct aof_manifest *manifest, struct error *err);
/* Bytes of a file. False: it is not there, or something else is wrong; errno says what. */
MUST_USE bool aof_manifest_file_size(const char *folder, const char *name, uint64_t *bytes);
