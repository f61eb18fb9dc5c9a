#include "core/observe/redact.h"

#include "core/command/command.h"
#include "core/config/param.h"

/* From `first` on everything is a secret; or, with a word, the `count` arguments after each such word (any case). */
static const struct secret {
    const char *command;
    int         first;
    const char *word;
    int         count;
} secrets[] = {
    {"auth", 1, NULL, 0},
    {"acl|setuser", 2, NULL, 0},
    {"hello", 2, "auth", 2},
    {"migrate", 6, "auth", 1},
    {"migrate", 6, "auth2", 2},
    {"sentinel|set", 3, "auth-pass", 1},
    {"sentinel|config", 2, "sentinel-pass", 1},
};

static bool is_behind_word(const struct secret *secret, const struct slice *argv, int place) {
    for (int i = MAX(secret->first, place - secret->count); i < place; i++)
        if (slice_is_nocase(argv[i], secret->word)) return true;
    return false;
}

/* Values of CONFIG SET stand at odd places from 3 on, after their names. */
static bool is_secret_setting(const struct params *params, const struct slice *argv, int place) {
    if (place < 3 || place % 2 == 0) return false;
    const struct param_entry *entry = params_find(params, argv[place - 1]);
    return entry != NULL && (param_row(entry)->flags & PARAM_SENSITIVE) != 0;
}

static bool is_secret(const struct params *params, const char *command, const struct slice *argv, int place) {
    for (size_t i = 0; i < COUNT_OF(secrets); i++) {
        if (strcmp(command, secrets[i].command) != 0) continue;
        if (secrets[i].word == NULL ? place >= secrets[i].first : is_behind_word(&secrets[i], argv, place)) return true;
    }
    return strcmp(command, "config|set") == 0 && is_secret_setting(params, argv, place);
}

struct slice redact_argument(const struct params *params, const struct command_entry *entry, const struct slice *argv,
                             int argc, int place) {
    CHECK(place < argc);
    if (place == 0 || entry == NULL || !is_secret(params, entry->row->name, argv, place)) return argv[place];
    return SLICE("(redacted)");
}
