#include "net/conn_internal.h"

/* Reads and writes as TCP does; the difference is in what socket options and addresses mean (conn.c). */
const struct conn_ops conn_unix_ops = {
    .kind = CONN_UNIX,
    .name = "unix",
    .read = conn_plain_read,
    .write = conn_plain_write,
    .writev = conn_plain_writev,
};
