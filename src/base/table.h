/* A hash table from byte strings to pointers, for everything but the keyspace.
 *
 * Keys are copied. Open addressing with linear probing; removal shifts back, so there are no tombstones. Each table
 * has its own random hash key. A table may ignore the case of ASCII letters.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

struct table;

struct table *table_new(void);        /* gives: table_free() */
struct table *table_new_nocase(void); /* gives: table_free() */
void          table_free(struct table **table, void (*free_value)(void *value)); /* takes; free_value may be NULL */

size_t table_count(const struct table *table);
void  *table_find(const struct table *table, struct slice key); /* NULL: absent */
bool   table_has(const struct table *table, struct slice key);
/* Adds or replaces; returns the value that stood there before (NULL: none). */
void *table_set(struct table *table, struct slice key, void *value);
/* Returns the value that was removed (NULL: absent). */
void *table_remove(struct table *table, struct slice key);
void  table_clear(struct table *table, void (*free_value)(void *value));
size_t table_memory(const struct table *table); /* bytes it takes, its keys included */

/* Walks in no order. The table must not change meanwhile, except that the value may be replaced through `value`.
 *     struct table_walk walk = {0};
 *     while (table_next(table, &walk)) use(walk.key, walk.value); */
struct table_walk {
    size_t       place;
    struct slice key;
    void        *value;
};
bool table_next(const struct table *table, struct table_walk *walk);
/* The same, in the order of the keys; gives an array of table_count() walks: mem_free(). */
struct table_walk *table_sorted(const struct table *table);
