#include "store/types/str.h"
#include "base/mem.h"

#include <stdatomic.h>

struct str {
    _Atomic uint32_t references;
    uint32_t         unused;
    size_t           size;
    size_t           capacity;
    char             text[];
};
_Static_assert(sizeof(struct str) == STR_HEADROOM, "a block that was read from the network has room for the head");

static struct str *make(size_t size, size_t capacity) {
    struct str *str = mem_alloc(sizeof *str + capacity);
    atomic_init(&str->references, 1);
    str->unused = 0;
    str->size = size;
    str->capacity = capacity;
    return str;
}

struct str *str_new(struct slice text) {
    struct str *str = make(text.size, text.size);
    if (text.size) memcpy(str->text, text.data, text.size);
    return str;
}

struct str *str_adopt(char **block, size_t size, size_t block_bytes) {
    CHECK(block_bytes >= STR_HEADROOM + size);
    struct str *str = (struct str *)(void *)*block;
    *block = NULL;
    atomic_init(&str->references, 1);
    str->unused = 0;
    str->size = size;
    str->capacity = block_bytes - STR_HEADROOM;
    return str;
}

struct str *str_share(struct str *str) {
    atomic_fetch_add_explicit(&str->references, 1, memory_order_relaxed);
    return str;
}

void str_release(struct str *str) {
    if (atomic_fetch_sub_explicit(&str->references, 1, memory_order_acq_rel) == 1) mem_free(str);
}

struct slice str_text(const struct str *str) {
    return slice_make(str->text, str->size);
}

size_t str_memory(const struct str *str) {
    return mem_size(str);
}

bool str_is_shared(const struct str *str) {
    return atomic_load_explicit(&((struct str *)str)->references, memory_order_acquire) > 1;
}

char *str_resize(struct str **place, size_t size) {
    struct str *str = *place;
    bool shared = str_is_shared(str);
    if (shared || size > str->capacity) {
        size_t capacity = size > str->capacity ? size + MIN(size, (size_t)STR_MAX_GROWTH) : str->capacity;
        if (shared) {
            struct str *copy = make(str->size, capacity);
            memcpy(copy->text, str->text, MIN(str->size, size));
            str_release(str);
            str = copy;
        } else {
            str = mem_realloc(str, sizeof *str + capacity);
            str->capacity = capacity;
        }
        *place = str;
    }
    if (size > str->size) memset(str->text + str->size, 0, size - str->size);
    str->size = size;
    return str->text;
}

void str_append(struct str **str, struct slice text) {
    if (!text.size) return;
    size_t old = (*str)->size;
    char *at = str_resize(str, old + text.size);
    memcpy(at + old, text.data, text.size);
}
