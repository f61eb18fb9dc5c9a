/* What the command line asks for: the mode, by name or flag, and what is to be done in it.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/error.h"

enum arguments_task {
    TASK_RUN,
    TASK_VERSION,
    TASK_HELP,
    TASK_TEST_MEMORY,
    TASK_CHECK_CONFIG,
    TASK_IMPORT_CONFIG,
    TASK_CHECK_RDB,
    TASK_CHECK_AOF,
    TASK_DUMP_MACHINES,
    TASK_DUMP_CONFIG,
    TASK_DUMP_PARAMETERS,
};

struct arguments {
    enum arguments_task task;
    bool                sentinel;
    const char         *file;  /* the configuration, or what the task works on; NULL: none, "-": standard input */
    uint64_t            megabytes; /* TASK_TEST_MEMORY */
    char              **overrides; /* "--name", "value", ...; of TASK_CHECK_AOF all words; owned, the texts are main()'s */
    int                 override_count;
};

/* Borrows argv for as long as the result is used. False: the command line makes no sense (`err`). */
MUST_USE bool arguments_parse(struct arguments *arguments, int argc, char **argv, struct error *err);
void          arguments_fini(struct arguments *arguments);
/* The text of --help. */
extern const char arguments_usage[];
