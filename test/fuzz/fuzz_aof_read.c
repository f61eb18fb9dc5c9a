/* Any bytes as an append-only file: the commands are the same whether they are shown at once or in pieces, lie in the bytes, and
 * no more memory is taken than the bytes account for.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#include "base/hash.h"
#include "base/mem.h"
#include "store/persist/aof_read.h"

static const struct hash_key hash_key = {1, 2};

struct summary {
    uint64_t digest, count;
    int      result;
    size_t   end;
};

static void note(struct summary *summary, struct slice text) {
    summary->digest = summary->digest * 31 + hash_slice(&hash_key, text);
}

static struct summary read_all(struct slice text, size_t step) {
    struct aof_reader reader = {0};
    struct summary summary = {0};
    size_t taken = 0, shown = MIN(step, text.size);
    while (true) {
        /* A copy of exactly what is there, so that a sanitizer sees who reads beyond. */
        char *piece = mem_strndup(text.data + taken, shown - taken);
        enum aof_read_result result = aof_reader_step(&reader, slice_make(piece, shown - taken));
        if (result == AOF_READ_COMMAND)
            for (int i = 0; i < reader.argc; i++) note(&summary, reader.argv[i]);
        if (result == AOF_READ_REMARK) note(&summary, reader.remark);
        mem_free(piece);
        CHECK(reader.capacity <= 16 + 2 * text.size);
        summary.result = (int)result;
        if (result == AOF_READ_BAD) {
            CHECK(reader.wrong != NULL);
            CHECK(reader.wrong_at <= shown - taken);
            break;
        }
        if (result == AOF_READ_MORE) {
            CHECK(reader.wanted > shown - taken);
            if (shown == text.size) break;
            shown = MIN(text.size, shown + step);
            continue;
        }
        CHECK(reader.taken > 0);
        CHECK(reader.taken <= shown - taken);
        taken += reader.taken;
        summary.count++;
    }
    summary.end = taken;
    aof_reader_fini(&reader);
    return summary;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    struct slice text = slice_make(data + 1, size - 1);
    struct summary whole = read_all(text, text.size), pieces = read_all(text, 1 + data[0]);
    CHECK(whole.result == pieces.result);
    CHECK(whole.end == pieces.end);
    CHECK(whole.count == pieces.count);
    CHECK(whole.digest == pieces.digest);
    return 0;
}
