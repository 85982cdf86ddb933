#include "engine/jobs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "engine/gates.h"

void jobs_init(struct jobs *jobs)
{
    *jobs = (struct jobs){0};
    list_init(&jobs->ring);
    list_init(&jobs->idle);
    list_init(&jobs->blocked);
    kinds_init(&jobs->kinds);
    list_init(&jobs->timed_gates);
}

/* Ids are drawn one after the other, so they spread by themselves. */
struct job *jobs_find(struct jobs *jobs, int64_t id)
{
    struct hash_table_link *link = hash_table_find(&jobs->by_id, (uint64_t)id);
    return link ? hash_table_object(link, struct job, link_by_id) : NULL;
}

struct job *jobs_walk(struct jobs *jobs, const struct job *job)
{
    struct hash_table_link *link = hash_table_walk(&jobs->by_id, job ? &job->link_by_id : NULL);
    return link ? hash_table_object(link, struct job, link_by_id) : NULL;
}

/* ---- tenants ---- */

static struct tenant *tenant_of(struct jobs *jobs, const char *org_id)
{
    for (size_t i = 0; i < jobs->tenant_count; i++)
        if (strcmp(jobs->tenants[i]->org_id, org_id) == 0)
            return jobs->tenants[i];
    struct tenant *tenant = memory_zeroed(1, sizeof *tenant);
    snprintf(tenant->org_id, sizeof tenant->org_id, "%s", org_id);
    list_init(&tenant->link);
    list_init(&tenant->ready);
    jobs->tenants = memory_resized(jobs->tenants, (jobs->tenant_count + 1) * sizeof *jobs->tenants);
    jobs->tenants[jobs->tenant_count++] = tenant;
    return tenant;
}

static void leave_tenant(struct jobs *jobs, struct tenant *tenant)
{
    if (--tenant->jobs > 0)
        return;
    for (size_t i = 0; i < jobs->tenant_count; i++)
        if (jobs->tenants[i] == tenant)
            jobs->tenants[i] = jobs->tenants[--jobs->tenant_count];
    list_remove(&tenant->link);
    free(tenant);
}

/* ---- lists ---- */

void jobs_leave_list(struct jobs *jobs, struct job *job)
{
    list_remove(&job->link);
    jobs->ready -= job->is_ready;
    job->is_ready = job->is_blocked = false;
    job->blocked_until_us = 0;
    if (list_is_empty(&job->tenant->ready))
        list_remove(&job->tenant->link);
    if (list_is_empty(&job->kind->crowded))
        list_remove(&job->kind->link);
}

void jobs_make_ready(struct jobs *jobs, struct job *job)
{
    job->was_rung = true;
    if (job->is_ready)
        return;
    jobs_leave_list(jobs, job);
    job->is_ready = true;
    jobs->ready++;
    if (list_is_empty(&job->tenant->ready))
        list_move(&jobs->ring, &job->tenant->link);
    list_append(&job->tenant->ready, &job->link);
}

void jobs_restart(struct job *job)
{
    job->cursor = claim_from_top;
    job->restarts++;
}

void jobs_make_idle(struct jobs *jobs, struct job *job)
{
    jobs_leave_list(jobs, job);
    job->deficit = 0;
    list_append(&jobs->idle, &job->link);
}

void jobs_block(struct jobs *jobs, struct job *job, int64_t until_us)
{
    jobs_leave_list(jobs, job);
    job->is_blocked = true;
    job->blocked_until_us = until_us;
    list_append(&jobs->blocked, &job->link);
}

void jobs_crowd(struct jobs *jobs, struct job *job)
{
    jobs_leave_list(jobs, job);
    job->is_blocked = true;
    if (list_is_empty(&job->kind->crowded))
        list_move(&jobs->kinds.crowded, &job->kind->link);
    list_append(&job->kind->crowded, &job->link);
}

void jobs_uncrowd(struct jobs *jobs, struct kind *kind)
{
    struct list *first;
    while ((first = list_first(&kind->crowded)))
        jobs_make_ready(jobs, list_object(first, struct job, link));
}

/* The earliest time of the blocked that are left. */
static int64_t unblock_jobs(struct jobs *jobs, int64_t now_us)
{
    int64_t next_us = INT64_MAX;
    struct list *link = jobs->blocked.next;
    while (link != &jobs->blocked) {
        struct job *job = list_object(link, struct job, link);
        link = link->next;
        if (job->blocked_until_us <= now_us)
            jobs_make_ready(jobs, job);
        else if (job->blocked_until_us < next_us)
            next_us = job->blocked_until_us;
    }
    return next_us;
}

/* ---- when they may go on ---- */

int64_t jobs_unblock(struct jobs *jobs, int64_t now_us)
{
    int64_t of_jobs_us = unblock_jobs(jobs, now_us), of_gates_us = gates_unblock(jobs, now_us);
    return of_jobs_us < of_gates_us ? of_jobs_us : of_gates_us;
}

void jobs_unblock_all(struct jobs *jobs)
{
    unblock_jobs(jobs, INT64_MAX);
    gates_open_all(jobs);
}

/* ---- turns ---- */

struct job *jobs_next_turn(struct jobs *jobs)
{
    struct list *first = list_first(&jobs->ring);
    if (!first)
        return NULL;
    struct tenant *tenant = list_object(first, struct tenant, link);
    struct job *job = list_object(tenant->ready.next, struct job, link);
    list_move(&tenant->ready, &job->link);
    list_move(&jobs->ring, &tenant->link);
    return job;
}

double job_weight(const struct job *job)
{
    float priority = job->facts.priority;
    return exp2(priority > 4 ? 4 : priority < -4 ? -4 : (double)priority);
}

/* ---- learning and forgetting ---- */

static void replace(char **own, const char *text)
{
    if (*own && strcmp(*own, text) == 0)
        return;
    free(*own);
    *own = memory_copy_string(text);
}

static struct job *add(struct jobs *jobs, const struct work *work)
{
    struct job *job = memory_zeroed(1, sizeof *job);
    job->facts.id = work->facts.id;
    job->tenant = tenant_of(jobs, work->org_id);
    job->tenant->jobs++;
    job->kind = kinds_join(&jobs->kinds, work->facts.kind);
    job->cursor = claim_from_top;
    list_init(&job->link);
    list_init(&job->tasks);
    hash_table_add(&jobs->by_id, &job->link_by_id, (uint64_t)job->facts.id);
    list_append(&jobs->idle, &job->link);
    return job;
}

struct job *jobs_learn(struct jobs *jobs, const struct work *work)
{
    struct job *job = jobs_find(jobs, work->facts.id);
    if (!job)
        job = add(jobs, work);
    struct job_facts *facts = &job->facts;
    job->is_outdated = false;
    bool is_free = list_is_empty(&job->tasks) && !job->waiting && !job->claims;
    if (is_free || strcmp(facts->executor, work->facts.executor) == 0) {
        /* tasks that are here go back to the executor that has them */
        replace(&facts->kind, work->facts.kind);
        replace(&facts->executor, work->facts.executor);
        replace(&facts->target, work->facts.target);
        replace(&facts->params, work->facts.params);
        replace(&facts->options, work->facts.options);
    }
    facts->priority = work->facts.priority;
    facts->max_attempts = work->facts.max_attempts;
    facts->timeout_ms = work->facts.timeout_ms;
    facts->backoff_base_ms = work->facts.backoff_base_ms;
    facts->backoff_cap_ms = work->facts.backoff_cap_ms;
    gates_learn(jobs, job, work->facts.limiter_ids);
    return job;
}

void jobs_outdate(struct jobs *jobs)
{
    for (struct job *job = NULL; (job = jobs_walk(jobs, job));)
        job->is_outdated = true;
}

bool job_is_at_rest(const struct job *job)
{
    return !job->is_ready && !job->is_blocked && !job->claims && !job->waiting &&
           list_is_empty(&job->tasks);
}

void jobs_forget(struct jobs *jobs, struct job *job)
{
    hash_table_remove(&jobs->by_id, &job->link_by_id);
    jobs_leave_list(jobs, job);
    gates_leave(jobs, job);
    leave_tenant(jobs, job->tenant);
    kinds_leave(&jobs->kinds, job->kind);
    free(job->facts.kind);
    free(job->facts.executor);
    free(job->facts.target);
    free(job->facts.params);
    free(job->facts.options);
    free(job);
}

void jobs_trim(struct jobs *jobs, size_t limit, void (*forget)(void *context, int64_t job_id),
               void *context)
{
    struct list *link = jobs->idle.next;
    while (jobs->by_id.count > limit && link != &jobs->idle) {
        struct job *job = list_object(link, struct job, link);
        link = link->next;
        if (!job_is_at_rest(job))
            continue;
        forget(context, job->facts.id);
        jobs_forget(jobs, job);
    }
}

/* Their executor is gone and never ended them. */
static void drop_tasks(struct job *job)
{
    struct list *first;
    while ((first = list_first(&job->tasks))) {
        list_remove(first);
        free(list_object(first, struct task, link));
    }
}

void jobs_finish(struct jobs *jobs)
{
    struct job *job = jobs_walk(jobs, NULL);
    while (job) {
        struct job *next = jobs_walk(jobs, job);
        drop_tasks(job);
        jobs_forget(jobs, job);
        job = next;
    }
    hash_table_finish(&jobs->by_id);
    kinds_finish(&jobs->kinds);
    hash_table_finish(&jobs->gates);
    free(jobs->tenants);
}
