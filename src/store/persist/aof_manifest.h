/* The list of the files that make up an append-only file: which are read in which order, and which are to be removed.
 *
 *     file appendonly.aof.2.base.rdb seq 2 type b      b: the base, the data as of a rewrite; at most one
 *     file appendonly.aof.3.incr.aof seq 3 type i      i: what came after it; read in the order of their numbers
 *     file "old \"x\".1.incr.aof" seq 1 type h         h: history, replaced and to be removed
 *
 * The form of Redis 7.0: a line is pairs of a word and a value; pairs whose word is unknown are passed over, a line that
 * starts with # is a remark. A name with blanks, quotes or other bytes is quoted. Knows no files and no folder.
 *
 * How it changes (each change is made on a copy, written, synced and put in place before anything relies on it):
 *     a rewrite begins   aof_manifest_add_incr(): what comes from the fork on goes there
 *     it succeeded       aof_manifest_retire_incr(keep: the one of the fork), aof_manifest_replace_base()
 *     files were removed aof_manifest_forget_history()
 *
 * Invariants: A1 the names of base and incr files are all different, A2 the numbers of incr files grow.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "base/error.h"

struct aof_manifest;

enum aof_type { AOF_BASE = 'b', AOF_INCR = 'i', AOF_HISTORY = 'h' };
enum { AOF_NAME_MAX = 255, AOF_LINE_MAX = 1024, AOF_FILES_MAX = 65536 }; /* bytes of a name, of a line; files listed */

struct aof_entry {
    char         *name; /* in the folder; no path */
    int64_t       number;
    enum aof_type type;
};

struct aof_manifest *aof_manifest_new(void); /* lists nothing. gives: aof_manifest_free() */
struct aof_manifest *aof_manifest_copy(const struct aof_manifest *manifest);
void                 aof_manifest_free(struct aof_manifest **manifest); /* NULL inside is allowed */

/* Gives what the text says. NULL: `err` says what is wrong and in which line. */
MUST_USE struct aof_manifest *aof_manifest_parse(struct slice text, struct error *err);
/* The text, base first, then history, then incr files. Adds. */
void aof_manifest_print(const struct aof_manifest *manifest, struct bytes *out);

/* ---- what is there; entries are lent until the manifest changes ---- */
const struct aof_entry *aof_manifest_base(const struct aof_manifest *manifest); /* NULL: none */
size_t                  aof_manifest_incr_count(const struct aof_manifest *manifest);
const struct aof_entry *aof_manifest_incr(const struct aof_manifest *manifest, size_t place); /* oldest first */
const struct aof_entry *aof_manifest_last_incr(const struct aof_manifest *manifest);          /* NULL: none */
size_t                  aof_manifest_history_count(const struct aof_manifest *manifest);
const struct aof_entry *aof_manifest_history(const struct aof_manifest *manifest, size_t place);
bool aof_manifest_is_empty(const struct aof_manifest *manifest); /* neither base nor incr files */

/* ---- changes; `stem` is the parameter appendfilename. All but the first lend what was added, NULL: `err` ---- */
/* A file of the time before there was a list becomes the base, by its name. Only into an empty list. */
void aof_manifest_adopt(struct aof_manifest *manifest, const char *name);
/* "<stem>.<number>.base.rdb" or ".aof" is the base; what was it is history. */
MUST_USE const struct aof_entry *aof_manifest_replace_base(struct aof_manifest *manifest, const char *stem, bool is_rdb,
                                                           struct error *err);
/* "<stem>.<number>.incr.aof" is the last to be read. */
MUST_USE const struct aof_entry *aof_manifest_add_incr(struct aof_manifest *manifest, const char *stem, struct error *err);
/* The incr files before the last `keep` are history. */
void aof_manifest_retire_incr(struct aof_manifest *manifest, size_t keep);
/* History as a list of names is no longer needed: the files are gone. */
void aof_manifest_forget_history(struct aof_manifest *manifest);

/* "<stem>.manifest", and what is renamed to it. Adds. */
void aof_manifest_print_name(struct bytes *out, const char *stem);
void aof_manifest_print_temporary_name(struct bytes *out, const char *stem);
