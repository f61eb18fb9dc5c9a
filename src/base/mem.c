#include "base/mem.h"
#include "base/log.h"

#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __SANITIZE_ADDRESS__
size_t __sanitizer_get_current_allocated_bytes(void); /* its header comes with clang only */
#endif
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

/* What one thread took and gave back so far: jemalloc counts it in memory of the thread, so that reading it takes neither
 * a system call nor a lock of the allocator's. */
struct thread_count {
    const volatile uint64_t *allocated, *deallocated; /* NULL: the place is free */
};
enum { THREADS_MAX = 64 };
static struct {
    pthread_mutex_t     lock; /* a thread's memory must not go while it is read */
    struct thread_count threads[THREADS_MAX];
    unsigned            used;  /* places that may be taken */
    int64_t             ended; /* the balance of threads that are gone */
} counts = {.lock = PTHREAD_MUTEX_INITIALIZER};
static _Thread_local int own_place = -1;

static const volatile uint64_t *counter(const char *name) {
    uint64_t *place = NULL;
    size_t size = sizeof place;
    return mallctl(name, &place, &size, NULL, 0) == 0 ? place : NULL;
}

static int64_t balance(const struct thread_count *count) {
    return count->allocated ? (int64_t)(*count->allocated - *count->deallocated) : 0;
}

void mem_thread_begin(void) {
    struct thread_count own = {counter("thread.allocatedp"), counter("thread.deallocatedp")};
    if (own_place >= 0 || !own.allocated || !own.deallocated) return;
    pthread_mutex_lock(&counts.lock);
    unsigned place = 0;
    while (place < counts.used && counts.threads[place].allocated) place++;
    if (place < THREADS_MAX) {
        counts.threads[place] = own;
        counts.used = place == counts.used ? place + 1 : counts.used;
        own_place = (int)place;
    }
    pthread_mutex_unlock(&counts.lock);
}

void mem_thread_end(void) {
    if (own_place < 0) return;
    pthread_mutex_lock(&counts.lock);
    counts.ended += balance(&counts.threads[own_place]);
    counts.threads[own_place] = (struct thread_count){NULL, NULL};
    pthread_mutex_unlock(&counts.lock);
    own_place = -1;
}

size_t mem_used(void) {
    if (UNLIKELY(own_place < 0)) mem_thread_begin();
    pthread_mutex_lock(&counts.lock);
    int64_t used = counts.ended;
    for (unsigned i = 0; i < counts.used; i++) used += balance(&counts.threads[i]);
    pthread_mutex_unlock(&counts.lock);
    return used > 0 ? (size_t)used : 0;
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

/* What jemalloc tells of a block and the run (slab) it lies in. */
struct utilization {
    void  *current; /* the slab that new blocks of this size come from */
    size_t slab_free, slab_blocks, slab_bytes, all_free, all_blocks; /* blocks of the slab; of all slabs of this size */
};

static bool read_utilization(void *memory, struct utilization *out) {
    static size_t mib[3], depth;
    size_t size = sizeof *out;
    if (!depth) {
        size_t length = COUNT_OF(mib);
        if (mallctlnametomib("experimental.utilization.query", mib, &length) != 0) return false;
        depth = length;
    }
    return mallctlbymib(mib, depth, out, &size, &memory, sizeof memory) == 0;
}

static bool is_worth_moving(void *memory) {
    struct utilization is;
    if (!read_utilization(memory, &is) || is.slab_blocks <= 1 || is.slab_free == 0) return false;
    if ((char *)memory >= (char *)is.current && (char *)memory < (char *)is.current + is.slab_bytes) return false;
    if (is.slab_free * 8 < is.slab_blocks) return false; /* nearly full */
    /* No fuller than the average, or not much: where all are alike, some must begin. */
    return (is.slab_blocks - is.slab_free) * is.all_blocks * 8 <= (is.all_blocks - is.all_free) * is.slab_blocks * 9;
}

void *mem_defrag(void *memory) {
    if (!is_worth_moving(memory)) return NULL;
    /* Past the thread's cache, which would give back what was freed last, from just such a slab. */
    size_t size = sallocx(memory, 0);
    void *copy = mallocx(size, MALLOCX_TCACHE_NONE);
    if (!copy) return NULL;
    memcpy(copy, memory, size);
    dallocx(memory, MALLOCX_TCACHE_NONE);
    return copy;
}

bool mem_can_defrag(void) {
    void *block = mem_alloc(1);
    struct utilization unused;
    bool can = read_utilization(block, &unused);
    mem_free(block);
    return can;
}

bool mem_purge(void) {
    return mallctl("arena.4096.purge", NULL, NULL, NULL, 0) == 0; /* 4096 is MALLCTL_ARENAS_ALL */
}

#else

size_t mem_good_size(size_t size) {
    return size < 24 ? 24 : ((size + 8 + 15) & ~(size_t)15) - 8;
}

void mem_thread_begin(void) {}

void mem_thread_end(void) {}

#ifdef __SANITIZE_ADDRESS__
size_t mem_used(void) { /* the sanitizer's allocator stands in for the C library's */
    return __sanitizer_get_current_allocated_bytes();
}
#else
size_t mem_used(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}
#endif

const char *mem_allocator(void) {
    return "libc";
}

void mem_read_stats(struct mem_stats *stats) {
    struct mallinfo2 info = mallinfo2();
    *stats = (struct mem_stats){.allocated = info.uordblks + info.hblkhd,
                                .active = info.arena + info.hblkhd,
                                .resident = mem_rss()};
}

void *mem_defrag(void *memory) {
    return NULL;
}

bool mem_can_defrag(void) {
    return false;
}

bool mem_purge(void) {
    return malloc_trim(0) == 1;
}

#endif
