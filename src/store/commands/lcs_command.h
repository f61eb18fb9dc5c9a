/* LCS: what two strings have in common, as text, length or ranges.
 *
 * Its row is in string.def.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once

struct client;
void lcs_command(struct client *client);
