/*
 * What a node knows of jobs, and whose turn it is.
 *
 * A job with work is in its tenant's ready list, and a tenant with a ready job is in the ring.
 * Turns go round the tenants, and within a tenant round its jobs: deficit round robin (Shreedhar
 * and Varghese, 1995), where a turn's quantum is an equal part of the free slots times the job's
 * weight. So a job of 100,000 tasks delays a job of 5 by one turn only, and a tenant with a
 * thousand jobs gets as much as one with a single job.
 *
 * A job whose limiter said no waits at that limiter's gate. There a thousand jobs may wait for one
 * limiter (each key of a kind has a job of its own), so not each of them asks again: one does when
 * the gate's time has come, one for each task that has ended under it, and whoever was not refused
 * lets two more follow.
 */
#ifndef PAWL_ENGINE_JOBS_H
#define PAWL_ENGINE_JOBS_H

#include "base/hash_table.h"
#include "engine/kinds.h"
#include "executors/executor.h"
#include "store/claim.h"
#include "store/work.h"

struct tenant {
    struct list link; /* in the ring while any job is ready */
    struct list ready;
    int jobs; /* known jobs of this tenant; it goes with the last */
    char org_id[40];
};

/* A limiter that a known job is under. */
struct gate {
    struct hash_table_link link_by_id;
    struct list link;    /* among those that are closed, or where somebody waits */
    struct list waiting; /* jobs, in the order in which they go on */
    bool is_closed;      /* it said no, and was not asked since */
    bool is_clocked;     /* it opens by time, not when a task ends */
    int64_t until_us;    /* then the next one asks, whatever happens */
    int jobs;            /* known jobs under it; it goes with the last */
};

enum { GATES = sizeof((struct job_facts *)0)->limiter_ids / sizeof(int64_t) };

struct job {
    struct job_facts facts;
    struct tenant *tenant;
    struct kind *kind;
    struct gate *gates[GATES]; /* of facts.limiter_ids; NULL: none */
    struct hash_table_link link_by_id;
    struct list link;  /* tenant's ready list, the idle or blocked list, a gate's waiting list, or
                          the kind's of crowded jobs */
    struct list tasks; /* claimed here, without an outcome */
    bool is_ready, is_blocked;
    bool is_outdated; /* its kind may have changed since it was learnt */
    bool was_rung;    /* since the last claim was sent: coming back short does not mean empty */
    bool is_let_go;   /* since the last claim was sent: that nothing was granted is old news */
    int claims;       /* under way */
    int waiting;      /* tasks that were claimed here and whose moment has not come */
    double deficit;
    struct claim_cursor cursor;
    int64_t restarts;         /* of the cursor; only claims of the newest move it */
    int64_t top_claim_us;     /* what the last claim from the top took */
    int64_t cursor_since_us;  /* when a claim last started from the top */
    int64_t blocked_until_us; /* when to ask again, in the blocked list */
};

struct jobs {
    struct hash_table by_id;   /* all, by id */
    struct list ring;          /* tenants with a ready job */
    struct list idle, blocked; /* jobs */
    struct hash_table gates;   /* all, by limiter_id */
    struct list timed_gates;   /* those with a time */
    struct kinds kinds;
    int ready; /* how many jobs are ready */
    struct tenant **tenants;
    size_t tenant_count;
};

void jobs_init(struct jobs *jobs);
/* Frees tasks too that are still in a job's list. */
void jobs_finish(struct jobs *jobs);
/* NULL when it is not known. */
struct job *jobs_find(struct jobs *jobs, int64_t id);
/* Each once, in no order, as long as none is learnt: the one behind job, or the first for NULL;
 * NULL behind the last. */
struct job *jobs_walk(struct jobs *jobs, const struct job *job);
/* Learns a job, or what is new about it. */
struct job *jobs_learn(struct jobs *jobs, const struct work *work);
/* A kind has changed: what is known of jobs may be wrong, until they are learnt again. */
void jobs_outdate(struct jobs *jobs);
/* The job has pending tasks: it gets its turn. What is new mostly stands behind the cursor, so the
 * claim starts there; one that comes back short starts again from the top. */
void jobs_make_ready(struct jobs *jobs, struct job *job);
/* Claims start from the top again: something stands before the cursor. Those under way do not take
 * it past that. */
void jobs_restart(struct job *job);
/* Out of whatever list it is in; the caller puts it into another at once. */
void jobs_leave_list(struct jobs *jobs, struct job *job);
/* Nothing is pending as far as we know. */
void jobs_make_idle(struct jobs *jobs, struct job *job);
/* It is not to ask before that, for a reason of its own. */
void jobs_block(struct jobs *jobs, struct job *job, int64_t until_us);
/* Its kind has its part of the slots: blocked until jobs_uncrowd(). */
void jobs_crowd(struct jobs *jobs, struct job *job);
/* The kind has room again: its crowded jobs are ready. */
void jobs_uncrowd(struct jobs *jobs, struct kind *kind);
/* The limiter gives no more: the job waits at its gate, which is closed until then, or until a task
 * under it ends; is_clocked: that would change nothing. */
void jobs_wait(struct jobs *jobs, struct job *job, int64_t limiter_id, int64_t until_us,
               bool is_clocked);
/* Whose turn it is and whose gate is closed waits there: true. */
bool jobs_wait_if_closed(struct jobs *jobs, struct job *job);
/* Jobs and gates whose time has come are ready. Returns when the next one is, or INT64_MAX. */
int64_t jobs_unblock(struct jobs *jobs, int64_t now_us);
/* Limits have changed: nobody waits for what was said before. */
void jobs_unblock_all(struct jobs *jobs);
/* A limited job's task has ended: its limiters may have room, for one. */
void jobs_unblock_now(struct jobs *jobs, struct job *job);
/* The job's limiters did not say no: more of those that wait may ask. */
void jobs_let_follow(struct jobs *jobs, struct job *job);
/* Elsewhere a task under this limiter has ended. */
void jobs_open_gate(struct jobs *jobs, int64_t limiter_id);
bool job_is_limited(const struct job *job);
/* The job whose turn it is, or NULL; the next call gives the next one. */
struct job *jobs_next_turn(struct jobs *jobs);
double job_weight(const struct job *job);
/* It is idle, and nothing of it is here or on its way. */
bool job_is_at_rest(const struct job *job);
/* It must be at rest. */
void jobs_forget(struct jobs *jobs, struct job *job);
/* Forgets jobs at rest while there are more than `limit`; told through forget(). */
void jobs_trim(struct jobs *jobs, size_t limit, void (*forget)(void *context, int64_t job_id),
               void *context);

#endif
