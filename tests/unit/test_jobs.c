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

static struct job *learn(struct jobs *jobs, int64_t id)
{
    static char nothing[] = "", kind[] = "k", executor[] = "noop";
    struct work work = {.org_id = nothing,
                        .facts = {.id = id,
                                  .kind = kind,
                                  .executor = executor,
                                  .target = nothing,
                                  .params = nothing,
                                  .options = nothing}};
    return jobs_learn(jobs, &work);
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

static void test_a_guess_ends_with_the_block(void **state)
{
    struct jobs jobs;
    jobs_init(&jobs);
    struct job *job = learn(&jobs, 1);
    jobs_block(&jobs, job, 100);
    job->is_block_guessed = true;
    assert_int_equal(jobs_unblock(&jobs, 99), 100);
    assert_true(job->is_blocked);
    assert_int_equal(jobs_unblock(&jobs, 100), INT64_MAX);
    assert_true(job->is_ready);
    jobs_block(&jobs, job, 200);
    assert_false(job->is_block_guessed);
    jobs_finish(&jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_job_whose_tasks_wait_for_their_start_is_kept),
        cmocka_unit_test(test_news_of_a_ready_job_is_noted),
        cmocka_unit_test(test_a_guess_ends_with_the_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
