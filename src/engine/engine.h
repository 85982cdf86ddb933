/*
 * The engine's parts and how they hang together. Read ARCHITECTURE.md's "life of a loop turn"
 * first.
 *
 *   doorbell   knows whether we are awake or asleep, and which jobs have work
 *   jobs       what we know of each job, and whose turn it is (fairness)
 *   claimer    takes tasks of jobs whose turn it is, as many as can start
 *   runner     starts tasks at their time and turns what executors say into outcomes
 *   finisher   gathers outcomes and writes them, a batch as soon as the one before is acknowledged
 *   relay      tells external workers of work
 *   duties     heartbeat, fold, due tasks, leases and schedules, rescue, sweep
 *   pruner     the duty that can wait: old tasks of standing jobs are deleted
 *   refresher  the duty that has connections of its own: what is stale is refreshed
 *   node       the life of it all: connect, register, serve, drain
 *
 * Everything runs on one thread, the loop's. A part's state is touched by that part only; others
 * call its functions.
 */
#ifndef PAWL_ENGINE_ENGINE_H
#define PAWL_ENGINE_ENGINE_H

#include <uv.h>

#include "engine/jobs.h"
#include "engine/serve.h"
#include "executors/executor.h"
#include "pg/connection.h"
#include "store/finish.h"
#include "store/node.h"

enum { EXECUTORS = 4, DEFAULT_SLOTS = 256, CLAIMER_BUSY = 4, CANCEL_NOTES = 64 };

struct engine_executor {
    const struct executor *functions;
    void *self;
    int reserved; /* asked for in claims that are under way, or claimed and not yet due to start */
};

enum doorbell_state { BELL_OFF, BELL_AWAKE, BELL_FALLING, BELL_ASLEEP };

struct doorbell {
    int state;
    bool is_look_wanted, is_looking;
    int flag_node_id;      /* whose flag was last changed */
    bool is_sure;          /* asleep, and nobody can have missed the flag */
    int64_t horizon;       /* transactions below this may have missed the flag */
    int64_t look_pause_us; /* grows while we wait for them */
    int64_t next_look_us;
    int64_t last_work_us;   /* when there was last something to do */
    int64_t bells_since_us; /* begin of the second in which bells are counted */
    int bells;
    uv_timer_t timer;
};

struct claimer {
    int groups;      /* groups of claims under way */
    int busy_claims; /* full claims since a short one: many of them mean that we are busy */
    int64_t sent;    /* claims, ever */
    struct cancel_note {
        int64_t job_id, task_id, sent; /* for claims up to this one */
    } notes[CANCEL_NOTES];             /* a ring: the newest replaces the oldest */
    int64_t noted;                     /* notes, ever */
};

struct runner {
    struct list later; /* claimed tasks in the order of their start */
    uv_timer_t timer;
    int running; /* started tasks without an outcome */
};

struct finisher {
    struct list queue[FINISH_FORMS];
    int queued[FINISH_FORMS];
    size_t queued_bytes;
    struct finish_batch *in_flight[FINISH_FORMS];
    int64_t retry_at_us; /* the database refused for a reason of its own: not before this */
    bool has_given_up;   /* a task of ours is left running, for rescue to find */
    uv_timer_t timer;
};

struct relay {
    struct relay_kind *kinds;   /* that external workers run */
    bool is_asking, is_unknown; /* unknown: whether there are any is to be asked */
    bool was_passed_over;       /* a look came while another was under way */
    struct text rung;           /* an array literal that has begun: jobs that bells have named */
    int rung_count;
    int64_t next_us; /* workers are told nothing before this */
    uv_timer_t timer;
};

struct duties {
    bool is_dirty; /* ledger rows were written that nobody has folded */
    bool is_folding;
    int64_t next_fold_us;
    int64_t fold_from_block, fold_seen_block; /* cursor under somebody's held snapshot */
    int64_t fold_full_at_us;                  /* until then folds start at the cursor */
    int64_t due_at_us;                        /* when a task or schedule is due, or INT64_MAX */
    bool is_promoting, is_due_unknown, is_asking_due;
    bool has_promoted;       /* in what is under way, something was due and is not any more */
    int64_t next_promote_us; /* what is due was held by somebody: not before this */
    int64_t next_beat_us, next_sweep_us, serving_since_us;
    int64_t beat_us,
        last_beat_us; /* when the one under way was sent, and the last that was heard; 0 */
    bool is_beating, is_sweeping;
    struct node_beat beat; /* since the last heartbeat */
    uv_timer_t timer;
};

struct pruner {
    bool is_pruning;
    int64_t next_us; /* when to ask for more */
    uv_timer_t timer;
};

/* One thing that is asked again and again, on a connection of its own. */
struct asker {
    struct engine *engine;
    const char *name, *purpose;       /* of the connection; what it is for, in words */
    struct pg_connection *connection; /* while needed */
    bool is_needed;
    bool is_asking, is_wanted; /* wanted: as soon as may be */
    bool was_lost_logged;
    int64_t due_at_us;     /* when there is something, or INT64_MAX */
    int64_t asked_at_us;   /* the last time */
    int64_t not_before_us; /* whatever is wanted */
};

struct refresher {
    struct asker due, sweeps;         /* needed: there are data types; there are adopted tables */
    bool is_unknown, is_asking_types; /* unknown: whether there are data types is to be asked */
    uv_timer_t timer;
};

enum node_state {
    NODE_STARTING,
    NODE_SERVING,
    NODE_AWAY,
    NODE_DRAINING,
    NODE_LEAVING,
    NODE_STOPPED
};

struct engine {
    uv_loop_t loop;
    const struct serve_options *options;
    int slots;
    struct pg_connection *listen, *claim, *finish, *duty;
    char *executor_names; /* array literal */
    struct engine_executor executors[EXECUTORS];
    struct installation installation;
    int node_state, node_id;
    bool is_asking;   /* whether the database knows us, or to be known: one question at a time */
    bool was_cut_off; /* draining: what ran was told to end */
    bool was_lost_logged;
    bool was_away;       /* at least once: a claim may have been lost in a crash of the server */
    bool is_catching_up; /* back, and outcomes from before are being written: claim later */
    struct jobs jobs;
    struct doorbell doorbell;
    struct claimer claimer;
    struct runner runner;
    struct finisher finisher;
    struct duties duties;
    struct relay relay;
    struct pruner pruner;
    struct refresher refresher;
    uv_prepare_t before_sleep;
    uv_signal_t on_term, on_int;
    uv_async_t on_stop;
    uv_timer_t drain_timer, ask_timer;
    struct failure failure;
};

/* Microseconds of the monotonic clock, read once a turn, so only as fine as a millisecond. */
static inline int64_t engine_now_us(const struct engine *engine)
{
    return (int64_t)uv_now(&engine->loop) * 1000;
}

/* node.c */
void node_start(struct engine *engine);
/* May tasks be claimed: registered, connected, not draining? */
bool node_is_serving(const struct engine *engine);
/* Has it an id, and duties? True also while it drains, and while connections other than the duties'
 * are away: a node that says nothing is declared dead. */
bool node_is_registered(const struct engine *engine);
/* The database does not know us any more. */
void node_was_declared_dead(struct engine *engine);
void node_turn(struct engine *engine);
void node_ask_to_stop(struct engine *engine);
/* serve.c: closes what the node's life does not need any more. */
void node_stop(struct engine *engine);

/* doorbell.c */
void doorbell_init(struct engine *engine);
void doorbell_finish(struct engine *engine);
/* The node has (again) begun to serve, or has stopped to. */
void doorbell_open(struct engine *engine);
void doorbell_close(struct engine *engine);
/* Whatever a job was told to wait for, it is claimed again: bells may have been missed. */
void doorbell_ask_again(struct engine *engine);
void doorbell_rung(struct engine *engine, const char *message);
/* Ask for a look at which jobs have work, at the next turn. */
void doorbell_want_look(struct engine *engine);
/* Something was claimed or finished: we are not idle. */
void doorbell_note_work(struct engine *engine);
void doorbell_turn(struct engine *engine);

/* relay.c */
void relay_init(struct engine *engine);
void relay_finish(struct engine *engine);
/* The node has (again) begun to serve. */
void relay_begin(struct engine *engine);
/* A kind has changed: workers may run it now. */
void relay_note_kinds(struct engine *engine);
/* A bell has named a job that we do not run ourselves; 0: all. */
void relay_note_bell(struct engine *engine, int64_t job_id);
/* With each look for work: asks for that of external workers too, if there can be any. */
void relay_look(struct engine *engine);
void relay_turn(struct engine *engine);

/* claimer.c */
void claimer_turn(struct engine *engine);
/* A task of the job, or all of them (task_id 0), was cancelled: also when it comes with the answer
 * of a claim that is under way. */
void claimer_note_cancel(struct engine *engine, const struct job *job, int64_t task_id);

/* runner.c */
void runner_init(struct engine *engine);
void runner_finish(struct engine *engine);
/* Takes claimed tasks over; their job and start_at_us are set. */
void runner_add(struct engine *engine, struct list *tasks);
struct engine_executor *runner_executor(struct engine *engine, const struct job_facts *facts);
/* How many more tasks of this executor may be claimed. */
int runner_room(struct engine *engine, const struct engine_executor *executor);
/* The same of this job's kind. */
int runner_room_of(struct engine *engine, const struct job *job);
/* For how long tasks of the job are left to other nodes; 0: not at all. */
int runner_leave_ms(struct engine *engine, const struct job_facts *facts);
/* Starts what is due. */
void runner_turn(struct engine *engine);
/* Drops what is here of a job, or one task of it, that was cancelled. */
void runner_cancel_job(struct engine *engine, int64_t job_id);
void runner_cancel_task(struct engine *engine, int64_t job_id, int64_t task_id);
/* That attempt is not the node's any more; another one may be. */
void runner_drop_attempt(struct engine *engine, int64_t job_id, int64_t task_id, int attempt);
/* For jobs_trim(): tells the executors. */
void runner_forget_job(void *engine, int64_t job_id);
/* Gives back what has not started. */
void runner_return_waiting(struct engine *engine);
void runner_cancel_all(struct engine *engine);
/* When nothing runs any more: have the executors written what they kept? */
bool runner_settle(struct engine *engine);
/* The node ends at once: cancels what runs and drops it; rescue finds it. */
void runner_abandon(struct engine *engine);
void runner_on_done(void *engine, struct task *task, struct outcome *outcome);

/* finisher.c */
void finisher_init(struct engine *engine);
void finisher_finish(struct engine *engine);
/* Takes the outcome's strings over. */
void finisher_add(struct engine *engine, const struct task *task, const struct outcome *outcome);
/* Is there room for the outcomes of more tasks? */
bool finisher_has_room(const struct engine *engine);
bool finisher_is_empty(const struct engine *engine);
void finisher_turn(struct engine *engine);

/* duties.c */
void duties_init(struct engine *engine);
void duties_finish(struct engine *engine);
void duties_begin(struct engine *engine);
/* Ledger rows were written: fold soon. */
void duties_note_ledger(struct engine *engine);
/* A task of ours will be due then. */
void duties_note_due(struct engine *engine, int64_t at_us);
/* Somebody gave a task or a schedule a time: ask when the next is due. */
void duties_ask_due(struct engine *engine);
/* Crawls whose first pages have all failed, an array literal: ended, unless the connection is away:
 * the next page that fails says it again. */
void duties_stop_crawls(struct engine *engine, const char *job_ids);
void duties_complain(const char *duty, const struct failure *failure);
void duties_turn(struct engine *engine);

/* heartbeat.c, for duties.c */
void heartbeat_begin(struct engine *engine);
void heartbeat_send(struct engine *engine);

/* pruner.c */
void pruner_init(struct engine *engine);
void pruner_finish(struct engine *engine);
/* The node has (again) begun to serve. */
void pruner_begin(struct engine *engine);
/* A kind has changed: perhaps its tasks are kept for another time. */
void pruner_note_kinds(struct engine *engine);
void pruner_turn(struct engine *engine);

/* refresher.c */
void refresher_init(struct engine *engine);
void refresher_finish(struct engine *engine);
/* The node has (again) begun to serve. */
void refresher_begin(struct engine *engine);
/* The bell of freshness: something is due earlier, or there is a data type. */
void refresher_rung(struct engine *engine);
/* Something may be due earlier, and nobody has rung. */
void refresher_ask(struct engine *engine);
/* Tasks have ended here whose ends lead to more: a key may be due earlier than was said. */
void refresher_note_end(struct engine *engine);
/* The sweep has seen whether there are data types. */
void refresher_learn(struct engine *engine, bool has_types);
void refresher_turn(struct engine *engine);

#endif
