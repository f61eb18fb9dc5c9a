/* Runs a fuzz target over files instead of libFuzzer: those that are named, or its corpus.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned run_path(const char *path);

static unsigned run_folder(const char *path) {
    unsigned count = 0;
    DIR *folder = opendir(path);
    if (!folder) return 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        char name[4096];
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        count += run_path(name);
    }
    closedir(folder);
    return count;
}

static unsigned run_path(const char *path) {
    struct stat status;
    if (stat(path, &status) < 0) return 0;
    if (S_ISDIR(status.st_mode)) return run_folder(path);
    FILE *file = fopen(path, "rb");
    if (!file) return 0;
    size_t size = (size_t)status.st_size;
    uint8_t *data = malloc(size ? size : 1);
    if (data && fread(data, 1, size, file) == size) (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    fclose(file);
    return 1;
}

int main(int argc, char **argv) {
    unsigned count = 0;
    if (argc > 1) {
        for (int i = 1; i < argc; i++) count += run_path(argv[i]);
    } else { /* program fuzz_<name>: the corpus <name> */
        const char *name = strrchr(argv[0], '/');
        name = name ? name + 1 : argv[0];
        const char *target = strstr(name, "fuzz_");
        char path[4096];
        snprintf(path, sizeof path, "%s%s", FUZZ_CORPUS, target ? target + 5 : name);
        count = run_folder(path);
    }
    printf("%u inputs\n", count);
    return count ? 0 : 1;
}
