/* What user.c and user_rules.c share: the sets of rights behind a user.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/acl/user.h"

enum { USER_COMMAND_IDS = 1024, USER_HASH_SIZE = 32 };

/* One "+x" or "-x". */
struct user_rule {
    bool                  allow;
    uint64_t              category; /* not 0: the rule is about a category */
    struct command_entry *entry;    /* else about this command and its subcommands */
    char                 *first_arg; /* or, not NULL, only about this first argument; lower case; owned */
};

struct user_pattern {
    char    *text;
    size_t   size;
    unsigned need; /* USER_READ | USER_WRITE; 0 for channels */
};

struct user_patterns {
    struct user_pattern *all;
    size_t               count;
};

/* One selector. The rules say what the bitmap is: it is derived from them. */
struct user_selector {
    bool                 all_keys, all_channels, all_commands;
    bool                 begins_with_all; /* "+@all", then the rules */
    uint64_t             may[USER_COMMAND_IDS / 64];
    struct user_rule    *rules;
    size_t               rule_count;
    bool                 has_first_args; /* some rule has */
    struct user_patterns keys, channels;
};

struct user_rights {
    struct user_selector *selectors; /* the first is the root set */
    size_t                selector_count;
    unsigned char (*passwords)[USER_HASH_SIZE];
    char (*password_texts)[2 * USER_HASH_SIZE + 1]; /* the same in hexadecimal */
    size_t password_count;
    bool   enabled, nopass;
    int    sanitize;
};

struct user_rights *user_rights_new(bool all_channels); /* may do nothing, off. gives: user_rights_free() */
struct user_rights *user_rights_copy(const struct user_rights *rights);
void                user_rights_free(struct user_rights **rights);
bool                user_rights_unrestricted(const struct user_rights *rights);

/* Applies one rule. False: `*why` is the established reason. */
bool user_rights_apply(struct user_rights *rights, const struct command_table *commands, bool all_channels_by_default,
                       struct slice rule, const char **why);
void user_rights_hash(struct slice password, unsigned char hash[USER_HASH_SIZE]);
void user_rights_describe(const struct user_rights *rights, struct bytes *out);
/* The allowed first arguments of a command whose bit is not set. */
bool user_selector_allows_first_arg(const struct user_selector *selector, const struct command_entry *entry,
                                    const struct slice *argv, int argc);
