#include "store/keyspace/expire.h"
#include "base/mem.h"

enum {
    SLOT_BITS = 8,
    SLOTS = 1 << SLOT_BITS,
    LEVELS = 3,
    TICK_BITS = SLOT_BITS * LEVELS, /* of a place */
    HASH_BITS = 64 - TICK_BITS,
    SMALL_PLACES = 6,   /* a chunk of 64 bytes */
    LARGE_PLACES = 510, /* one of 4 KiB */
    STEP_PLACES = 512,  /* moved in one EXPIRE_WORK */
    STEP_TICKS = 4096
};
#define HASH_MASK ((1ull << HASH_BITS) - 1)

struct chunk {
    struct chunk *next;
    uint32_t      count, capacity;
    uint64_t      places[];
};

struct expire_index {
    int64_t        tick;          /* being served: earlier ones are done */
    struct chunk **slots[LEVELS]; /* NULL until one is used */
    struct chunk  *far;
    struct chunk  *moving; /* taken from a higher level, to be filed again before `tick` is served */
    struct chunk  *asked;  /* taken from `far`: their ticks are not known, whoever asks looks at their records */
    size_t         count, memory;
    size_t         sweep;  /* where expire_index_take() is */
};

static int64_t tick_of(int64_t ms) {
    return ms / EXPIRE_TICK_MS;
}

struct expire_index *expire_index_new(int64_t wall_ms) {
    struct expire_index *index = mem_zalloc(sizeof *index);
    index->tick = tick_of(wall_ms);
    index->memory = sizeof *index;
    return index;
}

static void free_chunks(struct chunk *chunk) {
    for (struct chunk *next; chunk; chunk = next) {
        next = chunk->next;
        mem_free(chunk);
    }
}

void expire_index_free(struct expire_index **place) {
    struct expire_index *index = *place;
    if (!index) return;
    *place = NULL;
    for (unsigned level = 0; level < LEVELS; level++) {
        for (unsigned i = 0; index->slots[level] && i < SLOTS; i++) free_chunks(index->slots[level][i]);
        mem_free(index->slots[level]);
    }
    free_chunks(index->far);
    free_chunks(index->moving);
    free_chunks(index->asked);
    mem_free(index);
}

static void push(struct expire_index *index, struct chunk **list, uint64_t place) {
    struct chunk *head = *list;
    if (!head || head->count == head->capacity) {
        uint32_t capacity = head ? MIN(head->capacity * 2 + 2, (uint32_t)LARGE_PLACES) : SMALL_PLACES;
        struct chunk *chunk = mem_alloc(sizeof *chunk + capacity * sizeof *chunk->places);
        *chunk = (struct chunk){.next = head, .capacity = capacity};
        index->memory += sizeof *chunk + capacity * sizeof *chunk->places;
        *list = head = chunk;
    }
    head->places[head->count++] = place;
}

static bool pop(struct expire_index *index, struct chunk **list, uint64_t *place) {
    struct chunk *head = *list;
    if (!head) return false;
    *place = head->places[--head->count];
    if (head->count == 0) {
        *list = head->next;
        index->memory -= sizeof *head + head->capacity * sizeof *head->places;
        mem_free(head);
    }
    return true;
}

static struct chunk **slot_of(struct expire_index *index, unsigned level, int64_t tick) {
    if (!index->slots[level]) {
        index->slots[level] = mem_zalloc(SLOTS * sizeof **index->slots);
        index->memory += SLOTS * sizeof **index->slots;
    }
    return &index->slots[level][tick >> (SLOT_BITS * level) & (SLOTS - 1)];
}

/* `tick` >= index->tick. */
static void file(struct expire_index *index, uint64_t hash, int64_t tick) {
    uint64_t place = (hash & HASH_MASK) | (uint64_t)tick << HASH_BITS;
    for (unsigned level = 0; level < LEVELS; level++) {
        unsigned shift = SLOT_BITS * level;
        if ((tick >> shift) - (index->tick >> shift) < SLOTS) {
            push(index, slot_of(index, level, tick), place);
            return;
        }
    }
    push(index, &index->far, place);
}

void expire_index_add(struct expire_index *index, uint64_t hash, int64_t deadline_ms) {
    /* The slot of the tick that is being served would give it back at once. */
    file(index, hash, MAX(tick_of(deadline_ms) + 1, index->tick + 1));
    index->count++;
}

static int64_t full_tick(const struct expire_index *index, uint64_t place) {
    const int64_t range = (int64_t)1 << TICK_BITS;
    int64_t tick = (index->tick & ~(range - 1)) | (int64_t)(place >> HASH_BITS);
    return tick < index->tick ? tick + range : tick;
}

static struct chunk *take_slot(struct expire_index *index, unsigned level) {
    if (!index->slots[level]) return NULL;
    struct chunk **slot = slot_of(index, level, index->tick), *list = *slot;
    *slot = NULL;
    return list;
}

static void move_some(struct expire_index *index) {
    uint64_t place;
    for (unsigned i = 0; i < STEP_PLACES && pop(index, &index->moving, &place); i++)
        file(index, place, full_tick(index, place));
}

static void join(struct chunk **list, struct chunk *more) {
    if (!more) return;
    while (*list) list = &(*list)->next;
    *list = more;
}

/* The next tick begins: what higher levels hold for the time it opens comes down. A place that comes down two levels at
 * once is filed right the first time, because all slots that open now are emptied before. */
static void advance(struct expire_index *index) {
    index->tick++;
    for (unsigned level = 1; level < LEVELS; level++) {
        if (index->tick & (((int64_t)1 << (SLOT_BITS * level)) - 1)) return;
        join(&index->moving, take_slot(index, level));
    }
    if (index->tick & (((int64_t)1 << TICK_BITS) - 1)) return;
    join(&index->asked, index->far);
    index->far = NULL;
}

enum expire_step expire_index_next(struct expire_index *index, int64_t wall_ms, uint64_t *hash) {
    int64_t now = tick_of(wall_ms);
    if (index->count == 0) {
        index->tick = MAX(index->tick, now);
        return EXPIRE_NONE;
    }
    for (unsigned ticks = 0; ticks < STEP_TICKS; ticks++) {
        if (index->moving) {
            move_some(index);
            return EXPIRE_WORK;
        }
        if (index->tick > now) return EXPIRE_NONE;
        uint64_t place;
        if (pop(index, &index->asked, &place) ||
            (index->slots[0] && pop(index, slot_of(index, 0, index->tick), &place))) {
            index->count--;
            *hash = place & HASH_MASK;
            return EXPIRE_DUE;
        }
        if (index->tick == now) return EXPIRE_NONE;
        advance(index);
    }
    return EXPIRE_WORK;
}

bool expire_index_take(struct expire_index *index, uint64_t *hash) {
    uint64_t place;
    if (index->count == 0) return false;
    bool found = pop(index, &index->moving, &place) || pop(index, &index->asked, &place) || pop(index, &index->far, &place);
    /* Places that are added behind the sweep's back are found by its next round. */
    for (; !found; index->sweep = (index->sweep + 1) % (LEVELS * SLOTS)) {
        struct chunk **level = index->slots[index->sweep / SLOTS];
        if (level && pop(index, &level[index->sweep % SLOTS], &place)) {
            found = true;
            break;
        }
    }
    index->count--;
    *hash = place & HASH_MASK;
    return true;
}

/* A random place of a random one of the list's first chunks. */
static bool pop_random(struct expire_index *index, struct chunk **list, struct random *random, uint64_t *place) {
    enum { CHUNKS_WALKED = 32 };
    if (!*list) return false;
    struct chunk **at = list;
    for (uint64_t steps = random_below(random, CHUNKS_WALKED); steps > 0 && (*at)->next; steps--) at = &(*at)->next;
    uint64_t *chosen = &(*at)->places[random_below(random, (*at)->count)];
    uint64_t last;
    *place = *chosen;
    *chosen = (*at)->places[(*at)->count - 1];
    return pop(index, at, &last);
}

size_t expire_index_take_some(struct expire_index *index, struct random *random, uint64_t *hashes, size_t count) {
    enum { LISTS = LEVELS * SLOTS + 3 };
    struct chunk **others[] = {&index->asked, &index->moving, &index->far};
    size_t start = random ? random_below(random, LISTS) : 0, taken = 0;
    for (size_t i = 0; i < LISTS && taken < count && index->count; i++) {
        size_t at = (start + i) % LISTS;
        unsigned level = (unsigned)(at / SLOTS);
        uint64_t place;
        if (level < LEVELS && !index->slots[level]) continue;
        int64_t tick = level < LEVELS ? (index->tick >> (SLOT_BITS * level)) + (int64_t)(at % SLOTS) : 0;
        struct chunk **list = level < LEVELS ? &index->slots[level][tick & (SLOTS - 1)] : others[at - LEVELS * SLOTS];
        while (taken < count && (random ? pop_random(index, list, random, &place) : pop(index, list, &place))) {
            hashes[taken++] = place & HASH_MASK;
            index->count--;
        }
    }
    return taken;
}

/* A place in the slot of a tick has a deadline in the tick before. What level 1 and 2 hold for the slot that is open was
 * taken from them; what is far is beyond the next opening of all levels. */
int64_t expire_index_earliest_ms(const struct expire_index *index) {
    CHECK(index->count > 0);
    if (index->moving || index->asked) return (index->tick - 1) * EXPIRE_TICK_MS;
    int64_t earliest = ((index->tick >> TICK_BITS) + 1) << TICK_BITS;
    for (unsigned level = 0; level < LEVELS; level++) {
        unsigned shift = SLOT_BITS * level;
        int64_t  slot = (index->tick >> shift) + (level > 0), end = slot + SLOTS;
        if (!index->slots[level]) continue;
        while (slot < end && !index->slots[level][slot & (SLOTS - 1)]) slot++;
        if (slot < end) earliest = MIN(earliest, slot << shift);
    }
    return (earliest - 1) * EXPIRE_TICK_MS;
}

bool expire_index_is_ahead(const struct expire_index *index, int64_t wall_ms) {
    return index->tick > tick_of(wall_ms) + SLOTS / 4;
}

size_t expire_index_count(const struct expire_index *index) {
    return index->count;
}

size_t expire_index_memory(const struct expire_index *index) {
    return index->memory;
}
