#include "net/buffer.h"
#include "base/mem.h"

/* ================================ input ================================ */

void input_fini(struct input *input) {
    mem_free(input->data);
    mem_free(input->block);
    *input = (struct input){0};
}

static bool grow_block(struct input *input) {
    size_t capacity = MIN(input->block_size, input->block_capacity * 2);
    char *larger = mem_try_alloc(input->block_headroom + capacity);
    if (!larger) return false;
    memcpy(larger, input->block, input->block_headroom + input->block_end);
    mem_free(input->block);
    input->block = larger;
    input->block_capacity = capacity;
    return true;
}

static char *block_space(struct input *input, size_t *size) {
    if (input->block_end == input->block_capacity && !grow_block(input)) {
        *size = 0;
        return NULL;
    }
    *size = input->block_capacity - input->block_end;
    return input->block + input->block_headroom + input->block_end;
}

static void move_to_front(struct input *input) {
    if (input->begin == 0) return;
    memmove(input->data, input->data + input->begin, input->end - input->begin);
    input->end -= input->begin;
    input->begin = 0;
}

char *input_space(struct input *input, size_t *size) {
    if (UNLIKELY(input->block && input->block_end < input->block_size)) return block_space(input, size);
    if (input->begin == input->end) input->begin = input->end = 0;
    size_t enough = MAX(input->capacity / 4, 1);
    if (UNLIKELY(input->capacity - input->end < enough)) {
        if (input->begin >= input->capacity / 2 && input->begin > 0) {
            move_to_front(input);
        } else {
            size_t wanted = input->capacity ? input->capacity * 2 : INPUT_FIRST_BYTES;
            move_to_front(input);
            input->data = mem_realloc(input->data, wanted);
            input->capacity = mem_size(input->data);
        }
    }
    *size = input->capacity - input->end;
    return input->data + input->end;
}

void input_added(struct input *input, size_t size) {
    if (UNLIKELY(input->block && input->block_end < input->block_size)) {
        CHECK(size <= input->block_capacity - input->block_end);
        input->block_end += size;
        return;
    }
    CHECK(size <= input->capacity - input->end);
    input->end += size;
}

void input_drop(struct input *input, size_t size) {
    CHECK(size <= input->end - input->begin);
    input->begin += size;
}

void input_shrink(struct input *input) {
    size_t waiting = input_waiting(input);
    if (waiting == 0) {
        mem_free(input->data);
        input->data = NULL;
        input->begin = input->end = input->capacity = 0;
    } else if (input->capacity > INPUT_FIRST_BYTES && input->capacity / 2 > waiting) {
        move_to_front(input);
        input->data = mem_realloc(input->data, MAX(waiting, (size_t)INPUT_FIRST_BYTES));
        input->capacity = mem_size(input->data);
    }
}

size_t input_memory(const struct input *input) {
    return input->capacity + (input->block ? input->block_headroom + input->block_capacity : 0);
}

bool input_block_begin(struct input *input, size_t from, size_t size, size_t headroom) {
    CHECK(!input->block);
    size_t there = input_waiting(input) - from;
    CHECK(there < size);
    size_t capacity = MAX(MIN(size, (size_t)INPUT_BLOCK_STEP), there);
    char *block = mem_try_alloc(headroom + capacity);
    if (!block) return false;
    if (there) memcpy(block + headroom, input->data + input->begin + from, there);
    input->end -= there;
    input->block = block;
    input->block_size = size;
    input->block_end = there;
    input->block_capacity = capacity;
    input->block_headroom = headroom;
    return true;
}

char *input_block_take(struct input *input) {
    CHECK(input_block_is_full(input));
    char *block = input->block;
    input->block = NULL;
    input->block_size = input->block_end = input->block_capacity = input->block_headroom = 0;
    return block;
}

/* ================================ output ================================ */

/* The chain's last block is being filled: its end is output->at, and its room for heads (holes) is not part of
 * output->limit. A block that refers to somebody's memory is never filled. */
struct output_block {
    struct output_block *next;
    char                *data;
    size_t               end;      /* bytes in it; of the last block only when it is a reference */
    size_t               capacity; /* 0: a reference */
    size_t               reserved; /* for holes that are not filled yet */
    void (*release)(void *context);
    void *context;
};

static bool is_filling(const struct output *output, const struct output_block *block) {
    return block == output->last && block->capacity > 0;
}

static size_t end_of(const struct output *output, const struct output_block *block) {
    return is_filling(output, block) ? (size_t)(output->at - block->data) : block->end;
}

static void free_block(struct output_block *block) {
    if (block->release) block->release(block->context);
    mem_free(block);
}

static void append(struct output *output, struct output_block *block) {
    if (output->last) {
        output->last->end = end_of(output, output->last);
        output->full_bytes += output->last->end;
        output->last->next = block;
    } else {
        output->first = block;
    }
    output->last = block;
    output->block_count++;
    output->at = block->capacity ? block->data + block->end : NULL;
    output->limit = block->capacity ? block->data + block->capacity - block->reserved : NULL;
}

static struct output_block *new_block(size_t size) {
    struct output_block *block = mem_alloc(sizeof *block + size);
    *block = (struct output_block){.data = (char *)(block + 1)};
    block->capacity = mem_size(block) - sizeof *block;
    return block;
}

/* Removes the first block, which is not the last. */
static void drop_first(struct output *output) {
    struct output_block *block = output->first;
    output->first = block->next;
    output->full_bytes -= block->end;
    output->block_count--;
    free_block(block);
}

/* The last block is written: kept for reuse where it is a usual one. */
static void reset_last(struct output *output) {
    struct output_block *block = output->last;
    output->sent = 0;
    if (block->capacity > OUTPUT_BETWEEN_BYTES && block->capacity <= 2 * OUTPUT_BLOCK_BYTES) {
        output->at = block->data;
        return;
    }
    free_block(block);
    *output = (struct output){0};
}

void output_clear(struct output *output) {
    while (output->first != output->last) drop_first(output);
    output->sent = 0;
    if (output->last) {
        output->last->reserved = 0;
        if (output->last->capacity) output->limit = output->last->data + output->last->capacity;
        reset_last(output);
    }
}

void output_fini(struct output *output) {
    while (output->first) {
        struct output_block *next = output->first->next;
        free_block(output->first);
        output->first = next;
    }
    *output = (struct output){0};
}

size_t output_size(const struct output *output) {
    return output->last ? output->full_bytes + end_of(output, output->last) - output->sent : 0;
}

bool output_is_empty(const struct output *output) {
    return output_size(output) == 0;
}

size_t output_memory(const struct output *output) {
    size_t total = 0;
    for (const struct output_block *block = output->first; block; block = block->next)
        total += sizeof *block + (block->capacity ? block->capacity : block->end);
    return total;
}

char *output_room_slow(struct output *output, size_t size) {
    if (output->at && (size_t)(output->limit - output->at) >= size) return output->at;
    size_t usual = OUTPUT_FIRST_BYTES;
    if (output->last) usual = (output->last->capacity ? OUTPUT_BLOCK_BYTES : OUTPUT_BETWEEN_BYTES) - sizeof(struct output_block);
    append(output, new_block(MAX(size, usual)));
    return output->at;
}

void output_add(struct output *output, const void *data, size_t size) {
    size_t room = (size_t)(output->limit - output->at);
    if (UNLIKELY(room < size)) {
        if (room) {
            memcpy(output->at, data, room);
            output->at += room;
            data = (const char *)data + room;
            size -= room;
        }
        output_room_slow(output, size);
    }
    if (size) memcpy(output->at, data, size);
    output->at += size;
}

void output_add_reference(struct output *output, const void *data, size_t size, void (*release)(void *context),
                          void *context) {
    struct output_block *block = mem_alloc(sizeof *block);
    *block = (struct output_block){.data = (char *)data, .end = size, .release = release, .context = context};
    append(output, block);
}

struct output_hole output_dig(struct output *output) {
    if (!output->at || (size_t)(output->limit - output->at) < 2 * OUTPUT_HOLE_BYTES)
        output_room_slow(output, 4 * OUTPUT_HOLE_BYTES);
    output->last->reserved += OUTPUT_HOLE_BYTES;
    output->limit -= OUTPUT_HOLE_BYTES;
    return (struct output_hole){output->last, (size_t)(output->at - output->last->data)};
}

void output_fill(struct output *output, struct output_hole hole, const void *data, size_t size) {
    struct output_block *block = hole.block;
    CHECK(size <= OUTPUT_HOLE_BYTES);
    CHECK(block->reserved >= OUTPUT_HOLE_BYTES);
    CHECK(block != output->first || output->sent <= hole.offset);
    size_t end = end_of(output, block);
    CHECK(hole.offset <= end);
    memmove(block->data + hole.offset + size, block->data + hole.offset, end - hole.offset);
    memcpy(block->data + hole.offset, data, size);
    block->reserved -= OUTPUT_HOLE_BYTES;
    if (is_filling(output, block)) {
        output->at += size;
        output->limit += OUTPUT_HOLE_BYTES;
    } else {
        block->end += size;
        output->full_bytes += size;
    }
}

void output_join(struct output *to, struct output *from) {
    CHECK(from->sent == 0);
    if (!from->first) return;
    size_t room = (size_t)(to->limit - to->at);
    if (from->first == from->last && from->last->capacity && output_size(from) <= room) {
        output_add(to, from->last->data, output_size(from));
        output_clear(from);
        return;
    }
    struct output_block *block = from->first;
    from->last->end = end_of(from, from->last);
    while (block) {
        struct output_block *next = block->next;
        block->next = NULL;
        append(to, block);
        block = next;
    }
    *from = (struct output){0};
}

int output_parts(const struct output *output, struct iovec *parts, int max) {
    int count = 0;
    size_t skip = output->sent;
    for (const struct output_block *block = output->first; block && count < max; block = block->next) {
        size_t end = end_of(output, block);
        if (end > skip) parts[count++] = (struct iovec){block->data + skip, end - skip};
        skip = 0;
    }
    return count;
}

void output_sent(struct output *output, size_t size) {
    CHECK(size <= output_size(output));
    output->sent += size;
    while (output->first != output->last && output->sent >= output->first->end) {
        output->sent -= output->first->end;
        drop_first(output);
    }
    if (output->last && output->first == output->last && output->sent == end_of(output, output->last))
        reset_last(output);
}

void output_copy(const struct output *output, struct bytes *bytes) {
    size_t skip = output->sent;
    for (const struct output_block *block = output->first; block; block = block->next) {
        bytes_add(bytes, block->data + skip, end_of(output, block) - skip);
        skip = 0;
    }
}
