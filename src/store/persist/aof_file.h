/* One append-only file, read command by command.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/error.h"
#include "store/persist/aof_read.h"

struct aof_file;

enum aof_file_opened { AOF_FILE_OPEN, AOF_FILE_ABSENT, AOF_FILE_FAILED };
/* Gives: aof_file_close(). */
enum aof_file_opened aof_file_open(struct aof_file **file, const char *path, struct error *err);
void                 aof_file_close(struct aof_file **file);

uint64_t aof_file_size(const struct aof_file *file); /* bytes, as of opening */
/* Whether it begins with a dump file ("REDIS"). Only before the first command was read. False: it cannot be
 * read, or is empty although its name says that it is a dump (".rdb"). */
MUST_USE bool aof_file_has_preamble(struct aof_file *file, bool *has, struct error *err);
/* Reading goes on at this offset. */
MUST_USE bool aof_file_seek(struct aof_file *file, uint64_t offset, struct error *err);

enum aof_file_result {
    AOF_FILE_COMMAND, /* aof_file_reader()'s argv, lent until the next call */
    AOF_FILE_REMARK,
    AOF_FILE_END,     /* after the last command */
    AOF_FILE_SHORT,   /* it ends within a command that begins at aof_file_offset() */
    AOF_FILE_BAD,     /* `err` says what is wrong and at which offset */
    AOF_FILE_UNREADABLE
};
enum aof_file_result     aof_file_next(struct aof_file *file, struct error *err);
const struct aof_reader *aof_file_reader(const struct aof_file *file);
uint64_t aof_file_offset(const struct aof_file *file); /* where what was read last (or could not be) begins */
uint64_t aof_file_next_offset(const struct aof_file *file); /* where the next one begins */
uint64_t aof_file_wrong_offset(const struct aof_file *file); /* of AOF_FILE_BAD: what is wrong lies there */
