/* What there is to do: pawl.list_work, sweep, fold, promote_due, expire_leases, run_due_schedules,
 * next_due_ms, prune, has_data_types, refresh_due, sweep_adoptions, list_external_work,
 * wake_workers. Each adds its statement to the connection's group. executors is an array literal of
 * executor names. */
#ifndef PAWL_STORE_WORK_H
#define PAWL_STORE_WORK_H

#include "executors/executor.h"
#include "pg/connection.h"

/* A row of pawl.list_work; the strings are the result's own. */
struct work {
    struct job_facts facts;
    const char *org_id; /* "" for none */
    int64_t pending;
};

/* jobs: array literal of job ids, or NULL for all. */
void store_list_work(struct pg_connection *connection, const char *executors, const char *jobs,
                     pg_done_fn *on_done, void *context);
void store_list_work_read(const struct pg_result *result, int row, struct work *work);
/* Result: job_id, has_data_types; at least one row, with no job_id when there is none. */
void store_sweep(struct pg_connection *connection, const char *executors, pg_done_fn *on_done,
                 void *context);
/* Result: folded, last_block, blocks, ended, is_blocked. */
/* jobs: an array literal. One row each of those that have ended. */
void store_list_ended(struct pg_connection *connection, const char *jobs, pg_done_fn *on_done,
                      void *context);
/* jobs, tasks, attempts: array literals. Result: job_id, task_id, attempt of those that are not the
 * node's.
 */
void store_list_lost(struct pg_connection *connection, int node_id, const char *jobs,
                     const char *tasks, const char *attempts, pg_done_fn *on_done, void *context);
void store_fold(struct pg_connection *connection, int64_t from_block, pg_done_fn *on_done,
                void *context);
/* Result: how many became pending. */
void store_promote_due(struct pg_connection *connection, int limit, pg_done_fn *on_done,
                       void *context);
/* Result: how many ended. */
void store_expire_leases(struct pg_connection *connection, int limit, pg_done_fn *on_done,
                         void *context);
/* Result: ran, failed: how many schedules were due, and how many of them badly. */
void store_run_due_schedules(struct pg_connection *connection, pg_done_fn *on_done, void *context);
/* Result: milliseconds, or null. */
void store_next_due(struct pg_connection *connection, pg_done_fn *on_done, void *context);
/* Result: how many tasks were deleted, and in how many milliseconds to ask again; 0: there is more.
 */
void store_prune(struct pg_connection *connection, int limit, pg_done_fn *on_done, void *context);
/* Result: one boolean. */
void store_has_data_types(struct pg_connection *connection, pg_done_fn *on_done, void *context);
/* For a connection of its own: functions of users run inside, and are cut off after 30 seconds.
 * Result: how many pairs were looked at, and in how many milliseconds to ask again; 0: there is
 * more, null: nothing is due ever; and in how many to sweep adopted tables, null: there are none.
 */
void store_refresh_due(struct pg_connection *connection, int limit, pg_done_fn *on_done,
                       void *context);
/* For a connection of its own: tables of users are read, for up to 30 seconds. Result: how much was
 * done. */
void store_sweep_adoptions(struct pg_connection *connection, pg_done_fn *on_done, void *context);
/* job_ids: an array literal. */
void store_stop_crawls(struct pg_connection *connection, const char *job_ids, pg_done_fn *on_done,
                       void *context);

/* A row of pawl.list_external_work; the strings are the result's own. */
struct external_work {
    const char *kind, *mark;
    int64_t pending, active;
    bool is_rung;    /* one of its jobs was among those */
    int64_t wake_ms; /* -1: no limit opens by itself */
};

/* rung: an array literal of job ids, 0 for all. */
void store_list_external_work(struct pg_connection *connection, const char *rung,
                              pg_done_fn *on_done, void *context);
void store_list_external_work_read(const struct pg_result *result, int row,
                                   struct external_work *work);
/* kinds: an array literal of their names. */
void store_wake_workers(struct pg_connection *connection, const char *kinds, pg_done_fn *on_done,
                        void *context);

#endif
