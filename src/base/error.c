#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool error_set(struct error *err, const char *format, ...) {
    if (!err) return false;
    struct error fresh;
    va_list args;
    va_start(args, format);
    vsnprintf(fresh.text, sizeof fresh.text, format, args);
    va_end(args);
    *err = fresh;
    return false;
}

bool error_prefix(struct error *err, const char *format, ...) {
    if (!err) return false;
    struct error fresh;
    va_list args;
    va_start(args, format);
    vsnprintf(fresh.text, sizeof fresh.text, format, args);
    va_end(args);
    size_t used = strlen(fresh.text);
    snprintf(fresh.text + used, sizeof fresh.text - used, ": %.900s", err->text);
    *err = fresh;
    return false;
}
