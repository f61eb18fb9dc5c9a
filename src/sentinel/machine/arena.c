#include "sentinel/machine/arena.h"
#include "base/mem.h"

#include <stdalign.h>

enum { BLOCK_SIZE = 4096 };

struct block {
    struct block *next;
    size_t used, size;
    alignas(max_align_t) char data[];
};

void *arena_alloc(void **blocks, size_t size) {
    size = (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    struct block *block = *blocks;
    if (!block || block->size - block->used < size) {
        size_t room = MAX(size, (size_t)BLOCK_SIZE);
        block = mem_alloc(sizeof *block + room);
        block->next = *blocks;
        block->used = 0;
        block->size = room;
        *blocks = block;
    }
    void *memory = block->data + block->used;
    block->used += size;
    return memory;
}

char *arena_text(void **blocks, struct slice text) {
    char *copy = arena_alloc(blocks, text.size + 1);
    if (text.size) memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    return copy;
}

void arena_clear(void **blocks) {
    struct block *kept = NULL;
    for (struct block *block = *blocks, *next; block; block = next) {
        next = block->next;
        if (!kept && block->size == BLOCK_SIZE)
            kept = block;
        else
            mem_free(block);
    }
    if (kept) {
        kept->next = NULL;
        kept->used = 0;
    }
    *blocks = kept;
}

void arena_free(void **blocks) {
    arena_clear(blocks);
    mem_free(*blocks);
    *blocks = NULL;
}
