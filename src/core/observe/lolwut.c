#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/server.h"

#include "base/number.h"
#include "base/random.h"


#define COMMAND COMMAND_PROTOTYPE
#include "core/observe/observe.def"
#undef COMMAND

enum { WIDTH = 40, HEIGHT = 6 };

/* Hills: three chains behind each other, each a random walk. */
static void draw(struct bytes *out) {
    static const char marks[] = {'.', ':', '#'};
    struct random     random;
    int               tops[3];
    char              picture[HEIGHT][WIDTH];
    random_seed(&random, random_os_seed());
    memset(picture, ' ', sizeof picture);
    for (int chain = 0; chain < 3; chain++) tops[chain] = chain + 1 + (int)random_below(&random, 2);
    for (int x = 0; x < WIDTH; x++)
        for (int chain = 0; chain < 3; chain++) {
            int next = tops[chain] + (int)random_below(&random, 3) - 1; /* MAX evaluates its arguments twice */
            tops[chain] = MIN(MAX(next, chain), HEIGHT - 1);
            for (int y = tops[chain]; y < HEIGHT; y++) picture[y][x] = marks[chain];
        }
    for (int y = 0; y < HEIGHT; y++) {
        bytes_add(out, picture[y], WIDTH);
        bytes_add_char(out, '\n');
    }
}

/* LOLWUT [VERSION n ...]: the arguments change nothing, but a bad number is an error as elsewhere. */
void lolwut_command(struct client *client) {
    struct bytes text = {0};
    int64_t      version;
    if (client->argc > 2 && slice_is_nocase(client->argv[1], "version") &&
        !number_parse_int(client->argv[2], &version)) {
        reply_not_integer(client);
        return;
    }
    draw(&text);
    bytes_add_printf(&text, "kvd ver. %s (Redis ver. %s)\n", PACKAGE_VERSION, client->server->version);
    reply_verbatim(client, bytes_slice(&text), "txt");
    bytes_fini(&text);
}
