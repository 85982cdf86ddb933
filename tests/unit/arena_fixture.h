/* An arena for each test of a file, for cmocka's set-up and tear-down. */
#ifndef PAWL_TESTS_ARENA_FIXTURE_H
#define PAWL_TESTS_ARENA_FIXTURE_H

#include "base/memory.h"

static struct arena *arena;

static int set_up(void **state)
{
    arena = arena_create(4096);
    return 0;
}

static int tear_down(void **state)
{
    arena_destroy(arena);
    return 0;
}

#endif
