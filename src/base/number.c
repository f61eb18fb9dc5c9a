#include "base/number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

bool number_parse_uint(struct slice text, uint64_t *out) {
    if (text.size == 0 || text.size > 20) return false;
    if (text.data[0] == '0' && text.size > 1) return false;
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned)(unsigned char)text.data[i] - '0';
        if (digit > 9) return false;
        if (value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

bool number_parse_int(struct slice text, int64_t *out) {
    bool negative = text.size && text.data[0] == '-';
    if (negative) text.data++, text.size--;
    uint64_t value;
    if (!number_parse_uint(text, &value)) return false;
    if (negative) {
        if (value == 0 || value > (uint64_t)INT64_MAX + 1) return false;
        *out = (int64_t)-value;
    } else {
        if (value > INT64_MAX) return false;
        *out = (int64_t)value;
    }
    return true;
}

bool number_parse_long_double(struct slice text, long double *out) {
    char copy[5 * 1024];
    if (text.size == 0 || text.size >= sizeof copy) return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    if (copy[0] == ' ' || (copy[0] >= '\t' && copy[0] <= '\r')) return false;
    char *end;
    errno = 0;
    long double value = strtold(copy, &end);
    if (end != copy + text.size || isnan(value)) return false;
    if (errno == ERANGE && (value == HUGE_VALL || value == -HUGE_VALL || fpclassify(value) == FP_ZERO)) return false;
    *out = value;
    return true;
}

bool number_parse_double(struct slice text, double *out) {
    char copy[256];
    if (text.size == 0 || text.size >= sizeof copy) return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    if (copy[0] == ' ' || (copy[0] >= '\t' && copy[0] <= '\r')) return false;
    char *end;
    errno = 0;
    double value = strtod(copy, &end);
    if (end != copy + text.size || isnan(value)) return false;
    if (errno == ERANGE && (value == HUGE_VAL || value == -HUGE_VAL || fpclassify(value) == FP_ZERO)) return false;
    *out = value;
    return true;
}

bool number_parse_size(struct slice text, uint64_t *out) {
    static const struct {
        const char *name;
        uint64_t    factor;
    } units[] = {{"", 1},           {"b", 1},           {"k", 1000},           {"kb", 1024},
                 {"m", 1000000},    {"mb", 1024 * 1024}, {"g", 1000000000},    {"gb", 1024ull * 1024 * 1024}};
    size_t digits = 0;
    while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9') digits++;
    struct slice number = {text.data, digits}, unit = {text.data + digits, text.size - digits};
    while (number.size > 1 && number.data[0] == '0') number.data++, number.size--;
    uint64_t value;
    if (!number_parse_uint(number, &value)) return false;
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (!slice_is_nocase(unit, units[i].name)) continue;
        return !__builtin_mul_overflow(value, units[i].factor, out);
    }
    return false;
}

size_t number_digits(uint64_t value) {
    static const uint64_t powers[] = {1u,
                                      10u,
                                      100u,
                                      1000u,
                                      10000u,
                                      100000u,
                                      1000000u,
                                      10000000u,
                                      100000000u,
                                      1000000000u,
                                      10000000000u,
                                      100000000000u,
                                      1000000000000u,
                                      10000000000000u,
                                      100000000000000u,
                                      1000000000000000u,
                                      10000000000000000u,
                                      100000000000000000u,
                                      1000000000000000000u,
                                      10000000000000000000u};
    value |= 1; /* 0 has a digit too */
    /* 1233 / 4096 is a little more than log10(2): the number of digits, or one less. */
    unsigned least = (unsigned)(64 - __builtin_clzll(value)) * 1233 >> 12;
    return least + (value >= powers[least]);
}

static const char digit_pairs[] =
    "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
    "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

size_t number_print_uint(char *text, uint64_t value) {
    size_t size = number_digits(value), at = size;
    text[size] = 0;
    for (; value >= 100; value /= 100) memcpy(text + (at -= 2), digit_pairs + value % 100 * 2, 2);
    if (value >= 10)
        memcpy(text, digit_pairs + value * 2, 2);
    else
        text[0] = (char)('0' + value);
    return size;
}

size_t number_print_int(char *text, int64_t value) {
    if (value >= 0) return number_print_uint(text, (uint64_t)value);
    text[0] = '-';
    return 1 + number_print_uint(text + 1, -(uint64_t)value);
}

size_t number_print_double(char *text, double value) {
    if (isinf(value)) {
        strcpy(text, value > 0 ? "inf" : "-inf");
        return strlen(text);
    }
    if (isnan(value)) {
        strcpy(text, "nan");
        return 3;
    }
    if (value == 0) {
        strcpy(text, signbit(value) ? "-0" : "0");
        return strlen(text);
    }
    if (value > -9007199254740992.0 && value < 9007199254740992.0 && value == (double)(int64_t)value)
        return number_print_int(text, (int64_t)value);
    int size = 0;
    for (int digits = 15; digits <= 17; digits++) {
        size = snprintf(text, 40, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    return (size_t)size;
}

size_t number_print_long_double(char *text, long double value) {
    if (isinf(value)) {
        strcpy(text, value > 0 ? "inf" : "-inf");
        return strlen(text);
    }
    int size = snprintf(text, 5200, "%.17Lf", value);
    CHECK(size > 0 && size < 5200);
    if (strchr(text, '.')) {
        while (text[size - 1] == '0') size--;
        if (text[size - 1] == '.') size--;
    }
    if (size == 2 && text[0] == '-' && text[1] == '0') {
        text[0] = '0';
        size = 1;
    }
    text[size] = 0;
    return (size_t)size;
}

void number_print_human(char *text, uint64_t bytes) {
    static const char units[] = "BKMGTP";
    if (bytes < 1024) {
        snprintf(text, 32, "%lluB", (unsigned long long)bytes);
        return;
    }
    double value = (double)bytes;
    unsigned unit = 0;
    while (value >= 1024 && unit < sizeof units - 2) value /= 1024, unit++;
    snprintf(text, 32, "%.2f%c", value, units[unit]);
}
