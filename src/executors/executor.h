/*
 * What runs tasks. An executor is a row of functions behind a name (noop, sql, crawl, http); the
 * engine hands it tasks that this node has claimed, and gets each back exactly once with its
 * outcome.
 *
 * Executors know nothing of claims, batches or retries: they say what happened. Whether a failure
 * is tried again, and when, the engine decides from the kind's policy.
 */
#ifndef PAWL_EXECUTORS_EXECUTOR_H
#define PAWL_EXECUTORS_EXECUTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/list.h"
#include "base/text.h"

/* What a node knows of a job. Strings are good within start() only, since the kind may be changed
 * meanwhile: an executor copies what it needs later. */
struct job_facts {
    int64_t id;
    char *kind, *executor, *target; /* target: "" when there is none */
    char *params, *options;         /* JSON objects: the job's, and the kind's */
    float priority;
    int max_attempts, timeout_ms, backoff_base_ms, backoff_cap_ms;
    int64_t limiter_ids[2]; /* its limiter and that one's parent (pawl.limiter_id); 0: none */
};

/* A claimed task, owned by the engine. link and start_at_us are the engine's; state is the
 * executor's, from start until the outcome. */
struct task {
    struct list link;
    const struct job_facts *job;
    int64_t job_id, id;
    int attempt;            /* with the node's id the fencing token */
    int uncounted_attempts; /* tries that do not count against max_attempts */
    float priority;
    double rank; /* place in the order of claims: the least first */
    int node_id;
    int64_t asked_at_us; /* when the claim was sent that got it, by the loop's clock */
    int64_t start_at_us; /* not before this moment of the monotonic clock */
    bool is_running;
    bool is_followed;  /* its end leads to more than its own row: a form of its own finishes it */
    bool is_probe;     /* the one task that tries whether its target is back */
    bool is_cancelled; /* before it started: goes back, and if it is not ours any more, nowhere */
    void *state;
    size_t payload_bytes;
    char payload[]; /* JSON text, NUL-terminated */
};

enum outcome_kind {
    OUTCOME_COMPLETED,
    OUTCOME_FAILED,
    OUTCOME_RETRY,  /* made by the engine out of OUTCOME_FAILED */
    OUTCOME_AGAIN,  /* wants another turn after delay_ms, uncounted: nothing failed; error_class is
                       what it waits for */
    OUTCOME_LEASED, /* the function has taken it on and will call back: it runs on, under no node,
                       for delay_ms */
    OUTCOME_RETURNED, /* not begun, or cut off by us: goes back uncounted */
    OUTCOME_ENDED,    /* its end is in the database already (sql): nothing is to be written */
};

/* What became of an attempt. The strings are allocated; whoever is given the outcome frees them. */
struct outcome {
    enum outcome_kind kind;
    bool is_final;    /* failed: trying again is of no use */
    int64_t delay_ms; /* failed: the peer's wish (Retry-After), or -1; retry, again: the pause */
    const char *error_class; /* static: timeout, network, status, sql, refused, executor; again:
                                secret; or NULL */
    char *error;             /* message for people, or NULL */
    char *result;            /* JSON text, or NULL; kept of a failed attempt if it was the last */
    int64_t bytes;           /* that the attempt sent and received, as far as the executor counts
                                them: for budgets */
    char *page;              /* crawl: members "page" and "found" as JSON text without the outer
                                braces, for pawl.finish_pages; NULL for others */
};

typedef void task_done_fn(void *engine, struct task *task, struct outcome *outcome);

/* Who we are to those we call (pawl.installation). */
struct installation {
    char id[37];
    unsigned char callback_key[32];
    const char *callback_url; /* where our API is to be found; NULL: nobody can call back */
};

struct executor_environment {
    uv_loop_t *loop;
    const char *database_url;
    int slots;                               /* tasks in flight that the node wants at most */
    const struct installation *installation; /* filled before the first task comes */
    const char *secret_files; /* folder in which secrets are files; NULL: /run/secrets */
    task_done_fn *on_done;    /* may be called from inside start() */
    void *engine;
};

struct executor {
    const char *name;
    void *(*create)(const struct executor_environment *environment);
    /* How many more tasks could start now. */
    int (*room)(void *self);
    /* Takes the task until on_done is called for it. The attempt ends by itself within the job's
     * timeout_ms. */
    void (*start)(void *self, struct task *task);
    /* The task was cancelled: drop it and call on_done soon, from the loop or at once; the outcome
     * does not matter any more. */
    void (*cancel)(void *self, struct task *task);
    /* No task of the job is here any more: forget what was kept for it. */
    void (*forget_job)(void *self, int64_t job_id);
    /* Nothing runs, and the node is about to leave: what was kept to be written later is written
     * now. False while some of it is on its way; asked again until it is true. */
    bool (*settle)(void *self);
    /* Tasks that are still running are dropped without a word. Handles on the loop are closed as it
     * turns. */
    void (*destroy)(void *self);
    /* Its tasks wait for others, perhaps for long: no kind may have all of the room. */
    bool divides_room;
    /* For how long the node should leave tasks of the job to others: something is not here that
     * they need. 0: not at all; NULL: never. */
    int (*leave_ms)(void *self, const struct job_facts *job, int node_id);
};

extern const struct executor noop_executor, sql_executor, crawl_executor, http_executor;

#endif
