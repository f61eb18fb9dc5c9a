#include "sentinel/machine/event.h"

const char *event_kind_name(enum event_kind kind) {
    static const char *const names[EVENT_KINDS] = {
        [EVENT_START] = "start",
        [EVENT_TIMER] = "timer",
        [EVENT_LINE_UP] = "line-up",
        [EVENT_LINE_DOWN] = "line-down",
        [EVENT_REPLY] = "reply",
        [EVENT_HELLO] = "hello",
        [EVENT_VOTE_REQUEST] = "vote-request",
        [EVENT_RESOLVED] = "resolved",
        [EVENT_SAVED] = "saved",
        [EVENT_STALL] = "stall",
        [EVENT_MONITOR] = "monitor",
        [EVENT_REMOVE] = "remove",
        [EVENT_SET] = "set",
        [EVENT_RESET] = "reset",
        [EVENT_FAILOVER] = "failover",
        [EVENT_CONFIG_SET] = "config-set",
        [EVENT_DEBUG_SET] = "debug-set",
        [EVENT_SIMULATE_FAILURE] = "simulate-failure",
        [EVENT_FORGET] = "forget",
        [EVENT_FLUSH] = "flush",
        [EVENT_ABANDON] = "abandon",
        [EVENT_SCRIPT_ENDED] = "script-ended",
    };
    return kind < EVENT_KINDS ? names[kind] : "?";
}

const char *line_reason_name(enum line_reason reason) {
    switch (reason) {
    case LINE_REASON_NONE: return "none";
    case LINE_REFUSED: return "refused";
    case LINE_RESET: return "reset";
    case LINE_TIMEOUT: return "timeout";
    case LINE_UNRESOLVED: return "unresolved";
    case LINE_AUTH: return "auth-failed";
    case LINE_TLS: return "tls-failed";
    case LINE_CLOSED: return "closed";
    case LINE_GARBAGE: return "garbage";
    case LINE_OTHER: return "other";
    }
    return "?";
}
