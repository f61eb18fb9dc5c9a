/* Numbers from text and back, strictly: no blanks, no sign `+`, no leading zeros, nothing after the number.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

enum { NUMBER_TEXT_SIZE = 32 }; /* room for any int64 or uint64 and its zero */

MUST_USE bool number_parse_int(struct slice text, int64_t *out);
MUST_USE bool number_parse_uint(struct slice text, uint64_t *out);
/* Floating point as the field's servers take it: strtod's forms, "inf" and "-inf"; neither NaN nor blanks. */
MUST_USE bool number_parse_double(struct slice text, double *out);
MUST_USE bool number_parse_long_double(struct slice text, long double *out);
/* "10", "1k" (1000), "1kb" (1024), m, mb, g, gb, and b; any case. */
MUST_USE bool number_parse_size(struct slice text, uint64_t *out);

size_t number_print_int(char *text, int64_t value);   /* returns the length; text holds NUMBER_TEXT_SIZE */
size_t number_print_uint(char *text, uint64_t value);
size_t number_digits(uint64_t value);
/* The shortest text of at most 17 significant digits that reads back the same ("3", "0.1", "inf", "1e+20"): how
 * scores and RESP3 doubles are written. `text` holds 40. */
size_t number_print_double(char *text, double value);
/* INCRBYFLOAT's form: 17 digits after the point, trailing zeros removed, never an exponent. `text` holds 5200. */
size_t number_print_long_double(char *text, long double value);
/* "1.00M": sizes for people, as INFO's *_human fields. `text` holds 32. */
void number_print_human(char *text, uint64_t bytes);
