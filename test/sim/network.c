#include "sim/network.h"
#include "base/list.h"
#include "base/mem.h"
#include "sim/dice.h"

#include <stdio.h>

enum {
    MILLISECOND = 1000,
    SECOND = 1000 * MILLISECOND,
    FIRST_RETRY_US = 200 * MILLISECOND,
    LAST_RETRY_US = 4 * SECOND,
    GIVE_UP_US = 60 * SECOND, /* the kernel's patience with unacknowledged data */
    SYN_RETRY_US = 1 * SECOND,
    MOST_HOSTS = 2048,
    MOST_ADDRESSES = 8192,
};

/* Its process was gone, and the host there to say so. */
struct outage {
    int64_t from_us, to_us; /* to_us: INT64_MAX while it lasts */
};

struct host {
    char address[NETWORK_ADDRESS_SIZE], former[NETWORK_ADDRESS_SIZE];
    uint16_t port;
    bool powered, running;
    struct outage *outages; /* all that there were; owned */
    size_t outage_count;
    int64_t paused_until_us, slow_us;
    const struct listener_ops *listener;
    void *process;
    bool *cut_to; /* by host; NULL: to nobody */
    uint64_t dials;
};

struct link_end {
    struct link *link;
    unsigned host;
    bool held;                  /* a process (or its kernel) has it */
    const struct link_ops *ops; /* NULL: not accepted yet */
    void *context;
    struct message *first, **last; /* on their way to this end */
    int64_t last_arrive_us, stalled_us, retry_us;
    struct happening deliver;
};

struct link {
    struct network *network;
    struct list_node node;
    struct link_end ends[2]; /* the one who opened it, the one who was asked */
    struct happening syn, expire;
    int64_t syn_retry_us;
    int64_t unacked_timeout_us; /* of the opener's kernel */
    uint16_t port;
    bool busy; /* a callback runs */
};

struct network {
    struct schedule *schedule;
    struct random *random;
    struct network_weather weather;
    struct host hosts[MOST_HOSTS];   /* fixed: addresses are lent */
    unsigned count, addresses;
    bool rejects;
    unsigned owners[MOST_ADDRESSES]; /* by number of address */
    struct list links;
};

struct network *network_new(struct schedule *schedule, struct random *random) {
    struct network *network = mem_zalloc(sizeof *network);
    network->schedule = schedule;
    network->random = random;
    network->weather = (struct network_weather){.latency_us = 100, .jitter_us = 50};
    list_init(&network->links);
    return network;
}

static struct link_end *other_end(struct link_end *end) {
    return end == &end->link->ends[0] ? &end->link->ends[1] : &end->link->ends[0];
}

static void drop_messages(struct link_end *end) {
    for (struct message *message = end->first, *next; message; message = next) {
        next = message->next;
        message_free(message);
    }
    end->first = NULL;
    end->last = &end->first;
}

static void free_link(struct link *link) {
    struct schedule *schedule = link->network->schedule;
    schedule_cancel(schedule, &link->syn);
    schedule_cancel(schedule, &link->expire);
    for (int i = 0; i < 2; i++) {
        schedule_cancel(schedule, &link->ends[i].deliver);
        drop_messages(&link->ends[i]);
    }
    list_remove(&link->node);
    mem_free(link);
}

static void free_when_unused(struct link *link) {
    if (!link->busy && !link->ends[0].held && !link->ends[1].held) free_link(link);
}

void network_free(struct network **network) {
    LIST_EACH(&(*network)->links, node) free_link(container_of(node, struct link, node));
    for (unsigned i = 0; i < (*network)->count; i++) {
        mem_free((*network)->hosts[i].cut_to);
        mem_free((*network)->hosts[i].outages);
    }
    mem_free(*network);
    *network = NULL;
}

void network_set_weather(struct network *network, const struct network_weather *weather) {
    network->weather = *weather;
}

/* Hosts */

static void give_address(struct network *network, struct host *host) {
    unsigned number = ++network->addresses;
    CHECK(number < MOST_ADDRESSES);
    network->owners[number] = (unsigned)(host - network->hosts);
    memcpy(host->former, host->address, sizeof host->former);
    snprintf(host->address, sizeof host->address, "10.7.%u.%u", number / 250, number % 250 + 1);
}

unsigned network_add_host(struct network *network) {
    CHECK(network->count < MOST_HOSTS);
    struct host *host = &network->hosts[network->count];
    *host = (struct host){.powered = true};
    give_address(network, host);
    return network->count++;
}

unsigned network_hosts(const struct network *network) {
    return network->count;
}

const char *network_address(const struct network *network, unsigned host) {
    return network->hosts[host].address;
}

bool network_find_host(const struct network *network, const char *address, unsigned *host) {
    unsigned owner;
    if (!network_trace_address(network, address, &owner)) return false;
    if (strcmp(network->hosts[owner].address, address) != 0) return false;
    *host = owner;
    return true;
}

void network_start_process(struct network *network, unsigned host, uint16_t port, const struct listener_ops *ops,
                           void *process) {
    struct host *place = &network->hosts[host];
    CHECK(!place->running);
    struct outage *last = place->outage_count ? &place->outages[place->outage_count - 1] : NULL;
    if (last) last->to_us = MIN(last->to_us, network->schedule->now_us);
    place->powered = place->running = true;
    place->paused_until_us = 0;
    place->port = port;
    place->listener = ops;
    place->process = process;
}

void network_pause_process(struct network *network, unsigned host, int64_t until_us) {
    struct host *place = &network->hosts[host];
    place->paused_until_us = MAX(place->paused_until_us, until_us);
}

void network_cut(struct network *network, unsigned from, unsigned to, bool cut) {
    struct host *host = &network->hosts[from];
    if (!host->cut_to && cut) host->cut_to = mem_zalloc(MOST_HOSTS * sizeof(bool));
    if (host->cut_to) host->cut_to[to] = cut;
}

bool network_is_cut(const struct network *network, unsigned from, unsigned to) {
    return network->hosts[from].cut_to && network->hosts[from].cut_to[to];
}

uint64_t network_dials(const struct network *network, unsigned to) {
    return network->hosts[to].dials;
}

void network_set_slow(struct network *network, unsigned host, int64_t more_us) {
    network->hosts[host].slow_us = more_us;
}

void network_heal(struct network *network) {
    for (unsigned i = 0; i < network->count; i++) {
        mem_free(network->hosts[i].cut_to);
        network->hosts[i].cut_to = NULL;
        network->hosts[i].slow_us = 0;
    }
    LIST_EACH(&network->links, node) {
        struct link *link = container_of(node, struct link, node);
        for (int i = 0; i < 2; i++)
            if (link->ends[i].retry_us) schedule_after(network->schedule, &link->ends[i].deliver, FIRST_RETRY_US / 2);
    }
}

static bool passes(const struct network *network, unsigned from, unsigned to) {
    return !network_is_cut(network, from, to) && network->hosts[to].powered;
}

static int64_t latency(struct network *network, unsigned from, unsigned to) {
    const struct network_weather *weather = &network->weather;
    int64_t delay = weather->latency_us + network->hosts[from].slow_us + network->hosts[to].slow_us;
    if (weather->jitter_us) delay += dice_around(network->random, weather->jitter_us);
    if (weather->late_permille && dice_chance(network->random, weather->late_permille)) delay += weather->late_us;
    for (int64_t again = FIRST_RETRY_US; weather->loss_permille && again < 2 * SECOND; again *= 2) {
        if (!dice_chance(network->random, weather->loss_permille)) break;
        delay += again;
    }
    return delay;
}

/* Messages on their way */

static void schedule_first(struct link_end *end) {
    if (end->first) schedule_at(end->link->network->schedule, &end->deliver, end->first->arrive_us);
}

/* Puts it behind all that is on its way to `end`. */
static void post(struct link_end *end, struct message *message, int64_t delay_us) {
    int64_t now_us = end->link->network->schedule->now_us;
    message->arrive_us = end->last_arrive_us = MAX(now_us + delay_us, end->last_arrive_us + 1);
    message->next = NULL;
    bool was_empty = !end->first;
    *end->last = message;
    end->last = &message->next;
    if (was_empty) schedule_first(end);
}

static void post_close(struct link_end *end, enum line_reason reason, int64_t delay_us) {
    struct message *message = message_new(MESSAGE_CLOSE);
    message->reason = reason;
    post(end, message, delay_us);
}

/* The kernel of the end's host tells its process that the connection is lost; what was on its way is lost too. */
static void lose(struct link_end *end, enum line_reason reason) {
    schedule_cancel(end->link->network->schedule, &end->deliver);
    drop_messages(end);
    end->last_arrive_us = 0;
    post_close(end, reason, 0);
}

/* Nobody is there for what arrived: the sender's kernel is told so. */
static void answer_reset(struct link_end *end) {
    struct network *network = end->link->network;
    struct link_end *sender = other_end(end);
    drop_messages(end);
    if (sender->held && passes(network, end->host, sender->host))
        post_close(sender, LINE_RESET, latency(network, end->host, sender->host));
    free_when_unused(end->link);
}

static void try_again(struct link_end *end) {
    struct network *network = end->link->network;
    int64_t give_up_us = end == &end->link->ends[1] ? end->link->unacked_timeout_us : GIVE_UP_US;
    end->retry_us = end->retry_us ? MIN(end->retry_us * 2, LAST_RETRY_US) : FIRST_RETRY_US;
    if (end->stalled_us < give_up_us) {
        end->retry_us = MIN(end->retry_us, give_up_us - end->stalled_us); /* as Linux does; it never is 0 */
        end->stalled_us += end->retry_us;
        schedule_after(network->schedule, &end->deliver, end->retry_us);
        return;
    }
    end->retry_us = 0; /* there is nothing left to send */
    drop_messages(end);
    struct link_end *sender = other_end(end);
    if (sender->held)
        lose(sender, LINE_TIMEOUT);
    else if (end->held)
        lose(end, LINE_TIMEOUT); /* keepalive: nobody sends any more */
}

static void hand_over(struct link_end *end, struct message *message) {
    struct link *link = end->link;
    link->busy = true;
    if (message->kind == MESSAGE_OPEN && !end->ops) {
        const struct host *host = &link->network->hosts[end->host];
        end->ops = host->listener->ops;
        end->context = host->listener->accept(host->process, end);
    } else if (message->kind == MESSAGE_OPEN) {
        end->ops->on_open(end->context, end);
    } else if (message->kind == MESSAGE_CLOSE) {
        end->held = false;
        if (end->ops) end->ops->on_closed(end->context, end, message->reason);
    } else if (end->ops) {
        end->ops->on_message(end->context, end, message);
    }
    message_free(message);
    link->busy = false;
    free_when_unused(link);
}

static void on_deliver(struct happening *happening) {
    struct link_end *end = container_of(happening, struct link_end, deliver);
    struct network *network = end->link->network;
    const struct host *host = &network->hosts[end->host];
    struct message *message = end->first;
    /* A close that the own kernel reports has no way to go. */
    bool local = message->kind == MESSAGE_CLOSE && message->reason == LINE_TIMEOUT;
    if (!local && !passes(network, other_end(end)->host, end->host)) {
        try_again(end);
        return;
    }
    end->stalled_us = end->retry_us = 0;
    if (end == &end->link->ends[0]) schedule_cancel(network->schedule, &end->link->expire);
    if (!end->held) {
        if (message->kind == MESSAGE_CLOSE) {
            drop_messages(end);
            free_when_unused(end->link);
        } else {
            answer_reset(end);
        }
        return;
    }
    if (host->paused_until_us > network->schedule->now_us) {
        schedule_at(network->schedule, &end->deliver,
                    host->paused_until_us + dice_between(network->random, 1, MILLISECOND));
        return;
    }
    end->first = message->next;
    if (!end->first) end->last = &end->first;
    schedule_first(end);
    hand_over(end, message);
}

/* Opening */

static void on_expire(struct happening *happening) {
    struct link *link = container_of(happening, struct link, expire);
    schedule_cancel(link->network->schedule, &link->syn);
    lose(&link->ends[0], LINE_TIMEOUT);
    if (link->ends[1].held) post_close(&link->ends[1], LINE_RESET, link->network->weather.latency_us);
}

static void on_syn(struct happening *happening) {
    struct link *link = container_of(happening, struct link, syn);
    struct network *network = link->network;
    unsigned from = link->ends[0].host, to = link->ends[1].host;
    struct host *host = &network->hosts[to];
    host->dials++;
    if (!passes(network, from, to) || !passes(network, to, from)) {
        link->syn_retry_us *= 2;
        schedule_after(network->schedule, &link->syn, link->syn_retry_us);
        return;
    }
    int64_t back_us = latency(network, to, from);
    if (!host->running || host->port != link->port) {
        post_close(&link->ends[0], LINE_REFUSED, back_us);
        return;
    }
    link->ends[1].held = true;
    post(&link->ends[1], message_new(MESSAGE_OPEN), 0);
    post(&link->ends[0], message_new(MESSAGE_OPEN), back_us);
}

static void init_end(struct link *link, int side, unsigned host) {
    struct link_end *end = &link->ends[side];
    end->link = link;
    end->host = host;
    end->last = &end->first;
    end->deliver.run = on_deliver;
}

struct link_end *link_open(struct network *network, unsigned from, const char *address, uint16_t port,
                           int64_t timeout_us, const struct link_ops *ops, void *context) {
    struct link *link = mem_zalloc(sizeof *link);
    unsigned to = from;
    bool exists = network_find_host(network, address, &to);
    link->network = network;
    link->port = port;
    list_add(&network->links, &link->node);
    init_end(link, 0, from);
    init_end(link, 1, to);
    link->ends[0].held = true;
    link->ends[0].ops = ops;
    link->ends[0].context = context;
    link->syn.run = on_syn;
    link->syn_retry_us = SYN_RETRY_US / 2;
    link->unacked_timeout_us = GIVE_UP_US;
    link->expire.run = on_expire;
    if (exists) schedule_after(network->schedule, &link->syn, latency(network, from, to));
    schedule_after(network->schedule, &link->expire, timeout_us);
    return &link->ends[0];
}

void link_set_unacked_timeout(struct link_end *opener, int64_t timeout_us) {
    CHECK(opener == &opener->link->ends[0] && timeout_us > 0);
    opener->link->unacked_timeout_us = timeout_us;
}

void link_send(struct link_end *end, struct message *message) {
    CHECK(end->held);
    struct link_end *to = other_end(end);
    post(to, message, latency(end->link->network, end->host, to->host));
}

void link_close(struct link_end *end) {
    CHECK(end->held);
    struct link *link = end->link;
    struct network *network = link->network;
    struct link_end *to = other_end(end);
    end->held = false;
    schedule_cancel(network->schedule, &link->syn);
    schedule_cancel(network->schedule, &link->expire);
    if (to->held) post_close(to, LINE_RESET, latency(network, end->host, to->host));
    free_when_unused(link);
}

unsigned link_peer_host(const struct link_end *end) {
    return end == &end->link->ends[0] ? end->link->ends[1].host : end->link->ends[0].host;
}

const char *link_local_address(const struct link_end *end) {
    return end->link->network->hosts[end->host].address;
}

/* The end of a process */

static void abandon(struct link_end *end, bool power_lost) {
    struct link *link = end->link;
    struct network *network = link->network;
    struct link_end *to = other_end(end);
    end->held = false;
    schedule_cancel(network->schedule, &link->syn);
    schedule_cancel(network->schedule, &link->expire);
    if (to->held && !power_lost) post_close(to, LINE_RESET, latency(network, end->host, to->host));
    free_when_unused(link);
}

void network_stop_process(struct network *network, unsigned host, bool power_lost) {
    struct host *place = &network->hosts[host];
    CHECK(place->running);
    place->running = false;
    if (!power_lost) {
        place->outages = mem_realloc(place->outages, (place->outage_count + 1) * sizeof place->outages[0]);
        place->outages[place->outage_count++] = (struct outage){network->schedule->now_us, INT64_MAX};
    }
    power_lost &= !network->rejects;
    place->powered = !power_lost;
    LIST_EACH(&network->links, node) {
        struct link *link = container_of(node, struct link, node);
        bool mine[2]; /* both, when a process is connected to itself; the link goes with the last held end */
        for (int i = 0; i < 2; i++) mine[i] = link->ends[i].held && link->ends[i].host == host;
        for (int i = 0; i < 2; i++)
            if (mine[i]) abandon(&link->ends[i], power_lost);
    }
}

bool network_was_refused(const struct network *network, const char *address, int64_t least_us, int64_t memory_us) {
    unsigned number;
    if (!network_trace_address(network, address, &number)) return false;
    const struct host *host = &network->hosts[number];
    int64_t now_us = network->schedule->now_us;
    for (size_t i = host->outage_count; i-- > 0;) {
        int64_t to_us = MIN(host->outages[i].to_us, now_us);
        if (now_us - to_us > memory_us) return false;
        if (to_us - host->outages[i].from_us >= least_us) return true;
    }
    return false;
}

void network_reject_for_silent(struct network *network) {
    network->rejects = true;
}

bool network_trace_address(const struct network *network, const char *address, unsigned *host) {
    unsigned high, low;
    if (sscanf(address, "10.7.%u.%u", &high, &low) != 2 || low == 0) return false;
    unsigned number = high * 250 + low - 1;
    if (number == 0 || number > network->addresses) return false;
    *host = network->owners[number];
    return true;
}

const char *network_former_address(const struct network *network, unsigned host) {
    return network->hosts[host].former;
}

void network_change_address(struct network *network, unsigned host) {
    LIST_EACH(&network->links, node) {
        struct link *link = container_of(node, struct link, node);
        for (int i = 0; i < 2; i++)
            if (link->ends[i].host == host && link->ends[i].held) lose(&link->ends[i], LINE_TIMEOUT);
        if (link->ends[1].host == host) schedule_cancel(network->schedule, &link->syn); /* nobody is there now */
    }
    give_address(network, &network->hosts[host]);
}
