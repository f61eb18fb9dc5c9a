#include "core/command/keyspec.h"

#include "base/mem.h"
#include "base/number.h"

#include <limits.h>

void keyspec_init(struct keyspec_result *result) {
    result->keys = NULL;
    result->count = 0;
    result->capacity = 0;
}

void keyspec_fini(struct keyspec_result *result) {
    if (result->keys != result->few) mem_free(result->keys);
    keyspec_init(result);
}

void keyspec_add(struct keyspec_result *result, int place, unsigned flags) {
    if (!result->keys) {
        result->keys = result->few;
        result->capacity = KEYSPEC_INLINE_KEYS;
    } else if (result->count == result->capacity) {
        result->capacity *= 2;
        bool was_inline = result->keys == result->few;
        result->keys = mem_realloc(was_inline ? NULL : result->keys, result->capacity * sizeof(*result->keys));
        if (was_inline) memcpy(result->keys, result->few, sizeof(result->few));
    }
    result->keys[result->count++] = (struct keyspec_key){place, flags};
}

/* Where the specification's keys begin; 0: the keyword is not there, so it has none. */
static int find_begin(const struct command_key_spec *spec, const struct slice *argv, int argc) {
    if (spec->begin == KEY_BEGIN_INDEX) return spec->pos;
    if (spec->pos > 0) {
        for (int i = spec->pos; i < argc - 1; i++)
            if (slice_is_nocase(argv[i], spec->keyword)) return i + 1;
    } else {
        for (int i = MIN(argc + spec->pos, argc - 1); i > 1; i--)
            if (slice_is_nocase(argv[i], spec->keyword)) return i + 1;
    }
    return 0;
}

/* Moves *first to the first key and finds the last. False: the arguments do not fit the specification. */
static bool find_range(const struct command_key_spec *spec, const struct slice *argv, int argc, int *first, int *last) {
    if (spec->find == KEY_FIND_RANGE) {
        if (spec->last >= 0) {
            *last = *first + spec->last;
        } else if (spec->limit <= 1) {
            *last = argc + spec->last;
        } else {
            *last = *first + (argc - *first) / spec->limit + spec->last;
        }
    } else {
        int64_t count;
        int     at = *first + spec->keynum_index;
        if (at >= argc || !number_parse_int(argv[at], &count) || count <= 0 || count > INT_MAX / 4) return false;
        *first += spec->keynum_first;
        if (count > (argc - *first + spec->step - 1) / spec->step) return false;
        *last = *first + (int)(count - 1) * spec->step;
    }
    return *first < argc && *last < argc && *last >= *first;
}

bool keyspec_find(const struct command *row, const struct slice *argv, int argc, bool with_not_keys,
                  struct keyspec_result *result) {
    keyspec_init(result);
    if (row->find_keys) {
        if (row->find_keys(row, argv, argc, result)) return true;
        keyspec_fini(result);
        return false;
    }
    if (!row->key_specs) return true;
    for (const struct command_key_spec *spec = row->key_specs; spec->flags; spec++) {
        if ((spec->flags & KEY_NOT_KEY) && !with_not_keys) continue;
        if (spec->begin == KEY_BEGIN_UNKNOWN || spec->find == KEY_FIND_UNKNOWN) continue;
        int first = find_begin(spec, argv, argc), last;
        if (!first) continue;
        if (!find_range(spec, argv, argc, &first, &last)) {
            keyspec_fini(result);
            return false;
        }
        for (int i = first; i <= last; i += spec->step) keyspec_add(result, i, spec->flags);
    }
    return true;
}

bool keyspec_has_keys(const struct command *row) {
    if (row->find_keys) return true;
    if (!row->key_specs) return false;
    for (const struct command_key_spec *spec = row->key_specs; spec->flags; spec++)
        if (!(spec->flags & KEY_NOT_KEY)) return true;
    return false;
}

void keyspec_legacy_range(const struct command *row, int *first, int *last, int *step, bool *is_movable) {
    *first = *last = *step = 0;
    *is_movable = false;
    const struct command_key_spec *spec = row->key_specs;
    if (!spec || !spec->flags) return;
    if (!spec[1].flags && spec->begin == KEY_BEGIN_INDEX && spec->find == KEY_FIND_RANGE) {
        *first = spec->pos;
        *last = spec->last >= 0 ? spec->pos + spec->last : spec->last;
        *step = spec->step;
        *is_movable = (spec->flags & KEY_INCOMPLETE) != 0;
        return;
    }
    /* Several: adjacent ranges are joined; whatever does not fit makes the keys movable. Unsigned comparison puts "counted
     * from the end" behind every absolute place. */
    unsigned end = 0;
    for (; spec->flags; spec++) {
        bool is_range = spec->begin == KEY_BEGIN_INDEX && spec->find == KEY_FIND_RANGE && spec->step == 1;
        if (!is_range || (end && (int)end != spec->pos - 1)) {
            *is_movable = true;
            continue;
        }
        if (spec->flags & KEY_INCOMPLETE) *is_movable = true;
        if (!*first || spec->pos < *first) *first = spec->pos;
        end = MAX(end, (unsigned)(spec->last >= 0 ? spec->pos + spec->last : spec->last));
    }
    if (!*first) {
        *is_movable = true;
        return;
    }
    *last = (int)end;
    *step = 1;
}
