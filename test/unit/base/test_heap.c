#include "lib/unit.h"
#include "base/heap.h"
#include "base/random.h"

UNIT_TEST(heap, agrees_with_a_linear_search) {
    enum { N = 200 };
    struct heap heap;
    struct heap_node nodes[N] = {{0}};
    struct random random;
    random_seed(&random, 7);
    heap_init(&heap);
    for (int step = 0; step < 20000; step++) {
        struct heap_node *node = &nodes[random_below(&random, N)];
        if (random_below(&random, 3) == 0) heap_remove(&heap, node);
        else heap_set(&heap, node, (int64_t)random_below(&random, 1000));
        struct heap_node *least = NULL;
        for (int i = 0; i < N; i++)
            if (heap_has(&nodes[i]) && (!least || nodes[i].key < least->key)) least = &nodes[i];
        struct heap_node *first = heap_first(&heap);
        CU_ASSERT_EQUAL_FATAL(first == NULL, least == NULL);
        if (first) CU_ASSERT_EQUAL_FATAL(first->key, least->key);
    }
    heap_fini(&heap);
}
