/* A YAML file as a tree in which every node knows where it stands.
 *
 * Made from libyaml's events. Takes the plain part of YAML that a configuration needs: maps with plain keys, lists,
 * scalars. Anchors, aliases, tags, several documents and keys that are not text are errors. Marks are offsets into the
 * text that was parsed, so that an editor can replace a node and leave the rest as it is.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

enum yaml_tree_kind { YAML_TREE_SCALAR, YAML_TREE_LIST, YAML_TREE_MAP };
enum yaml_tree_style { YAML_TREE_PLAIN, YAML_TREE_SINGLE, YAML_TREE_DOUBLE, YAML_TREE_LITERAL, YAML_TREE_FOLDED };

struct yaml_tree_node;

struct yaml_tree_pair {
    struct yaml_tree_node *key; /* NULL in a list */
    struct yaml_tree_node *value;
};

struct yaml_tree_node {
    enum yaml_tree_kind kind;
    enum yaml_tree_style style;   /* of a scalar */
    bool is_flow;                 /* a list or map in brackets */
    bool is_bad;                  /* a problem was reported already */
    bool is_null;                 /* a scalar that is not there ("key:" and nothing) */
    unsigned line, column;        /* from 1; columns count characters */
    size_t start, end;            /* bytes [start, end) of the text; comments and line ends after it are not in it */
    struct slice text;            /* of a scalar; a block scalar's without the line ends at its end. Owned */
    struct yaml_tree_pair *pairs; /* of a list or map. Owned */
    size_t count;
};

struct yaml_tree {
    struct yaml_tree_node *root; /* NULL: the text holds no document, or could not be read */
    size_t document_end;         /* where text can be added to the document: before "...", or the text's end */
};

/* Problems go to `problem(context, line, column, sentence)`; 0 as line: no place. */
typedef void yaml_tree_problem(void *context, unsigned line, unsigned column, const char *sentence);

/* False: there was a problem. The tree holds what could be read; always yaml_tree_fini(). Borrows the text. */
bool yaml_tree_parse(struct yaml_tree *tree, struct slice text, yaml_tree_problem *problem, void *context);
void yaml_tree_fini(struct yaml_tree *tree);

/* The value of a key, exactly spelled; NULL: absent, or no map. */
const struct yaml_tree_node *yaml_tree_find(const struct yaml_tree_node *map, const char *key);
