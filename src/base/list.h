/*
 * Intrusive doubly linked list: an object carries its own link, so joining and leaving a list never
 * allocates and never fails. The list an object is in is its state; a link that is in no list
 * points at itself.
 */
#ifndef PAWL_BASE_LIST_H
#define PAWL_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *previous;
};

/* The object of type `type` whose member `member` is the link. */
#define list_object(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
    list->next = list->previous = list;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->next == list;
}

static inline void list_remove(struct list *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    list_init(link);
}

/* At the end; link must be in no list. */
static inline void list_append(struct list *list, struct list *link)
{
    link->previous = list->previous;
    link->next = list;
    list->previous->next = link;
    list->previous = link;
}

/* Leaves the list it is in, if any, and joins the end of another. */
static inline void list_move(struct list *list, struct list *link)
{
    list_remove(link);
    list_append(list, link);
}

/* The first link, or NULL. */
static inline struct list *list_first(struct list *list)
{
    return list_is_empty(list) ? NULL : list->next;
}

#endif
