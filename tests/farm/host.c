#include "host.h"

#include <stdlib.h>

#include "base/memory.h"

enum { BUCKETS = 4096, SECOND_US = 1000000 };

struct hosts {
    struct list list;
    struct list buckets[BUCKETS];
};

struct limiter {
    struct list link;
    char *key;
    struct window window;
};

struct hosts *hosts_create(void)
{
    struct hosts *hosts = memory_zeroed(1, sizeof *hosts);
    list_init(&hosts->list);
    for (int i = 0; i < BUCKETS; i++)
        list_init(&hosts->buckets[i]);
    return hosts;
}

static void forget_limiters(struct host *host)
{
    struct list *link;
    while ((link = list_first(&host->limiters))) {
        struct limiter *limiter = list_object(link, struct limiter, link);
        list_remove(link);
        window_finish(&limiter->window);
        free(limiter->key);
        free(limiter);
    }
}

static void forget(struct host *host)
{
    forget_limiters(host);
    window_finish(&host->second);
    tally_finish(&host->cached);
    text_finish(&host->behind);
    text_finish(&host->robots_text);
}

void hosts_destroy(struct hosts *hosts)
{
    struct list *link;
    while ((link = list_first(&hosts->list))) {
        struct host *host = list_object(link, struct host, link);
        list_remove(link);
        forget(host);
        free(host->name);
        free(host);
    }
    free(hosts);
}

static struct host *create(struct slice name)
{
    struct host *host = memory_zeroed(1, sizeof *host);
    host->name = memory_copy(name.start, name.length);
    host->last_us = host->gap_min_us = -1;
    list_init(&host->link);
    list_init(&host->bucket_link);
    list_init(&host->limiters);
    return host;
}

struct host *hosts_get(struct hosts *hosts, struct slice name)
{
    struct list *bucket = &hosts->buckets[tally_hash(0, name) % BUCKETS];
    for (struct list *link = bucket->next; link != bucket; link = link->next) {
        struct host *host = list_object(link, struct host, bucket_link);
        if (slice_equals_nocase(name, slice_of_string(host->name)))
            return host;
    }
    struct host *host = create(name);
    list_append(bucket, &host->bucket_link);
    list_append(&hosts->list, &host->link);
    return host;
}

struct list *hosts_list(struct hosts *hosts)
{
    return &hosts->list;
}

static void reset(struct host *host)
{
    struct host fresh = {.link = host->link,
                         .bucket_link = host->bucket_link,
                         .name = host->name,
                         .at_once = host->at_once,
                         .at_once_max = host->at_once,
                         .last_us = -1,
                         .gap_min_us = -1};
    forget(host);
    *host = fresh;
    list_init(&host->limiters);
}

void hosts_reset(struct hosts *hosts)
{
    for (struct list *link = hosts->list.next; link != &hosts->list; link = link->next)
        reset(list_object(link, struct host, link));
}

void host_begin(struct host *host, int64_t now_us)
{
    int64_t gap_us = now_us - host->last_us;
    if (host->last_us >= 0 && (host->gap_min_us < 0 || gap_us < host->gap_min_us))
        host->gap_min_us = gap_us;
    host->last_us = now_us;
    host->requests++;
    window_add(&host->second, now_us);
    size_t in_second = window_count(&host->second, now_us, SECOND_US);
    if (in_second > host->in_second_max)
        host->in_second_max = in_second;
    if (++host->at_once > host->at_once_max)
        host->at_once_max = host->at_once;
}

void host_end(struct host *host, int status, uint64_t bytes)
{
    host->at_once--;
    host->bytes += bytes;
    if (status > 0 && status < HOST_STATUSES)
        host->statuses[status]++;
}

struct window *host_limiter(struct host *host, struct slice key)
{
    for (struct list *link = host->limiters.next; link != &host->limiters; link = link->next) {
        struct limiter *limiter = list_object(link, struct limiter, link);
        if (slice_equals(key, slice_of_string(limiter->key)))
            return &limiter->window;
    }
    struct limiter *limiter = memory_zeroed(1, sizeof *limiter);
    limiter->key = memory_copy(key.start, key.length);
    list_init(&limiter->link);
    list_append(&host->limiters, &limiter->link);
    return &limiter->window;
}
