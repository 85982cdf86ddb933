#include "engine/gates.c"
#include "engine/jobs.c"
#include "engine/kinds.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static int forgotten;

static void forget(void *context, int64_t job_id)
{
    forgotten++;
}

static struct job *learn_limited(struct jobs *jobs, int64_t id, int64_t limiter, int64_t parent)
{
    static char nothing[] = "", kind[] = "k", executor[] = "noop";
    struct work work = {.org_id = nothing,
                        .facts = {.id = id,
                                  .kind = kind,
                                  .executor = executor,
                                  .target = nothing,
                                  .params = nothing,
                                  .options = nothing,
                                  .limiter_ids = {limiter, parent}}};
    return jobs_learn(jobs, &work);
}

static struct job *learn(struct jobs *jobs, int64_t id)
{
    return learn_limited(jobs, id, 0, 0);
}

/* Such a task points at its job. */
static void test_a_job_whose_tasks_wait_for_their_start_is_kept(void **state)
{
    struct jobs jobs;
    jobs_init(&jobs);
    struct job *job = learn(&jobs, 1);
    learn(&jobs, 2);
    job->waiting = 1;
    forgotten = 0;
    jobs_trim(&jobs, 0, forget, NULL);
    assert_int_equal(forgotten, 1);
    assert_ptr_equal(jobs_find(&jobs, 1), job);
    job->waiting = 0;
    jobs_trim(&jobs, 0, forget, NULL);
    assert_null(jobs_find(&jobs, 1));
    jobs_finish(&jobs);
}

/* A claim under way may be older than the news. */
static void test_news_of_a_ready_job_is_noted(void **state)
{
    struct jobs jobs;
    jobs_init(&jobs);
    struct job *job = learn(&jobs, 1);
    jobs_make_ready(&jobs, job);
    job->was_rung = false; /* a claim is sent */
    jobs_make_ready(&jobs, job);
    assert_true(job->was_rung);
    assert_int_equal(jobs.ready, 1);
    jobs_finish(&jobs);
}

static void test_a_block_ends_in_time(void **state)
{
    struct jobs jobs;
    jobs_init(&jobs);
    struct job *job = learn(&jobs, 1);
    jobs_block(&jobs, job, 100);
    assert_int_equal(jobs_unblock(&jobs, 99), 100);
    assert_true(job->is_blocked);
    assert_int_equal(jobs_unblock(&jobs, 100), INT64_MAX);
    assert_true(job->is_ready);
    jobs_finish(&jobs);
}

/* ---- gates: keys 11, 12, ... under the limiter 1 ---- */

enum { KEYS = 100 };

/* All wait for the limiter above them until 1000. */
static void close_parent(struct jobs *jobs, struct job **keys, bool is_clocked)
{
    jobs_init(jobs);
    for (int i = 0; i < KEYS; i++)
        jobs_make_ready(jobs, keys[i] = learn_limited(jobs, i, 11 + i, 1));
    jobs_wait(jobs, jobs_next_turn(jobs), 1, 1000, is_clocked);
    for (struct job *job; (job = jobs_next_turn(jobs));)
        assert_true(jobs_wait_if_closed(jobs, job));
    assert_int_equal(jobs->ready, 0);
}

/* Not each of a hundred asks when one place is free. */
static void test_an_end_lets_one_of_many_ask(void **state)
{
    struct jobs jobs;
    struct job *keys[KEYS];
    close_parent(&jobs, keys, false);
    jobs_unblock_now(&jobs, keys[70]);
    assert_int_equal(jobs.ready, 1);
    jobs_unblock_now(&jobs, keys[70]);
    assert_int_equal(jobs.ready, 2);
    assert_true(keys[0]->is_ready && keys[1]->is_ready); /* in turn */
    jobs_finish(&jobs);
}

static void test_who_was_not_refused_lets_others_follow(void **state)
{
    struct jobs jobs;
    struct job *keys[KEYS];
    close_parent(&jobs, keys, false);
    jobs_let_follow(&jobs, keys[0]);
    assert_int_equal(jobs.ready, 0); /* it is closed */
    jobs_unblock_now(&jobs, keys[0]);
    jobs_make_idle(&jobs, keys[0]); /* it had no task any more */
    jobs_let_follow(&jobs, keys[0]);
    assert_int_equal(jobs.ready, FOLLOWERS);
    jobs_wait(&jobs, keys[1], 1, 2000, false);
    jobs_let_follow(&jobs, keys[0]);
    assert_int_equal(jobs.ready, FOLLOWERS - 1); /* refused: it is closed again */
    assert_true(jobs_wait_if_closed(&jobs, keys[2]));
    jobs_finish(&jobs);
}

/* I5: whatever becomes of those that were let through. */
static void test_a_gate_opens_in_time(void **state)
{
    struct jobs jobs;
    struct job *keys[KEYS];
    close_parent(&jobs, keys, true);
    jobs_unblock_now(&jobs, keys[0]);
    assert_int_equal(jobs.ready, 0); /* an end changes nothing */
    assert_int_equal(jobs_unblock(&jobs, 999), 1000);
    assert_int_equal(jobs.ready, 0);
    for (int i = 0; i < KEYS; i++) {
        int64_t now_us = 1000 + i * LONGEST_WAIT_US;
        assert_int_equal(jobs_unblock(&jobs, now_us),
                         i == KEYS - 1 ? INT64_MAX : now_us + LONGEST_WAIT_US);
        assert_true(keys[i]->is_ready);
        jobs_make_idle(&jobs, keys[i]); /* cancelled, for one */
    }
    jobs_finish(&jobs);
}

static void test_who_waits_for_its_own_limiter_stops_nobody_else(void **state)
{
    struct jobs jobs;
    struct job *keys[KEYS];
    close_parent(&jobs, keys, false);
    jobs_unblock_now(&jobs, keys[0]);
    jobs_wait(&jobs, keys[0], 11, 5000, true);
    jobs_let_follow(&jobs, keys[0]); /* the parent did not refuse */
    assert_true(keys[1]->is_ready && keys[2]->is_ready);
    jobs_make_ready(&jobs, keys[0]); /* rung */
    jobs_make_idle(&jobs, keys[1]);
    assert_true(jobs_wait_if_closed(&jobs, keys[0]));
    assert_true(keys[3]->is_ready && keys[4]->is_ready); /* in its place */
    jobs_unblock_all(&jobs);
    assert_true(keys[0]->is_ready);
    jobs_finish(&jobs);
}

static void test_a_job_that_gets_another_limiter_waits_at_no_old_gate(void **state)
{
    struct jobs jobs;
    struct job *keys[KEYS];
    close_parent(&jobs, keys, false);
    learn_limited(&jobs, 0, 11, 0);
    assert_true(keys[0]->is_ready);
    jobs_wait(&jobs, keys[0], 1, 1000, false); /* an answer from before */
    assert_int_equal(keys[0]->blocked_until_us, 1000);
    for (int i = 1; i < KEYS; i++)
        learn(&jobs, i);
    assert_int_equal(jobs.ready, KEYS - 1);
    assert_int_equal(jobs.gates.count, 1);
    assert_true(list_is_empty(&jobs.timed_gates));
    jobs_finish(&jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_job_whose_tasks_wait_for_their_start_is_kept),
        cmocka_unit_test(test_news_of_a_ready_job_is_noted),
        cmocka_unit_test(test_a_block_ends_in_time),
        cmocka_unit_test(test_an_end_lets_one_of_many_ask),
        cmocka_unit_test(test_who_was_not_refused_lets_others_follow),
        cmocka_unit_test(test_a_gate_opens_in_time),
        cmocka_unit_test(test_who_waits_for_its_own_limiter_stops_nobody_else),
        cmocka_unit_test(test_a_job_that_gets_another_limiter_waits_at_no_old_gate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
