#include "store/replication/backlog.h"
#include "base/list.h"
#include "base/mem.h"

enum { BLOCK_MIN = 4 * 1024, BLOCK_MAX = 64 * 1024, LIMIT_PARTS = 16, TRIM_AT_ONCE = 64 };

/* Invariants:
 * B1 the chain is never empty, and its last block is the one that is filled;
 * B2 a block's bytes do not move and do not change;
 * B3 blocks go from the front only, so that one that is counted on keeps all behind it. */
struct backlog_block {
    struct list_node node;
    struct backlog  *backlog; /* NULL: it is gone, and the last release frees the block */
    unsigned         users;   /* cursors and lent pieces */
    int64_t          start;
    size_t           size, capacity;
    char             data[];
};

struct backlog {
    struct list blocks;
    int64_t     end;
    size_t      limit, memory;
};

static struct backlog_block *first_block(const struct backlog *backlog) {
    return container_of(backlog->blocks.head.next, struct backlog_block, node);
}

static struct backlog_block *last_block(const struct backlog *backlog) {
    return container_of(backlog->blocks.head.prev, struct backlog_block, node);
}

static void add_block(struct backlog *backlog, size_t wanted) {
    size_t usual = MIN(MAX(backlog->limit / LIMIT_PARTS, (size_t)BLOCK_MIN), (size_t)BLOCK_MAX) - sizeof(struct backlog_block);
    struct backlog_block *block = mem_alloc(sizeof *block + MAX(wanted, usual));
    *block = (struct backlog_block){.backlog = backlog, .start = backlog->end};
    block->capacity = mem_size(block) - sizeof *block;
    list_node_init(&block->node);
    list_add(&backlog->blocks, &block->node);
    backlog->memory += mem_size(block);
}

static void free_block(struct backlog_block *block) {
    if (block->backlog) block->backlog->memory -= mem_size(block);
    list_remove(&block->node);
    mem_free(block);
}

/* A few at a time: a replica that was cut off may have kept gigabytes. */
static void trim(struct backlog *backlog) {
    for (int i = 0; i < TRIM_AT_ONCE; i++) {
        struct backlog_block *block = first_block(backlog);
        if (block == last_block(backlog) || block->users) return; /* B1, B3 */
        if ((size_t)(backlog->end - block->start) - block->size < backlog->limit) return;
        free_block(block);
    }
}

struct backlog *backlog_new(int64_t offset, size_t limit) {
    struct backlog *backlog = mem_zalloc(sizeof *backlog);
    list_init(&backlog->blocks);
    backlog->end = offset;
    backlog->limit = limit;
    add_block(backlog, 0);
    return backlog;
}

void backlog_free(struct backlog **place) {
    struct backlog *backlog = *place;
    if (!backlog) return;
    *place = NULL;
    LIST_EACH(&backlog->blocks, node) {
        struct backlog_block *block = container_of(node, struct backlog_block, node);
        if (!block->users) {
            free_block(block);
            continue;
        }
        list_remove(&block->node);
        block->backlog = NULL;
    }
    mem_free(backlog);
}

void backlog_append(struct backlog *backlog, struct slice bytes) {
    while (bytes.size) {
        struct backlog_block *block = last_block(backlog);
        size_t size = MIN(bytes.size, block->capacity - block->size);
        if (!size) {
            add_block(backlog, MIN(bytes.size, (size_t)BLOCK_MAX));
            continue;
        }
        memcpy(block->data + block->size, bytes.data, size);
        block->size += size;
        backlog->end += (int64_t)size;
        bytes.data += size;
        bytes.size -= size;
    }
    trim(backlog);
}

void backlog_set_limit(struct backlog *backlog, size_t limit) {
    backlog->limit = limit;
    trim(backlog);
}

size_t backlog_limit(const struct backlog *backlog) {
    return backlog->limit;
}

int64_t backlog_start(const struct backlog *backlog) {
    return first_block(backlog)->start;
}

int64_t backlog_end(const struct backlog *backlog) {
    return backlog->end;
}

size_t backlog_memory(const struct backlog *backlog) {
    return backlog->memory;
}

/* ---- cursors ---- */

static void release(struct backlog_block *block) {
    CHECK(block->users > 0);
    block->users--;
    if (block->users) return;
    if (block->backlog) trim(block->backlog);
    else free_block(block);
}

static void put(struct backlog_cursor *cursor, struct backlog_block *block) {
    struct backlog_block *old = cursor->block;
    block->users++;
    cursor->block = block;
    if (old) release(old);
}

/* Those who seek mostly want what is new. */
bool backlog_seek(struct backlog *backlog, struct backlog_cursor *cursor, int64_t offset) {
    if (offset < backlog_start(backlog) || offset > backlog->end) return false;
    struct backlog_block *block = last_block(backlog);
    while (block->start > offset) block = container_of(block->node.prev, struct backlog_block, node);
    cursor->offset = offset;
    put(cursor, block);
    return true;
}

void backlog_leave(struct backlog_cursor *cursor) {
    if (cursor->block) release(cursor->block);
    *cursor = (struct backlog_cursor){0};
}

struct slice backlog_peek(struct backlog_cursor *cursor, size_t max) {
    struct backlog_block *block = cursor->block;
    CHECK(block != NULL);
    size_t at = (size_t)(cursor->offset - block->start);
    if (at == block->size && block->backlog && block != last_block(block->backlog)) {
        block = container_of(block->node.next, struct backlog_block, node);
        put(cursor, block);
        at = 0;
    }
    return slice_make(block->data + at, MIN(max, block->size - at));
}

void backlog_skip(struct backlog_cursor *cursor, size_t size) {
    CHECK((size_t)(cursor->offset - cursor->block->start) + size <= cursor->block->size);
    cursor->offset += (int64_t)size;
}

void *backlog_keep(struct backlog_cursor *cursor) {
    cursor->block->users++;
    return cursor->block;
}

void backlog_release(void *kept) {
    release(kept);
}
