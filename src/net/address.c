#include "net/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

/* fe80::1%eth0 or fe80::1%2 */
static bool parse_scope(const char *scope, uint32_t *id) {
    unsigned index = if_nametoindex(scope);
    if (index == 0) {
        char *end;
        unsigned long number = strtoul(scope, &end, 10);
        if (end == scope || *end || number > UINT32_MAX) return false;
        index = (unsigned)number;
    }
    *id = index;
    return true;
}

bool address_parse_ip(struct address *address, const char *ip, uint16_t port) {
    struct address a = {0};
    char text[INET6_ADDRSTRLEN + 1];
    const char *percent = strchr(ip, '%');
    size_t size = percent ? (size_t)(percent - ip) : strlen(ip);
    if (size >= sizeof text) return false;
    memcpy(text, ip, size);
    text[size] = 0;
    if (!percent && inet_pton(AF_INET, text, &a.in.sin_addr) == 1) {
        a.in.sin_family = AF_INET;
        a.in.sin_port = htons(port);
        a.size = sizeof a.in;
    } else if (inet_pton(AF_INET6, text, &a.in6.sin6_addr) == 1) {
        a.in6.sin6_family = AF_INET6;
        a.in6.sin6_port = htons(port);
        a.size = sizeof a.in6;
        if (percent && !parse_scope(percent + 1, &a.in6.sin6_scope_id)) return false;
    } else {
        return false;
    }
    *address = a;
    return true;
}

bool address_set_unix(struct address *address, const char *path) {
    size_t size = strlen(path);
    if (size >= sizeof address->un.sun_path) return false;
    *address = (struct address){0};
    address->un.sun_family = AF_UNIX;
    memcpy(address->un.sun_path, path, size + 1);
    address->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + 1);
    return true;
}

void address_set(struct address *address, const struct sockaddr *from, socklen_t size) {
    *address = (struct address){0};
    size_t most = sizeof *address - offsetof(struct address, any) - sizeof(socklen_t);
    if (size > most) return;
    memcpy(&address->any, from, size);
    address->size = size;
}

bool address_is_none(const struct address *address) {
    return address->size == 0;
}

bool address_is_unix(const struct address *address) {
    return address->size && address->any.sa_family == AF_UNIX;
}

bool address_is_ipv6(const struct address *address) {
    return address->size && address->any.sa_family == AF_INET6;
}

static bool is_ipv4(const struct address *address) {
    return address->size && address->any.sa_family == AF_INET;
}

bool address_is_loopback(const struct address *address) {
    if (is_ipv4(address)) return ntohl(address->in.sin_addr.s_addr) >> 24 == 127;
    if (address_is_ipv6(address)) {
        const struct in6_addr *ip = &address->in6.sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(ip) || (IN6_IS_ADDR_V4MAPPED(ip) && ip->s6_addr[12] == 127);
    }
    return address_is_unix(address);
}

bool address_equal_ip(const struct address *a, const struct address *b) {
    if (a->size == 0 || b->size == 0) return a->size == b->size;
    if (a->any.sa_family != b->any.sa_family) return false;
    switch (a->any.sa_family) {
    case AF_INET: return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
    case AF_INET6:
        return memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof a->in6.sin6_addr) == 0 &&
               a->in6.sin6_scope_id == b->in6.sin6_scope_id;
    default: return strcmp(a->un.sun_path, b->un.sun_path) == 0;
    }
}

bool address_equal(const struct address *a, const struct address *b) {
    return address_equal_ip(a, b) && address_port(a) == address_port(b);
}

uint16_t address_port(const struct address *address) {
    if (is_ipv4(address)) return ntohs(address->in.sin_port);
    if (address_is_ipv6(address)) return ntohs(address->in6.sin6_port);
    return 0;
}

void address_set_port(struct address *address, uint16_t port) {
    if (is_ipv4(address)) address->in.sin_port = htons(port);
    if (address_is_ipv6(address)) address->in6.sin6_port = htons(port);
}

char *address_print_ip(const struct address *address, char *text) {
    if (is_ipv4(address)) {
        inet_ntop(AF_INET, &address->in.sin_addr, text, ADDRESS_TEXT_SIZE);
    } else if (address_is_ipv6(address)) {
        inet_ntop(AF_INET6, &address->in6.sin6_addr, text, ADDRESS_TEXT_SIZE);
        char name[IF_NAMESIZE];
        if (address->in6.sin6_scope_id && if_indextoname(address->in6.sin6_scope_id, name)) {
            size_t size = strlen(text);
            snprintf(text + size, ADDRESS_TEXT_SIZE - size, "%%%s", name);
        }
    } else {
        snprintf(text, ADDRESS_TEXT_SIZE, "%s", address_is_unix(address) ? address->un.sun_path : "?");
    }
    return text;
}

char *address_print_host(const char *host, int port, char *text, size_t text_size) {
    snprintf(text, text_size, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
    return text;
}

char *address_print(const struct address *address, char *text) {
    char ip[ADDRESS_TEXT_SIZE];
    address_print_ip(address, ip);
    if (address_is_unix(address)) snprintf(text, ADDRESS_TEXT_SIZE, "%.*s:0", ADDRESS_TEXT_SIZE - 3, ip);
    else address_print_host(ip, address_port(address), text, ADDRESS_TEXT_SIZE);
    return text;
}
