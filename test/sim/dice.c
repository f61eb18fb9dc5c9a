#include "sim/dice.h"

#include <math.h>

int64_t dice_between(struct random *random, int64_t low, int64_t high) {
    CHECK(low <= high);
    return low + (int64_t)random_below(random, (uint64_t)(high - low) + 1);
}

bool dice_chance(struct random *random, unsigned permille) {
    return random_below(random, 1000) < permille;
}

static double unit(struct random *random) { /* (0, 1] */
    return (double)((random_next(random) >> 11) + 1) / (double)(1ull << 53);
}

int64_t dice_around(struct random *random, int64_t mean) {
    double value = -log(unit(random)) * (double)mean;
    return (int64_t)fmin(value, (double)mean * 20);
}

int64_t dice_scale(struct random *random, int64_t low, int64_t high) {
    CHECK(low > 0 && low <= high);
    double value = (double)low * pow((double)high / (double)low, unit(random));
    return MIN(MAX((int64_t)value, low), high);
}

int64_t dice_pick(struct random *random, const int64_t *values, size_t count) {
    return values[random_below(random, count)];
}

void dice_hex(struct random *random, char *text, size_t count) {
    for (size_t i = 0; i < count; i++) text[i] = "0123456789abcdef"[random_below(random, 16)];
    text[count] = 0;
}
