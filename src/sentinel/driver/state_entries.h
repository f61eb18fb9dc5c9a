/* The machine's state records as entries of the state file, and back.
 *
 * One entry a record: the key says what it is about ("vote and epochs of primary mymaster" is `primary mymaster`), the
 * value is pairs of field and text: `host 10.0.0.1 port 6379 config-epoch 3`. Words that are empty or hold blanks,
 * quotes or other bytes are quoted.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/driver/state_file.h"
#include "sentinel/machine/state.h"

/* Makes the file's entries be exactly these records; only what differs counts as changed. */
void state_entries_store(struct state_file *file, const struct state_records *records);
/* Which keys the file has of each primary, so that what is gone can be told from a part of the records. */
struct state_index;
struct state_index *state_index_new(void);              /* gives: state_index_free() */
void state_index_free(struct state_index **index);      /* takes */
/* The same for what machine_take_changes() gave; `whole` is what it returned. The first call must be a whole one. */
void state_entries_store_changes(struct state_file *file, struct state_index *index,
                                 const struct state_records *records, bool whole);
/* Adds the file's entries to `records`, in the machine's order. False: an entry makes no sense (`err`); the file was
 * written by us and its checksums are good, so this is for refusing to start. */
MUST_USE bool state_entries_read(const struct state_file *file, struct state_records *records, struct error *err);
