/* The least that pinging many servers can cost: connect, send, epoll, recv, and nothing else. Beside it stand the sentinels' costs.
 *
 *   floor PORT FIRST COUNT PERIOD-MS SECONDS
 *
 * Pings COUNT nodes of a fleet (127.16.0.0 + FIRST ...) once a period, a tenth of them at a time as sentinels do, and prints
 * the processor seconds, the seconds, and the pings that were sent.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { GRIDS = 10, COLLECT_US = 2000, BATCH = 1024 };

static double seconds(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

static int dial(unsigned place, unsigned port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl((127u << 24) + (16u << 16) + place)};
    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
        perror("connect");
        exit(1);
    }
    return fd;
}

static void receive(int epoll, int wait_ms) {
    static struct epoll_event events[BATCH];
    char answer[256];
    int count = epoll_wait(epoll, events, BATCH, wait_ms);
    for (int i = 0; i < count; i++)
        if (recv(events[i].data.fd, answer, sizeof answer, 0) <= 0) {
            fputs("a node hung up\n", stderr);
            exit(1);
        }
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fprintf(stderr, "usage: floor PORT FIRST COUNT PERIOD-MS SECONDS\n");
        return 2;
    }
    unsigned port = (unsigned)atoi(argv[1]), first = (unsigned)atoi(argv[2]), count = (unsigned)atoi(argv[3]);
    double step = atof(argv[4]) / 1000 / GRIDS, lasts = atof(argv[5]);
    static const char ping[] = "*1\r\n$4\r\nPING\r\n";
    int epoll = epoll_create1(EPOLL_CLOEXEC), *fds = calloc(count, sizeof *fds);
    for (unsigned i = 0; i < count; i++) {
        fds[i] = dial(first + i, port);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fds[i]};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event) != 0) return 1;
    }
    double began = seconds(CLOCK_MONOTONIC), used = seconds(CLOCK_PROCESS_CPUTIME_ID), next = began;
    unsigned long sent = 0;
    for (unsigned at = 0, now_grid = 0; seconds(CLOCK_MONOTONIC) - began < lasts;) {
        double left = next - seconds(CLOCK_MONOTONIC);
        receive(epoll, left > 0 ? (int)(left * 1000) + 1 : 0);
        if (seconds(CLOCK_MONOTONIC) < next) continue;
        unsigned until = (now_grid + 1) * count / GRIDS;
        for (; at < until; at++, sent++)
            if (send(fds[at], ping, sizeof ping - 1, MSG_NOSIGNAL) < 0) return 1;
        now_grid = (now_grid + 1) % GRIDS;
        if (now_grid == 0) at = 0;
        next += step;
        usleep(COLLECT_US); /* so that the answers are read in one go */
    }
    printf("%.6f %.6f %lu\n", seconds(CLOCK_PROCESS_CPUTIME_ID) - used, seconds(CLOCK_MONOTONIC) - began, sent);
    return 0;
}
