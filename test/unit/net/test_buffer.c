#include "lib/unit.h"
#include "base/mem.h"
#include "base/random.h"
#include "net/buffer.h"

UNIT_TEST(input, keeps_what_was_not_dropped) {
    struct input input = {0};
    struct bytes model = {0};
    struct random random;
    random_seed(&random, 7);
    unsigned char next = 0;
    for (int i = 0; i < 20000; i++) {
        size_t room;
        char *at = input_space(&input, &room);
        size_t size = random_below(&random, 3000);
        size = MIN(size, room);
        for (size_t k = 0; k < size; k++) at[k] = (char)next++;
        bytes_add(&model, at, size);
        input_added(&input, size);
        size_t drop = random_below(&random, 3000);
        drop = MIN(drop, input_waiting(&input));
        input_drop(&input, drop);
        bytes_drop_front(&model, drop);
        if (i % 97 == 0) input_shrink(&input);
        if (!slice_equal(input_slice(&input), bytes_slice(&model))) {
            CU_FAIL("the input is not what was put in");
            break;
        }
    }
    bytes_fini(&model);
    input_fini(&input);
}

UNIT_TEST(input, block_is_filled_in_place_and_grows) {
    struct input input = {0};
    size_t room, size = 3 * INPUT_BLOCK_STEP + 5, filled = 7;
    memcpy(input_space(&input, &room), "head1234567", 11);
    input_added(&input, 11);
    CU_ASSERT_FATAL(input_block_begin(&input, 4, size, 16));
    CU_ASSERT_EQUAL(input_waiting(&input), 4);
    CU_ASSERT(input_memory(&input) < 2 * INPUT_BLOCK_STEP);
    while (!input_block_is_full(&input)) {
        char *at = input_space(&input, &room);
        room = MIN(room, 65536);
        memset(at, 'x', room);
        input_added(&input, room);
        filled += room;
    }
    CU_ASSERT_EQUAL(filled, size);
    char *block = input_block_take(&input);
    CU_ASSERT(memcmp(block + 16, "1234567xxx", 10) == 0);
    CU_ASSERT_EQUAL(block[16 + size - 1], 'x');
    mem_free(block);
    input_fini(&input);
}

UNIT_TEST(input, says_when_a_block_cannot_be_had) {
    struct input input = {0};
    size_t room;
    mem_fail_try(1);
    CU_ASSERT_FALSE(input_block_begin(&input, 0, 100000, 0));
    CU_ASSERT_FATAL(input_block_begin(&input, 0, 3 * INPUT_BLOCK_STEP, 0));
    while (input.block_end < INPUT_BLOCK_STEP) {
        input_space(&input, &room);
        input_added(&input, room);
    }
    mem_fail_try(1);
    CU_ASSERT_PTR_NULL(input_space(&input, &room));
    CU_ASSERT_PTR_NOT_NULL(input_space(&input, &room));
    input_fini(&input);
}

static void on_release(void *context) {
    (*(int *)context)++;
}

UNIT_TEST(output, behaves_like_a_queue_of_bytes) {
    static char content[70000];
    for (size_t i = 0; i < sizeof content; i++) content[i] = (char)(i * 31);
    struct output output = {0};
    struct bytes model = {0}, copy = {0};
    struct random random;
    random_seed(&random, 11);
    int given = 0, released = 0;
    for (int i = 0; i < 20000; i++) {
        size_t size = random_below(&random, random_below(&random, 20) ? 300 : sizeof content);
        switch (random_below(&random, 4)) {
        case 0: output_add(&output, content, size); break;
        case 1:
            memcpy(output_room(&output, size + 1), content, size);
            output_filled(&output, size);
            break;
        case 2:
            output_add_reference(&output, content, size, on_release, &released);
            given++;
            break;
        case 3: {
            struct output other = {0};
            output_add(&other, content, size);
            output_join(&output, &other);
            CU_ASSERT_EQUAL(output_size(&other), 0);
            output_fini(&other);
            break;
        }
        }
        bytes_add(&model, content, size);
        struct iovec parts[OUTPUT_PARTS];
        int count = output_parts(&output, parts, OUTPUT_PARTS);
        size_t there = 0;
        for (int k = 0; k < count; k++) {
            if (memcmp(model.data + there, parts[k].iov_base, parts[k].iov_len) != 0) CU_FAIL_FATAL("wrong bytes");
            there += parts[k].iov_len;
        }
        size_t sent = random_below(&random, there + 1);
        output_sent(&output, sent);
        bytes_drop_front(&model, sent);
        CU_ASSERT_EQUAL_FATAL(output_size(&output), model.size);
    }
    output_copy(&output, &copy);
    CU_ASSERT(slice_equal(bytes_slice(&copy), bytes_slice(&model)));
    output_clear(&output);
    CU_ASSERT(output_is_empty(&output));
    output_fini(&output);
    CU_ASSERT_EQUAL(given, released);
    bytes_fini(&model);
    bytes_fini(&copy);
}

UNIT_TEST(output, holes_are_filled_wherever_they_are) {
    for (size_t between = 0; between < 40000; between += between < 100 ? 1 : 777) {
        struct output output = {0};
        struct bytes copy = {0}, model = {0};
        char filler[100];
        memset(filler, 'f', sizeof filler);
        output_add(&output, "begin ", 6);
        struct output_hole outer = output_dig(&output);
        for (size_t i = 0; i < between; i += 100) output_add(&output, filler, MIN(between - i, 100));
        struct output_hole inner = output_dig(&output);
        for (size_t i = 0; i < between; i += 100) output_add(&output, filler, MIN(between - i, 100));
        output_fill(&output, inner, "inner", 5);
        output_add(&output, "more", 4);
        output_fill(&output, outer, "123456789012345678901234", OUTPUT_HOLE_BYTES);
        output_add(&output, "end", 3);
        bytes_add_text(&model, "begin 123456789012345678901234");
        for (size_t i = 0; i < between; i++) bytes_add_char(&model, 'f');
        bytes_add_text(&model, "inner");
        for (size_t i = 0; i < between; i++) bytes_add_char(&model, 'f');
        bytes_add_text(&model, "moreend");
        output_copy(&output, &copy);
        CU_ASSERT(slice_equal(bytes_slice(&copy), bytes_slice(&model)));
        CU_ASSERT_EQUAL(output_size(&output), model.size);
        bytes_fini(&copy);
        bytes_fini(&model);
        output_fini(&output);
    }
}
