/* The __sentinel__:hello payload: eight fields, said by every sentinel about every primary.
 *
 *     sentinel ip, sentinel port, sentinel id, current epoch, primary's name, its ip, its port, its config epoch
 *
 * H1  A configuration is adopted only when its epoch is greater than ours: equal epochs never overwrite each other.
 * H2  Garbage changes nothing: wrong field count, ports, ids or epochs, names that we do not watch.
 * H3  An epoch too far ahead of ours is a lie: nothing of its hello is adopted, so that nobody can use the epochs up.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

struct hello {
    struct slice host, id, primary_name, primary_host;
    uint16_t port, primary_port;
    uint64_t current_epoch, config_epoch;
};

/* False: it is not one. Slices are borrowed from the payload. */
bool hello_parse(struct slice payload, struct hello *hello);

/* What we say of this primary to one instance; false: we do not know our own address towards it. */
bool hello_compose(const struct primary *primary, const struct instance *to, struct bytes *payload);

/* Somebody said it. `from` is whose subscription it came through; NULL: sent to us directly. */
void hello_receive(struct world *world, struct slice payload, const struct instance *from);
