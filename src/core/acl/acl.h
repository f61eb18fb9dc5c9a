/* Users and their rights at work in a server: the ACL command, the parameters, and what a change means for clients.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/acl/acl_log.h"
#include "core/acl/user.h"

struct server;

/* Adds the ACL command, the log of denials, and what the parameters requirepass, user, acl-pubsub-default do. Uses
 * server->users, sets server->acl_log. Once, before the configuration is read. */
void acl_install(struct server *server);
/* Before the server's users go. */
void acl_uninstall(struct server *server);

/* The users that the configuration names (requirepass, user, aclfile). After the configuration was read and before
 * there are clients. False: `err` says which rule is wrong, and the server must not start. */
MUST_USE bool acl_start(struct server *server, struct error *err);
