#include "window.h"

#include <stdlib.h>

#include "base/memory.h"

void window_finish(struct window *window)
{
    free(window->times);
    *window = (struct window){0};
}

size_t window_count(struct window *window, int64_t now_us, int64_t span_us)
{
    while (window->count && now_us - window->times[window->first] >= span_us) {
        window->first = (window->first + 1) % window->capacity;
        window->count--;
    }
    return window->count;
}

static void grow(struct window *window)
{
    size_t capacity = window->capacity ? window->capacity * 2 : 16;
    int64_t *times = memory_zeroed(capacity, sizeof *times);
    for (size_t i = 0; i < window->count; i++)
        times[i] = window->times[(window->first + i) % window->capacity];
    free(window->times);
    *window = (struct window){.times = times, .count = window->count, .capacity = capacity};
}

void window_add(struct window *window, int64_t now_us)
{
    if (window->count == window->capacity)
        grow(window);
    window->times[(window->first + window->count++) % window->capacity] = now_us;
}
