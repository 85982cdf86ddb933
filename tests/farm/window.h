/* How many events there were within the last so many microseconds, exactly. All zero is empty. */
#ifndef PAWL_FARM_WINDOW_H
#define PAWL_FARM_WINDOW_H

#include <stddef.h>
#include <stdint.h>

struct window {
    int64_t *times; /* a ring */
    size_t first, count, capacity;
};

void window_finish(struct window *window);
/* Forgets what is span_us old or older, and says how many are left. */
size_t window_count(struct window *window, int64_t now_us, int64_t span_us);
/* now_us must not be before the last one's. */
void window_add(struct window *window, int64_t now_us);

#endif
