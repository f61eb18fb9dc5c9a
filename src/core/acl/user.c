#include "core/acl/user.h"

#include "base/glob.h"
#include "base/mem.h"
#include "core/acl/user_internal.h"
#include "core/command/command.h"
#include "core/command/keyspec.h"

#include <openssl/crypto.h>

struct users {
    const struct command_table *commands;
    struct table               *by_name; /* of struct user */
    struct user                *fallback; /* "default" */
    bool                        all_channels_by_default;
    void (*on_change)(void *context, struct user *user, enum user_change change);
    void *context;
};

/* ---- life ---- */

static void show(struct user *user) {
    user->enabled = user->rights->enabled;
    user->nopass = user->rights->nopass;
    user->sanitize = (signed char)user->rights->sanitize;
    user->unrestricted = user_rights_unrestricted(user->rights);
}

static struct user *user_new(struct slice name, struct user_rights *rights) {
    struct user *user = mem_zalloc(sizeof *user);
    user->name = slice_to_text(name);
    user->rights = rights;
    show(user);
    return user;
}

static void free_user(void *value) {
    struct user *user = value;
    if (user == NULL) return;
    user_rights_free(&user->rights);
    mem_free(user->name);
    mem_free(user);
}

struct users *users_new(const struct command_table *commands) {
    static const struct slice everything[] = {
        {"on", 2}, {"nopass", 6}, {"~*", 2}, {"&*", 2}, {"+@all", 5},
    };
    struct users *users = mem_zalloc(sizeof *users);
    users->commands = commands;
    users->by_name = table_new();
    bool made = users_apply(users, SLICE("default"), everything, COUNT_OF(everything), NULL, NULL);
    CHECK(made);
    users->fallback = users_find(users, SLICE("default"));
    return users;
}

struct users *users_new_like(const struct users *users) {
    struct users *like = users_new(users->commands);
    like->all_channels_by_default = users->all_channels_by_default;
    return like;
}

void users_free(struct users **users) {
    if (*users == NULL) return;
    table_free(&(*users)->by_name, free_user);
    mem_free(*users);
    *users = NULL;
}

static void tell(struct users *users, struct user *user, enum user_change change) {
    if (users->on_change != NULL) users->on_change(users->context, user, change);
}

void users_on_change(struct users *users, void (*callback)(void *context, struct user *user, enum user_change change),
                     void *context) {
    users->on_change = callback;
    users->context = context;
}

void users_set_all_channels_by_default(struct users *users, bool all) {
    users->all_channels_by_default = all;
}

/* ---- finding ---- */

struct user *users_default(const struct users *users) {
    return users->fallback;
}

struct user *users_find(const struct users *users, struct slice name) {
    return table_find(users->by_name, name);
}

size_t users_count(const struct users *users) {
    return table_count(users->by_name);
}

struct user **users_sorted(const struct users *users) {
    size_t             count = users_count(users);
    struct table_walk *walk = table_sorted(users->by_name);
    struct user      **sorted = mem_alloc(count * sizeof(struct user *));
    for (size_t i = 0; i < count; i++) sorted[i] = walk[i].value;
    mem_free(walk);
    return sorted;
}

/* ---- who is it ---- */

/* Hashes and compares even where the answer is known, so that time tells nothing about users and their passwords. */
struct user *users_authenticate(const struct users *users, struct slice name, struct slice password) {
    struct user  *user = users_find(users, name);
    unsigned char hash[USER_HASH_SIZE];
    user_rights_hash(password, hash);
    int matches = 0;
    if (user != NULL)
        for (size_t i = 0; i < user->rights->password_count; i++)
            matches |= CRYPTO_memcmp(hash, user->rights->passwords[i], sizeof hash) == 0;
    OPENSSL_cleanse(hash, sizeof hash);
    return user != NULL && user->enabled && (user->nopass || matches) ? user : NULL;
}

bool users_must_authenticate(const struct users *users) {
    return !users->fallback->nopass || !users->fallback->enabled;
}

void users_set_default_password(struct users *users, struct slice password) {
    struct user *user = users->fallback;
    const char  *why = NULL;
    bool         done = user_rights_apply(user->rights, users->commands, false, SLICE("resetpass"), &why);
    if (password.size == 0) {
        done = done && user_rights_apply(user->rights, users->commands, false, SLICE("nopass"), &why);
    } else {
        struct bytes rule = {0};
        bytes_add_char(&rule, '>');
        bytes_add_slice(&rule, password);
        done = done && user_rights_apply(user->rights, users->commands, false, bytes_slice(&rule), &why);
        OPENSSL_cleanse(rule.data, rule.size);
        bytes_fini(&rule);
    }
    CHECK(done);
    show(user);
}

/* ---- may it do that ---- */

static bool matches_key(const struct user_selector *selector, struct slice key, unsigned need) {
    if (selector->all_keys) return true;
    for (size_t i = 0; i < selector->keys.count; i++) {
        const struct user_pattern *pattern = &selector->keys.all[i];
        if ((pattern->need & need) == need && glob_match(slice_make(pattern->text, pattern->size), key)) return true;
    }
    return false;
}

/* A pattern of channels must be one of the user's own, letter by letter: whether one pattern covers another cannot be
 * told in general. */
static bool matches_channel(const struct user_selector *selector, struct slice channel, bool is_pattern) {
    if (selector->all_channels) return true;
    for (size_t i = 0; i < selector->channels.count; i++) {
        struct slice pattern = slice_make(selector->channels.all[i].text, selector->channels.all[i].size);
        if (is_pattern ? slice_equal(pattern, channel) : glob_match(pattern, channel)) return true;
    }
    return false;
}

static bool has_command(const struct user_selector *selector, unsigned id) {
    return selector->all_commands || (id < USER_COMMAND_IDS && (selector->may[id / 64] >> (id % 64) & 1));
}

static unsigned need_of(unsigned key_flags) {
    return ((key_flags & KEY_ACCESS) != 0 ? USER_READ : 0) |
           ((key_flags & (KEY_INSERT | KEY_DELETE | KEY_UPDATE)) != 0 ? USER_WRITE : 0);
}

static enum user_verdict check_channels(const struct user_selector *selector, const struct command *row,
                                        const struct slice *argv, int argc, int *denied_arg) {
    if (selector->all_channels || row->channel_first == 0 || (row->channel_flags & COMMAND_CHANNEL_UNSUBSCRIBE) != 0)
        return USER_ALLOWED;
    int last = row->channel_count < 0 ? argc - 1 : MIN(argc - 1, row->channel_first + row->channel_count - 1);
    for (int i = row->channel_first; i <= last; i++) {
        if (matches_channel(selector, argv[i], (row->channel_flags & COMMAND_CHANNEL_PATTERN) != 0)) continue;
        *denied_arg = i;
        return USER_DENIED_CHANNEL;
    }
    return USER_ALLOWED;
}

static enum user_verdict check_selector(const struct user_selector *selector, const struct command_entry *entry,
                                        const struct slice *argv, int argc, const struct keyspec_result *keys,
                                        int *denied_arg) {
    *denied_arg = 0;
    if (!has_command(selector, entry->id) && (entry->flags & COMMAND_NO_AUTH) == 0 &&
        !user_selector_allows_first_arg(selector, entry, argv, argc))
        return USER_DENIED_COMMAND;
    for (unsigned i = 0; !selector->all_keys && i < keys->count; i++) {
        if (matches_key(selector, argv[keys->keys[i].place], need_of(keys->keys[i].flags))) continue;
        *denied_arg = keys->keys[i].place;
        return USER_DENIED_KEY;
    }
    return check_channels(selector, entry->row, argv, argc, denied_arg);
}

static bool limits_keys(const struct user *user) {
    for (size_t i = 0; i < user->rights->selector_count; i++)
        if (!user->rights->selectors[i].all_keys) return true;
    return false;
}

static bool reads_all_keys(const struct user_selector *selector) {
    if (selector->all_keys) return true;
    for (size_t i = 0; i < selector->keys.count; i++) {
        const struct user_pattern *pattern = &selector->keys.all[i];
        if ((pattern->need & USER_READ) && pattern->size == 1 && pattern->text[0] == '*') return true;
    }
    return false;
}

bool user_may_read_all_keys(const struct user *user, const struct command_entry *entry, const struct slice *argv, int argc) {
    if (user->unrestricted) return true;
    struct keyspec_result none = {.keys = NULL};
    int at;
    for (size_t i = 0; i < user->rights->selector_count; i++) {
        const struct user_selector *selector = &user->rights->selectors[i];
        if (reads_all_keys(selector) && check_selector(selector, entry, argv, argc, &none, &at) == USER_ALLOWED) return true;
    }
    return false;
}

/* Of several selectors that all deny, the one that came furthest is what the user is told about. */
enum user_verdict user_check(const struct user *user, const struct command_entry *entry, const struct slice *argv,
                             int argc, int *denied_arg) {
    if (LIKELY(user->unrestricted)) return USER_ALLOWED;
    struct keyspec_result keys;
    keyspec_init(&keys);
    /* Malformed arguments have no keys: the body replies with the error and touches nothing. */
    if (limits_keys(user) && keyspec_has_keys(entry->row) && !keyspec_find(entry->row, argv, argc, false, &keys))
        CHECK(keys.count == 0);
    enum user_verdict worst = USER_ALLOWED;
    int               where = 0;
    for (size_t i = 0; i < user->rights->selector_count; i++) {
        int               arg;
        enum user_verdict verdict = check_selector(&user->rights->selectors[i], entry, argv, argc, &keys, &arg);
        if (verdict == USER_ALLOWED) {
            worst = USER_ALLOWED;
            break;
        }
        if (verdict > worst || (verdict == worst && arg > where)) {
            worst = verdict;
            where = arg;
        }
    }
    keyspec_fini(&keys);
    if (denied_arg != NULL) *denied_arg = where;
    return worst;
}

bool user_may_channel(const struct user *user, struct slice channel, bool is_pattern) {
    for (size_t i = 0; i < user->rights->selector_count; i++)
        if (matches_channel(&user->rights->selectors[i], channel, is_pattern)) return true;
    return false;
}

/* ---- changes ---- */

bool users_is_good_name(struct slice name) {
    for (size_t i = 0; i < name.size; i++)
        if (name.data[i] == '\0' || (name.data[i] >= '\t' && name.data[i] <= '\r') || name.data[i] == ' ') return false;
    return true;
}

/* A selector may be spread over several arguments: "(+get" "~a)". Joins those that begin at rules[*at] and moves `*at`
 * to the last of them. False: there is no closing parenthesis. */
static bool join_selector(const struct slice *rules, size_t count, size_t *at, struct bytes *joined) {
    bytes_clear(joined);
    for (size_t i = *at; i < count; i++) {
        if (i > *at) bytes_add_char(joined, ' ');
        bytes_add_slice(joined, rules[i]);
        if (rules[i].size > 0 && rules[i].data[rules[i].size - 1] == ')') {
            *at = i;
            return true;
        }
    }
    return false;
}

static bool apply_all(const struct users *users, struct user_rights *rights, const struct slice *rules, size_t count,
                      struct error *err) {
    struct bytes joined = {0};
    bool         good = true;
    for (size_t i = 0; good && i < count; i++) {
        struct slice rule = rules[i];
        const char  *why = NULL;
        if (rule.size > 0 && rule.data[0] == '(') {
            if (!join_selector(rules, count, &i, &joined)) {
                good = error_set(err, "Unmatched parenthesis in acl selector starting at '%.*s'.", (int)rule.size,
                                 rule.data);
                break;
            }
            rule = bytes_slice(&joined);
        }
        if (!user_rights_apply(rights, users->commands, users->all_channels_by_default, rule, &why))
            good = error_set(err, "Error in ACL SETUSER modifier '%.*s': %s", (int)rule.size, rule.data, why);
    }
    if (joined.size > 0) OPENSSL_cleanse(joined.data, joined.size);
    bytes_fini(&joined);
    return good;
}

/* Takes `*rights`. */
static void put(struct users *users, struct slice name, struct user_rights **rights) {
    struct user *user = users_find(users, name);
    if (user == NULL) {
        table_set(users->by_name, name, user_new(name, *rights));
    } else {
        user_rights_free(&user->rights);
        user->rights = *rights;
        show(user);
        tell(users, user, USER_CHANGED);
    }
    *rights = NULL;
}

bool users_apply(struct users *users, struct slice name, const struct slice *rules, size_t count, bool *made,
                 struct error *err) {
    struct user        *user = users_find(users, name);
    struct user_rights *rights =
        user != NULL ? user_rights_copy(user->rights) : user_rights_new(users->all_channels_by_default);
    bool done = apply_all(users, rights, rules, count, err);
    if (done) put(users, name, &rights);
    if (done && made != NULL) *made = user == NULL;
    user_rights_free(&rights);
    return done;
}

bool users_define(struct users *users, struct slice name, const struct slice *rules, size_t count, struct error *err) {
    struct user_rights *rights = user_rights_new(users->all_channels_by_default);
    bool                done = apply_all(users, rights, rules, count, err);
    if (done) put(users, name, &rights);
    user_rights_free(&rights);
    return done;
}

bool users_remove(struct users *users, struct slice name) {
    struct user *user = users_find(users, name);
    if (user == NULL || user == users->fallback) return false;
    table_remove(users->by_name, name);
    tell(users, user, USER_GONE);
    free_user(user);
    return true;
}

/* Our users take over the rights of their namesakes; who has none there is gone. */
static void update_known(struct users *users, struct users *other) {
    size_t        count = users_count(users);
    struct user **ours = users_sorted(users);
    for (size_t i = 0; i < count; i++) {
        struct user *theirs = users_find(other, slice_text(ours[i]->name));
        if (theirs == NULL) {
            users_remove(users, slice_text(ours[i]->name));
            continue;
        }
        struct user_rights *old = ours[i]->rights;
        ours[i]->rights = theirs->rights;
        theirs->rights = old;
        show(ours[i]);
        tell(users, ours[i], USER_CHANGED);
    }
    mem_free(ours);
}

static void move_new(struct users *users, struct users *other) {
    size_t        count = users_count(other);
    struct user **theirs = users_sorted(other);
    for (size_t i = 0; i < count; i++) {
        struct slice name = slice_text(theirs[i]->name);
        if (users_find(users, name) != NULL) continue;
        table_remove(other->by_name, name);
        table_set(users->by_name, name, theirs[i]);
    }
    mem_free(theirs);
}

void users_replace(struct users *users, struct users **other) {
    update_known(users, *other);
    move_new(users, *other);
    users_free(other);
}

/* ---- description ---- */

void user_describe(const struct user *user, struct bytes *out) {
    user_rights_describe(user->rights, out);
}

size_t user_selector_count(const struct user *user) {
    return user->rights->selector_count - 1;
}

size_t user_password_count(const struct user *user) {
    return user->rights->password_count;
}

const char *user_password_hash(const struct user *user, size_t index) {
    return user->rights->password_texts[index];
}
