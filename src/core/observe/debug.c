#include "core/observe/debug.h"

#include "base/glob.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/server.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

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

bool debug_generic(struct client *client) {
    static const struct {
        const char *name;
        int         argc;
        void (*run)(struct client *client);
    } subcommands[] = {
        {"segfault", 2, on_segfault}, {"panic", 2, on_panic}, {"assert", 2, on_assert},
        {"oom", 2, on_oom},           {"log", 3, on_log},     {"leak", 3, on_leak},
        {"stringmatch-test", 2, on_stringmatch_test},
    };
    for (size_t i = 0; i < COUNT_OF(subcommands); i++) {
        if (client->argc != subcommands[i].argc || !slice_is_nocase(client->argv[1], subcommands[i].name)) continue;
        subcommands[i].run(client);
        return true;
    }
    return false;
}

void debug_reply_unknown(struct client *client) {
    struct slice name = client->argv[1];
    reply_error(client, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try DEBUG HELP.",
                (int)MIN(name.size, 128), name.data);
}
