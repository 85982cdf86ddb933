/* Which events a client wants: those of some types, of some keys; no type, or no key: of all. */
#ifndef PAWL_API_EVENT_FILTER_H
#define PAWL_API_EVENT_FILTER_H

#include <stdbool.h>
#include <stddef.h>

struct event_words {
    char **words;
    size_t count;
};

/* Embedded by value; all zero lets everything through. */
struct event_filter {
    struct event_words types, keys;
};

/* Copies. */
void event_filter_add_type(struct event_filter *filter, const char *type);
void event_filter_add_key(struct event_filter *filter, const char *key);
/* When all have been added, and before it is asked. */
void event_filter_sort(struct event_filter *filter);
void event_filter_finish(struct event_filter *filter);
/* key: NULL is many, of which one may be wanted. */
bool event_filter_lets_through(const struct event_filter *filter, const char *type,
                               const char *key);

#endif
