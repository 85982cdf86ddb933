#include "base/clock.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/check.h"

int64_t clock_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

double random_fraction(void)
{
    static _Thread_local unsigned short state[3];
    static _Thread_local int is_seeded;
    if (!is_seeded) {
        CHECK(getrandom(state, sizeof state, 0) == (ssize_t)sizeof state);
        is_seeded = 1;
    }
    return erand48(state);
}
