/* Time: a clock that never goes back, and chance for jitter. */
#ifndef PAWL_BASE_CLOCK_H
#define PAWL_BASE_CLOCK_H

#include <stdint.h>

/* Microseconds of CLOCK_MONOTONIC. */
int64_t clock_now_us(void);
/* A number in [0, 1), for jitter; not for secrets. */
double random_fraction(void);

#endif
