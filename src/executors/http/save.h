/*
 * What has been fetched is handed to the database: pawl.save_fetched has the function of its data
 * type save it, and completes the task, in one transaction.
 *
 * Over a few connections of its own ("pawl save"), opened when the first reply comes. Replies that
 * find none free wait here, in their order and until their deadline: also for a database that is
 * away, since a reply may have cost money and need not be fetched again when it is back. The last
 * connection is kept for data types that have none: one whose function is slow must not have the
 * replies of all others grow old.
 */
#ifndef PAWL_EXECUTORS_HTTP_SAVE_H
#define PAWL_EXECUTORS_HTTP_SAVE_H

#include <stdint.h>
#include <uv.h>

#include "base/text.h"
#include "executors/executor.h"

struct saves;
struct save;

struct fetched {
    const struct task *task; /* outlives it */
    int status;
    struct text headers;  /* a JSON object */
    struct text body;     /* as it came; empty: none */
    int64_t bytes;        /* that were sent and received, for budgets */
    uint64_t deadline_ms; /* of the loop */
};

/* Exactly once, never from inside saves_add(); the save is gone with it. Takes the outcome's
 * strings over. */
typedef void save_done_fn(void *context, struct outcome *outcome);

/* url is copied. */
struct saves *saves_create(uv_loop_t *loop, const char *url);
/* Those under way end as returned, from inside this call. */
void saves_destroy(struct saves *saves);

/* Takes the texts over, and leaves them empty. */
struct save *saves_add(struct saves *saves, struct fetched *fetched, save_done_fn *on_done,
                       void *context);
/* Ends it soon: from inside this call if it waits, else with what its call comes to. */
void save_cancel(struct save *save);

#endif
