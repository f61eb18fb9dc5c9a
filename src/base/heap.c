#include "base/heap.h"
#include "base/mem.h"

void heap_init(struct heap *heap) {
    *heap = (struct heap){0};
}

void heap_fini(struct heap *heap) {
    for (size_t i = 1; i <= heap->count; i++) heap->nodes[i]->place = 0;
    mem_free(heap->nodes);
    *heap = (struct heap){0};
}

static void put(struct heap *heap, size_t place, struct heap_node *node) {
    heap->nodes[place] = node;
    node->place = place;
}

static void sift(struct heap *heap, struct heap_node *node) {
    size_t place = node->place;
    while (place > 1 && heap->nodes[place / 2]->key > node->key) {
        put(heap, place, heap->nodes[place / 2]);
        place /= 2;
    }
    for (;;) {
        size_t child = place * 2;
        if (child > heap->count) break;
        if (child < heap->count && heap->nodes[child + 1]->key < heap->nodes[child]->key) child++;
        if (heap->nodes[child]->key >= node->key) break;
        put(heap, place, heap->nodes[child]);
        place = child;
    }
    put(heap, place, node);
}

void heap_set(struct heap *heap, struct heap_node *node, int64_t key) {
    node->key = key;
    if (node->place == 0) {
        if (heap->count + 2 > heap->capacity) {
            heap->capacity = MAX(heap->capacity * 2, 16);
            heap->nodes = mem_realloc(heap->nodes, heap->capacity * sizeof heap->nodes[0]);
        }
        put(heap, ++heap->count, node);
    }
    sift(heap, node);
}

void heap_remove(struct heap *heap, struct heap_node *node) {
    if (node->place == 0) return;
    CHECK(node->place <= heap->count);
    CHECK(heap->nodes[node->place] == node);
    struct heap_node *last = heap->nodes[heap->count--];
    if (last != node) {
        put(heap, node->place, last);
        sift(heap, last);
    }
    node->place = 0;
}
