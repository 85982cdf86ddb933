/*
 * From a claimed task to its outcome. A task waits in `later` until its start (a limiter's pace
 * spreads starts over a second), then its executor has it. What executors call failed becomes a
 * retry here while the kind's policy allows one.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/engine.h"

enum { ABANDON_LIMIT_MS = 1000 };

static void on_timer(uv_timer_t *timer)
{
    /* The turn that follows starts what is due. */
}

static void start(struct engine *engine, struct task *task)
{
    struct engine_executor *executor = runner_executor(engine, task->job);
    struct job *job = jobs_find(&engine->jobs, task->job_id);
    list_move(&job->tasks, &task->link);
    executor->reserved--;
    job->waiting--;
    task->is_running = true;
    engine->runner.running++;
    if (engine->options->on_task_started)
        engine->options->on_task_started(engine->options->context, task->job_id, task->id);
    executor->functions->start(executor->self, task);
}

static void arm(struct engine *engine)
{
    struct list *first = list_first(&engine->runner.later);
    uv_timer_stop(&engine->runner.timer);
    if (!first)
        return;
    int64_t wait_us = list_object(first, struct task, link)->start_at_us - engine_now_us(engine);
    uv_timer_start(&engine->runner.timer, on_timer, wait_us > 0 ? (uint64_t)wait_us / 1000 + 1 : 0,
                   0);
}

/* Keeps `later` in the order of starts; claims mostly come later than what is there. */
static void insert_later(struct engine *engine, struct task *task)
{
    struct list *place = engine->runner.later.previous;
    while (place != &engine->runner.later &&
           list_object(place, struct task, link)->start_at_us > task->start_at_us)
        place = place->previous;
    list_append(place->next, &task->link);
}

static void return_task(struct engine *engine, struct task *task)
{
    struct outcome outcome = {.kind = OUTCOME_RETURNED};
    runner_on_done(engine, task, &outcome);
}

static void start_due(struct engine *engine)
{
    struct list *first;
    while ((first = list_first(&engine->runner.later))) {
        struct task *task = list_object(first, struct task, link);
        if (task->start_at_us > engine_now_us(engine))
            break;
        if (task->is_cancelled)
            return_task(engine, task);
        else
            start(engine, task);
    }
    arm(engine);
}

void runner_add(struct engine *engine, struct list *tasks)
{
    struct list *first;
    while ((first = list_first(tasks))) {
        struct task *task = list_object(first, struct task, link);
        list_remove(first);
        runner_executor(engine, task->job)->reserved++;
        struct job *job = jobs_find(&engine->jobs, task->job_id);
        job->waiting++;
        job->kind->held++;
        insert_later(engine, task);
    }
    if (node_is_serving(engine))
        start_due(engine);
    else
        runner_return_waiting(engine);
}

void runner_turn(struct engine *engine)
{
    start_due(engine);
}

/* Full jitter: a random part of the exponential backoff (Brooker, "Exponential Backoff And Jitter",
 * AWS Architecture Blog, 2015). */
static int64_t backoff_ms(const struct job_facts *facts, int failures)
{
    double longest = facts->backoff_base_ms * exp2(failures > 30 ? 30 : failures - 1);
    if (longest > facts->backoff_cap_ms)
        longest = facts->backoff_cap_ms;
    return (int64_t)(longest * random_fraction());
}

static void decide_retry(struct engine *engine, const struct task *task, struct outcome *outcome)
{
    int attempts = task->attempt - task->uncounted_attempts;
    if (outcome->kind == OUTCOME_AGAIN || outcome->kind == OUTCOME_LEASED)
        duties_note_due(engine, engine_now_us(engine) + outcome->delay_ms * 1000);
    if (outcome->kind != OUTCOME_FAILED || outcome->is_final || attempts >= task->job->max_attempts)
        return;
    outcome->kind = OUTCOME_RETRY;
    free(outcome->result);
    outcome->result = NULL;
    if (outcome->delay_ms < 0)
        outcome->delay_ms = backoff_ms(task->job, attempts);
    duties_note_due(engine, engine_now_us(engine) + outcome->delay_ms * 1000);
}

void runner_on_done(void *owner, struct task *task, struct outcome *outcome)
{
    struct engine *engine = owner;
    struct job *job = jobs_find(&engine->jobs, task->job_id);
    list_remove(&task->link);
    job->kind->held--;
    if (task->is_running) {
        engine->runner.running--;
    } else {
        runner_executor(engine, task->job)->reserved--;
        job->waiting--;
    }
    decide_retry(engine, task, outcome);
    if (outcome->kind == OUTCOME_ENDED) {
        free(outcome->error);
        free(outcome->result);
        free(outcome->page);
        duties_note_ledger(engine);
        if (task->is_followed)
            refresher_note_end(engine);
    } else {
        finisher_add(engine, task, outcome);
    }
    if (job_is_limited(job) && outcome->kind == OUTCOME_ENDED)
        jobs_unblock_now(&engine->jobs, job);
    free(task);
}

struct engine_executor *runner_executor(struct engine *engine, const struct job_facts *facts)
{
    for (int i = 0; i < EXECUTORS; i++)
        if (strcmp(engine->executors[i].functions->name, facts->executor) == 0)
            return &engine->executors[i];
    CHECK(!"list_work gives jobs of our executors only");
    return NULL;
}

int runner_room(struct engine *engine, const struct engine_executor *executor)
{
    int room = executor->functions->room(executor->self) - executor->reserved;
    return room > 0 ? room : 0;
}

/* Half of what the other kinds leave: (room + held) is that. */
int runner_room_of(struct engine *engine, const struct job *job)
{
    const struct engine_executor *executor = runner_executor(engine, &job->facts);
    int room = runner_room(engine, executor);
    if (!executor->functions->divides_room)
        return room;
    int part = (room + job->kind->held + 1) / 2 - job->kind->held;
    return part > 0 ? part : 0;
}

int runner_leave_ms(struct engine *engine, const struct job_facts *facts)
{
    const struct engine_executor *executor = runner_executor(engine, facts);
    return executor->functions->leave_ms
               ? executor->functions->leave_ms(executor->self, facts, engine->node_id)
               : 0;
}

void runner_return_waiting(struct engine *engine)
{
    struct list *first;
    while ((first = list_first(&engine->runner.later)))
        return_task(engine, list_object(first, struct task, link));
}

/* task_id 0: all; attempt 0: any */
static void cancel_tasks(struct engine *engine, struct job *job, int64_t task_id, int attempt)
{
    struct list *link = job->tasks.next;
    while (link != &job->tasks) {
        struct task *task = list_object(link, struct task, link);
        struct engine_executor *executor = runner_executor(engine, task->job);
        link = link->next;
        if ((!task_id || task->id == task_id) && (!attempt || task->attempt == attempt))
            executor->functions->cancel(executor->self, task);
    }
}

static void drop(struct engine *engine, struct job *job, int64_t task_id)
{
    struct list *link = engine->runner.later.next;
    while (link != &engine->runner.later) {
        struct task *task = list_object(link, struct task, link);
        link = link->next;
        if (task->job_id == job->facts.id && (!task_id || task->id == task_id))
            return_task(engine, task);
    }
    cancel_tasks(engine, job, task_id, 0);
}

void runner_cancel_job(struct engine *engine, int64_t job_id)
{
    struct job *job = jobs_find(&engine->jobs, job_id);
    if (!job)
        return;
    claimer_note_cancel(engine, job, 0);
    drop(engine, job, 0);
    jobs_make_idle(&engine->jobs, job);
}

void runner_cancel_task(struct engine *engine, int64_t job_id, int64_t task_id)
{
    struct job *job = jobs_find(&engine->jobs, job_id);
    if (!job || !task_id)
        return;
    claimer_note_cancel(engine, job, task_id);
    drop(engine, job, task_id);
}

void runner_drop_attempt(struct engine *engine, int64_t job_id, int64_t task_id, int attempt)
{
    struct job *job = jobs_find(&engine->jobs, job_id);
    if (job)
        cancel_tasks(engine, job, task_id, attempt);
}

void runner_forget_job(void *owner, int64_t job_id)
{
    struct engine *engine = owner;
    for (int i = 0; i < EXECUTORS; i++)
        engine->executors[i].functions->forget_job(engine->executors[i].self, job_id);
}

void runner_cancel_all(struct engine *engine)
{
    for (struct job *job = NULL; (job = jobs_walk(&engine->jobs, job));)
        cancel_tasks(engine, job, 0, 0);
}

bool runner_settle(struct engine *engine)
{
    bool has_settled = true;
    for (int i = 0; i < EXECUTORS; i++)
        has_settled &= engine->executors[i].functions->settle(engine->executors[i].self);
    return has_settled;
}

void runner_abandon(struct engine *engine)
{
    uint64_t deadline_ms = uv_now(&engine->loop) + ABANDON_LIMIT_MS;
    runner_return_waiting(engine);
    runner_cancel_all(engine);
    uv_timer_start(&engine->runner.timer, on_timer, ABANDON_LIMIT_MS, 0);
    while (engine->runner.running && uv_now(&engine->loop) < deadline_ms)
        uv_run(&engine->loop, UV_RUN_ONCE);
}

/* ---- executors ---- */

void runner_init(struct engine *engine)
{
    static const struct executor *const all[EXECUTORS] = {&noop_executor, &sql_executor,
                                                          &crawl_executor, &http_executor};
    engine->installation.callback_url = engine->options->callback_url;
    struct executor_environment environment = {
        .loop = &engine->loop,
        .database_url = engine->options->database_url,
        .slots = engine->slots,
        .installation = &engine->installation,
        .secret_files = engine->options->secret_files,
        .on_done = runner_on_done,
        .engine = engine,
    };
    list_init(&engine->runner.later);
    uv_timer_init(&engine->loop, &engine->runner.timer);
    for (int i = 0; i < EXECUTORS; i++)
        engine->executors[i] = (struct engine_executor){all[i], all[i]->create(&environment), 0};
}

void runner_finish(struct engine *engine)
{
    uv_close((uv_handle_t *)&engine->runner.timer, NULL);
    for (int i = 0; i < EXECUTORS; i++)
        engine->executors[i].functions->destroy(engine->executors[i].self);
}
