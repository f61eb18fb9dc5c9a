#include "store/types/score.h"
#include "base/mem.h"
#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXACT_DIGITS = 15 }; /* an integer of so many digits is a double exactly */

static const double powers_of_ten[] = {1,    1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                       1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

/* Digits with perhaps a sign and a point. The digits are an integer, and it and the power of ten by which it is divided
 * are doubles exactly, so the division is rounded once and gives what strtod() would [Clinger 1990]. */
static bool parse_plain(struct slice text, double *score) {
    size_t at = text.size && text.data[0] == '-', first = at;
    if (text.size - first > EXACT_DIGITS + 1) return false;
    uint64_t digits = 0;
    size_t   point = SIZE_MAX, count = 0;
    for (; at < text.size; at++) {
        unsigned digit = (unsigned)(unsigned char)text.data[at] - '0';
        if (digit <= 9) {
            digits = digits * 10 + digit;
            count++;
        } else if (text.data[at] == '.' && point == SIZE_MAX) {
            point = count;
        } else {
            return false;
        }
    }
    if (count == 0 || count > EXACT_DIGITS) return false;
    double value = (double)digits;
    if (point != SIZE_MAX) value /= powers_of_ten[count - point];
    *score = first ? -value : value;
    return true;
}

static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool score_parse(struct slice text, double *score) {
    if (parse_plain(text, score)) return true;
    if (text.size < 200) return number_parse_double(text, score);
    char  *copy = slice_to_text(text), *end;
    bool   is_good = !is_blank(copy[0]);
    double value = strtod(copy, &end);
    if (end != copy + text.size || !isfinite(value)) is_good = false;
    mem_free(copy);
    if (is_good) *score = value;
    return is_good;
}

bool score_parse_bound(struct slice text, double *score, bool *is_exclusive) {
    *is_exclusive = text.size && text.data[0] == '(';
    if (*is_exclusive) text.data++, text.size--;
    if (parse_plain(text, score)) return true;
    char *copy = slice_to_text(text), *end;
    *score = strtod(copy, &end);
    bool is_good = *end == 0 && !isnan(*score);
    mem_free(copy);
    return is_good;
}

/* A number whose fraction is a multiple of 1/1024 has at most ten decimals, and they are computed exactly. */
static size_t print_dyadic(char *text, double score) {
    double size = fabs(score);
    if (!(size < 1e6)) return 0;
    uint64_t parts = (uint64_t)(size * 1024);
    if ((double)parts != size * 1024) return 0;
    size_t at = 0;
    if (score < 0) text[at++] = '-';
    at += number_print_uint(text + at, parts >> 10);
    text[at++] = '.';
    uint64_t decimals = (parts & 1023) * 9765625; /* of ten: 10^10 / 2^10 */
    for (uint64_t unit = 1000000000; decimals; unit /= 10) {
        text[at++] = (char)('0' + decimals / unit);
        decimals %= unit;
    }
    text[at] = 0;
    return at;
}

static bool is_integer_within(double score, double limit) {
    return score >= -limit && score <= limit && score == (double)(int64_t)score;
}

size_t score_print(char *text, double score) {
    if (is_integer_within(score, 99999999999999984) && !(score == 0 && signbit(score))) return number_print_int(text, (int64_t)score);
    if (isinf(score)) return number_print_double(text, score);
    size_t size = score == 0 ? 0 : print_dyadic(text, score);
    return size ? size : (size_t)snprintf(text, SCORE_TEXT_SIZE, "%.17g", score);
}

size_t score_print_packed(char *text, double score) {
    if (is_integer_within(score, 4611686018427387904.0)) return number_print_int(text, (int64_t)score);
    return score_print(text, score);
}
