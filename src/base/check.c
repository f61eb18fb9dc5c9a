#include "base/check.h"
#include "base/log.h"

#include <stdlib.h>

void check_failed(const char *condition, const char *file, int line, const char *function) {
    log_write(LOG_WARNING, "=== ASSERTION FAILED === %s:%d %s(): '%s' is not true", file, line, function, condition);
    abort();
}
