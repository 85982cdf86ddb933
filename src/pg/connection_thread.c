#include "pg/connection_thread.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

struct start {
    void (*run)(void *context);
    void *context;
};

static void *begin(void *given)
{
    struct start start = *(struct start *)given;
    free(given);
    start.run(start.context);
    return NULL;
}

bool connection_thread_start(void (*run)(void *context), void *context)
{
    pthread_attr_t attributes;
    pthread_t thread;
    struct start *start = memory_zeroed(1, sizeof *start);
    *start = (struct start){run, context};
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0);
    bool is_started = pthread_create(&thread, &attributes, begin, start) == 0;
    pthread_attr_destroy(&attributes);
    if (!is_started)
        free(start);
    return is_started;
}
