/* Places on earth as scores: longitude and latitude, 26 bits each, interleaved; distances; which scores a circle or a box
 * can hold.
 *
 * The 52 bits are an integer that a double holds exactly, so places are members of a sorted set, near places mostly have
 * near scores, and a square of the earth is a range of scores. Latitudes end at 85.05112878 degrees, as in the Web Mercator
 * projection. Distances are along great circles of a sphere (haversine); the error against the ellipsoid is up to 0.5 %.
 * All constants are Redis', so that scores, distances and the order of what is found are the same.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

struct geo_point { /* degrees */
    double longitude, latitude;
};
#define GEO_LONGITUDE_MAX 180.0
#define GEO_LATITUDE_MAX 85.05112878

bool     geohash_is_valid(struct geo_point point);
uint64_t geohash_encode(struct geo_point point); /* a valid one */
/* The middle of the square (0.6 m at the equator) that the score stands for; of any number, something. */
struct geo_point geohash_decode(double score);
double           geohash_distance_m(struct geo_point a, struct geo_point b);
/* The 11 letters of the public geohash, of which the last is always 0. Not terminated. */
enum { GEOHASH_TEXT_SIZE = 11 };
void geohash_print(char text[GEOHASH_TEXT_SIZE], double score);

struct geo_shape {
    bool             is_box;
    struct geo_point center;
    double           unit_m;        /* metres in a unit */
    double           radius;        /* in units; of a circle */
    double           width, height; /* in units; of a box */
};
/* Scores from `low` up to, but not including, `high`. */
struct geo_range {
    double low, high;
};
enum { GEO_RANGES_MAX = 9 };
/* The ranges that together hold every score within the shape, in the order in which they are to be searched. Returns how
 * many. */
unsigned geohash_cover(const struct geo_shape *shape, struct geo_range ranges[GEO_RANGES_MAX]);
/* Whether the point lies within, and how far from the centre. */
bool geohash_is_within(const struct geo_shape *shape, struct geo_point point, double *distance_m);
