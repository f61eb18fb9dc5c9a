/* The address of a socket: IPv4, IPv6 with a port, or the path of a Unix socket.
 *
 * A plain value: copied, compared and printed without asking the network or a name server.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

struct address { /* zeroed: none */
    union {
        struct sockaddr     any;
        struct sockaddr_in  in;
        struct sockaddr_in6 in6;
        struct sockaddr_un  un;
    };
    socklen_t size; /* of the part that is used; 0: none */
};

enum { ADDRESS_TEXT_SIZE = 128 }; /* room for any printed address and its zero */

/* False: `ip` is no IPv4 or IPv6 literal ("10.0.0.1", "::1", "fe80::1%eth0"; brackets are not part of it). */
MUST_USE bool address_parse_ip(struct address *address, const char *ip, uint16_t port);
MUST_USE bool address_set_unix(struct address *address, const char *path); /* false: the path is too long */
void          address_set(struct address *address, const struct sockaddr *from, socklen_t size);

bool     address_is_none(const struct address *address);
bool     address_is_unix(const struct address *address);
bool     address_is_ipv6(const struct address *address);
bool     address_is_loopback(const struct address *address); /* 127/8, ::1, ::ffff:127/104, or a Unix socket */
bool     address_equal(const struct address *a, const struct address *b);    /* port included */
bool     address_equal_ip(const struct address *a, const struct address *b); /* whatever the ports are */
uint16_t address_port(const struct address *address);                        /* 0 for a Unix socket */
void     address_set_port(struct address *address, uint16_t port);

/* "10.0.0.1", "::1", the path; "?" for none. Returns `text`, which holds ADDRESS_TEXT_SIZE. */
char *address_print_ip(const struct address *address, char *text);
/* "10.0.0.1:6379", "[::1]:6379", "/path:0": as CLIENT LIST prints it. Returns `text`. */
char *address_print(const struct address *address, char *text);
/* The same from an ip or host text and a port: brackets where the text has a colon. Returns `text`. */
char *address_print_host(const char *host, int port, char *text, size_t text_size);
