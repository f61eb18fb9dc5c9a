/* Any bytes from a primary: the handshake ends in an error or in the stream, and whatever the pieces in which they come, it
 * is the same end with the same payload.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#include "base/mem.h"
#include "store/replication/handshake.h"

struct outcome {
    unsigned     state;
    struct bytes payload, sent;
    size_t       taken;
};

static struct outcome run(const uint8_t *data, size_t size, size_t step, bool resumes) {
    struct handshake_settings settings = {.password = "p", .announce_port = 1, .timeout_ms = 1000, .next = 7,
                                          .id = resumes ? "0123456789012345678901234567890123456789" : NULL};
    struct handshake handshake;
    struct outcome outcome = {0};
    handshake_init(&handshake, &settings, 0);
    handshake_on_open(&handshake, 0, &outcome.sent);
    while (outcome.taken < size && handshake.sm.state < HANDSHAKE_STREAMING) {
        /* A copy of exactly what is there, so that a sanitizer sees who reads beyond. */
        size_t shown = MIN(step, size - outcome.taken);
        char *piece = mem_strndup((const char *)data + outcome.taken, shown);
        struct slice in = {piece, shown};
        enum handshake_event event;
        do {
            event = handshake_step(&handshake, 1, &in, &outcome.sent);
            if (event == HANDSHAKE_PAYLOAD) bytes_add_slice(&outcome.payload, handshake.piece);
        } while (event != HANDSHAKE_MORE && handshake.sm.state < HANDSHAKE_STREAMING);
        CHECK(handshake.sm.state >= HANDSHAKE_STREAMING || !in.size);
        CHECK(handshake.received == (int64_t)outcome.payload.size);
        outcome.taken += shown - in.size;
        mem_free(piece);
    }
    outcome.state = handshake.sm.state;
    handshake_fini(&handshake);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    bool resumes = data[0] & 1;
    struct outcome whole = run(data + 1, size - 1, size, resumes), pieces = run(data + 1, size - 1, 1 + (data[0] >> 1), resumes);
    CHECK(whole.state == pieces.state && slice_equal(bytes_slice(&whole.payload), bytes_slice(&pieces.payload)));
    CHECK(slice_equal(bytes_slice(&whole.sent), bytes_slice(&pieces.sent)));
    bytes_fini(&whole.payload);
    bytes_fini(&whole.sent);
    bytes_fini(&pieces.payload);
    bytes_fini(&pieces.sent);
    return 0;
}
