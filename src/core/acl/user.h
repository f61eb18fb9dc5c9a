/* Users: who may log in, and which commands, keys and channels each may use.
 *
 * A user's rights are a root set and any number of selectors; a request is allowed when one of them allows all of it.
 * Each set has a bitmap over command ids, key patterns and channel patterns. A user whose root set allows everything
 * is marked `unrestricted`, so that the common case costs one test.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "base/error.h"
#include "base/table.h"

struct command_entry;
struct command_table;
struct user_rights;

/* Owned by users. Stays where it is until it is deleted: changed rules are put into the same object. The fields are
 * for reading. */
struct user {
    char               *name;
    bool                unrestricted; /* every command, key and channel: there is nothing to check */
    bool                enabled;
    bool                nopass;       /* any password will do */
    signed char         sanitize;     /* 1 sanitize-payload, -1 skip-sanitize-payload, 0 never said */
    struct user_rights *rights;       /* user.c's: selectors, passwords */
};

struct users;

/* Keeps `commands`, in which the rules look names up, and the entries that rules name: once there are rules, the table
 * must not lose commands. Begins with the user "default", which may do everything without
 * a password. gives: users_free() */
struct users *users_new(const struct command_table *commands);
/* Only a default user, with the same commands and defaults: to be filled and then given to users_replace(). gives */
struct users *users_new_like(const struct users *users);
void          users_free(struct users **users);

/* ---- Who is it ---- */

struct user *users_default(const struct users *users); /* always there, always the same object */
struct user *users_find(const struct users *users, struct slice name); /* NULL: absent */
size_t       users_count(const struct users *users);
/* In the order of their names; gives an array of users_count(): mem_free(). */
struct user **users_sorted(const struct users *users);

/* The user, when it exists, is enabled and the password is one of its own; else NULL. Takes the same time whichever
 * password is wrong. */
struct user *users_authenticate(const struct users *users, struct slice name, struct slice password);
/* Whether a new connection must authenticate: the default user has a password or is off. */
bool users_must_authenticate(const struct users *users);
/* requirepass: the default user's only password; "" for none. */
void users_set_default_password(struct users *users, struct slice password);
/* acl-pubsub-default: whether users that are made from now on may use all channels. At first they may not. */
void users_set_all_channels_by_default(struct users *users, bool all);

/* ---- May it do that ---- */

enum user_need { USER_READ = 1, USER_WRITE = 2 };

enum user_verdict { USER_ALLOWED, USER_DENIED_COMMAND, USER_DENIED_KEY, USER_DENIED_CHANNEL };

/* Whether `user` may run `entry` (the subcommand, where it has some) with these arguments. The keys are looked for only
 * when the user's keys are limited. `*denied_arg` (may be NULL) is the index of the denied key or channel, or 0. */
enum user_verdict user_check(const struct user *user, const struct command_entry *entry, const struct slice *argv,
                             int argc, int *denied_arg);
/* Whether `user` may run it and read every key there is: what looks up keys that are no arguments (SORT's BY and GET). */
bool user_may_read_all_keys(const struct user *user, const struct command_entry *entry, const struct slice *argv, int argc);
/* Whether a client of this user may stay subscribed to `channel`; `is_pattern`: it is a pattern. */
bool user_may_channel(const struct user *user, struct slice channel, bool is_pattern);

/* ---- What are the rules ---- */

/* Makes the user, or changes it, by rules as ACL SETUSER takes them ("on", ">secret", "+@read", "(~k +get)"), in order,
 * all or none. On failure `err` holds the established error text without its code ("Error in ACL SETUSER modifier
 * ..."). `*made` (may be NULL) tells whether the user is new. */
MUST_USE bool users_apply(struct users *users, struct slice name, const struct slice *rules, size_t count, bool *made,
                          struct error *err);
/* The same, but the user begins anew: what it was before does not count. For files, which say all about a user. */
MUST_USE bool users_define(struct users *users, struct slice name, const struct slice *rules, size_t count,
                           struct error *err);
/* Neither blanks nor zero bytes. */
bool users_is_good_name(struct slice name);

/* Adds "on nopass ~* &* +@all": rules that make the same user when they are applied to a new one. */
void user_describe(const struct user *user, struct bytes *out);

/* One set of rights, for ACL GETUSER: 0 is the root set, then the selectors. */
size_t user_selector_count(const struct user *user); /* without the root set */
void   user_describe_commands(const struct user *user, size_t selector, struct bytes *out); /* "-@all +get" */
void   user_describe_keys(const struct user *user, size_t selector, struct bytes *out);     /* "~a %R~b" */
void   user_describe_channels(const struct user *user, size_t selector, struct bytes *out); /* "&a &b" */
size_t user_password_count(const struct user *user);
/* 64 hexadecimal digits; lends until the user changes. */
const char *user_password_hash(const struct user *user, size_t index);

/* ---- Deletion and replacement ---- */

/* False: no such user. The default user stays. */
bool users_remove(struct users *users, struct slice name);

/* Replaces all users by those of `other` (whose default user's rules replace the default's). Users of the same name
 * keep their object. takes */
void users_replace(struct users *users, struct users **other);

/* Called before a user object is freed (`gone`), and after its rules changed. The server disconnects clients that
 * are no longer welcome. One callback. */
enum user_change { USER_CHANGED, USER_GONE };
void users_on_change(struct users *users, void (*callback)(void *context, struct user *user, enum user_change change),
                     void *context);
