/*
 * The sql executor on connections that the test plays: which connection a task is given after a
 * cancel was sent. A task must end as what it did, not by what was meant for the one before it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "executors/sql.c"
#include "executors/task_connection.c"

/* ---- in place of pg/connection.c ---- */

struct pg_connection {
    struct pg_connection_events events;
    void *context;
    bool is_ready;
    int cancels;
    pg_done_fn *on_called; /* NULL: no call is under way */
    void *caller;
    const char *sql; /* of the group's last statement */
    char error[512]; /* its sixth parameter */
};

struct pg_result {
    int rows;
};

int pg_result_rows(const struct pg_result *result)
{
    return result->rows;
}

const char *pg_result_text(const struct pg_result *result, int row, int column)
{
    static const char *const texts[] = {"ada", "vacuum", "2030-01-01 00:00:00+00"};
    return texts[column];
}

enum { MADE_MAX = 8 };

static struct {
    struct pg_connection connections[MADE_MAX]; /* in the order in which they were made */
    int made, destroyed, ended;
    struct outcome outcome;
} seen;

struct pg_connection *pg_connection_create(uv_loop_t *loop, const char *url, const char *purpose,
                                           const struct pg_connection_events *events, void *context)
{
    assert_true(seen.made < MADE_MAX);
    struct pg_connection *connection = &seen.connections[seen.made++];
    *connection = (struct pg_connection){.events = *events, .context = context};
    return connection;
}

void pg_connection_destroy(struct pg_connection *connection)
{
    connection->is_ready = false;
    seen.destroyed++;
}

void pg_connection_prepare_nothing(struct pg_connection *connection)
{
}

bool pg_connection_is_ready(const struct pg_connection *connection)
{
    return connection->is_ready;
}

void pg_connection_query(struct pg_connection *connection, const char *sql, int count,
                         const char *const *values, pg_done_fn *on_done, void *context)
{
    assert_true(connection->is_ready);
    connection->on_called = on_done;
    connection->caller = context;
    connection->sql = sql;
    snprintf(connection->error, sizeof connection->error, "%s",
             count > 5 && values[5] ? values[5] : "");
}

void pg_connection_end_group(struct pg_connection *connection)
{
}

void pg_connection_cancel(struct pg_connection *connection)
{
    connection->cancels++;
}

/* ---- what tests say ---- */

static void come(int number)
{
    struct pg_connection *connection = &seen.connections[number];
    connection->is_ready = true;
    connection->events.on_ready(connection->context);
}

static void lose(int number)
{
    struct pg_connection *connection = &seen.connections[number];
    struct failure failure = {.class = FAILURE_DATABASE, .message = "lost"};
    pg_done_fn *on_done = connection->on_called;
    connection->is_ready = false;
    connection->on_called = NULL;
    if (on_done)
        on_done(connection->caller, NULL, &failure);
    connection->events.on_lost(connection->context, &failure);
}

static void refuse(int number, const char *sqlstate)
{
    struct pg_connection *connection = &seen.connections[number];
    struct failure failure = {.class = FAILURE_DATABASE, .message = "no"};
    snprintf(failure.sqlstate, sizeof failure.sqlstate, "%s", sqlstate);
    pg_done_fn *on_done = connection->on_called;
    assert_non_null(on_done);
    connection->on_called = NULL;
    on_done(connection->caller, NULL, &failure);
}

static void reply(int number, int rows)
{
    struct pg_connection *connection = &seen.connections[number];
    struct pg_result result = {rows};
    pg_done_fn *on_done = connection->on_called;
    assert_non_null(on_done);
    connection->on_called = NULL;
    on_done(connection->caller, &result, NULL);
}

static void asks(int number, const char *part)
{
    assert_non_null(seen.connections[number].on_called);
    assert_non_null(strstr(seen.connections[number].sql, part));
}

static void on_task_done(void *engine, struct task *task, struct outcome *outcome)
{
    free(outcome->error);
    seen.outcome = *outcome;
    seen.ended++;
}

static struct job_facts job = {.timeout_ms = 1000};
static struct task first = {.job = &job, .id = 1}, second = {.job = &job, .id = 2};

static int set_up(void **state)
{
    static const struct executor_environment environment = {.database_url = "none",
                                                            .on_done = on_task_done};
    memset(&seen, 0, sizeof seen);
    *state = sql_create(&environment);
    sql_start(*state, &first);
    come(0);
    return 0;
}

static int tear_down(void **state)
{
    sql_destroy(*state);
    assert_int_equal(seen.destroyed, seen.made);
    return 0;
}

/* ---- the tests ---- */

static void test_a_connection_is_used_again(void **state)
{
    refuse(0, "57014"); /* by its time-out: nobody sent a cancel */
    assert_string_equal(seen.outcome.error_class, "timeout");
    sql_start(*state, &second);
    assert_int_equal(seen.made, 1);
    assert_non_null(seen.connections[0].on_called);
}

static void test_a_connection_that_was_sent_a_cancel_has_no_next_task(void **state)
{
    sql_cancel(*state, &first);
    assert_int_equal(seen.connections[0].cancels, 1);
    refuse(0, "PW008"); /* it ended by itself: the cancel is still on its way */
    assert_int_equal(seen.ended, 1);
    assert_int_equal(sql_room(*state), CONNECTIONS);
    sql_start(*state, &second);
    assert_null(seen.connections[0].on_called);
    assert_int_equal(seen.made, 2);
    assert_int_equal(seen.destroyed, 1);
    come(1);
    assert_non_null(seen.connections[1].on_called);
    refuse(1, "22012");
    sql_start(*state, &first); /* and that one is used again */
    assert_int_equal(seen.made, 2);
}

/* The node leaves: what it cuts off is no failure of the task, which goes on elsewhere. */
static void test_a_task_that_is_cut_off_goes_back(void **state)
{
    sql_cancel(*state, &first);
    refuse(0, "57014");
    assert_int_equal(seen.outcome.kind, OUTCOME_RETURNED);
    sql_start(*state, &second);
    come(1);
    refuse(1, "PW010");
    reply(1, 1);
    reply(1, 1);
    asks(1, "vacuum");
    sql_cancel(*state, &second);
    refuse(1, "57014");
    assert_int_equal(seen.ended, 2);
    assert_int_equal(seen.outcome.kind, OUTCOME_RETURNED);
}

static void test_a_connection_that_came_back_since_is_another(void **state)
{
    sql_cancel(*state, &first);
    lose(0);
    come(0);
    sql_start(*state, &second);
    assert_int_equal(seen.made, 1);
    assert_non_null(seen.connections[0].on_called);
}

static void test_no_cancel_is_sent_for_a_task_that_waits_for_its_connection(void **state)
{
    sql_start(*state, &second);
    sql_cancel(*state, &second);
    assert_int_equal(seen.connections[1].cancels, 0);
    come(1);
    refuse(1, "PW008");
    refuse(0, "PW008");
    sql_start(*state, &first);
    sql_start(*state, &second);
    assert_int_equal(seen.made, 2);
}

static void test_a_statement_that_runs_by_itself(void **state)
{
    refuse(0, "PW010");
    asks(0, "start_alone");
    reply(0, 1);
    asks(0, "'role'");
    reply(0, 1);
    asks(0, "vacuum");
    reply(0, 0);
    asks(0, "finish_alone");
    assert_string_equal(seen.connections[0].error, "");
    assert_int_equal(seen.ended, 0);
    reply(0, 1);
    assert_int_equal(seen.ended, 1);
    assert_int_equal(seen.outcome.kind, OUTCOME_ENDED);
    sql_start(*state, &second);
    assert_int_equal(seen.made, 2); /* what it left in its session goes with it */
}

static void test_without_its_role_it_does_not_run(void **state)
{
    refuse(0, "PW010");
    reply(0, 1);
    asks(0, "'role'");
    refuse(0, "42501");
    asks(0, "finish_alone");
    assert_string_equal(seen.connections[0].error, "no");
    reply(0, 1);
    assert_int_equal(seen.outcome.kind, OUTCOME_ENDED);
}

static void test_what_it_failed_with_is_told(void **state)
{
    refuse(0, "PW010");
    reply(0, 1);
    reply(0, 1);
    asks(0, "vacuum");
    refuse(0, "42P01");
    asks(0, "finish_alone");
    assert_string_equal(seen.connections[0].error, "no");
    refuse(0, "PW008"); /* cancelled meanwhile */
    assert_int_equal(seen.outcome.kind, OUTCOME_ENDED);
}

static void test_a_connection_that_is_lost_on_the_way_fails_the_attempt(void **state)
{
    refuse(0, "PW010");
    reply(0, 1);
    reply(0, 1);
    asks(0, "vacuum");
    lose(0);
    assert_int_equal(seen.ended, 1);
    assert_int_equal(seen.outcome.kind, OUTCOME_FAILED);
    assert_string_equal(seen.outcome.error_class, "network");
    assert_null(
        ((struct sql *)*state)->workers[0].connection.statement); /* it went with the connection */
    come(0);
    sql_start(*state, &second);
    refuse(0, "PW010");
    reply(0, 1);
    asks(0, "'role'");
}

static void test_a_statement_that_is_no_more(void **state)
{
    refuse(0, "PW010");
    reply(0, 0);
    assert_int_equal(seen.outcome.kind, OUTCOME_COMPLETED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_connection_is_used_again),
        TEST(test_a_connection_that_was_sent_a_cancel_has_no_next_task),
        TEST(test_a_task_that_is_cut_off_goes_back),
        TEST(test_a_connection_that_came_back_since_is_another),
        TEST(test_no_cancel_is_sent_for_a_task_that_waits_for_its_connection),
        TEST(test_a_statement_that_runs_by_itself),
        TEST(test_without_its_role_it_does_not_run),
        TEST(test_what_it_failed_with_is_told),
        TEST(test_a_connection_that_is_lost_on_the_way_fails_the_attempt),
        TEST(test_a_statement_that_is_no_more),
    };
    return cmocka_run_group_tests_name("sql_executor", tests, NULL, NULL);
}
