/* The folder of an append-only file: its list of files on the disk, and what is removed from it.
 *
 * A list is written beside the old one, synced, renamed and the folder synced before anything relies on it.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/persist/aof_manifest.h"

struct aof_folder;
struct aof_sync;
struct persist_settings;

/* Keeps both. gives: aof_folder_free() */
struct aof_folder *aof_folder_new(const struct persist_settings *settings, struct aof_sync *sync);
void               aof_folder_free(struct aof_folder **folder);

/* The list as it is on the disk. Lends until it changes; NULL: nobody has read it yet. */
const struct aof_manifest *aof_folder_list(const struct aof_folder *folder);
/* As it was read at the start. Takes. */
void aof_folder_found(struct aof_folder *folder, struct aof_manifest **list);
/* Makes the folder where it is missing, and reads the list where that was not done yet. Before all that follows. */
MUST_USE bool aof_folder_prepare(struct aof_folder *folder, struct error *err);
/* Puts a list in place of the one before. Takes it when that succeeded. */
MUST_USE bool aof_folder_put(struct aof_folder *folder, struct aof_manifest **list, struct error *err);
/* Where a file of this name lies: "appendonlydir/<name>". gives: mem_free() */
char *aof_folder_path(const struct aof_folder *folder, const char *name);
/* Where commands go that come before there is a base. gives: mem_free() */
char *aof_folder_temporary_path(const struct aof_folder *folder);
/* A file is there, and takes this place and name in the folder. */
MUST_USE bool aof_folder_move_in(struct aof_folder *folder, const char *from, const char *name, struct error *err);
/* What is history goes, and then is no longer listed. Not where aof-disable-auto-gc says so. */
void aof_folder_remove_history(struct aof_folder *folder);
