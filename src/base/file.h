/* Files as a whole: replacing one so that a reader, a crash or a full disk never sees half of it.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "base/error.h"

/* Writes a temporary file beside `path`, syncs it, renames it over `path` and syncs the directory. A symbolic link
 * stays one: what it points to is replaced. Permissions (and, where the process may, owner) stay as they were; a new
 * file gets `mode`. On failure the old file is untouched and the temporary one is gone. Blocks. */
MUST_USE bool file_replace(const char *path, struct slice contents, unsigned mode, struct error *err);
/* Makes a rename of `path`, or its removal, last: syncs the directory that it is in. Blocks. False: errno says why. */
MUST_USE bool file_sync_directory(const char *path);
/* Opens a regular file that will be read from its beginning to its end; its size in bytes as of now. The descriptor is the caller's
 * to close. -1: errno says why (EINVAL: it is something else than a file). */
MUST_USE int file_open_to_read(const char *path, uint64_t *size);
