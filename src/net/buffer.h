/* The bytes of a connection that wait: an input buffer to parse from and an output chain to write from.
 *
 * Neither does I/O. An input is one contiguous run, so that what is parsed can be lent as slices, plus at most one
 * "block": a large argument that is being read straight into its final place. An output is a chain of blocks that is
 * handed to writev(); it may contain references to memory of others, which are not copied.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

#include <sys/uio.h>

/* ================================ input ================================ */

enum {
    INPUT_FIRST_BYTES = 16 * 1024,  /* first allocation, and the least that is read at once */
    INPUT_BLOCK_MIN = 32 * 1024,    /* arguments from this size on get a block of their own */
    INPUT_BLOCK_STEP = 1024 * 1024  /* a block begins with at most this much and doubles as its bytes arrive */
};

struct input { /* embedded in its owner; zeroed is a valid empty one */
    char  *data;
    size_t begin, end, capacity;
    char  *block;      /* being filled, or NULL */
    size_t block_size; /* bytes it will hold, the argument's CR LF included */
    size_t block_end, block_capacity;
    size_t block_headroom; /* bytes left free at the beginning of the block's memory */
};

void input_fini(struct input *input);
/* Where to read to next: at least one byte, usually many more. Grows by doubling; moves unparsed bytes to the front
 * where that is cheaper, so slices lent before are gone. A block that is being filled comes first. NULL: a block
 * could not be enlarged (no memory). Follow with input_added(). */
char *input_space(struct input *input, size_t *size);
void  input_added(struct input *input, size_t size);
void  input_drop(struct input *input, size_t size); /* parsed and done with; size <= input_waiting() */
/* Memory that is not needed: all of an empty one, what is beyond twice the need of another. For a cron. */
void   input_shrink(struct input *input);
size_t input_memory(const struct input *input); /* bytes set aside, its block included */

static inline size_t input_waiting(const struct input *input) { /* bytes not yet dropped, a block's not counted */
    return input->end - input->begin;
}

static inline struct slice input_slice(const struct input *input) { /* lends until input_space() or input_drop() */
    return (struct slice){input->data ? input->data + input->begin : NULL, input->end - input->begin};
}

/* For resp_parse: a block for `size` bytes, filled with what waits behind offset `from` of the input (which is cut off
 * there). False: no memory. */
MUST_USE bool input_block_begin(struct input *input, size_t from, size_t size, size_t headroom);
static inline bool input_block_is_full(const struct input *input) {
    return input->block && input->block_end == input->block_size;
}
/* Gives the full block (mem_free()): its data begins after the headroom. */
char *input_block_take(struct input *input);

/* ================================ output ================================ */

enum {
    OUTPUT_FIRST_BYTES = 4 * 1024, /* of the first block; it stays for reuse */
    OUTPUT_BLOCK_BYTES = 16 * 1024,
    OUTPUT_BETWEEN_BYTES = 192, /* of what follows a reference: the end of one reply, the head of the next */
    OUTPUT_HOLE_BYTES = 24, /* the longest head that fits a hole */
    OUTPUT_PARTS = 64       /* iovecs that output_parts() fills at most */
};

struct output_block;

struct output { /* embedded in its owner; zeroed is a valid empty one */
    struct output_block *first, *last;
    char                *at, *limit;  /* the free room of the last block: the fast path of output_room() */
    size_t               sent;        /* bytes of the first block that are written already */
    size_t               full_bytes;  /* in all blocks but the last */
    size_t               block_count;
};

void   output_fini(struct output *output);
void   output_clear(struct output *output);
size_t output_size(const struct output *output);   /* bytes that wait to be written */
size_t output_memory(const struct output *output); /* bytes set aside; those of others that are referred to, too */
bool   output_is_empty(const struct output *output);

char *output_room_slow(struct output *output, size_t size);
/* `size` contiguous bytes to be filled; then output_filled(). */
static inline char *output_room(struct output *output, size_t size) {
    if (LIKELY((size_t)(output->limit - output->at) >= size && size > 0)) return output->at;
    return output_room_slow(output, size);
}
static inline void output_filled(struct output *output, size_t size) {
    output->at += size;
}
void output_add(struct output *output, const void *data, size_t size); /* copies; may spread over blocks */

/* Adds memory of somebody else without a copy. `release` (may be NULL) is called when it was written or dropped. */
void output_add_reference(struct output *output, const void *data, size_t size, void (*release)(void *context),
                          void *context);

/* A place whose content is known only after what follows it: the count of an array. It must be filled before anything
 * of this output is sent or joined. Holes nest: the one dug last is filled first. */
struct output_hole {
    struct output_block *block;
    size_t               offset;
};
struct output_hole output_dig(struct output *output);
void output_fill(struct output *output, struct output_hole hole, const void *data, size_t size); /* <= OUTPUT_HOLE_BYTES */

/* Everything of `from` behind what is in `to`; `from` is empty then. */
void output_join(struct output *to, struct output *from);

/* What to hand to writev(): lends up to `max` parts; the rest follows after output_sent(). */
int  output_parts(const struct output *output, struct iovec *parts, int max);
void output_sent(struct output *output, size_t size); /* that much was written */
/* Copies everything into `bytes` (tests, MULTI's checks). */
void output_copy(const struct output *output, struct bytes *bytes);
