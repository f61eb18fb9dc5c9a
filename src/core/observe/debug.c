#include "core/observe/debug.h"

#include "base/glob.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/random.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/server.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#ifdef HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

static void on_segfault(struct client *client) {
    (void)client;
    raise(SIGSEGV);
}

static void on_panic(struct client *client) {
    (void)client;
    UNREACHABLE("DEBUG PANIC asked for it");
}

static void on_assert(struct client *client) {
    CHECK(client->argc == 0 && "DEBUG ASSERT asked for it");
}

static void on_oom(struct client *client) {
    void *memory = mem_alloc(SIZE_MAX / 4);
    mem_free(memory);
    reply_ok(client);
}

static void on_log(struct client *client) {
    struct slice text = client->argv[2];
    LOG_WRITE(LOG_WARNING, "DEBUG LOG: %.*s", (int)MIN(text.size, 1024), text.data);
    reply_ok(client);
}

static void on_leak(struct client *client) {
    char *leaked = slice_to_text(client->argv[2]);
    __asm__ volatile("" : : "r"(leaked)); /* the compiler may not see that nobody has it */
    reply_ok(client);
}

/* Random patterns over random texts: must come back, whatever the answer. */
static void on_stringmatch_test(struct client *client) {
    enum { ROUNDS = 10000, LENGTH = 32 };
    static const char letters[] = "*?[]^-\\abc";
    struct random     random;
    char              pattern[LENGTH], text[LENGTH];
    random_seed(&random, random_os_seed());
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < LENGTH; i++) {
            pattern[i] = letters[random_below(&random, sizeof letters - 1)];
            text[i] = (char)('a' + random_below(&random, 3));
        }
        (void)glob_match(slice_make(pattern, random_below(&random, LENGTH)),
                         slice_make(text, random_below(&random, LENGTH)));
    }
    reply_status(client, "Apparently Redis did not crash: test passed");
}

/* ---- the process ---- */

static void restart(struct client *client, enum server_restart_way way) {
    struct error err;
    int64_t      delay_ms = 0;
    if (client->argc > 2 && (!number_parse_int(client->argv[2], &delay_ms) || delay_ms < 0)) {
        if (delay_ms >= 0) reply_error(client, "ERR value is not an integer or out of range");
        else reply_error(client, "ERR value is out of range, must be positive");
        return;
    }
    (void)server_restart(client->server, way, delay_ms, &err);
    LOG_WRITE(LOG_WARNING, "Can't restart: %s", err.text);
    reply_error(client, "ERR failed to restart the server. Check server logs.");
}

static void on_restart(struct client *client) {
    restart(client, SERVER_RESTART_GENTLY);
}

static void on_crash_and_recover(struct client *client) {
    restart(client, SERVER_RESTART_AS_CRASH);
}

static void on_pause_cron(struct client *client) {
    int64_t on;
    if (!number_parse_int(client->argv[2], &on)) {
        reply_error(client, "ERR value is not an integer or out of range");
        return;
    }
    client->server->is_cron_paused = on != 0;
    reply_ok(client);
}

/* ---- the allocator ---- */

#ifdef HAVE_JEMALLOC
static void reply_mallctl_error(struct client *client, int code) {
    reply_error(client, "ERR %s", strerror(code));
}

/* Reads what a number of any width is called; with a second argument it is changed. */
static void on_mallctl(struct client *client) {
    char    *name = slice_to_text(client->argv[2]);
    uint64_t value = 0;
    size_t   size = sizeof value;
    int      code = mallctl(name, &value, &size, NULL, 0);
    /* The value is of one, two, four or eight bytes, which only asking with the right width tells. */
    for (size_t width = 4; code == EINVAL && width; width /= 2) {
        value = 0;
        size = width;
        code = mallctl(name, &value, &size, NULL, 0);
    }
    int64_t changed;
    if (code == 0 && client->argc == 4) {
        if (!number_parse_int(client->argv[3], &changed)) {
            reply_error(client, "ERR value is not an integer or out of range");
            mem_free(name);
            return;
        }
        code = mallctl(name, NULL, NULL, &changed, size);
    }
    mem_free(name);
    if (code != 0) reply_mallctl_error(client, code);
    else reply_int(client, (int64_t)value);
}

static void on_mallctl_str(struct client *client) {
    char       *name = slice_to_text(client->argv[2]);
    const char *text = NULL;
    size_t      size = sizeof text;
    int         code;
    if (client->argc == 4) {
        char       *changed = slice_to_text(client->argv[3]);
        const char *lent = changed;
        code = mallctl(name, &text, &size, &lent, sizeof lent);
        if (code != 0) mem_free(changed); /* else the allocator keeps it */
    } else {
        code = mallctl(name, &text, &size, NULL, 0);
    }
    mem_free(name);
    if (code != 0) reply_mallctl_error(client, code);
    else reply_bulk_text(client, text ? text : "");
}
#endif

bool debug_generic(struct client *client) {
    static const struct {
        const char *name;
        int         least, most; /* arguments */
        void (*run)(struct client *client);
    } subcommands[] = {
        {"segfault", 2, 2, on_segfault},
        {"panic", 2, 2, on_panic},
        {"assert", 2, 2, on_assert},
        {"oom", 2, 2, on_oom},
        {"log", 3, 3, on_log},
        {"leak", 3, 3, on_leak},
        {"stringmatch-test", 2, 2, on_stringmatch_test},
        {"restart", 2, 3, on_restart},
        {"crash-and-recover", 2, 3, on_crash_and_recover},
        {"pause-cron", 3, 3, on_pause_cron},
#ifdef HAVE_JEMALLOC
        {"mallctl", 3, 4, on_mallctl},
        {"mallctl-str", 3, 4, on_mallctl_str},
#endif
    };
    for (size_t i = 0; i < COUNT_OF(subcommands); i++) {
        if (!slice_is_nocase(client->argv[1], subcommands[i].name)) continue;
        if (client->argc < subcommands[i].least || client->argc > subcommands[i].most) continue;
        subcommands[i].run(client);
        return true;
    }
    return false;
}

const char *const debug_generic_help[] = {
    "ASSERT",
    "    Fail a check: a crash with its report.",
    "CRASH-AND-RECOVER [<milliseconds>]",
    "    Start the server anew after a delay, as if it had crashed.",
    "LEAK <string>",
    "    Forget the memory that holds the string.",
    "LOG <message>",
    "    Write a message to the server's log.",
#ifdef HAVE_JEMALLOC
    "MALLCTL <key> [<value>]",
    "    Read or change a number of the allocator.",
    "MALLCTL-STR <key> [<value>]",
    "    Read or change a text of the allocator.",
#endif
    "OOM",
    "    Ask for more memory than there is: a crash.",
    "PANIC",
    "    Reach what can't be reached: a crash.",
    "PAUSE-CRON <0|1>",
    "    Whether nothing is done in the background.",
    "RESTART [<milliseconds>]",
    "    Rewrite the configuration, save, and start the server anew after a delay.",
    "SEGFAULT",
    "    Crash with a violation of memory.",
    "STRINGMATCH-TEST",
    "    Match random patterns with random texts.",
    NULL,
};

void debug_reply_unknown(struct client *client) {
    struct slice name = client->argv[1];
    reply_error(client, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try DEBUG HELP.",
                (int)MIN(name.size, 128), name.data);
}
