/* pawl.claim_batch: a node takes pending tasks of one job. See sql/functions/claim_batch.sql. */
#ifndef PAWL_STORE_CLAIM_H
#define PAWL_STORE_CLAIM_H

#include "executors/executor.h"
#include "pg/connection.h"

/* Where a claim starts: behind (rank, id), where a task's rank is its lateness less its priority;
 * claim_from_top for the first pending task. */
struct claim_cursor {
    double rank;
    int64_t id;
};
extern const struct claim_cursor claim_from_top;

/* How the job's limiter decided, all zero for a job without one; and how its tasks are finished. */
struct claim_verdict {
    double first_ms, interval_ms; /* start of the i-th best task, from now: first + i * interval */
    double retry_ms;              /* nothing was granted: ask again after this */
    char reason[16];              /* busy, max_running, pace, held, probe, or "" */
    int granted;
    int64_t limited_by; /* limiter that granted less than was wanted; 0: none, or it was busy */
    bool is_followed;   /* ends of its tasks go to pawl.finish_followed_tasks */
};

/* Adds the statement to the connection's group. */
void store_claim(struct pg_connection *connection, int node_id, int64_t job_id, int limit,
                 const struct claim_cursor *cursor, pg_done_fn *on_done, void *context);
/* Reads the answer: appends one new struct task a claimed row to tasks, best first (the order of
 * starts), and says how many. The caller owns them and sets job and start_at_us. */
int store_claim_read(const struct pg_result *result, int node_id, int64_t job_id,
                     struct list *tasks, struct claim_verdict *verdict);

#endif
