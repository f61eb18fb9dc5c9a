#include "store/replication/history.h"
#include "base/random.h"

static void forget_previous(struct history *history) {
    memset(history->previous_id, '0', HISTORY_ID_SIZE);
    history->previous_id[HISTORY_ID_SIZE] = 0;
    history->previous_until = -1;
}

static void remember(struct history *history) {
    memcpy(history->previous_id, history->id, sizeof history->previous_id);
    history->previous_until = history->offset + 1;
}

static void set_id(struct history *history, struct slice id) {
    CHECK(history_is_id(id));
    memcpy(history->id, id.data, HISTORY_ID_SIZE);
    history->id[HISTORY_ID_SIZE] = 0;
}

void history_start(struct history *history) {
    random_os_hex(history->id, HISTORY_ID_SIZE);
    forget_previous(history);
}

void history_adopt(struct history *history, struct slice id, int64_t offset) {
    CHECK(offset >= 0);
    set_id(history, id);
    forget_previous(history);
    history->offset = offset;
}

void history_shift(struct history *history) {
    remember(history);
    random_os_hex(history->id, HISTORY_ID_SIZE);
}

void history_rename(struct history *history, struct slice id) {
    if (slice_is(id, history->id)) return;
    remember(history);
    set_id(history, id);
}

bool history_covers(const struct history *history, struct slice id, int64_t wanted) {
    if (slice_equal_nocase(id, slice_text(history->id))) return true;
    return slice_equal_nocase(id, slice_text(history->previous_id)) && wanted <= history->previous_until;
}

bool history_is_id(struct slice text) {
    return text.size == HISTORY_ID_SIZE && !memchr(text.data, 0, text.size);
}
