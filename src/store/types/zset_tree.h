/* The order of a large sorted set: a counted B+ tree over its members, by score and then by text.
 *
 *     inner   [ keys | first member of each child | children | how many members each has ]
 *     leaf    [ keys | members ]  <->  the next leaf
 *
 * A node of 1 KiB holds 62 members, each with a key of 8 bytes beside it, so that a search hardly ever touches the members
 * themselves. A key is the score in integer order; in a node whose members all have the same score, it is the 8 bytes of
 * text that follow those which all of them share, so members in the order of their texts are found as quickly.
 * Every question about ranges is asked as the number of members before a bound, in O(log n).
 *
 * Invariants: Z1 members ascend by (score, text). Z2 an inner node's firsts and sizes are exactly its children's. Z3 only
 * the root may have no members, and an inner root has two children. Z4 keys are as described.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/types/zset_member.h"

struct zset_tree;
struct zset_node;

struct zset_tree *zset_tree_new(void); /* gives: zset_tree_free() */
/* takes; the members are the caller's */
void   zset_tree_free(struct zset_tree **tree);
size_t zset_tree_count(const struct zset_tree *tree);
size_t zset_tree_memory(const struct zset_tree *tree); /* bytes of the nodes */

/* Where a set is cut in two. */
enum zset_cut {
    ZSET_BEFORE_SCORE,  /* what has a lower score lies before */
    ZSET_AFTER_SCORE,   /* ... or the same */
    ZSET_BEFORE_MEMBER, /* what has a lower score, or the same and a lower text */
    ZSET_BEFORE_TEXT,   /* what has a lower text; only for sets whose scores are all the same */
    ZSET_AFTER_TEXT,    /* ... or the same */
    ZSET_AT_BEGIN,
    ZSET_AT_END
};
struct zset_bound {
    enum zset_cut cut;
    double        score;
    struct slice  text;
};
/* How many members lie before the bound. */
size_t zset_tree_rank(const struct zset_tree *tree, const struct zset_bound *bound);
/* Whether a member with this score and text lies before the bound. */
bool zset_bound_is_after(const struct zset_bound *bound, double score, struct slice text);

/* Adds a member that is not there; keeps it. */
void zset_tree_add(struct zset_tree *tree, struct record *member);
/* Takes this very member out. */
void zset_tree_remove(struct zset_tree *tree, struct record *member);
/* The member that is in the tree gets this score, and its place. */
void zset_tree_set_score(struct zset_tree *tree, struct record *member, double score);
/* The member of this rank has moved: it is this one, with the same score and text. */
void zset_tree_replace(struct zset_tree *tree, size_t rank, struct record *member);
/* Takes out up to `most` members from `rank` on, but not more than a node's, and puts them into `out` (they are the
 * caller's). Returns how many; 0 only for none. */
enum { ZSET_RUN_MAX = 62 };
size_t zset_tree_remove_run(struct zset_tree *tree, size_t rank, size_t most, struct record **out);

/* A place in the order, until the tree changes. */
struct zset_place {
    const struct zset_node *leaf; /* NULL: behind the last or before the first */
    unsigned                at;
};
struct zset_place zset_tree_at(const struct zset_tree *tree, size_t rank); /* rank < count */
struct zset_place zset_place_next(struct zset_place place);
struct zset_place zset_place_previous(struct zset_place place);
struct record    *zset_place_member(struct zset_place place);

/* Stops the process when an invariant does not hold (tests). O(n). */
void zset_tree_check(const struct zset_tree *tree);
