/* What a keeper has who takes only changes from the machine: it must always be the whole state.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/machine.h"

struct state_copy; /* of one life of a machine */

struct state_copy *state_copy_new(void);         /* gives: state_copy_free() */
void state_copy_free(struct state_copy **copy);  /* takes; NULL is fine */
/* Takes the changes in. False: something changed and was not told. */
bool state_copy_take(struct state_copy *copy, struct machine *machine);
