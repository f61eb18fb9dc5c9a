/* What others said that makes no sense, in words for the log and for the -bad-input channel.
 *
 * Each kind is told at most once in a period, with the number of those that were not told, so that a peer that sends
 * nothing but garbage fills no disk; all of them are counted. What a peer said is quoted: it cannot forge a line.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

enum { COMPLAINT_PERIOD_MS = 60000 };

/* `instance` is who said it, NULL: not known. `said` (may be empty) is quoted behind the words, cut when it is long. */
void complain(struct world *world, enum complaint complaint, const struct instance *instance, struct slice said,
              const char *format, ...) PRINTF_LIKE(5, 6);
/* What a reply said, for `said`: its text. */
struct slice complaint_of_reply(const struct reply_view *reply);
const char  *reply_view_kind_name(enum reply_view_kind kind); /* "an array" */
