#include "core/acl/user_internal.h"

#include "base/mem.h"
#include "core/command/command.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

/* A selector's commands are a base ("-@all" or "+@all") and an ordered list of rules; the bitmap is what the list comes
 * to for the commands that exist. Redis 7.0 keeps only the bitmap and guesses rules for it when it prints a user, which
 * after an upgrade may allow commands that nobody allowed. We keep what was said, without what turned out to have no
 * effect, so that simple rules are printed as Redis prints them. */

static const char why_syntax[] = "Syntax error";
static const char why_unknown[] = "Unknown command or category name in ACL";
static const char why_first_arg[] = "Allowing first-arg of a subcommand is not supported";
static const char why_no_password[] = "The password you are trying to remove from the user does not exist";
static const char why_bad_hash[] =
    "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters";
static const char why_all_keys[] =
    "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try "
    "'resetkeys' to start with an empty list of patterns";
static const char why_all_channels[] =
    "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try "
    "'resetchannels' to start with an empty list of channels";

/* ---- patterns ---- */

static void patterns_clear(struct user_patterns *patterns) {
    for (size_t i = 0; i < patterns->count; i++) mem_free(patterns->all[i].text);
    mem_free(patterns->all);
    *patterns = (struct user_patterns){NULL, 0};
}

static void patterns_add(struct user_patterns *patterns, struct slice text, unsigned need) {
    for (size_t i = 0; i < patterns->count; i++) {
        if (!slice_equal(slice_make(patterns->all[i].text, patterns->all[i].size), text)) continue;
        patterns->all[i].need |= need;
        return;
    }
    patterns->all = mem_realloc(patterns->all, (patterns->count + 1) * sizeof *patterns->all);
    patterns->all[patterns->count++] = (struct user_pattern){slice_to_text(text), text.size, need};
}

static void patterns_copy(struct user_patterns *to, const struct user_patterns *from) {
    *to = (struct user_patterns){NULL, 0};
    for (size_t i = 0; i < from->count; i++)
        patterns_add(to, slice_make(from->all[i].text, from->all[i].size), from->all[i].need);
}

static bool has_blank(struct slice text) {
    return !users_is_good_name(text);
}

/* ---- rules about commands ---- */

static uint64_t categories_of(const struct command_entry *entry) {
    return entry->categories | (entry->container != NULL ? entry->container->categories : 0);
}

static bool covers(const struct user_rule *rule, const struct command_entry *entry) {
    if (rule->category != 0) return (categories_of(entry) & rule->category) != 0;
    return rule->entry == entry || rule->entry == entry->container;
}

/* Whether the rules before `end`, without the one at `skipped`, allow the whole command. Rules about a first argument
 * do not count. */
static bool rules_allow(const struct user_selector *selector, size_t end, size_t skipped,
                        const struct command_entry *entry) {
    for (size_t i = end; i-- > 0;) {
        const struct user_rule *rule = &selector->rules[i];
        if (i != skipped && rule->first_arg == NULL && covers(rule, entry)) return rule->allow;
    }
    return selector->begins_with_all;
}

static void set_bitmap(struct user_selector *selector, const struct command_table *commands) {
    memset(selector->may, 0, sizeof selector->may);
    selector->all_commands = selector->begins_with_all && selector->rule_count == 0;
    selector->has_first_args = false;
    for (size_t i = 0; i < selector->rule_count; i++)
        if (selector->rules[i].first_arg != NULL) selector->has_first_args = true;
    for (struct command_entry *entry = NULL; (entry = command_next(commands, entry)) != NULL;)
        if (entry->id < USER_COMMAND_IDS && rules_allow(selector, selector->rule_count, SIZE_MAX, entry))
            selector->may[entry->id / 64] |= 1ull << (entry->id % 64);
}

bool user_selector_allows_first_arg(const struct user_selector *selector, const struct command_entry *entry,
                                    const struct slice *argv, int argc) {
    if (!selector->has_first_args || argc < 2) return false;
    for (size_t i = 0; i < selector->rule_count; i++) {
        const struct user_rule *rule = &selector->rules[i];
        if (rule->first_arg != NULL && rule->entry == entry && slice_is_nocase(argv[1], rule->first_arg)) return true;
    }
    return false;
}

static void remove_rule(struct user_selector *selector, size_t at) {
    mem_free(selector->rules[at].first_arg);
    selector->rule_count--;
    memmove(&selector->rules[at], &selector->rules[at + 1], (selector->rule_count - at) * sizeof *selector->rules);
}

static void clear_rules(struct user_selector *selector) {
    while (selector->rule_count > 0) remove_rule(selector, selector->rule_count - 1);
}

/* What `rule` says again, or more widely. */
static bool replaces(const struct user_rule *rule, const struct user_rule *old) {
    if (rule->category != 0)
        return old->category == rule->category ||
               (old->first_arg != NULL && covers(rule, old->entry)); /* the whole command is allowed, or nothing */
    if (old->category != 0) return false;
    if (rule->first_arg != NULL)
        return old->first_arg != NULL && old->entry == rule->entry && strcmp(old->first_arg, rule->first_arg) == 0;
    return covers(rule, old->entry);
}

/* Takes the rule's text. */
static void add_rule(struct user_selector *selector, struct user_rule rule) {
    for (size_t i = selector->rule_count; i-- > 0;)
        if (replaces(&rule, &selector->rules[i])) remove_rule(selector, i);
    selector->rules = mem_realloc(selector->rules, (selector->rule_count + 1) * sizeof *selector->rules);
    selector->rules[selector->rule_count++] = rule;
}

/* A rule about one command has no effect when a later one decides, or when without it the answer is the same. */
static bool has_no_effect(const struct user_selector *selector, size_t at) {
    const struct user_rule     *rule = &selector->rules[at];
    const struct command_entry *entry = rule->entry;
    if (rule->category != 0) return false; /* commands may join a category later */
    if (rule->first_arg != NULL) return rules_allow(selector, selector->rule_count, SIZE_MAX, entry);
    size_t all = selector->rule_count;
    if (rules_allow(selector, all, at, entry) != rules_allow(selector, all, SIZE_MAX, entry)) return false;
    for (unsigned i = 0; i < entry->subcommand_count; i++) {
        const struct command_entry *sub = entry->subcommands[i];
        if (rules_allow(selector, all, at, sub) != rules_allow(selector, all, SIZE_MAX, sub)) return false;
    }
    return true;
}

/* Categories first, where the order makes no difference: that is how Redis prints them. */
static void sort_rules(struct user_selector *selector, const struct command_table *commands) {
    size_t            count = selector->rule_count;
    struct user_rule *sorted = mem_alloc((count + 1) * sizeof *sorted), *old = selector->rules;
    size_t            n = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < count; i++)
            if ((old[i].category != 0) == (pass == 0)) sorted[n++] = old[i];
    struct user_selector other = *selector;
    other.rules = sorted;
    set_bitmap(&other, commands);
    if (memcmp(other.may, selector->may, sizeof other.may) == 0)
        memcpy(old, sorted, count * sizeof *sorted);
    mem_free(sorted);
}

static void tidy(struct user_selector *selector, const struct command_table *commands) {
    for (size_t i = selector->rule_count; i-- > 0;)
        if (has_no_effect(selector, i)) remove_rule(selector, i);
    set_bitmap(selector, commands);
    if (selector->rule_count > 1) sort_rules(selector, commands);
}

/* "name", "name|sub", "name|first-arg". */
static bool parse_command(const struct command_table *commands, struct slice text, struct user_rule *rule,
                          const char **why) {
    *why = why_unknown;
    rule->entry = command_find_full(commands, text);
    if (rule->entry != NULL) return true;
    const char *bar = memchr(text.data, '|', text.size);
    if (bar == NULL) return false;
    struct slice name = slice_make(text.data, (size_t)(bar - text.data));
    struct slice arg = slice_make(bar + 1, text.size - name.size - 1);
    rule->entry = command_find(commands, name);
    if (rule->entry == NULL || !rule->allow) return false;
    if (arg.size == 0) {
        *why = why_syntax;
        return false;
    }
    if (memchr(arg.data, '|', arg.size) != NULL) {
        if (rule->entry->subcommand_count > 0) *why = why_first_arg;
        return false;
    }
    if (rule->entry->subcommand_count > 0) return false;
    rule->first_arg = slice_to_text(arg);
    for (char *c = rule->first_arg; *c != '\0'; c++) *c = (char)tolower((unsigned char)*c);
    return true;
}

static void allow_all_commands(struct user_selector *selector, const struct command_table *commands, bool allow) {
    clear_rules(selector);
    selector->begins_with_all = allow;
    set_bitmap(selector, commands);
}

static bool apply_command_rule(struct user_selector *selector, const struct command_table *commands, struct slice text,
                               const char **why) {
    struct user_rule rule = {.allow = text.data[0] == '+'};
    struct slice     name = slice_make(text.data + 1, text.size - 1);
    *why = why_unknown;
    if (name.size == 0) return false;
    if (slice_is_nocase(name, "@all")) {
        allow_all_commands(selector, commands, rule.allow);
        return true;
    }
    if (name.data[0] == '@') {
        char lower[32];
        if (name.size > sizeof lower) return false;
        for (size_t i = 1; i < name.size; i++) lower[i - 1] = (char)tolower((unsigned char)name.data[i]);
        rule.category = command_category_find(slice_make(lower, name.size - 1));
        if (rule.category == 0) return false;
    } else if (!parse_command(commands, name, &rule, why)) {
        return false;
    }
    add_rule(selector, rule);
    tidy(selector, commands);
    return true;
}

/* ---- rules about keys and channels ---- */

/* "~pattern", "%R~pattern", "%RW~pattern" ... */
static bool apply_key_rule(struct user_selector *selector, struct slice text, const char **why) {
    unsigned need = text.data[0] == '~' ? USER_READ | USER_WRITE : 0;
    size_t   at = 1;
    if (need == 0) {
        for (; at < text.size && text.data[at] != '~'; at++) {
            char c = (char)toupper((unsigned char)text.data[at]);
            if (c != 'R' && c != 'W') break;
            need |= c == 'R' ? USER_READ : USER_WRITE;
        }
        if (need == 0 || at == text.size || text.data[at++] != '~') {
            *why = why_syntax;
            return false;
        }
    }
    struct slice pattern = slice_make(text.data + at, text.size - at);
    if (selector->all_keys) {
        *why = why_all_keys;
        return false;
    }
    if (has_blank(pattern)) {
        *why = why_syntax;
        return false;
    }
    if (slice_is(pattern, "*") && need == (USER_READ | USER_WRITE)) {
        selector->all_keys = true;
        patterns_clear(&selector->keys);
    } else {
        patterns_add(&selector->keys, pattern, need);
    }
    return true;
}

static bool apply_channel_rule(struct user_selector *selector, struct slice text, const char **why) {
    struct slice pattern = slice_make(text.data + 1, text.size - 1);
    if (selector->all_channels || has_blank(pattern)) {
        *why = selector->all_channels ? why_all_channels : why_syntax;
        return false;
    }
    patterns_add(&selector->channels, pattern, 0);
    return true;
}

static bool apply_to_selector(struct user_selector *selector, const struct command_table *commands, struct slice rule,
                              const char **why) {
    if (slice_is_nocase(rule, "allkeys") || slice_is_nocase(rule, "~*")) {
        selector->all_keys = true;
        patterns_clear(&selector->keys);
    } else if (slice_is_nocase(rule, "resetkeys")) {
        selector->all_keys = false;
        patterns_clear(&selector->keys);
    } else if (slice_is_nocase(rule, "allchannels") || slice_is_nocase(rule, "&*")) {
        selector->all_channels = true;
        patterns_clear(&selector->channels);
    } else if (slice_is_nocase(rule, "resetchannels")) {
        selector->all_channels = false;
        patterns_clear(&selector->channels);
    } else if (slice_is_nocase(rule, "allcommands")) {
        allow_all_commands(selector, commands, true);
    } else if (slice_is_nocase(rule, "nocommands")) {
        allow_all_commands(selector, commands, false);
    } else if (rule.size > 0 && (rule.data[0] == '~' || rule.data[0] == '%')) {
        return apply_key_rule(selector, rule, why);
    } else if (rule.size > 0 && rule.data[0] == '&') {
        return apply_channel_rule(selector, rule, why);
    } else if (rule.size > 0 && (rule.data[0] == '+' || rule.data[0] == '-')) {
        return apply_command_rule(selector, commands, rule, why);
    } else {
        *why = why_syntax;
        return false;
    }
    return true;
}

/* ---- selectors ---- */

static void selector_fini(struct user_selector *selector) {
    clear_rules(selector);
    mem_free(selector->rules);
    patterns_clear(&selector->keys);
    patterns_clear(&selector->channels);
}

static void selector_copy(struct user_selector *to, const struct user_selector *from) {
    *to = *from;
    to->rules = mem_alloc((from->rule_count + 1) * sizeof *to->rules);
    for (size_t i = 0; i < from->rule_count; i++) {
        to->rules[i] = from->rules[i];
        if (from->rules[i].first_arg != NULL) to->rules[i].first_arg = mem_strdup(from->rules[i].first_arg);
    }
    patterns_copy(&to->keys, &from->keys);
    patterns_copy(&to->channels, &from->channels);
}

static void clear_selectors(struct user_rights *rights, size_t kept) {
    while (rights->selector_count > kept) selector_fini(&rights->selectors[--rights->selector_count]);
}

/* "(rule rule ...)" */
static bool add_selector(struct user_rights *rights, const struct command_table *commands, bool all_channels,
                         struct slice text, const char **why) {
    struct user_selector selector = {.all_channels = all_channels};
    struct slice         rest = slice_make(text.data + 1, text.size - 2), part;
    while (slice_split(&rest, ' ', &part)) {
        if (part.size == 0 || apply_to_selector(&selector, commands, part, why)) continue;
        selector_fini(&selector);
        return false;
    }
    rights->selectors = mem_realloc(rights->selectors, (rights->selector_count + 1) * sizeof selector);
    rights->selectors[rights->selector_count++] = selector;
    return true;
}

/* ---- passwords ---- */

void user_rights_hash(struct slice password, unsigned char hash[USER_HASH_SIZE]) {
    unsigned size = 0;
    CHECK(EVP_Digest(password.size > 0 ? password.data : "", password.size, hash, &size, EVP_sha256(), NULL) == 1);
    CHECK(size == USER_HASH_SIZE);
}

static bool parse_hash(struct slice text, unsigned char hash[USER_HASH_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    if (text.size != 2 * USER_HASH_SIZE) return false;
    for (size_t i = 0; i < text.size; i++) {
        const char *digit = text.data[i] != '\0' ? strchr(digits, text.data[i]) : NULL;
        if (digit == NULL) return false;
        hash[i / 2] = (unsigned char)(i % 2 == 0 ? (digit - digits) << 4 : hash[i / 2] | (digit - digits));
    }
    return true;
}

static size_t find_password(const struct user_rights *rights, const unsigned char *hash) {
    size_t at = 0;
    while (at < rights->password_count && CRYPTO_memcmp(rights->passwords[at], hash, USER_HASH_SIZE) != 0) at++;
    return at;
}

static void add_password(struct user_rights *rights, const unsigned char *hash) {
    rights->nopass = false;
    size_t at = find_password(rights, hash);
    if (at < rights->password_count) return;
    rights->passwords = mem_realloc(rights->passwords, (at + 1) * sizeof *rights->passwords);
    rights->password_texts = mem_realloc(rights->password_texts, (at + 1) * sizeof *rights->password_texts);
    memcpy(rights->passwords[at], hash, USER_HASH_SIZE);
    for (int i = 0; i < USER_HASH_SIZE; i++) {
        rights->password_texts[at][2 * i] = "0123456789abcdef"[hash[i] >> 4];
        rights->password_texts[at][2 * i + 1] = "0123456789abcdef"[hash[i] & 15];
    }
    rights->password_texts[at][2 * USER_HASH_SIZE] = '\0';
    rights->password_count++;
}

static bool remove_password(struct user_rights *rights, const unsigned char *hash) {
    size_t at = find_password(rights, hash);
    if (at == rights->password_count) return false;
    size_t after = --rights->password_count - at;
    memmove(rights->passwords[at], rights->passwords[at + 1], after * sizeof *rights->passwords);
    memmove(rights->password_texts[at], rights->password_texts[at + 1], after * sizeof *rights->password_texts);
    return true;
}

/* ">secret", "<secret", "#hash", "!hash" */
static bool apply_password_rule(struct user_rights *rights, struct slice rule, const char **why) {
    unsigned char hash[USER_HASH_SIZE];
    struct slice  text = slice_make(rule.data + 1, rule.size - 1);
    bool          is_hash = rule.data[0] == '#' || rule.data[0] == '!';
    if (!is_hash) {
        user_rights_hash(text, hash);
    } else if (!parse_hash(text, hash)) {
        *why = why_bad_hash;
        return false;
    }
    if (rule.data[0] == '>' || rule.data[0] == '#') {
        add_password(rights, hash);
        return true;
    }
    *why = why_no_password;
    return remove_password(rights, hash);
}

/* ---- a user's rights ---- */

struct user_rights *user_rights_new(bool all_channels) {
    struct user_rights *rights = mem_zalloc(sizeof *rights);
    rights->selectors = mem_zalloc(sizeof *rights->selectors);
    rights->selectors[0].all_channels = all_channels;
    rights->selector_count = 1;
    return rights;
}

struct user_rights *user_rights_copy(const struct user_rights *rights) {
    struct user_rights *copy = mem_alloc(sizeof *copy);
    *copy = *rights;
    copy->selectors = mem_alloc(rights->selector_count * sizeof *copy->selectors);
    for (size_t i = 0; i < rights->selector_count; i++) selector_copy(&copy->selectors[i], &rights->selectors[i]);
    copy->passwords = NULL;
    copy->password_texts = NULL;
    copy->password_count = 0;
    for (size_t i = 0; i < rights->password_count; i++) add_password(copy, rights->passwords[i]);
    copy->nopass = rights->nopass;
    return copy;
}

void user_rights_free(struct user_rights **rights) {
    if (*rights == NULL) return;
    clear_selectors(*rights, 0);
    mem_free((*rights)->selectors);
    mem_free((*rights)->passwords);
    mem_free((*rights)->password_texts);
    mem_free(*rights);
    *rights = NULL;
}

bool user_rights_unrestricted(const struct user_rights *rights) {
    const struct user_selector *root = &rights->selectors[0];
    return root->all_commands && root->all_keys && root->all_channels;
}

static void reset(struct user_rights *rights, bool all_channels) {
    clear_selectors(rights, 0);
    rights->selectors[0] = (struct user_selector){.all_channels = all_channels};
    rights->selector_count = 1;
    rights->password_count = 0;
    rights->enabled = rights->nopass = false;
    rights->sanitize = 1;
}

bool user_rights_apply(struct user_rights *rights, const struct command_table *commands, bool all_channels_by_default,
                       struct slice rule, const char **why) {
    if (rule.size == 0) return true;
    if (slice_is_nocase(rule, "on")) {
        rights->enabled = true;
    } else if (slice_is_nocase(rule, "off")) {
        rights->enabled = false;
    } else if (slice_is_nocase(rule, "nopass")) {
        rights->nopass = true;
        rights->password_count = 0;
    } else if (slice_is_nocase(rule, "resetpass")) {
        rights->nopass = false;
        rights->password_count = 0;
    } else if (slice_is_nocase(rule, "sanitize-payload")) {
        rights->sanitize = 1;
    } else if (slice_is_nocase(rule, "skip-sanitize-payload")) {
        rights->sanitize = -1;
    } else if (slice_is_nocase(rule, "clearselectors")) {
        clear_selectors(rights, 1);
    } else if (slice_is_nocase(rule, "reset")) {
        reset(rights, all_channels_by_default);
    } else if (memchr("><#!", rule.data[0], 4) != NULL) {
        return apply_password_rule(rights, rule, why);
    } else if (rule.data[0] == '(' && rule.size > 1 && rule.data[rule.size - 1] == ')') {
        return add_selector(rights, commands, all_channels_by_default, rule, why);
    } else {
        return apply_to_selector(&rights->selectors[0], commands, rule, why);
    }
    return true;
}

/* ---- description ---- */

static void describe_commands(const struct user_selector *selector, struct bytes *out) {
    bytes_add_text(out, selector->begins_with_all ? "+@all" : "-@all");
    for (size_t i = 0; i < selector->rule_count; i++) {
        const struct user_rule *rule = &selector->rules[i];
        bytes_add_text(out, rule->allow ? " +" : " -");
        if (rule->category != 0)
            bytes_add_printf(out, "@%s", command_category_name((unsigned)__builtin_ctzll(rule->category)));
        else
            bytes_add_text(out, rule->entry->row->name);
        if (rule->first_arg != NULL) bytes_add_printf(out, "|%s", rule->first_arg);
    }
}

static void describe_keys(const struct user_selector *selector, struct bytes *out) {
    static const char *const marks[] = {"%~", "%R~", "%W~", "~"};
    if (selector->all_keys) bytes_add_text(out, "~*");
    for (size_t i = 0; i < selector->keys.count; i++) {
        const struct user_pattern *pattern = &selector->keys.all[i];
        if (i > 0) bytes_add_char(out, ' ');
        bytes_add_text(out, marks[pattern->need]);
        bytes_add(out, pattern->text, pattern->size);
    }
}

static void describe_channels(const struct user_selector *selector, struct bytes *out) {
    if (selector->all_channels) bytes_add_text(out, "&*");
    for (size_t i = 0; i < selector->channels.count; i++) {
        bytes_add_text(out, i > 0 ? " &" : "&");
        bytes_add(out, selector->channels.all[i].text, selector->channels.all[i].size);
    }
}

static void describe_selector(const struct user_selector *selector, struct bytes *out) {
    describe_keys(selector, out);
    if (selector->all_keys || selector->keys.count > 0) bytes_add_char(out, ' ');
    if (!selector->all_channels) bytes_add_text(out, "resetchannels ");
    describe_channels(selector, out);
    if (selector->all_channels || selector->channels.count > 0) bytes_add_char(out, ' ');
    describe_commands(selector, out);
}

void user_rights_describe(const struct user_rights *rights, struct bytes *out) {
    bytes_add_text(out, rights->enabled ? "on " : "off ");
    if (rights->nopass) bytes_add_text(out, "nopass ");
    if (rights->sanitize > 0) bytes_add_text(out, "sanitize-payload ");
    if (rights->sanitize < 0) bytes_add_text(out, "skip-sanitize-payload ");
    for (size_t i = 0; i < rights->password_count; i++) bytes_add_printf(out, "#%s ", rights->password_texts[i]);
    describe_selector(&rights->selectors[0], out);
    for (size_t i = 1; i < rights->selector_count; i++) {
        bytes_add_text(out, " (");
        describe_selector(&rights->selectors[i], out);
        bytes_add_char(out, ')');
    }
}

void user_describe_commands(const struct user *user, size_t selector, struct bytes *out) {
    describe_commands(&user->rights->selectors[selector], out);
}

void user_describe_keys(const struct user *user, size_t selector, struct bytes *out) {
    describe_keys(&user->rights->selectors[selector], out);
}

void user_describe_channels(const struct user *user, size_t selector, struct bytes *out) {
    describe_channels(&user->rights->selectors[selector], out);
}
