#include "lib/unit.h"
#include "base/random.h"
#include "store/types/geohash.h"

#include <math.h>
#include <stdio.h>

static const struct geo_point palermo = {13.361389, 38.115556}, catania = {15.087269, 37.502669};

UNIT_TEST(geohash, known_places) {
    CU_ASSERT_EQUAL(geohash_encode(palermo), 3479099956230698u);
    char text[GEOHASH_TEXT_SIZE + 1] = "", distance[32];
    geohash_print(text, 3479099956230698.0);
    EXPECT_TEXT(text, "sqc8b49rny0");
    double metres = geohash_distance_m(geohash_decode((double)geohash_encode(palermo)), geohash_decode((double)geohash_encode(catania)));
    snprintf(distance, sizeof distance, "%.4f", metres);
    EXPECT_TEXT(distance, "166274.1516");
}

static double draw(struct random *random, double max) {
    return ((double)random_below(random, 1u << 30) / (1u << 29) - 1) * max;
}

UNIT_TEST(geohash, decodes_to_within_its_square) {
    struct random random;
    random_seed(&random, 1);
    for (int i = 0; i < 10000; i++) {
        struct geo_point point = {draw(&random, GEO_LONGITUDE_MAX), draw(&random, GEO_LATITUDE_MAX)};
        struct geo_point back = geohash_decode((double)geohash_encode(point));
        CU_ASSERT_TRUE(geohash_is_valid(back));
        CU_ASSERT_TRUE(fabs(point.longitude - back.longitude) <= 180.001 / (1 << 26));
        CU_ASSERT_TRUE(fabs(point.latitude - back.latitude) <= 1.001 * GEO_LATITUDE_MAX / (1 << 26));
    }
    static const double strange[] = {-1, -1e300, 1e300, INFINITY, -INFINITY, 1.9e19, 0.5};
    for (size_t i = 0; i < COUNT_OF(strange); i++) CU_ASSERT_TRUE(geohash_is_valid(geohash_decode(strange[i])));
}

static bool is_covered(const struct geo_range *ranges, unsigned count, double score) {
    unsigned times = 0;
    for (unsigned i = 0; i < count; i++) times += score >= ranges[i].low && score < ranges[i].high;
    CU_ASSERT_TRUE(times <= 1);
    return times == 1;
}

/* Whatever lies within a shape has its score in one of the ranges, and in one only. */
UNIT_TEST(geohash, covers_what_lies_within) {
    struct random random;
    unsigned      within = 0;
    random_seed(&random, 2);
    for (int i = 0; i < 20000; i++) {
        struct geo_shape shape = {.is_box = i % 2, .center = {draw(&random, 120), draw(&random, 60)}, .unit_m = 1};
        shape.radius = exp2(1 + (double)random_below(&random, 20));
        shape.width = shape.radius * 2;
        shape.height = exp2(1 + (double)random_below(&random, 20));
        struct geo_range ranges[GEO_RANGES_MAX];
        unsigned         count = geohash_cover(&shape, ranges);
        for (int n = 0; n < 10; n++) {
            double           reach = shape.radius / 111000 * 1.2, distance_m;
            struct geo_point point = {shape.center.longitude + draw(&random, reach), shape.center.latitude + draw(&random, reach)};
            if (!geohash_is_valid(point)) continue;
            double score = (double)geohash_encode(point);
            bool   is_in = is_covered(ranges, count, score);
            if (!geohash_is_within(&shape, geohash_decode(score), &distance_m)) continue;
            CU_ASSERT_TRUE_FATAL(is_in);
            within++;
        }
    }
    CU_ASSERT_TRUE(within > 20000);
}
