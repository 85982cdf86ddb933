/* The executor that does nothing, at once: measures the engine itself, and tests it. */
#include <stdlib.h>

#include "base/memory.h"
#include "executors/executor.h"

enum { ROOM = 4000 }; /* full claims of several jobs, while those before them are run */

struct noop {
    task_done_fn *on_done;
    void *engine;
};

static void *noop_create(const struct executor_environment *environment)
{
    struct noop *noop = memory_zeroed(1, sizeof *noop);
    *noop = (struct noop){environment->on_done, environment->engine};
    return noop;
}

static int noop_room(void *self)
{
    return ROOM;
}

static void noop_start(void *self, struct task *task)
{
    struct noop *executor = self;
    struct outcome outcome = {.kind = OUTCOME_COMPLETED};
    executor->on_done(executor->engine, task, &outcome);
}

static void noop_cancel(void *self, struct task *task)
{
    /* It has ended inside start(). */
}

static void noop_forget_job(void *self, int64_t job_id)
{
}

static bool noop_settle(void *self)
{
    return true;
}

static void noop_destroy(void *self)
{
    free(self);
}

const struct executor noop_executor = {
    "noop",      noop_create,     noop_room,   noop_start,
    noop_cancel, noop_forget_job, noop_settle, noop_destroy,
};
