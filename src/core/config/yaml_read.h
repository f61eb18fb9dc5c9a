/* From YAML files to parameters: finds, checks and reports; stores only when asked to.
 *
 * A nested map joins its key to its parent's with a dash. Keys and values are checked against the params' rows; every
 * problem becomes a line of the report, "file:line:column: key: sentence". What a file includes is read before it, so
 * that the including file wins.
 *
 *     struct yaml_read *read = yaml_read_new(params, &report);
 *     yaml_read_file(read, "server.yaml");
 *     bool good = yaml_read_problems(read) == 0 && yaml_read_store(read);
 *     yaml_read_free(&read);
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/config/param.h"
#include "core/config/yaml_tree.h"

struct yaml_read;

/* One parameter that a file gives. */
struct yaml_found {
    struct param_entry *entry;
    struct param_values values; /* canonical, as this file alone says */
    struct param_origin origin;
    const struct yaml_tree_node *node; /* of the value */
    bool is_main;                      /* in the first file that was read, not in one that it includes */
};

struct yaml_read *yaml_read_new(struct params *params, struct bytes *report); /* gives; keeps both */
void yaml_read_free(struct yaml_read **read);

/* Reads a file ("-": standard input) with what it includes. */
void yaml_read_file(struct yaml_read *read, const char *path);
/* The same for a text. `name` stands in the report; `directory` is where includes start, NULL: includes are refused. */
void yaml_read_text(struct yaml_read *read, const char *name, struct slice text, const char *directory);

size_t yaml_read_problems(const struct yaml_read *read);
/* Stores what was found, in order, and adds the members of groups. False: the report has more lines. */
MUST_USE bool yaml_read_store(struct yaml_read *read);

/* What was found, included files first. Lent until the read is freed. */
size_t yaml_read_count(const struct yaml_read *read);
const struct yaml_found *yaml_read_at(const struct yaml_read *read, size_t place);
/* The tree of the first file (root NULL: empty or unreadable). */
const struct yaml_tree *yaml_read_tree(const struct yaml_read *read);

/* A whole file into `out`; "-" is standard input. */
MUST_USE bool yaml_read_bytes(const char *path, struct bytes *out, struct error *err);
