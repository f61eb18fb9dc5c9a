#include "base/crash.h"
#include "base/log.h"

#include <execinfo.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/types.h>
#include <ucontext.h>
#include <unistd.h>

enum { MAX_PARTS = 8, MAX_FRAMES = 100 };

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

/* Signal handlers get no context argument, so these are file-wide. */
static struct {
    const char *program;
    bool        enabled;
    volatile sig_atomic_t dying;
    struct {
        const char *title;
        void (*print)(void *context);
        void *context;
    } parts[MAX_PARTS];
    unsigned part_count;
    int      watchdog_ms;
} report = {.enabled = true};

void crash_enable(bool enabled) {
    report.enabled = enabled;
}

void crash_add_part(const char *title, void (*print)(void *context), void *context) {
    CHECK(report.part_count < MAX_PARTS);
    report.parts[report.part_count].title = title;
    report.parts[report.part_count].print = print;
    report.parts[report.part_count].context = context;
    report.part_count++;
}

void crash_print(const char *format, ...) {
    char text[2048];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (size < 0) return;
    const char *at = text;
    size_t left = MIN((size_t)size, sizeof text - 1);
    while (left) {
        ssize_t written = write(log_fd(), at, left);
        if (written <= 0) return;
        at += written;
        left -= (size_t)written;
    }
}

static void print_stack(void) {
    void *frames[MAX_FRAMES];
    int count = backtrace(frames, MAX_FRAMES);
    crash_print("\n------ STACK TRACE ------\n");
    backtrace_symbols_fd(frames, count, log_fd());
}

static void print_registers(const ucontext_t *context) {
    crash_print("\n------ REGISTERS ------\n");
#if defined(__x86_64__)
    static const char *const names[] = {"R8",  "R9",  "R10", "R11", "R12", "R13", "R14", "R15", "RDI",
                                        "RSI", "RBP", "RBX", "RDX", "RAX", "RCX", "RSP", "RIP", "EFL"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        crash_print("%s:%016lx%c", names[i], (unsigned long)context->uc_mcontext.gregs[i], i % 4 == 3 ? '\n' : ' ');
    crash_print("\n");
#elif defined(__aarch64__)
    for (int i = 0; i < 31; i++)
        crash_print("X%d:%016lx%c", i, (unsigned long)context->uc_mcontext.regs[i], i % 4 == 3 ? '\n' : ' ');
    crash_print("SP:%016lx PC:%016lx\n", (unsigned long)context->uc_mcontext.sp, (unsigned long)context->uc_mcontext.pc);
#else
    crash_print("(not known for this processor)\n");
#endif
}

static void on_crash(int number, siginfo_t *info, void *context) {
    if (!report.dying) {
        report.dying = 1;
        crash_print("\n\n=== KVD BUG REPORT START: Cut & paste starting from here ===\n");
        crash_print("%s crashed by signal: %d, si_code: %d\n", report.program, number, info->si_code);
        if (number == SIGSEGV || number == SIGBUS) crash_print("Accessing address: %p\n", info->si_addr);
        if (info->si_code == SI_USER) crash_print("Killed by PID: %ld, UID: %d\n", (long)info->si_pid, (int)info->si_uid);
        print_stack();
        print_registers(context);
        for (unsigned i = 0; i < report.part_count; i++) {
            crash_print("\n------ %s ------\n", report.parts[i].title);
            report.parts[i].print(report.parts[i].context);
        }
        crash_print("\n=== KVD BUG REPORT END. Make sure to include from START to END. ===\n"
                    "Please report the crash with this text and what the process was doing.\n");
    }
    /* The handlers were installed with SA_RESETHAND, so this time the default action follows. */
    raise(number);
}

void crash_init(const char *program) {
    static char stack[128 * 1024];
    report.program = program;
    void *warm[1];
    backtrace(warm, 1); /* loads what backtrace() needs now, since it cannot in a handler */
    stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&alternative, NULL);
    for (size_t i = 0; i < COUNT_OF(crash_signals); i++) {
        struct sigaction action = {0};
        if (report.enabled) {
            action.sa_sigaction = on_crash;
            action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESETHAND;
        } else {
            action.sa_handler = SIG_DFL;
        }
        sigaction(crash_signals[i], &action, NULL);
    }
}

static void on_alarm(int number) {
    (void)number;
    crash_print("\n--- WATCHDOG TIMER EXPIRED ---\n");
    print_stack();
    crash_print("--------\n");
}

void watchdog_kick(void) {
    if (report.watchdog_ms <= 0) return;
    struct itimerval timer = {.it_value = {report.watchdog_ms / 1000, report.watchdog_ms % 1000 * 1000}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

void watchdog_set(int period_ms) {
    struct sigaction action = {0};
    report.watchdog_ms = period_ms;
    if (period_ms > 0) {
        action.sa_handler = on_alarm;
        action.sa_flags = SA_RESTART | SA_ONSTACK;
        sigaction(SIGALRM, &action, NULL);
        watchdog_kick();
        return;
    }
    struct itimerval off = {0};
    setitimer(ITIMER_REAL, &off, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGALRM, &action, NULL);
}
