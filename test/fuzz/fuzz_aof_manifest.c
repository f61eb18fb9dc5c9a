/* Any bytes as a manifest: refused with words, or a list that prints as something that reads back the same, and that a
 * rewrite can be made of.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#include "store/persist/aof_manifest.h"

static void rewrite(struct aof_manifest *manifest) {
    struct error err;
    size_t history = aof_manifest_history_count(manifest), incr = aof_manifest_incr_count(manifest);
    bool has_base = aof_manifest_base(manifest) != NULL;
    if (!aof_manifest_add_incr(manifest, "a.aof", &err) || !aof_manifest_replace_base(manifest, "a.aof", true, &err)) return;
    aof_manifest_retire_incr(manifest, 1);
    CHECK(aof_manifest_incr_count(manifest) == 1);
    CHECK(aof_manifest_history_count(manifest) == history + incr + has_base);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct error err = {""};
    struct aof_manifest *manifest = aof_manifest_parse(slice_make(data, size), &err);
    CHECK((manifest == NULL) == (err.text[0] != 0));
    if (!manifest) return 0;
    for (int turn = 0; turn < 2; turn++) {
        struct bytes first = {0}, second = {0};
        aof_manifest_print(manifest, &first);
        struct aof_manifest *again = aof_manifest_parse(bytes_slice(&first), &err);
        CHECK(again != NULL);
        aof_manifest_print(again, &second);
        CHECK(slice_equal(bytes_slice(&first), bytes_slice(&second)));
        bytes_fini(&first);
        bytes_fini(&second);
        aof_manifest_free(&again);
        rewrite(manifest);
    }
    aof_manifest_free(&manifest);
    return 0;
}
