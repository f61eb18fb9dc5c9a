#include "lib/unit.h"
#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/loop.h"
#include "sentinel/driver/scripts.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct bench { /* a loop, a queue, a place for scripts, and the news so far */
    struct loop    *loop;
    struct scripts *scripts;
    char            directory[64], path[96], out[96];
    struct bytes    news, ends;
};

static void on_news(void *context, enum script_news news, const char *text) {
    static const char *const names[] = {"started", "ended", "timeout", "failed"};
    struct bench *bench = context;
    /* The process id is nobody's business. */
    const char *rest = news == SCRIPT_ENDED ? strchr(text, ' ') : news == SCRIPT_FAILED ? strrchr(text, '/') : "";
    bytes_add_printf(&bench->news, "%s%s;", names[news], rest);
}

static void bench_init(struct bench *bench, const char *script) {
    *bench = (struct bench){.loop = loop_new()};
    bench->scripts = scripts_new(bench->loop, on_news, bench);
    snprintf(bench->directory, sizeof(bench->directory), "/tmp/kvd-scripts-XXXXXX");
    CU_ASSERT_FATAL(mkdtemp(bench->directory) != NULL);
    snprintf(bench->path, sizeof(bench->path), "%s/script", bench->directory);
    snprintf(bench->out, sizeof(bench->out), "%s/out", bench->directory);
    FILE *file = fopen(bench->path, "w");
    fprintf(file, "#!/bin/sh\nout=%s\n%s\n", bench->out, script);
    CU_ASSERT_EQUAL(fclose(file), 0);
    CU_ASSERT_EQUAL(chmod(bench->path, 0700), 0);
}

static void bench_fini(struct bench *bench) {
    scripts_free(&bench->scripts);
    loop_free(&bench->loop);
    bytes_fini(&bench->news);
    bytes_fini(&bench->ends);
    unlink(bench->path);
    unlink(bench->out);
    CU_ASSERT_EQUAL(rmdir(bench->directory), 0);
}

static void add(struct bench *bench, const char *argument) {
    scripts_add(bench->scripts, (const char *const[]){bench->path, argument, NULL});
}

static void run_until_empty(struct bench *bench) {
    while (scripts_count(bench->scripts)) loop_turn(bench->loop, true);
}

static void read_out(struct bench *bench, char *text, size_t size) {
    FILE *file = fopen(bench->out, "r");
    size_t n = file ? fread(text, 1, size - 1, file) : 0;
    if (file) fclose(file);
    text[n] = '\0';
}

UNIT_TEST(scripts, get_their_arguments_and_nothing_of_ours) {
    struct bench bench;
    char text[256];
    bench_init(&bench, "echo \"$1\" > $out; for f in /proc/self/fd/*; do echo ${f##*/}; done | sort -n | tail -1 >> $out");
    int open_here = open("/dev/null", O_RDONLY); /* without close-on-exec, far from what the shell uses */
    int high = fcntl(open_here, F_DUPFD, 77);
    add(&bench, "two words");
    run_until_empty(&bench);
    read_out(&bench, text, sizeof(text));
    CU_ASSERT(strncmp(text, "two words\n", 10) == 0);
    CU_ASSERT(atoi(text + 10) < 77);
    EXPECT_TEXT(bytes_text(&bench.news), "started;ended 0 0;");
    close(open_here);
    close(high);
    bench_fini(&bench);
}

UNIT_TEST(scripts, are_tried_again_after_exit_1) {
    struct bench bench;
    char text[64];
    bench_init(&bench, "echo x >> $out; [ $(wc -l < $out) -ge 3 ] || exit 1");
    scripts_configure(bench.scripts, &(struct scripts_settings){60000, 1});
    add(&bench, "");
    run_until_empty(&bench);
    read_out(&bench, text, sizeof(text));
    EXPECT_TEXT(text, "x\nx\nx\n");
    EXPECT_TEXT(bytes_text(&bench.news), "started;ended 1 0;started;ended 1 0;started;ended 0 0;");
    bench_fini(&bench);
}

UNIT_TEST(scripts, are_given_up_after_ten_tries) {
    struct bench bench;
    char text[64];
    bench_init(&bench, "echo x >> $out; kill -TERM $$");
    scripts_configure(bench.scripts, &(struct scripts_settings){60000, 0});
    add(&bench, "");
    run_until_empty(&bench);
    read_out(&bench, text, sizeof(text));
    CU_ASSERT_EQUAL(strlen(text), 20);
    CU_ASSERT(strstr(bytes_text(&bench.news), "failed/script 15 0;") != NULL);
    bench_fini(&bench);
}

UNIT_TEST(scripts, are_given_up_at_once_after_exit_2_or_when_there_is_no_program) {
    struct bench bench;
    bench_init(&bench, "exit 2");
    add(&bench, "");
    scripts_add(bench.scripts, (const char *const[]){"/nonexistent/program", NULL});
    run_until_empty(&bench);
    EXPECT_TEXT(bytes_text(&bench.news), "started;failed/program 0 2;ended 2 0;failed/script 0 2;");
    bench_fini(&bench);
}

UNIT_TEST(scripts, that_take_too_long_are_killed_with_their_children) {
    struct bench bench;
    bench_init(&bench, "sleep 100 & echo $! > $out; wait");
    scripts_configure(bench.scripts, &(struct scripts_settings){50, 3600 * 1000});
    add(&bench, "");
    while (!strstr(bytes_text(&bench.news), "ended")) loop_turn(bench.loop, true);
    EXPECT_TEXT(bytes_text(&bench.news), "started;timeout;ended 0 9;");
    CU_ASSERT(scripts_count(bench.scripts) == 1 && scripts_running(bench.scripts) == 0); /* a signal: tried again later */
    bench_fini(&bench);
}

static void count_script(void *context, const struct script_view *script) {
    struct bytes *out = context;
    bytes_add_printf(out, "%s%s;", script->is_running ? "run " : "", script->args[1]);
}

UNIT_TEST(scripts, run_sixteen_at_a_time_and_wait_in_a_bounded_queue) {
    struct bench bench;
    struct bytes seen = {0};
    bench_init(&bench, "sleep 100");
    log_set_level(LOG_NOTHING); /* 44 scripts are dropped */
    for (int i = 0; i < 300; i++) {
        char name[16];
        snprintf(name, sizeof(name), "%d", i);
        add(&bench, name);
        if (i == 99) loop_turn(bench.loop, false);
    }
    CU_ASSERT(scripts_count(bench.scripts) == SCRIPTS_QUEUE_MAX && scripts_running(bench.scripts) == SCRIPTS_RUNNING_MAX);
    scripts_each(bench.scripts, count_script, &seen);
    CU_ASSERT(strncmp(bytes_text(&seen), "run 0;run 1;", 12) == 0);
    CU_ASSERT(strstr(bytes_text(&seen), "run 15;60;61;") != NULL); /* 16 to 59 made room */
    bytes_fini(&seen);
    log_set_level(LOG_NOTICE);
    scripts_configure(bench.scripts, &(struct scripts_settings){0, 3600 * 1000}); /* ends those that run */
    while (!strstr(bytes_text(&bench.news), "timeout")) loop_turn(bench.loop, true);
    bench_fini(&bench);
}

/* ---- scripts_run() ---- */

static void on_end(void *context, uint64_t token, enum scripts_end end, int status) {
    static const char *const names[] = {
        [SCRIPTS_EXIT] = "exit", [SCRIPTS_SIGNAL] = "signal", [SCRIPTS_TIMEOUT] = "timeout", [SCRIPTS_NOT_RUN] = "not run"};
    struct bench *bench = context;
    bytes_add_printf(&bench->ends, "%d %s %d;", (int)token, names[end], status);
}

static void run(struct bench *bench, const char *argument, int64_t timeout_ms, uint64_t token) {
    scripts_run(bench->scripts, (const char *const[]){bench->path, argument, NULL}, timeout_ms, token, on_end);
}

UNIT_TEST(scripts, that_are_run_tell_how_they_ended_and_are_never_tried_again) {
    struct bench bench;
    char text[64];
    bench_init(&bench, "echo x >> $out; case $1 in die) kill -9 $$;; esac; exit $1");
    scripts_configure(bench.scripts, &(struct scripts_settings){60000, 1});
    run(&bench, "0", 60000, 7);
    run_until_empty(&bench);
    run(&bench, "1", 60000, 8); /* a notification would be tried again after this */
    run_until_empty(&bench);
    run(&bench, "die", 60000, 9);
    run_until_empty(&bench);
    EXPECT_TEXT(bytes_text(&bench.ends), "7 exit 0;8 exit 1;9 signal 9;");
    read_out(&bench, text, sizeof(text));
    EXPECT_TEXT(text, "x\nx\nx\n");
    bench_fini(&bench);
}

UNIT_TEST(scripts, that_are_run_have_a_deadline_of_their_own) {
    struct bench bench;
    bench_init(&bench, "while :; do sleep 1; done");
    run(&bench, "", 1, 3); /* the others' is 60 s */
    run_until_empty(&bench);
    EXPECT_TEXT(bytes_text(&bench.ends), "3 timeout 9;");
    bench_fini(&bench);
}

UNIT_TEST(scripts, that_cannot_be_run_say_so_from_the_loop) {
    struct bench bench;
    bench_init(&bench, "");
    CU_ASSERT_EQUAL(chmod(bench.path, 0600), 0);
    run(&bench, "", 1000, 4);
    EXPECT_TEXT(bytes_text(&bench.ends), "");
    run_until_empty(&bench);
    CU_ASSERT(strncmp(bytes_text(&bench.ends), "4 not run", 9) == 0);
    bench_fini(&bench);
}

/* Sixteen that wait for a file, which is as many as may run at once; the one that a failover waits for makes it. */
UNIT_TEST(scripts, that_are_run_do_not_wait_for_the_queue) {
    struct bench bench;
    bench_init(&bench, "case $1 in now) : > $out;; *) while [ ! -e $out ]; do sleep 0.01; done;; esac");
    for (int i = 0; i < 40; i++) add(&bench, "later");
    run(&bench, "now", 60000, 5);
    run_until_empty(&bench);
    EXPECT_TEXT(bytes_text(&bench.ends), "5 exit 0;");
    bench_fini(&bench);
}

UNIT_TEST(scripts, that_are_run_are_silent_after_the_queue_is_freed) {
    struct bench bench;
    bench_init(&bench, "sleep 2"); /* it still runs when the queue goes */
    run(&bench, "", 60000, 6);
    loop_turn(bench.loop, false);
    scripts_free(&bench.scripts);
    loop_turn(bench.loop, false);
    EXPECT_TEXT(bytes_text(&bench.ends), "");
    bench_fini(&bench);
}
