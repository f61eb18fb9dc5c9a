#include "arguments.h"
#include "base/bytes.h"
#include "base/crash.h"
#include "base/daemon.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/memtest.h"
#include "core/config/config_file.h"
#include "core/config/manual.h"
#include "core/config/core_settings.h"
#include "core/server.h"
#include "process.h"
#include "sentinel/driver/driver.h"
#include "sentinel/machine/machine.h"
#include "store/persist/aof_check.h"
#include "store/persist/file_check.h"
#include "store/replication/handshake.h"
#include "store/store.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* A mode is a list of tables that it installs into a server, and what it starts when these are filled. */
struct mode {
    char log_role;
    void (*install)(struct server *server);
    bool (*start)(struct server *server, struct error *err);
};

static struct store *store;

static void install_store(struct server *server) {
    store = store_install(server);
}

static bool start_store(struct server *server, struct error *err) {
    return store_start(store, err);
}

static const struct mode server_mode = {'M', install_store, start_store};
static const struct mode sentinel_mode = {'X', sentinel_install, sentinel_start};

static NORETURN void fail(const char *why) {
    fprintf(stderr, "%s\n", why);
    log_write(LOG_WARNING, "%s", why);
    exit(1);
}

static int print_version(void) {
    printf("kvd v=%s redis_version=%s malloc=%s bits=%zu tls=%s\n", PACKAGE_VERSION, KVD_REDIS_VERSION, mem_allocator(),
           sizeof(void *) * 8,
#ifdef HAVE_TLS
           "yes"
#else
           "no"
#endif
    );
    return 0;
}

static int test_memory(uint64_t megabytes) {
    struct error err;
    if (memtest_run(megabytes, 3, &err)) return 0;
    fprintf(stderr, "%s\n", err.text);
    return 1;
}

static int check_config(struct server *server, const char *path) {
    struct bytes report = {0};
    bool good = config_check_file(server->params, path, &report);
    fputs(bytes_text(&report), good ? stdout : stderr);
    bytes_fini(&report);
    return good ? 0 : 1;
}

static int import_config(struct server *server, const char *path) {
    struct bytes yaml = {0}, report = {0};
    bool good = config_import(server->params, path, &yaml, &report);
    fputs(bytes_text(&report), stderr);
    fputs(bytes_text(&yaml), stdout);
    bytes_fini(&yaml);
    bytes_fini(&report);
    return good && fflush(stdout) == 0 ? 0 : 1;
}

static int dump_manual(const struct server *server, void (*print)(const struct params *params, struct bytes *out)) {
    struct bytes text = {0};
    print(server->params, &text);
    bool good = fputs(bytes_text(&text), stdout) >= 0 && fflush(stdout) == 0;
    bytes_fini(&text);
    return good ? 0 : 1;
}

static int dump_machines(void) {
    struct bytes text = {0};
    machine_dump_tables(&text);
    sm_print_table(&handshake_table, &text);
    fputs(bytes_text(&text), stdout);
    bytes_fini(&text);
    return 0;
}

/* The absolute path of what is running, so that it can be started again after a change of directory. gives */
static char *executable_path(const char *name) {
    char path[4096];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    if (size > 0) return mem_strndup(path, (size_t)size);
    char *real = realpath(name, NULL), *copy = real ? mem_strdup(real) : NULL;
    free(real);
    return copy;
}

/* What to be started with again: the title overwrites the original words. gives */
static char **copy_words(int count, char **words) {
    char **copy = mem_zalloc(((size_t)count + 1) * sizeof *copy);
    for (int i = 0; i < count; i++) copy[i] = mem_strdup(words[i]);
    return copy;
}

static char *absolute_path(const char *path) { /* gives */
    if (path[0] == '/') return mem_strdup(path);
    char *cwd = getcwd(NULL, 0);
    if (!cwd) fail("The current directory has no name (was it removed?)");
    char *absolute = mem_printf("%s/%s", cwd, path);
    free(cwd);
    return absolute;
}

/* The working directory may change, and standard input is read once. */
static void keep_for_restart(struct server *server, const struct arguments *arguments) {
    if (!arguments->file) return;
    char **at = server->argv + 1;
    while (strcmp(*at, arguments->file) != 0) at++;
    mem_free(*at);
    *at = NULL;
    if (server->config_file) {
        *at = mem_strdup(server->config_file);
        return;
    }
    for (char **word = at + 1; *word; word++) mem_free(*word);
    for (char **word = server->argv; *word; word++) mem_free(*word);
    mem_free(server->argv);
    server->argv = NULL;
}

static void load_configuration(struct server *server, const struct arguments *arguments) {
    struct bytes report = {0};
    bool from_input = arguments->file && strcmp(arguments->file, "-") == 0;
    if (arguments->file && !from_input) server->config_file = absolute_path(arguments->file);
    keep_for_restart(server, arguments);
    const char *path = from_input ? "-" : server->config_file;
    if (!config_load(server->params, path, arguments->override_count, arguments->overrides, &report)) {
        fputs("*** FATAL CONFIG FILE ERROR ***\n", stderr);
        fputs(bytes_text(&report), stderr);
        exit(1);
    }
    if (report.size) fputs(bytes_text(&report), stderr);
    bytes_fini(&report);
}

static void say_what_starts(const struct server *server, const struct arguments *arguments) {
    log_write(LOG_NOTICE, "kvd %s is starting: mode %s, pid %d, %s", PACKAGE_VERSION, server->mode_name, (int)getpid(),
              server->config_file ? server->config_file : "no configuration file");
    if (!arguments->file && !arguments->override_count)
        log_write(LOG_WARNING, "Warning: no config file specified, using the default config. In order to specify a config "
                               "file use %s /path/to/%s.yaml",
                  server->executable ? server->executable : "kvd", arguments->sentinel ? "sentinel" : "server");
}

/* What needs no server. */
static int run_simple_task(const struct arguments *arguments) {
    switch (arguments->task) {
    case TASK_VERSION: return print_version();
    case TASK_HELP: return fputs(arguments_usage, stdout) < 0;
    case TASK_TEST_MEMORY: return test_memory(arguments->megabytes);
    case TASK_CHECK_RDB: return file_check_rdb(arguments->file) ? 0 : 1;
    case TASK_CHECK_AOF: return aof_check_run(arguments->override_count, arguments->overrides) ? 0 : 1;
    case TASK_DUMP_MACHINES: return dump_machines();
    case TASK_RUN:
    case TASK_CHECK_CONFIG:
    case TASK_IMPORT_CONFIG:
    case TASK_DUMP_CONFIG:
    case TASK_DUMP_PARAMETERS: break;
    }
    return -1;
}

/* What needs a server's tables, but not a server that runs. */
static int run_table_task(struct server *server, const struct arguments *arguments) {
    switch (arguments->task) {
    case TASK_CHECK_CONFIG: return check_config(server, arguments->file);
    case TASK_IMPORT_CONFIG: return import_config(server, arguments->file);
    case TASK_DUMP_CONFIG: return dump_manual(server, manual_print_example);
    case TASK_DUMP_PARAMETERS: return dump_manual(server, manual_print_reference);
    case TASK_RUN:
    case TASK_VERSION:
    case TASK_HELP:
    case TASK_TEST_MEMORY:
    case TASK_CHECK_RDB:
    case TASK_CHECK_AOF:
    case TASK_DUMP_MACHINES: break;
    }
    return -1;
}

static int leave(int status, struct server **server, struct arguments *arguments) {
    server_free(server);
    if (store) store_free(&store);
    arguments_fini(arguments);
    return status;
}

int main(int argc, char **argv, char **envp) {
    struct error err;
    struct arguments arguments;

    setlocale(LC_COLLATE, "");
    tzset();
    daemon_title_init(argc, argv, envp);
    crash_init("kvd " PACKAGE_VERSION);

    if (!arguments_parse(&arguments, argc, argv, &err)) fail(err.text);
    const struct mode *mode = arguments.sentinel ? &sentinel_mode : &server_mode;
    log_set_role(mode->log_role);

    struct server *server = NULL;
    int status = run_simple_task(&arguments);
    if (status >= 0) return leave(status, &server, &arguments);
    if (arguments.task == TASK_IMPORT_CONFIG && config_is_sentinel_conf(arguments.file)) mode = &sentinel_mode;

    server = server_new();
    server->executable = executable_path(argv[0]);
    server->argv = copy_words(argc, argv);
    mode->install(server); /* before the configuration is read: a sentinel's fills its tables */
    status = run_table_task(server, &arguments);
    if (status >= 0) return leave(status, &server, &arguments);

    struct process *process = process_new(server);
    load_configuration(server, &arguments);
    if (!process_enter(process, &err)) fail(err.text);
    if (!process_detach(process, &err)) fail(err.text);
    say_what_starts(server, &arguments);

    if (!server_start(server, &err)) fail(err.text);
    process_warn_of_kernel(process);
    if (!mode->start(server, &err)) fail(err.text);
    log_write(LOG_NOTICE, "Ready to accept connections");
    process_is_ready(process);

    status = server_run(server);
    process_free(&process);
    return leave(status, &server, &arguments);
}
