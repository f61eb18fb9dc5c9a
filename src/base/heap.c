#include "base/heap.h"
#include "base/mem.h"

void heap_init(struct heap *heap) {
    *heap = (struct heap){0};
}

void heap_fini(struct heap *heap) {
    for (size_t i = 1; i <= heap->count; i++) heap->slots[i].node->place = 0;
    mem_free(heap->slots);
    *heap = (struct heap){0};
}

static void put(struct heap *heap, size_t place, struct heap_slot slot) {
    heap->slots[place] = slot;
    slot.node->place = place;
}

/* Puts the slot where it belongs, on the way up or down from `place`, whose own content is given up. */
static void sift(struct heap *heap, size_t place, struct heap_slot slot) {
    while (place > 1 && heap->slots[place / 2].key > slot.key) {
        put(heap, place, heap->slots[place / 2]);
        place /= 2;
    }
    for (;;) {
        size_t child = place * 2;
        if (child > heap->count) break;
        if (child < heap->count && heap->slots[child + 1].key < heap->slots[child].key) child++;
        if (heap->slots[child].key >= slot.key) break;
        put(heap, place, heap->slots[child]);
        place = child;
    }
    put(heap, place, slot);
}

void heap_set(struct heap *heap, struct heap_node *node, int64_t key) {
    node->key = key;
    size_t place = node->place;
    if (place == 0) {
        if (heap->count + 2 > heap->capacity) {
            heap->capacity = MAX(heap->capacity * 2, 16);
            heap->slots = mem_realloc(heap->slots, heap->capacity * sizeof heap->slots[0]);
        }
        place = ++heap->count;
    }
    sift(heap, place, (struct heap_slot){key, node});
}

void heap_remove(struct heap *heap, struct heap_node *node) {
    if (node->place == 0) return;
    CHECK(node->place <= heap->count);
    CHECK(heap->slots[node->place].node == node);
    struct heap_slot last = heap->slots[heap->count--];
    if (last.node != node) sift(heap, node->place, last);
    node->place = 0;
}
