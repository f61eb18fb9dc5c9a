#include "arguments.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "base/number.h"

const char arguments_usage[] =
    "Usage: kvd [FILE | -] [--PARAMETER VALUE...]...     a server\n"
    "       kvd --sentinel FILE [--PARAMETER VALUE...]   a sentinel (also under the name kv-sentinel)\n"
    "       kvd --check-config FILE                      validate a configuration (with --sentinel: a sentinel's)\n"
    "       kvd --import-config FILE                     a redis.conf or sentinel.conf as YAML\n"
    "       kvd [--sentinel] --dump-config               an example file with every parameter\n"
    "       kvd [--sentinel] --dump-parameters           the reference of the parameters, as Markdown\n"
    "       kvd --check-rdb FILE | --check-aof FILE      check a file (also under the name kvd-check-rdb, kvd-check-aof)\n"
    "       kvd --test-memory MEGABYTES                  test this machine's memory\n"
    "       kvd --dump-machines                          the state machines of sentinels and replicas\n"
    "       kvd -v | --version\n"
    "       kvd -h | --help\n"
    "\n"
    "Examples:\n"
    "       kvd                                          the defaults\n"
    "       kvd /etc/kvd/server.yaml\n"
    "       kvd /etc/kvd/server.yaml --port 7777 --loglevel verbose\n"
    "       echo 'maxclients: 100' | kvd - --port 7777\n"
    "       kvd --sentinel /etc/kvd/sentinel.yaml\n";

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool ends_with(const char *text, const char *end) {
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* Tasks that are named by an option in the first place, and what has to follow it. */
static const struct {
    const char         *option;
    enum arguments_task task;
    const char         *operand; /* NULL: none */
} tasks[] = {
    {"-v", TASK_VERSION, NULL},
    {"--version", TASK_VERSION, NULL},
    {"-h", TASK_HELP, NULL},
    {"--help", TASK_HELP, NULL},
    {"--test-memory", TASK_TEST_MEMORY, "the megabytes to test"},
    {"--check-config", TASK_CHECK_CONFIG, "a file"},
    {"--import-config", TASK_IMPORT_CONFIG, "a file"},
    {"--check-rdb", TASK_CHECK_RDB, "a file"},
    {"--check-aof", TASK_CHECK_AOF, "a file"},
    {"--dump-machines", TASK_DUMP_MACHINES, NULL},
    {"--dump-config", TASK_DUMP_CONFIG, NULL},
    {"--dump-parameters", TASK_DUMP_PARAMETERS, NULL},
};

static bool parse_task(struct arguments *arguments, int count, char **words, size_t which, struct error *err) {
    arguments->task = tasks[which].task;
    if (!tasks[which].operand) return true;
    if (count < 2) return error_set(err, "%s needs %s", tasks[which].option, tasks[which].operand);
    arguments->file = words[1];
    if (arguments->task == TASK_CHECK_AOF) {
        memmove(words, words + 1, (size_t)(count - 1) * sizeof *words);
        arguments->override_count = count - 1;
    }
    if (arguments->task == TASK_TEST_MEMORY && !number_parse_uint(slice_text(words[1]), &arguments->megabytes))
        return error_set(err, "'%s' is no number of megabytes", words[1]);
    return true;
}

bool arguments_parse(struct arguments *arguments, int argc, char **argv, struct error *err) {
    *arguments = (struct arguments){.task = TASK_RUN};
    const char *name = argc ? base_name(argv[0]) : "kvd";
    arguments->sentinel = ends_with(name, "-sentinel");
    char **words = mem_alloc(((size_t)argc + 1) * sizeof *words);
    arguments->overrides = words;
    int count = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--sentinel") == 0) arguments->sentinel = true;
        else words[count++] = argv[i];
    }
    if (ends_with(name, "-check-rdb") || ends_with(name, "-check-aof")) {
        arguments->task = ends_with(name, "rdb") ? TASK_CHECK_RDB : TASK_CHECK_AOF;
        arguments->file = count ? words[count - 1] : NULL;
        arguments->override_count = count;
        return true;
    }
    for (size_t i = 0; count && i < COUNT_OF(tasks); i++)
        if (strcmp(words[0], tasks[i].option) == 0) return parse_task(arguments, count, words, i, err);

    bool has_file = count && strncmp(words[0], "--", 2) != 0;
    if (has_file) {
        arguments->file = words[0];
        memmove(words, words + 1, (size_t)--count * sizeof *words);
    }
    arguments->override_count = count;
    if (arguments->sentinel && has_file && strcmp(arguments->file, "-") == 0)
        return error_set(err, "A sentinel can't read its configuration from standard input: it has to start again with "
                              "the same one, and to keep what it learns on disk. Give it a file");
    return true;
}

void arguments_fini(struct arguments *arguments) {
    mem_free(arguments->overrides);
    *arguments = (struct arguments){0};
}
