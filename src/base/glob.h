/* Glob-style matching as KEYS, PSUBSCRIBE and CONFIG GET use it: * ? [abc] [^a-z] and \ before any character.
 *
 * Linear in time for every pattern: a later star never lets an earlier one try again.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

bool glob_match(struct slice pattern, struct slice text);
bool glob_match_nocase(struct slice pattern, struct slice text);
