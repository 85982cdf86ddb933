/*
 * Outcomes on their way into the database (I4, I7), with a database made of two functions: it takes
 * a batch, and answers when the test says so, with what the test wants.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "engine/finisher.c"

/* ---- the database ---- */

static struct {
    bool is_ready;
    struct finish_batch *batch[FINISH_FORMS]; /* that waits for its answer */
    int statements;
    int64_t accepted; /* what its next answer says took effect; -1: all */
} database;

bool pg_connection_is_ready(const struct pg_connection *connection)
{
    return database.is_ready;
}

void pg_connection_query(struct pg_connection *connection, const char *sql, int count,
                         const char *const *values, pg_done_fn *on_done, void *context)
{
    struct finish_batch *batch = context;
    assert_ptr_equal(on_done, on_answer);
    assert_null(database.batch[batch->form]);
    assert_non_null(strstr(sql, batch->form == FINISH_PAGES      ? "pawl.finish_pages"
                                : batch->form == FINISH_FOLLOWED ? "pawl.finish_followed_tasks"
                                                                 : "pawl.finish_tasks"));
    database.batch[batch->form] = batch;
    database.statements++;
}

void pg_connection_end_group(struct pg_connection *connection)
{
}

int64_t pg_result_integer(const struct pg_result *result, int row, int column)
{
    return column == 0 ? database.accepted : 0;
}

double pg_result_number(const struct pg_result *result, int row, int column)
{
    return 0;
}

const char *pg_result_text(const struct pg_result *result, int row, int column)
{
    return "{}";
}

/* ---- the engine's other parts ---- */

void duties_stop_crawls(struct engine *engine, const char *job_ids)
{
}

static struct engine engine;

void duties_note_ledger(struct engine *owner)
{
}

void doorbell_note_work(struct engine *owner)
{
}

void refresher_note_end(struct engine *owner)
{
}

struct job *jobs_find(struct jobs *jobs, int64_t id)
{
    return NULL;
}

void jobs_make_ready(struct jobs *jobs, struct job *job)
{
}

void jobs_restart(struct job *job)
{
}

void jobs_unblock_now(struct jobs *jobs, struct job *job)
{
}

bool job_is_limited(const struct job *job)
{
    return false;
}

/* ---- what tests say ---- */

enum { TASKS_MAX = 30000 };

/* What became of each task in the database: 0 nothing yet, 1 completed, 2 failed as refused. */
static int ends[TASKS_MAX];

static void add(int task, const char *page)
{
    struct task finished = {.job_id = 1, .id = task, .attempt = 1, .node_id = 1};
    struct outcome outcome = {.kind = OUTCOME_COMPLETED,
                              .page = page ? memory_copy_string(page) : NULL};
    finisher_add(&engine, &finished, &outcome);
}

static void add_many(int first, int count)
{
    for (int i = 0; i < count; i++)
        add(first + i, NULL);
}

static void take_batch(enum finish_form form)
{
    struct finish_batch *batch = database.batch[form];
    database.batch[form] = NULL;
    for (int i = 0; i < batch->count; i++) {
        const struct finished *row = batch->rows[i];
        bool is_refused =
            row->outcome.error_class && strcmp(row->outcome.error_class, "refused") == 0;
        assert_int_equal(ends[row->task_id], 0);
        ends[row->task_id] = is_refused ? 2 : 1;
        assert_int_equal(row->outcome.kind, is_refused ? OUTCOME_FAILED : OUTCOME_COMPLETED);
    }
    database.accepted = batch->count;
    on_answer(batch, (const struct pg_result *)"", NULL);
}

static void refuse_batch(enum finish_form form, const char *sqlstate)
{
    struct finish_batch *batch = database.batch[form];
    struct failure failure = {0};
    failure_set(&failure, FAILURE_DATABASE, "no");
    snprintf(failure.sqlstate, sizeof failure.sqlstate, "%s", sqlstate);
    database.batch[form] = NULL;
    on_answer(batch, NULL, &failure);
}

static bool has_bad_row(const struct finish_batch *batch, const bool *is_bad, bool is_refusal_bad)
{
    for (int i = 0; i < batch->count; i++)
        if (is_bad[batch->rows[i]->task_id] && (is_refusal_bad || !batch->rows[i]->was_refused))
            return true;
    return false;
}

/* Turn after turn, until all is written; the database takes no batch with a bad row. */
static void run(const bool *is_bad, bool is_refusal_bad)
{
    while (!finisher_is_empty(&engine)) {
        finisher_turn(&engine);
        for (int form = 0; form < FINISH_FORMS; form++) {
            if (!database.batch[form])
                continue;
            if (has_bad_row(database.batch[form], is_bad, is_refusal_bad))
                refuse_batch(form, "22021");
            else
                take_batch(form);
        }
    }
}

static int set_up(void **state)
{
    memset(&engine, 0, sizeof engine);
    memset(&database, 0, sizeof database);
    memset(ends, 0, sizeof ends);
    assert_int_equal(uv_loop_init(&engine.loop), 0);
    database.is_ready = true;
    finisher_init(&engine);
    return 0;
}

static int tear_down(void **state)
{
    finisher_finish(&engine);
    uv_run(&engine.loop, UV_RUN_DEFAULT);
    return uv_loop_close(&engine.loop);
}

/* ---- the stories ---- */

static void test_a_batch_leaves_when_the_one_before_is_acknowledged(void **state)
{
    add(1, NULL);
    finisher_turn(&engine);
    assert_int_equal(database.batch[FINISH_TASKS]->count, 1);
    add_many(2, 500);
    finisher_turn(&engine);
    assert_int_equal(database.statements, 1);
    take_batch(FINISH_TASKS);
    finisher_turn(&engine);
    assert_int_equal(database.batch[FINISH_TASKS]->count, 500);
    take_batch(FINISH_TASKS);
    assert_true(finisher_is_empty(&engine));
}

/* Also when it completed without a result, which else goes the short way. */
static void test_what_leads_to_more_goes_a_way_of_its_own(void **state)
{
    struct task followed = {.job_id = 1, .id = 2, .attempt = 1, .node_id = 1, .is_followed = true};
    struct outcome outcome = {.kind = OUTCOME_COMPLETED};
    add(1, NULL);
    finisher_add(&engine, &followed, &outcome);
    finisher_turn(&engine);
    assert_int_equal(database.batch[FINISH_TASKS]->count, 1);
    assert_int_equal(database.batch[FINISH_FOLLOWED]->count, 1);
    take_batch(FINISH_TASKS);
    assert_false(finisher_is_empty(&engine));
    refuse_batch(FINISH_FOLLOWED, "22P02"); /* it fails, and goes the same way again */
    finisher_turn(&engine);
    assert_int_equal(database.batch[FINISH_FOLLOWED]->count, 1);
    take_batch(FINISH_FOLLOWED);
    assert_true(finisher_is_empty(&engine));
}

static void test_a_batch_is_bounded_and_of_one_node(void **state)
{
    add_many(1, BATCH_LIMIT + 1);
    struct task other = {.job_id = 1, .id = BATCH_LIMIT + 2, .attempt = 1, .node_id = 2};
    finisher_add(&engine, &other, &(struct outcome){.kind = OUTCOME_COMPLETED});
    int sizes[] = {BATCH_LIMIT, 1, 1};
    for (int i = 0; i < 3; i++) {
        finisher_turn(&engine);
        assert_int_equal(database.batch[FINISH_TASKS]->count, sizes[i]);
        take_batch(FINISH_TASKS);
    }
    assert_true(finisher_is_empty(&engine));
}

static void test_a_bad_row_fails_by_itself(void **state)
{
    static bool is_bad[TASKS_MAX];
    is_bad[13] = is_bad[14] = is_bad[777] = true;
    add_many(1, 1000);
    run(is_bad, false);
    for (int i = 1; i <= 1000; i++)
        assert_int_equal(ends[i], is_bad[i] ? 2 : 1);
    assert_false(engine.finisher.has_given_up);
    /* three rows, each cornered in about twice the logarithm of a thousand */
    assert_in_range(database.statements, 10, 90);
}

static void test_a_bad_page_fails_by_itself(void **state)
{
    static bool is_bad[TASKS_MAX];
    is_bad[5] = true;
    for (int i = 1; i <= 20; i++)
        add(i, "\"page\":{}");
    add_many(21, 20);
    run(is_bad, false);
    for (int i = 1; i <= 40; i++)
        assert_int_equal(ends[i], is_bad[i] ? 2 : 1);
}

static void test_a_refused_refusal_is_given_up(void **state)
{
    static bool is_bad[TASKS_MAX];
    is_bad[13] = true;
    add_many(1, 100);
    run(is_bad, true);
    for (int i = 1; i <= 100; i++)
        assert_int_equal(ends[i], is_bad[i] ? 0 : 1);
    assert_true(engine.finisher.has_given_up);
}

static void test_a_lost_connection_keeps_everything(void **state)
{
    static const bool nothing_is_bad[TASKS_MAX];
    add_many(1, 10);
    finisher_turn(&engine);
    add_many(11, 10);
    database.is_ready = false;
    refuse_batch(FINISH_TASKS, "");
    finisher_turn(&engine);
    assert_int_equal(database.statements, 1);
    assert_int_equal(engine.finisher.queued[FINISH_TASKS], 20);
    database.is_ready = true;
    finisher_turn(&engine);
    assert_int_equal(database.batch[FINISH_TASKS]->count, 20);
    for (int i = 0; i < 20; i++)
        assert_int_equal(database.batch[FINISH_TASKS]->rows[i]->task_id, i + 1);
    take_batch(FINISH_TASKS);
    run(nothing_is_bad, false);
}

static void test_a_full_disk_is_waited_for(void **state)
{
    add_many(1, 10);
    finisher_turn(&engine);
    refuse_batch(FINISH_TASKS, "53100");
    finisher_turn(&engine);
    assert_int_equal(database.statements, 1);
    engine.loop.time += REFUSED_PAUSE_US / 1000 + 1;
    finisher_turn(&engine);
    assert_int_equal(database.batch[FINISH_TASKS]->count, 10);
    take_batch(FINISH_TASKS);
    for (int i = 1; i <= 10; i++)
        assert_int_equal(ends[i], 1);
}

static void test_late_outcomes_are_counted(void **state)
{
    add_many(1, 10);
    finisher_turn(&engine);
    struct finish_batch *batch = database.batch[FINISH_TASKS];
    database.batch[FINISH_TASKS] = NULL;
    database.accepted = 7;
    on_answer(batch, (const struct pg_result *)"", NULL);
    assert_int_equal(engine.duties.beat.stale, 3);
}

static void test_room_is_bounded(void **state)
{
    database.is_ready = false;
    add_many(1, QUEUE_LIMIT - 1);
    assert_true(finisher_has_room(&engine));
    add(QUEUE_LIMIT, NULL);
    assert_false(finisher_has_room(&engine));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_batch_leaves_when_the_one_before_is_acknowledged,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_leads_to_more_goes_a_way_of_its_own, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_batch_is_bounded_and_of_one_node, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_bad_row_fails_by_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_bad_page_fails_by_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_refused_refusal_is_given_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_lost_connection_keeps_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_disk_is_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_late_outcomes_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_room_is_bounded, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("finisher", tests, NULL, NULL);
}
