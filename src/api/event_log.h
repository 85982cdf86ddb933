/*
 * The last events, as they are sent (the HTML standard, "server-sent events"), for those who come
 * back and say which they saw last.
 *
 * An id is EPOCH-NUMBER. The epoch is the process's, numbers go up by one with each event, whoever
 * wants it; a gap, in which nobody listened, has a number too.
 *
 * Whoever has it guards it.
 */
#ifndef PAWL_API_EVENT_LOG_H
#define PAWL_API_EVENT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum {
    EVENT_EPOCH_BYTES = 32,
    EVENTS_KEPT = 1000,
};

/* Data that has come. keys: NULL are more than could be told, count of them. */
struct refreshed {
    const char *type;
    const char *const *keys;
    size_t count;
    const char *at;
};

struct event {
    char *type, *key; /* key: NULL is many */
    struct text text; /* as it is sent */
};

struct event_log {
    char epoch[EVENT_EPOCH_BYTES];
    int64_t number;                   /* of the last event or gap */
    struct event events[EVENTS_KEPT]; /* a ring, by number */
    int kept;                         /* since the last gap */
};

/* epoch: without a dash; copied. */
void event_log_start(struct event_log *log, const char *epoch);
void event_log_finish(struct event_log *log);

/* key: one of the keys, or NULL for all of them. The event stays until EVENTS_KEPT have followed.
 */
const struct event *event_log_add(struct event_log *log, const struct refreshed *refreshed,
                                  const char *key);
/* Events may have been missed: no id of before is known any more. */
void event_log_skip(struct event_log *log);

/* The line of a stream with the id of the last event. */
void event_log_write_id(const struct event_log *log, struct text *text);
/* Whether the event with that id, and all after it, are known; *number is the id's then. */
bool event_log_find(const struct event_log *log, const char *id, int64_t *number);
/* One that is known. */
const struct event *event_log_at(const struct event_log *log, int64_t number);

#endif
