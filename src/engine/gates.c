/*
 * Gates: where jobs wait whose limiter gave no more. A gate is there while a job has its limiter,
 * and closed until a time, or until a task under it ends.
 */
#include "engine/gates.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { LONGEST_WAIT_US = 1000000, FOLLOWERS = 2 };

static struct gate *gate_find(const struct jobs *jobs, int64_t limiter_id)
{
    struct hash_table_link *link = hash_table_find(&jobs->gates, (uint64_t)limiter_id);
    return link ? hash_table_object(link, struct gate, link_by_id) : NULL;
}

static struct gate *gate_enter(struct jobs *jobs, int64_t limiter_id)
{
    struct gate *gate = gate_find(jobs, limiter_id);
    if (!gate) {
        gate = memory_zeroed(1, sizeof *gate);
        list_init(&gate->link);
        list_init(&gate->waiting);
        hash_table_add(&jobs->gates, &gate->link_by_id, (uint64_t)limiter_id);
    }
    gate->jobs++;
    return gate;
}

static void gate_leave(struct jobs *jobs, struct gate *gate)
{
    if (!gate || --gate->jobs > 0)
        return;
    hash_table_remove(&jobs->gates, &gate->link_by_id);
    list_remove(&gate->link);
    free(gate);
}

/* So many of those that wait are ready. */
static void gate_let_through(struct jobs *jobs, struct gate *gate, int count)
{
    struct list *first;
    while (count-- > 0 && (first = list_first(&gate->waiting)))
        jobs_make_ready(jobs, list_object(first, struct job, link));
}

static void gate_open(struct jobs *jobs, struct gate *gate)
{
    gate->is_closed = false;
    gate_let_through(jobs, gate, 1);
}

static void wait_at(struct jobs *jobs, struct gate *gate, struct job *job)
{
    jobs_leave_list(jobs, job);
    job->is_blocked = true;
    list_append(&gate->waiting, &job->link);
}

void gates_learn(struct jobs *jobs, struct job *job, const int64_t ids[GATES])
{
    if (memcmp(job->facts.limiter_ids, ids, sizeof job->facts.limiter_ids) == 0)
        return;
    if (job->is_blocked)
        jobs_make_ready(jobs, job);
    memcpy(job->facts.limiter_ids, ids, sizeof job->facts.limiter_ids);
    for (int i = 0; i < GATES; i++) {
        struct gate *old = job->gates[i];
        job->gates[i] = ids[i] ? gate_enter(jobs, ids[i]) : NULL;
        gate_leave(jobs, old);
    }
}

void gates_leave(struct jobs *jobs, struct job *job)
{
    for (int i = 0; i < GATES; i++)
        gate_leave(jobs, job->gates[i]);
}

bool job_is_limited(const struct job *job)
{
    return job->gates[0];
}

void jobs_wait(struct jobs *jobs, struct job *job, int64_t limiter_id, int64_t until_us,
               bool is_clocked)
{
    struct gate *gate = gate_find(jobs, limiter_id);
    if (!gate || (gate != job->gates[0] && gate != job->gates[1])) { /* it has another by now */
        jobs_block(jobs, job, until_us);
        return;
    }
    gate->is_closed = true;
    gate->is_clocked = is_clocked;
    gate->until_us = until_us;
    list_move(&jobs->timed_gates, &gate->link);
    wait_at(jobs, gate, job);
}

bool jobs_wait_if_closed(struct jobs *jobs, struct job *job)
{
    struct gate *closed = NULL;
    for (int i = 0; i < GATES; i++)
        if (job->gates[i] && job->gates[i]->is_closed)
            closed = job->gates[i];
    if (!closed)
        return false;
    wait_at(jobs, closed, job);
    jobs_let_follow(jobs, job); /* at the other gate somebody else may go in its place */
    return true;
}

void jobs_let_follow(struct jobs *jobs, struct job *job)
{
    for (int i = 0; i < GATES; i++)
        if (job->gates[i] && !job->gates[i]->is_closed)
            gate_let_through(jobs, job->gates[i], FOLLOWERS);
}

void jobs_open_gate(struct jobs *jobs, int64_t limiter_id)
{
    struct gate *gate = gate_find(jobs, limiter_id);
    if (gate && !(gate->is_closed && gate->is_clocked))
        gate_open(jobs, gate);
}

void jobs_unblock_now(struct jobs *jobs, struct job *job)
{
    if (job->is_blocked && job->blocked_until_us)
        jobs_make_ready(jobs, job);
    for (int i = 0; i < GATES; i++)
        if (job->gates[i] && !(job->gates[i]->is_closed && job->gates[i]->is_clocked))
            gate_open(jobs, job->gates[i]);
}

int64_t gates_unblock(struct jobs *jobs, int64_t now_us)
{
    int64_t next_us = INT64_MAX;
    struct list *link = jobs->timed_gates.next;
    while (link != &jobs->timed_gates) {
        struct gate *gate = list_object(link, struct gate, link);
        link = link->next;
        if (gate->until_us <= now_us) {
            gate_open(jobs, gate);
            gate->until_us = now_us + LONGEST_WAIT_US;
        }
        if (!gate->is_closed && list_is_empty(&gate->waiting))
            list_remove(&gate->link);
        else if (gate->until_us < next_us)
            next_us = gate->until_us;
    }
    return next_us;
}

void gates_open_all(struct jobs *jobs)
{
    for (struct list *link = jobs->timed_gates.next; link != &jobs->timed_gates;
         link = link->next) {
        struct gate *gate = list_object(link, struct gate, link);
        gate_open(jobs, gate);
        gate->until_us = 0;
    }
}
