/*
 * pawl.finish_tasks, finish_followed_tasks and finish_pages: outcomes go into the database in
 * batches. A batch holds outcomes of one node id and one form, sorted by (job, task): the order of
 * the row locks.
 */
#ifndef PAWL_STORE_FINISH_H
#define PAWL_STORE_FINISH_H

#include "executors/executor.h"
#include "pg/connection.h"

/* One outcome on its way; owns the outcome's strings. */
struct finished {
    struct list link;
    int64_t job_id, task_id;
    int attempt, node_id;
    size_t bytes;     /* memory that it holds, roughly */
    bool is_followed; /* as the task's */
    bool was_started; /* an attempt was made, not only claimed */
    bool was_refused; /* the outcome says that the database refused the one before */
    int batch_limit;  /* may go out with at most so many others; 0: any (see engine/finisher.c) */
    struct outcome outcome;
};

/* Which SQL function takes it. */
enum finish_form { FINISH_TASKS, FINISH_FOLLOWED, FINISH_PAGES, FINISH_FORMS };

enum finish_form store_finish_form(const struct finished *finished);
/* Takes the outcome's strings over. */
struct finished *finished_create(const struct task *task, const struct outcome *outcome);
void finished_destroy(struct finished *finished);

/* Adds the statement for count outcomes to the connection's group. batch is sorted here. */
void store_finish(struct pg_connection *connection, enum finish_form form, struct finished **batch,
                  int count, pg_done_fn *on_done, void *context);
/* What pages have led to. */
struct finish_found {
    int count;                 /* tasks that were added */
    float best_priority;       /* the greatest among them */
    const char *hopeless_jobs; /* that pawl.stop_hopeless_crawl is for: an array literal, or NULL;
                                  lives as long as the result */
};
/* How many of the batch took effect. */
int store_finish_read(const struct pg_result *result, enum finish_form form,
                      struct finish_found *found);

#endif
