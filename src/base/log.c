#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* <syslog.h> has a LOG_WARNING and friends of its own, so only what is used of it is declared. */
extern void openlog(const char *ident, int option, int facility);
extern void closelog(void);
extern void syslog(int priority, const char *format, ...) PRINTF_LIKE(2, 3);
enum { SYSLOG_PID = 1, SYSLOG_NDELAY = 8, SYSLOG_NOWAIT = 16 };

static struct {
    enum log_level level;
    char           role;
    int            fd; /* -1: standard output */
    char          *path;
    char          *ident;
} logger = {.level = LOG_NOTICE, .role = 'M', .fd = -1};

bool log_wants(enum log_level level) {
    return level >= logger.level;
}

void log_set_level(enum log_level level) {
    logger.level = level;
}

enum log_level log_level(void) {
    return logger.level;
}

void log_set_role(char role) {
    logger.role = role;
}

int log_fd(void) {
    return logger.fd >= 0 ? logger.fd : STDOUT_FILENO;
}

/* A log that cannot be written (full disk) must not stop the server; there is nobody left to tell. */
static void write_all(const char *text, size_t size) {
    while (size) {
        ssize_t written = write(log_fd(), text, size);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return;
        text += written;
        size -= (size_t)written;
    }
}

void log_write(enum log_level level, const char *format, ...) {
    static const char marks[] = {'.', '-', '*', '#'};
    static const int priorities[] = {7, 6, 5, 4};
    if (level >= LOG_NOTHING) level = LOG_WARNING;
    if (level < logger.level) return;
    char message[4096], line[4096 + 96];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    /* One line an event, whatever others said is in it: nobody can forge a second one. */
    for (char *c = message; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127) *c = *c == '\t' ? ' ' : '?';

    struct timeval now;
    struct tm parts;
    char when[40];
    gettimeofday(&now, NULL);
    localtime_r(&now.tv_sec, &parts);
    strftime(when, sizeof when, "%d %b %Y %H:%M:%S", &parts);
    int size = snprintf(line, sizeof line, "%d:%c %s.%03d %c %s\n", (int)getpid(), logger.role, when,
                        (int)(now.tv_usec / 1000), marks[level], message);
    write_all(line, (size_t)size);
    if (logger.ident) syslog(priorities[level], "%s", message);
}

static int open_file(const char *path) {
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

bool log_set_file(const char *path, struct error *err) {
    int fd = -1;
    if (path && path[0]) {
        fd = open_file(path);
        if (fd < 0) return error_set(err, "Can't open the log file %s: %s", path, strerror(errno));
    }
    if (logger.fd >= 0) close(logger.fd);
    mem_free(logger.path);
    logger.fd = fd;
    logger.path = fd >= 0 ? mem_strdup(path) : NULL;
    return true;
}

void log_reopen(void) {
    if (!logger.path) return;
    int fd = open_file(logger.path);
    if (fd < 0) {
        log_write(LOG_WARNING, "Can't reopen the log file %s: %s. The old one stays in use", logger.path,
                  strerror(errno));
        return;
    }
    close(logger.fd);
    logger.fd = fd;
}

void log_set_syslog(const char *ident, int facility) {
    if (logger.ident) closelog();
    mem_free(logger.ident);
    logger.ident = ident ? mem_strdup(ident) : NULL;
    if (ident) openlog(logger.ident, SYSLOG_PID | SYSLOG_NDELAY | SYSLOG_NOWAIT, facility);
}
