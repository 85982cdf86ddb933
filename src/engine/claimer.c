/*
 * Claims go out in groups: up to eight jobs, in turn, share what can start; one group is one
 * transaction, and two groups may be under way so that the database never waits for us. What is
 * asked for is reserved with its executor, so that no more is claimed than can start.
 *
 * A claim that comes back short from the cursor starts again from the top; short from the top,
 * without a bell since it was sent, means that the job has nothing pending.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/engine.h"

enum {
    GROUPS = 2,
    JOBS_IN_A_GROUP = 8,
    CLAIM_LIMIT = 500,
    CURSOR_LIFE_US = 1000000, /* a better task that came later waits no longer than this, */
    CURSOR_LIFE_FACTOR = 20,  /* or than so many times what a claim from the top takes */
    PART_PAUSE_US = 1000000,
    REFUSED_PAUSE_US = 1000000, /* the database refused a claim for a reason of its own */
};

struct claim {
    struct engine *engine;
    struct job *job;
    struct engine_executor *executor;
    int limit, node_id;
    int64_t number, sent_us, restarts;
    bool is_from_top, is_last_of_group;
};

static int64_t start_of(const struct engine *engine, const struct claim_verdict *verdict, int place)
{
    double delay_ms = verdict->first_ms + place * verdict->interval_ms;
    return engine_now_us(engine) + (delay_ms > 0 ? (int64_t)(delay_ms * 1000) : 0);
}

/* The limiter gave a part, and is asked again when that is used: with a pace at the last start,
 * else when one of its tasks ends. */
static int64_t next_question_us(const struct engine *engine, const struct claim_verdict *verdict)
{
    if (verdict->interval_ms > 0)
        return start_of(engine, verdict, verdict->granted > 1 ? verdict->granted - 1 : 1);
    return engine_now_us(engine) + PART_PAUSE_US;
}

static bool opens_when_one_ends(const struct claim_verdict *verdict)
{
    return strcmp(verdict->reason, "max_running") == 0 || strcmp(verdict->reason, "budget") == 0;
}

/* How the job goes on after an answer of `count` tasks. */
static void judge(struct claim *claim, int count, const struct claim_verdict *verdict)
{
    struct engine *engine = claim->engine;
    struct job *job = claim->job;
    if (verdict->reason[0] && job->is_let_go) {
        jobs_make_ready(&engine->jobs, job);
        return;
    }
    int64_t retry_us = engine_now_us(engine) + (int64_t)(verdict->retry_ms * 1000);
    if (verdict->reason[0] && !verdict->limited_by) {
        jobs_block(&engine->jobs, job, retry_us);
        return;
    }
    if (verdict->reason[0]) {
        jobs_wait(&engine->jobs, job, verdict->limited_by, retry_us, !opens_when_one_ends(verdict));
        return;
    }
    jobs_let_follow(&engine->jobs, job);
    if (count == claim->limit)
        return;
    if (verdict->limited_by && count == verdict->granted)
        jobs_wait(&engine->jobs, job, verdict->limited_by, next_question_us(engine, verdict),
                  verdict->interval_ms > 0);
    else if (!claim->is_from_top)
        jobs_restart(job);
    else if (!job->was_rung && job->claims == 0)
        jobs_make_idle(&engine->jobs, job);
}

static bool is_running_here(const struct job *job, const struct task *claimed)
{
    for (struct list *link = job->tasks.next; link != &job->tasks; link = link->next) {
        const struct task *task = list_object(link, struct task, link);
        if (task->id == claimed->id && task->attempt == claimed->attempt &&
            task->node_id == claimed->node_id)
            return true;
    }
    return false;
}

/* After a crash of the server: see node.c. */
static void drop_running(struct job *job, struct list *tasks)
{
    struct list *link = tasks->next;
    while (link != tasks) {
        struct task *task = list_object(link, struct task, link);
        link = link->next;
        if (!is_running_here(job, task))
            continue;
        list_remove(&task->link);
        free(task);
    }
}

static void advance_cursor(struct job *job, const struct task *task)
{
    struct claim_cursor last = {task->rank, task->id};
    if (last.rank > job->cursor.rank || (last.rank == job->cursor.rank && last.id > job->cursor.id))
        job->cursor = last;
}

void claimer_note_cancel(struct engine *engine, const struct job *job, int64_t task_id)
{
    struct claimer *claimer = &engine->claimer;
    if (job->claims)
        claimer->notes[claimer->noted++ % CANCEL_NOTES] =
            (struct cancel_note){job->facts.id, task_id, claimer->sent};
}

/* Cancelled while the claim's answer was on its way: what it says was true when it was made. */
static void mark_cancelled(const struct claim *claim, const struct list *tasks)
{
    const struct claimer *claimer = &claim->engine->claimer;
    int64_t notes = claimer->noted < CANCEL_NOTES ? claimer->noted : CANCEL_NOTES;
    for (int64_t i = 0; i < notes; i++) {
        const struct cancel_note *note = &claimer->notes[i];
        if (note->job_id != claim->job->facts.id || note->sent < claim->number)
            continue;
        for (struct list *link = tasks->next; link != tasks; link = link->next) {
            struct task *task = list_object(link, struct task, link);
            task->is_cancelled |= !note->task_id || note->task_id == task->id;
        }
    }
}

static void take_tasks(struct claim *claim, const struct pg_result *result)
{
    struct engine *engine = claim->engine;
    struct job *job = claim->job;
    struct claim_verdict verdict;
    struct list tasks;
    list_init(&tasks);
    int count = store_claim_read(result, claim->node_id, job->facts.id, &tasks, &verdict),
        place = 0;
    for (struct list *link = tasks.next; link != &tasks; link = link->next) {
        struct task *task = list_object(link, struct task, link);
        task->job = &job->facts;
        task->asked_at_us = claim->sent_us;
        task->start_at_us = start_of(engine, &verdict, place++);
        task->is_followed = verdict.is_followed;
        if (claim->restarts == job->restarts)
            advance_cursor(job, task);
    }
    if (count) {
        doorbell_note_work(engine);
        duties_note_ledger(engine);
        engine->duties.beat.started += count;
    }
    engine->claimer.busy_claims =
        count && count == claim->limit ? engine->claimer.busy_claims + 1 : 0;
    if (engine->was_away)
        drop_running(job, &tasks);
    judge(claim, count, &verdict);
    mark_cancelled(claim, &tasks);
    runner_add(engine, &tasks);
}

static void on_claimed(void *context, const struct pg_result *result, const struct failure *failure)
{
    struct claim *claim = context;
    struct engine *engine = claim->engine;
    engine->claimer.groups -= claim->is_last_of_group;
    claim->executor->reserved -= claim->limit;
    claim->job->claims--;
    claim->job->kind->held -= claim->limit;
    if (claim->is_from_top)
        claim->job->top_claim_us = engine_now_us(engine) - claim->sent_us;
    if (result)
        take_tasks(claim, result);
    else if (failure->sqlstate[0]) {
        log_warning("could not claim tasks of job %lld: %s", (long long)claim->job->facts.id,
                    failure->message);
        jobs_block(&engine->jobs, claim->job, engine_now_us(engine) + REFUSED_PAUSE_US);
    }
    free(claim);
}

/* NULL: the job's share is less than a task yet. */
static struct claim *send_claim(struct engine *engine, struct pg_connection *connection,
                                struct job *job, int share)
{
    struct engine_executor *executor = runner_executor(engine, &job->facts);
    job->deficit += share * job_weight(job);
    if (job->deficit > 2.0 * CLAIM_LIMIT)
        job->deficit = 2.0 * CLAIM_LIMIT;
    int limit = runner_room_of(engine, job);
    if (limit > (int)job->deficit)
        limit = (int)job->deficit;
    if (limit > CLAIM_LIMIT)
        limit = CLAIM_LIMIT;
    if (limit < 1)
        return NULL;
    if (engine_now_us(engine) - job->cursor_since_us >
        CURSOR_LIFE_US + job->top_claim_us * CURSOR_LIFE_FACTOR)
        jobs_restart(job);
    bool is_from_top = isinf(job->cursor.rank);
    if (is_from_top)
        job->cursor_since_us = engine_now_us(engine);

    struct claim *claim = memory_zeroed(1, sizeof *claim);
    *claim = (struct claim){
        .engine = engine,
        .job = job,
        .executor = executor,
        .limit = limit,
        .node_id = engine->node_id,
        .number = ++engine->claimer.sent,
        .sent_us = engine_now_us(engine),
        .restarts = job->restarts,
        .is_from_top = is_from_top,
    };
    job->deficit -= limit;
    job->was_rung = job->is_let_go = false;
    job->claims++;
    executor->reserved += limit;
    job->kind->held += limit;
    store_claim(connection, engine->node_id, job->facts.id, limit, &job->cursor, on_claimed, claim);
    return claim;
}

/* A bell has just woken the connection that listens, here and in the server: the claim that answers
 * it is quickest there. */
static struct pg_connection *choose_connection(struct engine *engine)
{
    bool is_answer_to_bell =
        engine->doorbell.state == BELL_ASLEEP && pg_connection_outstanding(engine->listen) == 0;
    return is_answer_to_bell ? engine->listen : engine->claim;
}

/* A limited job's claims take turns on its limiter's row, so one at a time is enough; a job that
 * has not answered from the top might be empty. */
static bool may_claim(const struct job *job)
{
    return !job->claims || !(job_is_limited(job) || isinf(job->cursor.rank));
}

/* Goes round all who are ready, since many of them may have an executor that is full. False: nobody
 * can claim now. */
static bool send_group(struct engine *engine)
{
    struct pg_connection *connection = choose_connection(engine);
    int ready = engine->jobs.ready, taken = 0;
    int turns = ready < JOBS_IN_A_GROUP ? ready : JOBS_IN_A_GROUP;
    bool is_saving = false; /* somebody of little weight needs more turns */
    struct claim *last = NULL;
    for (int i = 0; i < ready && taken < turns; i++) {
        struct job *job = jobs_next_turn(&engine->jobs);
        if (!job)
            break;
        if (jobs_wait_if_closed(&engine->jobs, job))
            continue;
        int room = runner_room_of(engine, job);
        if (!room) { /* costs its tenant no turn */
            if (runner_room(engine, runner_executor(engine, &job->facts)))
                jobs_crowd(&engine->jobs, job);
            continue;
        }
        int leave_ms = runner_leave_ms(engine, &job->facts);
        if (leave_ms) {
            jobs_block(&engine->jobs, job, engine_now_us(engine) + leave_ms * 1000LL);
            continue;
        }
        taken++;
        if (!may_claim(job))
            continue;
        struct claim *claim = send_claim(engine, connection, job, (room + turns - 1) / turns);
        is_saving = is_saving || !claim;
        last = claim ? claim : last;
    }
    if (!last)
        return is_saving;
    last->is_last_of_group = true;
    engine->claimer.groups++;
    pg_connection_end_group(connection);
    return true;
}

/* Ends of their own tasks, and of other kinds', make room. */
static void look_at_crowded(struct engine *engine)
{
    struct list *link = engine->jobs.kinds.crowded.next, *next;
    for (; link != &engine->jobs.kinds.crowded; link = next) {
        struct kind *kind = list_object(link, struct kind, link);
        next = link->next;
        if (runner_room_of(engine, list_object(list_first(&kind->crowded), struct job, link)))
            jobs_uncrowd(&engine->jobs, kind);
    }
}

void claimer_turn(struct engine *engine)
{
    if (!node_is_serving(engine) || !finisher_has_room(engine))
        return;
    engine->is_catching_up = engine->is_catching_up && !finisher_is_empty(engine);
    if (engine->is_catching_up)
        return;
    look_at_crowded(engine);
    while (engine->claimer.groups < GROUPS && engine->jobs.ready > 0)
        if (!send_group(engine))
            return;
}
