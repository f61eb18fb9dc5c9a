/* Any bytes as a listpack or an intset: refused, or whole: it can be walked both ways, searched and edited.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#include "base/intset.h"
#include "base/listpack.h"
#include "base/mem.h"

static void edit(struct listpack *listpack) {
    size_t count = listpack_count(listpack);
    listpack_prepend(&listpack, SLICE("begin"));
    listpack_insert(&listpack, listpack_at(listpack, (int64_t)count / 2), SLICE("-4097"));
    listpack_replace(&listpack, listpack_at(listpack, -1), SLICE("end"));
    CHECK(listpack_find(listpack, listpack_first(listpack), SLICE("end"), 0) != NULL);
    listpack_remove(&listpack, listpack_at(listpack, 1), 2);
    struct slice bytes = listpack_bytes(listpack);
    CHECK(listpack_is_valid(bytes));
    mem_free(listpack);
}

static void walk(const struct listpack *listpack) {
    char buffer[NUMBER_TEXT_SIZE];
    size_t forwards = 0, backwards = 0;
    for (struct listpack_entry *entry = listpack_first(listpack); entry; entry = listpack_next(listpack, entry)) {
        struct slice text = listpack_text(entry, buffer);
        CHECK(listpack_is(entry, text));
        CHECK(listpack_find(listpack, entry, text, 0) == entry);
        forwards++;
    }
    for (struct listpack_entry *entry = listpack_last(listpack); entry; entry = listpack_previous(listpack, entry)) backwards++;
    CHECK(forwards == backwards);
    CHECK(forwards == listpack_count(listpack));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice bytes = slice_make(data, size);
    struct listpack *listpack = listpack_from_bytes(bytes);
    if (listpack) {
        walk(listpack);
        edit(listpack);
    }
    struct intset *set = intset_from_bytes(bytes);
    if (set) {
        for (size_t i = 0; i < intset_count(set); i++) CHECK(intset_has(set, intset_at(set, i)));
        intset_add(&set, INT64_MAX);
        intset_remove(&set, 0);
        struct bytes again = {0};
        intset_dump(set, &again);
        CHECK(intset_is_valid(bytes_slice(&again)));
        bytes_fini(&again);
        mem_free(set);
    }
    return 0;
}
