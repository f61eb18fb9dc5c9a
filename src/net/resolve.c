#include "net/resolve.h"
#include "base/list.h"
#include "base/mem.h"
#include "net/loop.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

/* getaddrinfo() cannot be interrupted, so the threads are detached and share only `struct pool`, which the last of
 * them to leave frees: a resolver can go while a name server is still being waited for.
 *
 * A look-up is in `waiting`, with a thread, or in `finished`; which one is changed under the mutex only. */

typedef int lookup_function(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out);

struct pool {
    pthread_mutex_t   mutex;
    pthread_cond_t    has_work;
    struct list       waiting, finished;
    struct loop_wake *wake; /* NULL: the resolver is gone */
    lookup_function  *lookup;
    size_t            open; /* waiting or with a thread */
    unsigned          threads, idle, users;
};

struct resolver {
    struct pool     *pool;
    struct loop_wake wake;
};

struct resolve {
    struct list_node    node;
    struct pool        *pool;
    char               *host;
    uint16_t            port;
    enum resolve_family family;
    resolve_done       *on_done; /* NULL: cancelled */
    void               *context;
    bool                is_waiting, is_finished;
    size_t              count;
    struct address      addresses[RESOLVE_ADDRESSES];
    char                error[160];
};

static void free_resolve(struct resolve *resolve) {
    mem_free(resolve->host);
    mem_free(resolve);
}

static void free_list(struct list *list) {
    struct list_node *node;
    while ((node = list_first(list))) {
        list_remove(node);
        free_resolve(container_of(node, struct resolve, node));
    }
}

/* Unlocks. The last user frees. */
static void leave(struct pool *pool) {
    bool last = --pool->users == 0;
    pthread_mutex_unlock(&pool->mutex);
    if (!last) return;
    free_list(&pool->waiting);
    free_list(&pool->finished);
    pthread_mutex_destroy(&pool->mutex);
    pthread_cond_destroy(&pool->has_work);
    mem_free(pool);
}

/* ---- on the threads ---- */

static void look_up(struct resolve *resolve, lookup_function *lookup) {
    static const int families[] = {[RESOLVE_ANY] = AF_UNSPEC, [RESOLVE_IPV4] = AF_INET, [RESOLVE_IPV6] = AF_INET6};
    struct addrinfo hints = {.ai_family = families[resolve->family], .ai_socktype = SOCK_STREAM}, *found = NULL;
    int code = lookup(resolve->host, NULL, &hints, &found);
    if (code != 0) {
        snprintf(resolve->error, sizeof resolve->error, "%s",
                 code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
        return;
    }
    for (struct addrinfo *a = found; a && resolve->count < RESOLVE_ADDRESSES; a = a->ai_next) {
        if (a->ai_family != AF_INET && a->ai_family != AF_INET6) continue;
        struct address *address = &resolve->addresses[resolve->count++];
        address_set(address, a->ai_addr, a->ai_addrlen);
        address_set_port(address, resolve->port);
    }
    freeaddrinfo(found);
    if (resolve->count == 0) snprintf(resolve->error, sizeof resolve->error, "the name has no address");
}

static void *run_thread(void *context) {
    struct pool *pool = context;
    mem_thread_begin();
    pthread_mutex_lock(&pool->mutex);
    while (pool->wake) {
        struct list_node *node = list_first(&pool->waiting);
        if (!node) {
            pool->idle++;
            pthread_cond_wait(&pool->has_work, &pool->mutex);
            pool->idle--;
            continue;
        }
        list_remove(node);
        struct resolve *resolve = container_of(node, struct resolve, node);
        lookup_function *lookup = pool->lookup;
        resolve->is_waiting = false;
        pthread_mutex_unlock(&pool->mutex);
        look_up(resolve, lookup);
        pthread_mutex_lock(&pool->mutex);
        pool->open--;
        resolve->is_finished = true;
        list_add(&pool->finished, &resolve->node);
        if (pool->wake) loop_wake_send(pool->wake);
    }
    pool->threads--;
    leave(pool);
    mem_thread_end();
    return NULL;
}

/* With the mutex. False: there is no thread at all, and none can be had. */
static bool ensure_thread(struct pool *pool) {
    if (pool->idle > 0 || pool->threads == RESOLVE_THREADS) return true;
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_attr_init(&attributes) != 0) return pool->threads > 0;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the main thread */
    if (pthread_create(&thread, &attributes, run_thread, pool) == 0) {
        pool->threads++;
        pool->users++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return pool->threads > 0;
}

/* ---- on the loop ---- */

static void on_wake(struct loop_wake *wake) {
    struct resolver *resolver = container_of(wake, struct resolver, wake);
    struct pool *pool = resolver->pool;
    struct list_node *node;
    /* A callback may free the resolver: the pool is held, and asked before each step whether anybody is left. */
    pthread_mutex_lock(&pool->mutex);
    pool->users++;
    while (pool->wake && (node = list_first(&pool->finished))) {
        list_remove(node);
        pthread_mutex_unlock(&pool->mutex);
        struct resolve *resolve = container_of(node, struct resolve, node);
        if (resolve->on_done)
            resolve->on_done(resolve->context, resolve->addresses, resolve->count,
                             resolve->count ? NULL : resolve->error);
        free_resolve(resolve);
        pthread_mutex_lock(&pool->mutex);
    }
    leave(pool);
}

struct resolver *resolver_new(struct loop *loop) {
    struct resolver *resolver = mem_zalloc(sizeof *resolver);
    struct pool *pool = resolver->pool = mem_zalloc(sizeof *pool);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->has_work, NULL);
    list_init(&pool->waiting);
    list_init(&pool->finished);
    pool->lookup = getaddrinfo;
    pool->users = 1;
    pool->wake = &resolver->wake;
    loop_wake_start(loop, &resolver->wake, on_wake);
    return resolver;
}

void resolver_free(struct resolver **resolver) {
    struct resolver *r = *resolver;
    *resolver = NULL;
    if (!r) return;
    pthread_mutex_lock(&r->pool->mutex);
    r->pool->wake = NULL;
    pthread_cond_broadcast(&r->pool->has_work);
    loop_wake_stop(&r->wake);
    leave(r->pool);
    mem_free(r);
}

struct resolve *resolve_start(struct resolver *resolver, const char *host, uint16_t port, enum resolve_family family,
                              resolve_done *on_done, void *context) {
    struct address literal;
    if (address_parse_ip(&literal, host, port)) {
        bool fits = family == RESOLVE_ANY || address_is_ipv6(&literal) == (family == RESOLVE_IPV6);
        on_done(context, &literal, fits ? 1 : 0, fits ? NULL : "an address of the other family");
        return NULL;
    }
    struct pool *pool = resolver->pool;
    const char *failure = NULL;
    pthread_mutex_lock(&pool->mutex);
    if (pool->open >= RESOLVE_QUEUE) failure = "too many names are being looked up";
    else if (!ensure_thread(pool)) failure = "no thread can be started to look it up";
    if (failure) {
        pthread_mutex_unlock(&pool->mutex);
        on_done(context, NULL, 0, failure);
        return NULL;
    }
    struct resolve *resolve = mem_zalloc(sizeof *resolve);
    *resolve = (struct resolve){.pool = pool,
                                .host = mem_strdup(host),
                                .port = port,
                                .family = family,
                                .on_done = on_done,
                                .context = context,
                                .is_waiting = true};
    list_add(&pool->waiting, &resolve->node);
    pool->open++;
    pthread_cond_signal(&pool->has_work);
    pthread_mutex_unlock(&pool->mutex);
    return resolve;
}

void resolve_cancel(struct resolve **resolve) {
    struct resolve *r = *resolve;
    *resolve = NULL;
    if (!r) return;
    struct pool *pool = r->pool;
    pthread_mutex_lock(&pool->mutex);
    r->on_done = NULL;
    bool is_ours = r->is_waiting || r->is_finished;
    if (is_ours) list_remove(&r->node);
    if (r->is_waiting) pool->open--;
    pthread_mutex_unlock(&pool->mutex);
    if (is_ours) free_resolve(r); /* else its thread puts it among the finished, where nobody is told */
}

size_t resolver_waiting(const struct resolver *resolver) {
    pthread_mutex_lock(&resolver->pool->mutex);
    size_t open = resolver->pool->open;
    pthread_mutex_unlock(&resolver->pool->mutex);
    return open;
}

void resolver_set_lookup(struct resolver *resolver, lookup_function *lookup) {
    pthread_mutex_lock(&resolver->pool->mutex);
    resolver->pool->lookup = lookup;
    pthread_mutex_unlock(&resolver->pool->mutex);
}
