/* The users' file: one "user <name> <rules>" a line, read and written as a whole.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/acl/user.h"

/* Replaces the users by those of the file. All or nothing: on failure `problems` names every bad line and `users` are
 * as they were. A file that does not mention the default user leaves it without limits and password. */
MUST_USE bool acl_file_load(struct users *users, const char *path, struct bytes *problems);

/* The same from text; `path` is for the problems. */
MUST_USE bool acl_file_parse(struct users *users, const char *path, struct slice text, struct bytes *problems);

/* Writes a temporary file beside it, syncs it and renames it. */
MUST_USE bool acl_file_save(const struct users *users, const char *path, struct error *err);

/* One "name rule rule ..." as the configuration's `user` has it (without the word `user`). A name that is in `seen`
 * (may be NULL) already is refused. */
MUST_USE bool acl_file_define(struct users *users, struct slice line, struct table *seen, struct error *err);
