/* The commands of an append-only file, one by one, from bytes of which there may be more to come.
 *
 *     *3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n      a command
 *     #TS:1700000000\r\n                             a remark: the time of what follows (aof-timestamp-enabled)
 *     #PLACE:<40 hex digits> 1234 0\r\n              a remark of kvd: where in which stream of replication the data is
 *
 * Stricter than the protocol is read from clients: a file is what a server wrote. No length is believed before that many
 * bytes are there. Knows no files.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

enum aof_read_result {
    AOF_READ_COMMAND, /* argv and argc */
    AOF_READ_REMARK,  /* remark: the line without # and its end */
    AOF_READ_MORE,    /* show the same bytes and more of them, at least `wanted` */
    AOF_READ_BAD      /* `wrong` says how, `wrong_at` how far behind the front */
};

enum { AOF_REMARK_MAX = 1024, AOF_ARGS_MAX = 1024 * 1024 * 64 };

struct aof_reader { /* zeroed is a valid one; aof_reader_fini() */
    struct slice *argv; /* lent as long as the bytes are */
    int           argc;
    struct slice  remark;
    size_t        taken; /* bytes of the command or remark: the next one is behind them */
    size_t        wanted, wrong_at;
    const char   *wrong;
    /* ---- what is known of the command that is not complete ---- */
    size_t at, capacity;
    int    expected; /* arguments; 0: not known yet */
};

void aof_reader_fini(struct aof_reader *reader);
/* What begins at the front of the bytes. */
enum aof_read_result aof_reader_step(struct aof_reader *reader, struct slice bytes);
/* Forgets the command that is not complete. */
void aof_reader_restart(struct aof_reader *reader);
/* The seconds of a remark "TS:1700000000". False: it is another one. */
MUST_USE bool aof_reader_timestamp(struct slice remark, int64_t *wall_s);
/* A remark "PLACE:<replication id> <offset> <database>": up to here the data is what that stream made of it. False: another one. */
MUST_USE bool aof_reader_place(struct slice remark, struct slice *id, int64_t *offset, int *db);
