/*
 * A host: what was asked of it and how often, and what it was told to be like. Hosts are told apart
 * by the name in Host without its port, and come to be when somebody asks for them.
 */
#ifndef PAWL_FARM_HOST_H
#define PAWL_FARM_HOST_H

#include <stdint.h>

#include "base/list.h"
#include "tally.h"
#include "window.h"

enum { HOST_STATUSES = 600 };

struct host {
    struct list link, bucket_link;
    char *name;
    /* Counted. */
    uint64_t requests, bytes;
    uint64_t at_once; /* requests whose answer has not ended */
    uint64_t at_once_max, in_second_max;
    int64_t last_us, gap_min_us; /* between two starts; -1 before there were any, or two */
    struct window second;
    uint32_t statuses[HOST_STATUSES];
    struct tally cached; /* what the CDN in front of it was asked for */
    struct list limiters;
    /* Told. */
    int storm_status;        /* the answer to everything; 0: no storm */
    int storm_after_s;       /* Retry-After in a storm; -1: does not say */
    struct text behind;      /* modifiers in front of its paths, besides the farm's own */
    const char *robots;      /* mode, see robots.h; NULL: the farm's */
    struct text robots_text; /* with the mode "text" */
};

struct hosts;

struct hosts *hosts_create(void);
void hosts_destroy(struct hosts *hosts);
/* Never NULL; lives as long as the hosts do. */
struct host *hosts_get(struct hosts *hosts, struct slice name);
/* All of them, linked by host.link in the order in which they came to be. */
struct list *hosts_list(struct hosts *hosts);
/* All counters as at the start, and nothing told. Requests under way stay counted as under way. */
void hosts_reset(struct hosts *hosts);

void host_begin(struct host *host, int64_t now_us);
/* status: 0 when the answer never had one. */
void host_end(struct host *host, int status, uint64_t bytes);
/* The window of a limit of this host, known by its key. */
struct window *host_limiter(struct host *host, struct slice key);

#endif
