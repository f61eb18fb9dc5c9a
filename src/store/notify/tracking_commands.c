#include "store/notify/tracking_commands.h"
#include "base/mem.h"
#include "base/table.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "store/commands/arguments.h"
#include "store/notify/tracking.h"
#include "store/tx/session.h"

#define COMMAND COMMAND_PROTOTYPE
#include "store/notify/tracking.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command tracking_commands[] = {
#include "store/notify/tracking.def"
};
#undef COMMAND
const size_t tracking_command_count = COUNT_OF(tracking_commands);

/* What CLIENT TRACKING ON was given. */
struct request {
    unsigned      flags;
    uint64_t      redirect;
    struct slice *prefixes; /* owned; the texts are the client's arguments */
    size_t        count;
};

static bool read_redirect(struct client *client, int place, struct request *request) {
    int64_t id;
    if (request->redirect) {
        reply_error(client, "ERR A client can only redirect to a single other client");
        return false;
    }
    if (!argument_int(client, place, &id)) return false;
    /* It may go later; but if it is not there now, the caller is surely wrong. */
    if (id < 0 || !client_find(client->server, (uint64_t)id)) {
        reply_error(client, "ERR The client ID you want redirect to does not exist");
        return false;
    }
    request->redirect = (uint64_t)id;
    return true;
}

static bool read_options(struct client *client, struct request *request) {
    static const struct {
        const char *name;
        unsigned    flag;
    } words[] = {{"bcast", TRACKING_BCAST}, {"optin", TRACKING_OPTIN}, {"optout", TRACKING_OPTOUT}, {"noloop", TRACKING_NOLOOP}};
    for (int i = 3; i < client->argc; i++) {
        unsigned flag = 0;
        for (size_t w = 0; w < COUNT_OF(words); w++)
            if (slice_is_nocase(client->argv[i], words[w].name)) flag = words[w].flag;
        bool has_more = i + 1 < client->argc;
        if (flag) {
            request->flags |= flag;
        } else if (slice_is_nocase(client->argv[i], "redirect") && has_more) {
            if (!read_redirect(client, ++i, request)) return false;
        } else if (slice_is_nocase(client->argv[i], "prefix") && has_more) {
            request->prefixes[request->count++] = client->argv[++i];
        } else {
            reply_syntax_error(client);
            return false;
        }
    }
    return true;
}

static unsigned mode_of(const struct client *client) { /* what may not be exchanged while it tracks */
    const struct tracker *tracker = session_of(client)->tracker;
    return tracker ? tracker->flags : 0;
}

/* NULL: these go together. */
static const char *conflict(const struct client *client, const struct request *request) {
    unsigned flags = request->flags, before = mode_of(client);
    if (request->count && !(flags & TRACKING_BCAST)) return "ERR PREFIX option requires BCAST mode to be enabled";
    if (session_of(client)->tracker && (before ^ flags) & TRACKING_BCAST)
        return "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it "
               "with a different mode.";
    if (flags & TRACKING_BCAST && flags & (TRACKING_OPTIN | TRACKING_OPTOUT))
        return "ERR OPTIN and OPTOUT are not compatible with BCAST";
    if (flags & TRACKING_OPTIN && flags & TRACKING_OPTOUT)
        return "ERR You can't specify both OPTIN mode and OPTOUT mode";
    if ((flags & TRACKING_OPTIN && before & TRACKING_OPTOUT) || (flags & TRACKING_OPTOUT && before & TRACKING_OPTIN))
        return "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it "
               "with a different mode.";
    return NULL;
}

static void start(struct client *client, struct request *request) {
    const char *wrong = conflict(client, request);
    struct error err;
    if (!wrong && !tracking_prefixes_fit(client, request->prefixes, request->count, &err)) wrong = err.text;
    if (wrong) {
        reply_error(client, "%s", wrong);
        return;
    }
    tracking_start(session_of(client)->tracking, client, request->flags, request->redirect, request->prefixes,
                   request->count);
    reply_ok(client);
}

void client_tracking_command(struct client *client) {
    struct request request = {.prefixes = mem_alloc((size_t)client->argc * sizeof *request.prefixes)};
    if (read_options(client, &request)) {
        if (slice_is_nocase(client->argv[2], "on")) {
            start(client, &request);
        } else if (slice_is_nocase(client->argv[2], "off")) {
            tracking_stop(session_of(client)->tracking, client);
            reply_ok(client);
        } else {
            reply_syntax_error(client);
        }
    }
    mem_free(request.prefixes);
}

void client_caching_command(struct client *client) {
    struct tracker *tracker = session_of(client)->tracker;
    if (!tracker || !(tracker->flags & (TRACKING_OPTIN | TRACKING_OPTOUT))) {
        reply_error(client, "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT "
                            "mode enabled");
        return;
    }
    bool yes = slice_is_nocase(client->argv[2], "yes");
    if (!yes && !slice_is_nocase(client->argv[2], "no")) {
        reply_syntax_error(client);
        return;
    }
    if (!(tracker->flags & (yes ? TRACKING_OPTIN : TRACKING_OPTOUT))) {
        reply_error(client, "ERR CLIENT CACHING %s is only valid when tracking is enabled in %s mode.", yes ? "YES" : "NO",
                    yes ? "OPTIN" : "OPTOUT");
        return;
    }
    tracker->flags |= TRACKING_CACHING;
    reply_ok(client);
}

void client_getredir_command(struct client *client) {
    reply_int(client, client->tracking_redirect);
}

static size_t add_flag(struct client *client, bool is_set, const char *name) {
    if (is_set) reply_bulk_text(client, name);
    return is_set;
}

void client_trackinginfo_command(struct client *client) {
    const struct tracker *tracker = session_of(client)->tracker;
    unsigned flags = tracker ? tracker->flags : 0;
    reply_map(client, 3);
    reply_bulk_text(client, "flags");
    struct output_hole hole = reply_later(client);
    size_t count = add_flag(client, true, tracker ? "on" : "off");
    count += add_flag(client, flags & TRACKING_BCAST, "bcast");
    count += add_flag(client, flags & TRACKING_OPTIN, "optin");
    if (flags & TRACKING_OPTIN) count += add_flag(client, flags & TRACKING_CACHING, "caching-yes");
    count += add_flag(client, flags & TRACKING_OPTOUT, "optout");
    if (flags & TRACKING_OPTOUT) count += add_flag(client, flags & TRACKING_CACHING, "caching-no");
    count += add_flag(client, flags & TRACKING_NOLOOP, "noloop");
    count += add_flag(client, flags & TRACKING_BROKEN, "broken_redirect");
    reply_set_here(client, hole, count);
    reply_bulk_text(client, "redirect");
    reply_int(client, client->tracking_redirect);
    reply_bulk_text(client, "prefixes");
    if (!tracker || !tracker->prefixes) {
        reply_empty_array(client);
        return;
    }
    struct table_walk *sorted = table_sorted(tracker->prefixes);
    size_t prefixes = table_count(tracker->prefixes);
    reply_array(client, prefixes);
    for (size_t i = 0; i < prefixes; i++) reply_bulk(client, sorted[i].key);
    mem_free(sorted);
}
