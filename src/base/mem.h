/* Memory from the process's allocator, counted.
 *
 * mem_alloc and its kin never return NULL: when memory is out the process says so and aborts. mem_try_alloc is for sizes
 * that a peer chose.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
void *mem_realloc(void *memory, size_t size);
void *mem_try_alloc(size_t size); /* NULL: not to be had */
void  mem_free(void *memory);     /* NULL is allowed */
char *mem_strdup(const char *text);
char *mem_strndup(const char *text, size_t size);
char *mem_printf(const char *format, ...) PRINTF_LIKE(1, 2); /* gives: mem_free() */

/* Bytes really set aside for a block, which may be more than was asked for. */
size_t mem_size(const void *memory);
/* The size that an allocation of `size` bytes will take. */
size_t mem_good_size(size_t size);

/* Bytes in use by the threads that were counted: the first that asks, and those between mem_thread_begin() and its end.
 * Exact where the allocator is jemalloc, also for memory that one of them took and another gave back; glibc's own count
 * elsewhere. Cheap. */
size_t mem_used(void);
/* A thread that takes or gives back others' memory calls these first and last. */
void mem_thread_begin(void);
void mem_thread_end(void);
/* "jemalloc-5.3.0" or "libc": INFO's mem_allocator. */
const char *mem_allocator(void);

struct mem_stats {
    size_t allocated, active, resident, muzzy; /* bytes; 0 where the allocator does not tell */
};
void   mem_read_stats(struct mem_stats *stats);
size_t mem_rss(void); /* resident bytes of this process, from the kernel */

/* For tests: the n-th allocation from now by mem_try_alloc fails (0: none). */
void mem_fail_try(unsigned nth);
/* Moves the block where that makes memory denser: where its run of equal blocks is no fuller than those of its size are on
 * average, so that the run may become free. NULL: it stays where it is. Else takes, gives the copy. */
void *mem_defrag(void *memory);
bool  mem_can_defrag(void); /* the allocator tells what mem_defrag() must know */
/* Returns unused pages to the kernel (MEMORY PURGE). False: the allocator cannot. */
bool mem_purge(void);
