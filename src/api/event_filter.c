#include "api/event_filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Grows to the next power of two. */
static void add(struct event_words *words, const char *word)
{
    if ((words->count & (words->count - 1)) == 0) {
        size_t room = words->count ? 2 * words->count : 1;
        words->words = memory_resized(words->words, room * sizeof *words->words);
    }
    words->words[words->count++] = memory_copy_string(word);
}

void event_filter_add_type(struct event_filter *filter, const char *type)
{
    add(&filter->types, type);
}

void event_filter_add_key(struct event_filter *filter, const char *key)
{
    add(&filter->keys, key);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct event_words *words)
{
    if (words->count)
        qsort(words->words, words->count, sizeof *words->words, compare);
}

void event_filter_sort(struct event_filter *filter)
{
    sort(&filter->types);
    sort(&filter->keys);
}

static void finish(struct event_words *words)
{
    while (words->count)
        free(words->words[--words->count]);
    free(words->words);
    words->words = NULL;
}

void event_filter_finish(struct event_filter *filter)
{
    finish(&filter->types);
    finish(&filter->keys);
}

static bool has(const struct event_words *words, const char *word)
{
    return !words->count ||
           bsearch(&word, words->words, words->count, sizeof *words->words, compare) != NULL;
}

bool event_filter_lets_through(const struct event_filter *filter, const char *type, const char *key)
{
    return has(&filter->types, type) && (!key || has(&filter->keys, key));
}
