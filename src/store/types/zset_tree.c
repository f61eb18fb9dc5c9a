#include "store/types/zset_tree.h"
#include "base/mem.h"
#include "store/types/score.h"

enum {
    FANOUT = ZSET_RUN_MAX,
    LEVELS_MAX = 12,
    LOW = FANOUT / 3,      /* a node with fewer entries looks for a neighbour to merge with */
    MERGED_MAX = FANOUT - 6,
    ROOM_WORTH_MOVING = 8, /* free places in a neighbour from which on entries are moved there instead of splitting */
    TEXT_MIN = 4           /* entries of one score from which on their texts are the keys */
};

struct zset_node {
    uint16_t          count;
    uint8_t           level; /* 0: a leaf */
    bool              is_text;
    uint32_t          prefix; /* is_text: bytes of text that all entries share ... */
    uint64_t          common; /* ... and the score, as a key */
    struct zset_node *next, *previous; /* leaves */
    uint64_t          keys[FANOUT];
    struct record    *first[FANOUT]; /* the first member of each child; of a leaf, the members */
};

struct inner {
    struct zset_node  node;
    struct zset_node *children[FANOUT];
    size_t            sizes[FANOUT];
};

struct zset_tree {
    struct zset_node *root;
    size_t            count, leaves, inners;
};

struct path { /* from the root down to a leaf, by level */
    struct zset_node *node[LEVELS_MAX];
    unsigned          at[LEVELS_MAX];
};

static inline struct inner *inner_of(struct zset_node *node) {
    return container_of(node, struct inner, node);
}

static inline const struct inner *inner_const(const struct zset_node *node) {
    return container_of(node, const struct inner, node);
}

static struct zset_node *node_new(struct zset_tree *tree, unsigned level) {
    struct zset_node *node = mem_alloc(level ? sizeof(struct inner) : sizeof(struct zset_node));
    node->count = 0;
    node->level = (uint8_t)level;
    node->is_text = false;
    node->next = node->previous = NULL;
    *(level ? &tree->inners : &tree->leaves) += 1;
    return node;
}

static void node_free(struct zset_tree *tree, struct zset_node *node) {
    *(node->level ? &tree->inners : &tree->leaves) -= 1;
    mem_free(node->level ? (void *)inner_of(node) : (void *)node);
}

/* ---- keys ---- */

static uint64_t member_key(const struct record *member) {
    return score_key(member_score(member));
}

/* The 8 bytes from `offset` on, zeros behind the end, in an order of integers. */
static uint64_t text_key(struct slice text, size_t offset) {
    uint64_t key = 0;
    if (text.size >= offset + 8) {
        memcpy(&key, text.data + offset, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        key = __builtin_bswap64(key);
#endif
        return key;
    }
    for (size_t i = offset; i < offset + 8; i++) key = key << 8 | (i < text.size ? (unsigned char)text.data[i] : 0);
    return key;
}

static uint32_t shared_prefix(struct slice a, struct slice b) {
    uint32_t size = 0;
    while (size < a.size && size < b.size && a.data[size] == b.data[size]) size++;
    return size;
}

/* Chooses what the keys are and computes them. `are_scores`: they are the scores' already. */
static void recode(struct zset_node *node, bool are_scores) {
    unsigned last = node->count - 1u;
    if (node->count >= TEXT_MIN && member_key(node->first[0]) == member_key(node->first[last])) {
        node->is_text = true;
        node->common = member_key(node->first[0]);
        node->prefix = shared_prefix(member_text(node->first[0]), member_text(node->first[last]));
        for (unsigned i = 0; i <= last; i++) node->keys[i] = text_key(member_text(node->first[i]), node->prefix);
        return;
    }
    node->is_text = false;
    if (are_scores) return;
    for (unsigned i = 0; i < node->count; i++) node->keys[i] = member_key(node->first[i]);
}

static bool fits_text(const struct zset_node *node, unsigned at, const struct record *member) {
    if (node->count < 2 || member_key(member) != node->common) return false;
    struct slice text = member_text(member), other = member_text(node->first[at ? at - 1 : 1]);
    return text.size >= node->prefix && memcmp(text.data, other.data, node->prefix) == 0;
}

/* The entry `at`, whose place is there, becomes this member. */
static void put(struct zset_node *node, unsigned at, struct record *member) {
    node->first[at] = member;
    if (!node->is_text)
        node->keys[at] = member_key(member);
    else if (fits_text(node, at, member))
        node->keys[at] = text_key(member_text(member), node->prefix);
    else
        recode(node, false);
}

/* ---- searching a node ---- */

static inline unsigned keys_below(const uint64_t *keys, unsigned count, uint64_t key) {
    const uint64_t *base = keys;
    if (!count) return 0;
    while (count > 1) {
        unsigned half = count / 2;
        base += base[half - 1] < key ? half : 0;
        count -= half;
    }
    return (unsigned)(base - keys) + (*base < key);
}

static inline unsigned keys_up_to(const uint64_t *keys, unsigned count, uint64_t key) {
    return key == UINT64_MAX ? count : keys_below(keys, count, key + 1);
}

/* Entries from `low` to `high` are in the order of their texts: up to which one are they before `text`? */
static unsigned texts_before(const struct zset_node *node, unsigned low, unsigned high, struct slice text, bool or_equal) {
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (slice_compare(member_text(node->first[middle]), text) < (or_equal ? 1 : 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static unsigned search_text(const struct zset_node *node, struct slice text, bool or_equal) {
    if (!node->count) return 0;
    if (!node->is_text) return texts_before(node, 0, node->count, text, or_equal);
    if (node->prefix) {
        int order = slice_compare(slice_make(text.data, MIN(text.size, node->prefix)),
                                  slice_make(member_text(node->first[0]).data, node->prefix));
        if (order) return order < 0 ? 0 : node->count;
    }
    uint64_t key = text_key(text, node->prefix);
    unsigned low = keys_below(node->keys, node->count, key);
    if (low == node->count || node->keys[low] != key) return low;
    return texts_before(node, low, low + keys_up_to(node->keys + low, node->count - low, key), text, or_equal);
}

static unsigned search_score(const struct zset_node *node, uint64_t key) {
    return node->is_text ? (node->common < key ? node->count : 0) : keys_below(node->keys, node->count, key);
}

static unsigned search_member(const struct zset_node *node, uint64_t key, struct slice text) {
    if (node->is_text) {
        if (node->common != key) return node->common < key ? node->count : 0;
        return search_text(node, text, false);
    }
    unsigned low = keys_below(node->keys, node->count, key);
    if (low == node->count || node->keys[low] != key) return low;
    return texts_before(node, low, low + keys_up_to(node->keys + low, node->count - low, key), text, false);
}

/* How many of the node's entries lie before the bound. */
static inline unsigned search(const struct zset_node *node, const struct zset_bound *bound) {
    switch (bound->cut) {
    case ZSET_BEFORE_SCORE: return search_score(node, score_key(bound->score));
    case ZSET_AFTER_SCORE: return search_score(node, score_key(bound->score) + 1);
    case ZSET_BEFORE_MEMBER: return search_member(node, score_key(bound->score), bound->text);
    case ZSET_BEFORE_TEXT: return search_text(node, bound->text, false);
    case ZSET_AFTER_TEXT: return search_text(node, bound->text, true);
    case ZSET_AT_BEGIN: return 0;
    case ZSET_AT_END: return node->count;
    }
    UNREACHABLE("unknown cut");
}

bool zset_bound_is_after(const struct zset_bound *bound, double score, struct slice text) {
    switch (bound->cut) {
    case ZSET_BEFORE_SCORE: return score < bound->score;
    case ZSET_AFTER_SCORE: return score <= bound->score;
    case ZSET_BEFORE_MEMBER: return score < bound->score || (!(score > bound->score) && slice_compare(text, bound->text) < 0);
    case ZSET_BEFORE_TEXT: return slice_compare(text, bound->text) < 0;
    case ZSET_AFTER_TEXT: return slice_compare(text, bound->text) <= 0;
    case ZSET_AT_BEGIN: return false;
    case ZSET_AT_END: return true;
    }
    UNREACHABLE("unknown cut");
}

/* ---- moving entries ---- */

#define MOVE(array, to, from, count) memmove(&(array)[to], &(array)[from], (count) * sizeof *(array))

/* The entries from `from` on move to `to`. */
static void slide(struct zset_node *node, unsigned to, unsigned from) {
    unsigned count = node->count - from;
    MOVE(node->keys, to, from, count);
    MOVE(node->first, to, from, count);
    if (!node->level) return;
    MOVE(inner_of(node)->children, to, from, count);
    MOVE(inner_of(node)->sizes, to, from, count);
}

static void copy(struct zset_node *to, unsigned to_at, const struct zset_node *from, unsigned from_at, unsigned count) {
    memcpy(&to->keys[to_at], &from->keys[from_at], count * sizeof *to->keys);
    memcpy(&to->first[to_at], &from->first[from_at], count * sizeof *to->first);
    if (!to->level) return;
    memcpy(&inner_of(to)->children[to_at], &inner_const(from)->children[from_at], count * sizeof(struct zset_node *));
    memcpy(&inner_of(to)->sizes[to_at], &inner_const(from)->sizes[from_at], count * sizeof(size_t));
}

/* Moves entries from the end of `left` to the front of `right` (count > 0), or the other way (count < 0). Returns how many
 * members came to `right`, modulo 2^64. */
static size_t shift(struct zset_node *left, struct zset_node *right, int count) {
    bool   are_scores = !left->is_text && !right->is_text;
    size_t moved = 0;
    if (count > 0) {
        unsigned n = (unsigned)count;
        slide(right, n, 0);
        copy(right, 0, left, left->count - n, n);
        for (unsigned i = 0; i < n; i++) moved += right->level ? inner_of(right)->sizes[i] : 1;
        right->count = (uint16_t)(right->count + n);
        left->count = (uint16_t)(left->count - n);
    } else {
        unsigned n = (unsigned)-count;
        copy(left, left->count, right, 0, n);
        for (unsigned i = 0; i < n; i++) moved -= right->level ? inner_of(right)->sizes[i] : 1;
        slide(right, 0, n);
        left->count = (uint16_t)(left->count + n);
        right->count = (uint16_t)(right->count - n);
    }
    recode(left, are_scores);
    if (right->count) recode(right, are_scores);
    return moved;
}

/* The first member below path->node[level] is another one. */
static void fix_first(struct path *path, const struct zset_node *root, unsigned level, struct record *member) {
    while (path->node[level] != root) {
        level++;
        put(path->node[level], path->at[level], member);
        if (path->at[level]) return;
    }
}

static void add_child(struct zset_node *parent, unsigned at, struct zset_node *child, size_t size) {
    slide(parent, at + 1, at);
    parent->count++;
    inner_of(parent)->children[at] = child;
    inner_of(parent)->sizes[at] = size;
    put(parent, at, child->first[0]);
}

static void drop_child(struct zset_tree *tree, struct zset_node *parent, unsigned at) {
    struct zset_node *child = inner_of(parent)->children[at];
    if (child->next) child->next->previous = child->previous;
    if (child->previous) child->previous->next = child->next;
    node_free(tree, child);
    slide(parent, at, at + 1);
    parent->count--;
}

/* ---- adding ---- */

static void grow_root(struct zset_tree *tree) {
    struct zset_node *root = node_new(tree, tree->root->level + 1u);
    CHECK(root->level < LEVELS_MAX);
    add_child(root, 0, tree->root, tree->count);
    tree->root = root;
}

/* The node `at` of the parent is full: some of its entries go to a neighbour, or to a new node. `keep` of them stay then:
 * all but one where members come in ascending order, so that nodes are full. */
static void make_room(struct zset_tree *tree, struct zset_node *parent, unsigned at, unsigned keep) {
    struct inner     *inner = inner_of(parent);
    struct zset_node *node = inner->children[at];
    struct zset_node *left = at ? inner->children[at - 1] : NULL;
    struct zset_node *right = at + 1 < parent->count ? inner->children[at + 1] : NULL;
    bool              is_in_between = keep > 1 && keep < FANOUT - 1;
    if (is_in_between && right && right->count <= FANOUT - ROOM_WORTH_MOVING) {
        size_t moved = shift(node, right, (FANOUT - right->count) / 2);
        inner->sizes[at] -= moved;
        inner->sizes[at + 1] += moved;
        put(parent, at + 1, right->first[0]);
    } else if (is_in_between && left && left->count <= FANOUT - ROOM_WORTH_MOVING) {
        size_t moved = shift(left, node, -(FANOUT - left->count) / 2);
        inner->sizes[at] += moved;
        inner->sizes[at - 1] -= moved;
        put(parent, at, node->first[0]);
    } else {
        struct zset_node *made = node_new(tree, node->level);
        size_t            moved = shift(node, made, (int)(node->count - keep));
        if (!node->level) {
            made->next = node->next;
            made->previous = node;
            node->next = made;
            if (made->next) made->next->previous = made;
        }
        inner->sizes[at] -= moved;
        add_child(parent, at + 1, made, moved);
    }
}

/* Finds the place for a new member. Full nodes on the way get room first, from the root down, so that there always is
 * room for one more child; then the search begins again. */
static void find_room(struct zset_tree *tree, const struct zset_bound *bound, struct path *path) {
again:;
    struct zset_node *node = tree->root;
    bool              is_first = true, is_last = true;
    for (;;) {
        unsigned level = node->level, at = search(node, bound);
        bool     behind = at == node->count;
        if (level && at) at--;
        path->node[level] = node;
        path->at[level] = at;
        is_first = is_first && at == 0;
        is_last = is_last && (level ? at + 1u == node->count : behind);
        if (node->count == FANOUT) {
            if (node == tree->root) {
                grow_root(tree);
                path->node[level + 1] = tree->root;
                path->at[level + 1] = 0;
            }
            make_room(tree, path->node[level + 1], path->at[level + 1], is_last ? FANOUT - 1 : is_first ? 1 : FANOUT / 2);
            goto again;
        }
        if (!level) return;
        node = inner_of(node)->children[at];
    }
}

void zset_tree_add(struct zset_tree *tree, struct record *member) {
    struct zset_bound bound = {ZSET_BEFORE_MEMBER, member_score(member), member_text(member)};
    struct path       path;
    find_room(tree, &bound, &path);
    for (unsigned level = tree->root->level; level; level--) inner_of(path.node[level])->sizes[path.at[level]]++;
    struct zset_node *leaf = path.node[0];
    unsigned          at = path.at[0];
    slide(leaf, at + 1, at);
    leaf->count++;
    tree->count++;
    put(leaf, at, member);
    if (at == 0) fix_first(&path, tree->root, 0, member);
}

/* ---- removing ---- */

/* Nodes on the path that have become small are merged with a neighbour, empty ones go. */
static void tidy(struct zset_tree *tree, struct path *path) {
    for (unsigned level = 0; path->node[level] != tree->root; level++) {
        struct zset_node *node = path->node[level], *parent = path->node[level + 1];
        struct inner     *inner = inner_of(parent);
        unsigned          at = path->at[level + 1];
        if (node->count == 0) {
            drop_child(tree, parent, at);
            if (at == 0 && parent->count) fix_first(path, tree->root, level + 1, parent->first[0]);
            continue;
        }
        if (node->count >= LOW) break;
        if (at && inner->children[at - 1]->count + node->count <= MERGED_MAX)
            at--;
        else if (at + 1u == parent->count || node->count + inner->children[at + 1]->count > MERGED_MAX)
            break;
        struct zset_node *right = inner->children[at + 1];
        shift(inner->children[at], right, -right->count);
        inner->sizes[at] += inner->sizes[at + 1];
        drop_child(tree, parent, at + 1);
    }
    while (tree->root->level && tree->root->count == 1) {
        struct zset_node *root = tree->root;
        tree->root = inner_of(root)->children[0];
        node_free(tree, root);
    }
}

static void remove_at(struct zset_tree *tree, struct path *path, unsigned count) {
    for (unsigned level = tree->root->level; level; level--) inner_of(path->node[level])->sizes[path->at[level]] -= count;
    tree->count -= count;
    struct zset_node *leaf = path->node[0];
    unsigned          at = path->at[0];
    slide(leaf, at, at + count);
    leaf->count = (uint16_t)(leaf->count - count);
    if (at == 0 && leaf->count) fix_first(path, tree->root, 0, leaf->first[0]);
    if (leaf->count < LOW) tidy(tree, path);
}

static void find(const struct zset_tree *tree, struct record *member, struct path *path) {
    struct zset_bound bound = {ZSET_BEFORE_MEMBER, member_score(member), member_text(member)};
    struct zset_node *node = tree->root;
    for (;; node = inner_of(node)->children[path->at[node->level]]) {
        unsigned at = search(node, &bound);
        /* A child may begin with the member itself. */
        if (node->level && !(at < node->count && node->first[at] == member)) at--;
        path->node[node->level] = node;
        path->at[node->level] = at;
        if (!node->level) break;
    }
    CHECK(path->at[0] < node->count && node->first[path->at[0]] == member);
}

void zset_tree_remove(struct zset_tree *tree, struct record *member) {
    struct path path;
    find(tree, member, &path);
    remove_at(tree, &path, 1);
}

void zset_tree_set_score(struct zset_tree *tree, struct record *member, double score) {
    struct path path;
    uint64_t    key = score_key(score);
    if (key == member_key(member)) { /* perhaps 0 and -0 */
        member_set_score(member, score);
        return;
    }
    find(tree, member, &path);
    struct zset_node *leaf = path.node[0];
    unsigned          at = path.at[0];
    if (!leaf->is_text && at && at + 1u < leaf->count && leaf->keys[at - 1] < key && key < leaf->keys[at + 1]) {
        leaf->keys[at] = key;
        member_set_score(member, score);
        return;
    }
    remove_at(tree, &path, 1);
    member_set_score(member, score);
    zset_tree_add(tree, member);
}

/* ---- ranks ---- */

/* The entry `rank` and, if asked for, the way there. */
static struct zset_place descend(const struct zset_tree *tree, size_t rank, struct path *path) {
    CHECK(rank < tree->count);
    struct zset_node *node = tree->root;
    while (node->level) {
        const size_t *sizes = inner_of(node)->sizes;
        unsigned      at = 0;
        while (rank >= sizes[at]) rank -= sizes[at++];
        if (path) {
            path->node[node->level] = node;
            path->at[node->level] = at;
        }
        node = inner_of(node)->children[at];
    }
    if (path) {
        path->node[0] = node;
        path->at[0] = (unsigned)rank;
    }
    return (struct zset_place){node, (unsigned)rank};
}

void zset_tree_replace(struct zset_tree *tree, size_t rank, struct record *member) {
    struct path path;
    (void)descend(tree, rank, &path);
    path.node[0]->first[path.at[0]] = member;
    /* Where it is a child's first, it stands there too. */
    for (unsigned level = 1; level <= tree->root->level && path.at[level - 1] == 0; level++)
        path.node[level]->first[path.at[level]] = member;
}

size_t zset_tree_remove_run(struct zset_tree *tree, size_t rank, size_t most, struct record **out) {
    if (rank >= tree->count || !most) return 0;
    struct path       path;
    struct zset_place place = descend(tree, rank, &path);
    unsigned          count = (unsigned)MIN(most, (size_t)(place.leaf->count - place.at));
    memcpy(out, &place.leaf->first[place.at], count * sizeof *out);
    remove_at(tree, &path, count);
    return count;
}

size_t zset_tree_rank(const struct zset_tree *tree, const struct zset_bound *bound) {
    size_t                  rank = 0;
    const struct zset_node *node = tree->root;
    while (node->level) {
        unsigned at = search(node, bound);
        if (!at) return rank;
        at--;
        for (unsigned i = 0; i < at; i++) rank += inner_const(node)->sizes[i];
        node = inner_const(node)->children[at];
    }
    return rank + search(node, bound);
}

struct zset_place zset_tree_at(const struct zset_tree *tree, size_t rank) {
    return descend(tree, rank, NULL);
}

struct zset_place zset_place_next(struct zset_place place) {
    return place.at + 1 < place.leaf->count ? (struct zset_place){place.leaf, place.at + 1} : (struct zset_place){place.leaf->next, 0};
}

struct zset_place zset_place_previous(struct zset_place place) {
    if (place.at) return (struct zset_place){place.leaf, place.at - 1};
    const struct zset_node *leaf = place.leaf->previous;
    return (struct zset_place){leaf, leaf ? leaf->count - 1u : 0};
}

struct record *zset_place_member(struct zset_place place) {
    return place.leaf->first[place.at];
}

/* ---- the whole ---- */

struct zset_tree *zset_tree_new(void) {
    struct zset_tree *tree = mem_zalloc(sizeof *tree);
    tree->root = node_new(tree, 0);
    return tree;
}

static void free_below(struct zset_tree *tree, struct zset_node *node) {
    if (node->level)
        for (unsigned i = 0; i < node->count; i++) free_below(tree, inner_of(node)->children[i]);
    node_free(tree, node);
}

void zset_tree_free(struct zset_tree **place) {
    struct zset_tree *tree = *place;
    if (!tree) return;
    *place = NULL;
    free_below(tree, tree->root);
    mem_free(tree);
}

size_t zset_tree_count(const struct zset_tree *tree) {
    return tree->count;
}

size_t zset_tree_memory(const struct zset_tree *tree) {
    return mem_size(tree) + tree->leaves * mem_good_size(sizeof(struct zset_node)) +
           tree->inners * mem_good_size(sizeof(struct inner));
}

static int compare(const struct record *a, const struct record *b) {
    double one = member_score(a), other = member_score(b);
    if (one < other) return -1;
    return one > other ? 1 : slice_compare(member_text(a), member_text(b));
}

static size_t check_node(const struct zset_node *node, const struct zset_node **leaf) {
    size_t size = 0;
    for (unsigned i = 0; i < node->count; i++) {
        const struct record *member = node->first[i];
        if (i) CHECK(compare(node->first[i - 1], member) < 0); /* Z1 */
        if (node->is_text) { /* Z4 */
            CHECK(member_key(member) == node->common);
            CHECK(shared_prefix(member_text(member), member_text(node->first[0])) >= node->prefix);
        }
        CHECK(node->keys[i] == (node->is_text ? text_key(member_text(member), node->prefix) : member_key(member)));
        if (!node->level) continue;
        const struct zset_node *child = inner_const(node)->children[i];
        CHECK(child->level + 1 == node->level);
        CHECK(child->count > 0 && child->first[0] == member); /* Z2, Z3 */
        if (i + 1u < node->count) CHECK(compare(child->first[child->count - 1], node->first[i + 1]) < 0);
        size_t below = check_node(child, leaf);
        CHECK(below == inner_const(node)->sizes[i]);
        size += below;
    }
    if (node->level) return size;
    CHECK(node->previous == *leaf);
    if (*leaf) CHECK((*leaf)->next == node);
    *leaf = node;
    return node->count;
}

void zset_tree_check(const struct zset_tree *tree) {
    const struct zset_node *leaf = NULL;
    CHECK(check_node(tree->root, &leaf) == tree->count);
    CHECK(leaf->next == NULL);
    if (tree->root->level) CHECK(tree->root->count >= 2);
}
