#include "store/types/geohash.h"

#include <math.h>
#include <string.h>

enum { STEPS = 26 }; /* bits of each coordinate in a score */

#define EARTH_RADIUS_M 6372797.560856
#define MERCATOR_MAX_M 20037726.37

/* One square of a grid that cuts each axis into 2^steps parts. */
struct cell {
    uint32_t column, row; /* of longitude, of latitude */
    unsigned steps;       /* 0: none */
};

struct area {
    double west, east, south, north;
};

static double radians(double degrees) {
    return degrees * (M_PI / 180.0);
}

static double degrees(double radians) {
    return radians / (M_PI / 180.0);
}

/* ---- bits ---- */

/* Bit i of the number becomes bit 2*i [Anderson, Bit Twiddling Hacks: interleaving by binary magic numbers]. */
static uint64_t spread(uint32_t number) {
    uint64_t bits = number;
    bits = (bits | bits << 16) & 0x0000ffff0000ffffull;
    bits = (bits | bits << 8) & 0x00ff00ff00ff00ffull;
    bits = (bits | bits << 4) & 0x0f0f0f0f0f0f0f0full;
    bits = (bits | bits << 2) & 0x3333333333333333ull;
    return (bits | bits << 1) & 0x5555555555555555ull;
}

static uint32_t gather(uint64_t bits) {
    bits &= 0x5555555555555555ull;
    bits = (bits | bits >> 1) & 0x3333333333333333ull;
    bits = (bits | bits >> 2) & 0x0f0f0f0f0f0f0f0full;
    bits = (bits | bits >> 4) & 0x00ff00ff00ff00ffull;
    bits = (bits | bits >> 8) & 0x0000ffff0000ffffull;
    return (uint32_t)(bits | bits >> 16);
}

static uint64_t cell_bits(struct cell cell) {
    return spread(cell.row) | spread(cell.column) << 1;
}

/* ---- cells ---- */

bool geohash_is_valid(struct geo_point point) {
    return point.longitude >= -GEO_LONGITUDE_MAX && point.longitude <= GEO_LONGITUDE_MAX &&
           point.latitude >= -GEO_LATITUDE_MAX && point.latitude <= GEO_LATITUDE_MAX;
}

static uint32_t part_of(double value, double max, unsigned steps) {
    double offset = (value + max) / (max + max);
    return (uint32_t)(offset * (double)(1ull << steps));
}

static struct cell cell_at(struct geo_point point, double latitude_max, unsigned steps) {
    return (struct cell){part_of(point.longitude, GEO_LONGITUDE_MAX, steps), part_of(point.latitude, latitude_max, steps), steps};
}

static double edge(uint32_t number, unsigned steps, double max) {
    return -max + ((double)number / (double)(1ull << steps)) * (max + max);
}

static struct area area_of(struct cell cell) {
    return (struct area){.west = edge(cell.column, cell.steps, GEO_LONGITUDE_MAX),
                         .east = edge(cell.column + 1, cell.steps, GEO_LONGITUDE_MAX),
                         .south = edge(cell.row, cell.steps, GEO_LATITUDE_MAX),
                         .north = edge(cell.row + 1, cell.steps, GEO_LATITUDE_MAX)};
}

/* The neighbour so many columns east and rows north; the grid is closed in both directions. */
static struct cell neighbour(struct cell cell, int columns, int rows) {
    uint32_t mask = (uint32_t)((1ull << cell.steps) - 1);
    if (columns) cell.column = (cell.column + (uint32_t)columns) & mask;
    if (rows) cell.row = (cell.row + (uint32_t)rows) & mask;
    return cell;
}

/* ---- scores ---- */

uint64_t geohash_encode(struct geo_point point) {
    return cell_bits(cell_at(point, GEO_LATITUDE_MAX, STEPS));
}

/* As x86 casts a double, for scores that are no places. */
static uint64_t to_bits(double score) {
    const double half = 9223372036854775808.0; /* 2^63 */
    if (score >= half) return score < 2 * half ? (uint64_t)score : 0;
    return score >= -half ? (uint64_t)(int64_t)score : 1ull << 63;
}

struct geo_point geohash_decode(double score) {
    uint64_t         bits = to_bits(score);
    struct area      area = area_of((struct cell){gather(bits >> 1), gather(bits), STEPS});
    struct geo_point point = {(area.west + area.east) / 2, (area.south + area.north) / 2};
    point.longitude = fmin(fmax(point.longitude, -GEO_LONGITUDE_MAX), GEO_LONGITUDE_MAX);
    point.latitude = fmin(fmax(point.latitude, -GEO_LATITUDE_MAX), GEO_LATITUDE_MAX);
    return point;
}

/* The public geohash has latitudes up to 90 degrees, so a score has to be taken apart and made anew. */
void geohash_print(char text[GEOHASH_TEXT_SIZE], double score) {
    static const char letters[] = "0123456789bcdefghjkmnpqrstuvwxyz";
    uint64_t          bits = cell_bits(cell_at(geohash_decode(score), 90, STEPS));
    for (unsigned i = 0; i < GEOHASH_TEXT_SIZE - 1; i++) text[i] = letters[bits >> (2 * STEPS - 5 * (i + 1)) & 31];
    text[GEOHASH_TEXT_SIZE - 1] = '0';
}

/* ---- distances ---- */

static double latitude_distance_m(double a, double b) {
    return EARTH_RADIUS_M * fabs(radians(b) - radians(a));
}

double geohash_distance_m(struct geo_point a, struct geo_point b) {
    double east = sin((radians(b.longitude) - radians(a.longitude)) / 2);
    if (east == 0) return latitude_distance_m(a.latitude, b.latitude);
    double low = radians(a.latitude), high = radians(b.latitude), north = sin((high - low) / 2);
    return 2.0 * EARTH_RADIUS_M * asin(sqrt(north * north + cos(low) * cos(high) * east * east));
}

bool geohash_is_within(const struct geo_shape *shape, struct geo_point point, double *distance_m) {
    struct geo_point center = shape->center;
    if (!shape->is_box) {
        *distance_m = geohash_distance_m(center, point);
        return !(*distance_m > shape->radius * shape->unit_m);
    }
    if (latitude_distance_m(point.latitude, center.latitude) > shape->height * shape->unit_m / 2) return false;
    struct geo_point beside = {center.longitude, point.latitude};
    if (geohash_distance_m(point, beside) > shape->width * shape->unit_m / 2) return false;
    *distance_m = geohash_distance_m(center, point);
    return true;
}

/* ---- covering a shape ---- */

/* The square around the shape. Meridians come nearer to each other towards a pole: the side that is nearer to it counts. */
static struct area bounds_of(const struct geo_shape *shape) {
    double height = shape->unit_m * (shape->is_box ? shape->height / 2 : shape->radius);
    double width = shape->unit_m * (shape->is_box ? shape->width / 2 : shape->radius);
    double latitude = shape->center.latitude, longitude = shape->center.longitude;
    double up = degrees(height / EARTH_RADIUS_M);
    double widest = latitude < 0 ? latitude - up : latitude + up;
    double side = degrees(width / EARTH_RADIUS_M / cos(radians(widest)));
    return (struct area){longitude - side, longitude + side, latitude - up, latitude + up};
}

/* Of how many steps the squares must be so that the nine around the centre hold a circle with this radius. */
static unsigned steps_for(double radius_m, double latitude) {
    if (radius_m == 0) return STEPS;
    int steps = -1;
    for (; radius_m < MERCATOR_MAX_M; radius_m *= 2) steps++;
    if (fabs(latitude) > 66) steps--;
    if (fabs(latitude) > 80) steps--;
    return (unsigned)(steps < 1 ? 1 : MIN(steps, STEPS));
}

static bool reaches(struct cell cell, const struct area *bounds) {
    return !(area_of(neighbour(cell, 0, 1)).north < bounds->north || area_of(neighbour(cell, 0, -1)).south > bounds->south ||
             area_of(neighbour(cell, 1, 0)).east < bounds->east || area_of(neighbour(cell, -1, 0)).west > bounds->west);
}

static struct geo_range range_of(struct cell cell) {
    unsigned free_bits = 2 * (STEPS - cell.steps);
    uint64_t bits = cell_bits(cell);
    return (struct geo_range){(double)(bits << free_bits), (double)((bits + 1) << free_bits)};
}

unsigned geohash_cover(const struct geo_shape *shape, struct geo_range ranges[GEO_RANGES_MAX]) {
    static const int8_t order[GEO_RANGES_MAX][2] = {{0, 0}, {0, 1},  {0, -1}, {1, 0}, {-1, 0},
                                                    {1, 1}, {-1, 1}, {1, -1}, {-1, -1}}; /* columns, rows */
    struct area bounds = bounds_of(shape);
    double      corner = sqrt((shape->width / 2) * (shape->width / 2) + (shape->height / 2) * (shape->height / 2));
    unsigned    steps = steps_for((shape->is_box ? corner : shape->radius) * shape->unit_m, shape->center.latitude), count = 0;
    struct cell center = cell_at(shape->center, GEO_LATITUDE_MAX, steps);
    /* The centre may lie so near to a side of its square that the next one does not reach far enough. */
    if (steps > 1 && !reaches(center, &bounds)) center = cell_at(shape->center, GEO_LATITUDE_MAX, --steps);
    struct area own = area_of(center);
    for (unsigned i = 0; i < GEO_RANGES_MAX; i++) {
        int columns = order[i][0], rows = order[i][1];
        if (steps >= 2 && ((rows < 0 && own.south < bounds.south) || (rows > 0 && own.north > bounds.north) ||
                           (columns < 0 && own.west < bounds.west) || (columns > 0 && own.east > bounds.east)))
            continue; /* the shape does not go beyond the centre's square on that side */
        struct geo_range range = range_of(neighbour(center, columns, rows));
        /* In a grid of two by two, neighbours on both sides are the same. */
        if (count > 1 && range.low == ranges[count - 1].low) continue;
        ranges[count++] = range;
    }
    return count;
}
