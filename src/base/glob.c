#include "base/glob.h"

static unsigned char lower(unsigned char c) {
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : c;
}

/* Matches one character against the pattern at `*p` and moves `*p` behind what was used. */
static bool match_one(const unsigned char **p, const unsigned char *end, unsigned char c, bool nocase) {
    const unsigned char *at = *p;
    if (nocase) c = lower(c);
    if (*at == '?') {
        *p = at + 1;
        return true;
    }
    if (*at != '[') {
        if (*at == '\\' && at + 1 < end) at++;
        *p = at + 1;
        return (nocase ? lower(*at) : *at) == c;
    }
    at++;
    bool negated = at < end && *at == '^', found = false;
    if (negated) at++;
    for (;; at++) {
        if (at >= end) { /* no closing bracket: the class ends with the pattern */
            *p = end;
            return found != negated;
        }
        if (*at == '\\' && at + 1 < end) {
            at++;
            if ((nocase ? lower(*at) : *at) == c) found = true;
        } else if (*at == ']') {
            break;
        } else if (at + 2 < end && at[1] == '-') {
            unsigned char from = *at, to = at[2];
            if (from > to) {
                unsigned char swap = from;
                from = to;
                to = swap;
            }
            if (nocase) from = lower(from), to = lower(to);
            at += 2;
            if (c >= from && c <= to) found = true;
        } else if ((nocase ? lower(*at) : *at) == c) {
            found = true;
        }
    }
    *p = at + 1;
    return found != negated;
}

static bool match(struct slice pattern, struct slice text, bool nocase) {
    const unsigned char *p = (const unsigned char *)pattern.data, *p_end = p + pattern.size;
    const unsigned char *t = (const unsigned char *)text.data, *t_end = t + text.size;
    const unsigned char *star = NULL, *star_text = NULL;
    for (;;) {
        if (p < p_end && *p == '*') {
            star = ++p;
            star_text = t;
            continue;
        }
        if (t >= t_end) break;
        const unsigned char *next = p;
        if (p < p_end && match_one(&next, p_end, *t, nocase)) {
            p = next;
            t++;
            continue;
        }
        if (!star) return false;
        p = star;
        t = ++star_text;
    }
    return p >= p_end;
}

bool glob_match(struct slice pattern, struct slice text) {
    return match(pattern, text, false);
}

bool glob_match_nocase(struct slice pattern, struct slice text) {
    return match(pattern, text, true);
}
