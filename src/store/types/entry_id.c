#include "store/types/entry_id.h"
#include "base/number.h"

#include <errno.h>
#include <stdlib.h>

bool entry_id_increase(struct entry_id *id) {
    if (id->seq != UINT64_MAX) {
        id->seq++;
        return true;
    }
    if (id->ms == UINT64_MAX) return false;
    *id = (struct entry_id){id->ms + 1, 0};
    return true;
}

bool entry_id_decrease(struct entry_id *id) {
    if (id->seq) {
        id->seq--;
        return true;
    }
    if (id->ms == 0) return false;
    *id = (struct entry_id){id->ms - 1, UINT64_MAX};
    return true;
}

size_t entry_id_print(char *text, struct entry_id id) {
    size_t size = number_print_uint(text, id.ms);
    text[size++] = '-';
    return size + number_print_uint(text + size, id.seq);
}

/* Redis reads a number strictly, and whatever that refuses with strtoull(), which takes blanks, signs and zeros before
 * it; but a strict negative number is refused. */
static bool parse_number(const char *text, uint64_t *out) {
    int64_t number;
    if (number_parse_uint(slice_text(text), out)) return true;
    if (number_parse_int(slice_text(text), &number)) return false;
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == 0;
}

bool entry_id_parse(struct slice text, uint64_t missing_seq, struct entry_id *id, bool *has_seq) {
    char copy[128];
    if (text.size >= sizeof copy) return false;
    if (text.size) memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    struct entry_id read = {0, missing_seq};
    bool with_seq = true;
    char *dash = strchr(copy, '-');
    if (dash) *dash = 0;
    if (!parse_number(copy, &read.ms)) return false;
    if (dash && has_seq && strcmp(dash + 1, "*") == 0) {
        with_seq = false;
        read.seq = 0;
    } else if (dash && !parse_number(dash + 1, &read.seq)) {
        return false;
    }
    *id = read;
    if (has_seq) *has_seq = with_seq;
    return true;
}
