#include "base/mem.h"
#include "base/log.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

static _Thread_local unsigned fail_try;

static NORETURN void out_of_memory(size_t size) {
    log_write(LOG_WARNING, "Out Of Memory allocating %zu bytes!", size);
    abort();
}

void mem_fail_try(unsigned nth) {
    fail_try = nth;
}

void *mem_alloc(size_t size) {
    void *memory = malloc(size ? size : 1);
    if (UNLIKELY(!memory)) out_of_memory(size);
    return memory;
}

void *mem_zalloc(size_t size) {
    void *memory = calloc(1, size ? size : 1);
    if (UNLIKELY(!memory)) out_of_memory(size);
    return memory;
}

void *mem_realloc(void *memory, size_t size) {
    void *moved = realloc(memory, size ? size : 1);
    if (UNLIKELY(!moved)) out_of_memory(size);
    return moved;
}

void *mem_try_alloc(size_t size) {
    if (fail_try && --fail_try == 0) return NULL;
    return malloc(size ? size : 1);
}

void mem_free(void *memory) {
    free(memory);
}

char *mem_strndup(const char *text, size_t size) {
    char *copy = mem_alloc(size + 1);
    if (size) memcpy(copy, text, size);
    copy[size] = 0;
    return copy;
}

char *mem_strdup(const char *text) {
    return mem_strndup(text, strlen(text));
}

char *mem_printf(const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    CHECK(size >= 0);
    char *text = mem_alloc((size_t)size + 1);
    vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}

size_t mem_size(const void *memory) {
    return memory ? malloc_usable_size((void *)memory) : 0;
}

size_t mem_rss(void) {
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) return 0;
    unsigned long pages = 0, resident = 0;
    if (fscanf(file, "%lu %lu", &pages, &resident) != 2) resident = 0;
    fclose(file);
    return (size_t)resident * (size_t)sysconf(_SC_PAGESIZE);
}

#ifdef HAVE_JEMALLOC

size_t mem_good_size(size_t size) {
    return nallocx(size ? size : 1, 0);
}

static size_t read_size(const char *name) {
    size_t value = 0, size = sizeof value;
    if (mallctl(name, &value, &size, NULL, 0) != 0) return 0;
    return value;
}

/* The main thread does nearly all allocation, and its counters can be read without a system call or a lock. What the
 * other threads hold is added from the global statistics whenever mem_read_stats() refreshes them. */
size_t mem_used(void) {
    static _Thread_local const uint64_t *allocated, *deallocated;
    if (UNLIKELY(!allocated)) {
        size_t size = sizeof allocated;
        if (mallctl("thread.allocatedp", &allocated, &size, NULL, 0) != 0) return 0;
        size = sizeof deallocated;
        if (mallctl("thread.deallocatedp", &deallocated, &size, NULL, 0) != 0) return 0;
    }
    return *allocated > *deallocated ? (size_t)(*allocated - *deallocated) : 0;
}

const char *mem_allocator(void) {
    static char name[64];
    if (!name[0]) {
        const char *version = NULL;
        size_t size = sizeof version;
        if (mallctl("version", &version, &size, NULL, 0) != 0) version = "unknown";
        snprintf(name, sizeof name, "jemalloc-%.*s", (int)strcspn(version, "-"), version);
    }
    return name;
}

void mem_read_stats(struct mem_stats *stats) {
    uint64_t epoch = 1;
    size_t size = sizeof epoch;
    if (mallctl("epoch", &epoch, &size, &epoch, size) != 0) epoch = 0;
    *stats = (struct mem_stats){.allocated = read_size("stats.allocated"),
                                .active = read_size("stats.active"),
                                .resident = read_size("stats.resident"),
                                .muzzy = read_size("stats.arenas." "4096" ".pmuzzy") * (size_t)sysconf(_SC_PAGESIZE)};
}

bool mem_purge(void) {
    return mallctl("arena.4096.purge", NULL, NULL, NULL, 0) == 0; /* 4096 is MALLCTL_ARENAS_ALL */
}

#else

size_t mem_good_size(size_t size) {
    return size < 24 ? 24 : ((size + 8 + 15) & ~(size_t)15) - 8;
}

size_t mem_used(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

const char *mem_allocator(void) {
    return "libc";
}

void mem_read_stats(struct mem_stats *stats) {
    struct mallinfo2 info = mallinfo2();
    *stats = (struct mem_stats){.allocated = info.uordblks + info.hblkhd,
                                .active = info.arena + info.hblkhd,
                                .resident = mem_rss()};
}

bool mem_purge(void) {
    return malloc_trim(0) == 1;
}

#endif
