/* A parsed RESP reply as the machine's neutral view of it.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "net/resp_parse.h"
#include "sentinel/machine/event.h"

/* The texts stay the reply's; the nodes of arrays are allocated. Maps and sets become flat arrays. gives: view_fini() */
void view_init(struct reply_view *view, const struct resp_reply *reply);
void view_fini(struct reply_view *view);
