/* The name service of a history: what hosts are called, who announces its name, and how looking a name up goes wrong.
 *
 * A name may not resolve for a while, and some of those who ask may go on hearing the address that a host had before.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sim/network.h"

struct names;

struct names *names_new(struct network *network, struct schedule *schedule); /* keeps both; gives: names_free() */
void names_free(struct names **names);                                       /* takes */

/* Names a host; `announced`: it tells others its name, not its address. */
void names_add(struct names *names, unsigned host, const char *name, bool announced);
void names_fail(struct names *names, unsigned host, int64_t until_us);         /* its name does not resolve */
void names_fall_behind(struct names *names, unsigned asker, int64_t until_us); /* hears former addresses */
void names_stop_answering(struct names *names, int64_t until_us);              /* to anybody: a black hole */
int64_t names_answers_at(const struct names *names);                           /* when it answers what is asked now */
void names_heal(struct names *names);

/* What `asker` hears now; an address is its own answer. Lends, until the host moves. NULL: it does not resolve. */
const char *names_lookup(const struct names *names, unsigned asker, const char *text);
/* What the host tells others: its name or its address. Lends. `names` may be NULL. */
const char *names_shown(const struct names *names, const struct network *network, unsigned host);
/* Whom a name or an address, present or former, means. `names` may be NULL. */
bool names_identify(const struct names *names, const struct network *network, const char *text, unsigned *host);
