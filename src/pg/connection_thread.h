/*
 * Threads for calls that may wait for as long as a network likes. Nobody waits for them, and the
 * program may end while they run; the threads of the loop's pool would have to end first.
 */
#ifndef PAWL_PG_CONNECTION_THREAD_H
#define PAWL_PG_CONNECTION_THREAD_H

#include <stdbool.h>

/* False when the system has no thread to give. */
bool connection_thread_start(void (*run)(void *context), void *context);

#endif
