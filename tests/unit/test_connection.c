/*
 * The asynchronous connection against a real PostgreSQL: groups and their failures, prepared
 * statements and poolers that lose them, a server that goes away in the worst moments, cancelling.
 */
#include <signal.h>
#include <stdio.h>

#include "server_fixture.h"

#include <libpq-fe.h>

/* A pooler tells its clients a number of its own. */
static int number_added;
#define PQbackendPID(inner) (PQbackendPID(inner) + number_added)

#include "pg/connection.c"

static struct client {
    struct pg_connection *connection;
    int ready, lost, notified, answered;
    char said[512]; /* what was answered, in order: a first column, or an SQLSTATE in parentheses */
} client;

static void on_ready(void *context)
{
    client.ready++;
}

static void on_lost(void *context, const struct failure *failure)
{
    client.lost++;
}

static void on_notify(void *context, const char *payload)
{
    client.notified++;
}

static void on_answer(void *context, const struct pg_result *result, const struct failure *failure)
{
    size_t length = strlen(client.said);
    bool has_row = result && pg_result_rows(result) && pg_result_columns(result);
    assert_true(!result == !!failure);
    if (failure)
        snprintf(client.said + length, sizeof client.said - length, "(%s)", failure->sqlstate);
    else
        snprintf(client.said + length, sizeof client.said - length, "%s ",
                 has_row ? pg_result_text(result, 0, 0) : "-");
    client.answered++;
}

static void add(const char *sql)
{
    pg_connection_query(client.connection, sql, 0, NULL, on_answer, NULL);
}

static void send_alone(const char *sql)
{
    add(sql);
    pg_connection_end_group(client.connection);
}

static void expect(const char *said)
{
    int pending = pg_connection_outstanding(client.connection);
    run_until(&client.answered, client.answered + pending);
    assert_int_equal(pg_connection_outstanding(client.connection), 0);
    assert_string_equal(client.said, said);
    client.said[0] = '\0';
}

/* It asks a question of its own when it has connected. */
static void settle(void)
{
    while (pg_connection_outstanding(client.connection))
        uv_run(&test_loop, UV_RUN_ONCE);
}

static int connect_client(void **state)
{
    struct pg_connection_events events = {on_ready, on_lost, on_notify};
    memset(&client, 0, sizeof client);
    open_loop(state);
    client.connection =
        pg_connection_create(&test_loop, text_string(&server.url), "test client", &events, NULL);
    run_until(&client.ready, 1);
    settle();
    return 0;
}

static int connect_through_a_pooler(void **state)
{
    number_added = 1;
    connect_client(state);
    number_added = 0;
    return 0;
}

static int disconnect_client(void **state)
{
    pg_connection_destroy(client.connection);
    close_loop_ms();
    return 0;
}

/* ---- groups ---- */

static void test_a_group_is_answered_as_a_whole_and_in_order(void **state)
{
    add("select 1");
    add("select 2");
    assert_int_equal(pg_connection_outstanding(client.connection), 2);
    pg_connection_end_group(client.connection);
    send_alone("select 3");
    expect("1 2 3 ");
}

static void test_an_answer_that_nobody_wants_is_not_waited_for(void **state)
{
    pg_connection_query(client.connection, "select 1", 0, NULL, NULL, NULL);
    add("select 2");
    pg_connection_end_group(client.connection);
    run_until(&client.answered, 1);
    assert_int_equal(pg_connection_outstanding(client.connection), 0);
    assert_string_equal(client.said, "2 ");
}

static void test_a_group_with_a_failure_leaves_nothing_behind(void **state)
{
    say("drop table if exists things; create table things (n integer)");
    add("insert into things values (1)");
    add("select 1 / 0");
    add("insert into things values (2)");
    pg_connection_end_group(client.connection);
    send_alone("select count(*) from things");
    expect("(22012)(22012)(22012)0 ");
    send_alone("insert into things values (3)");
    expect("- ");
    assert_int_equal(ask("select count(*) from things"), 1);
    assert_int_equal(client.lost, 0);
}

static void test_notifications_come(void **state)
{
    send_alone("listen bell");
    expect("- ");
    say("notify bell, 'x'");
    run_until(&client.notified, 1);
}

/* ---- prepared statements ---- */

static const char *const count_prepared = "select count(*) from pg_prepared_statements";

static void test_a_statement_is_prepared_once(void **state)
{
    static const char *const question = "select 7";
    send_alone(question);
    send_alone(question);
    send_alone(count_prepared);
    send_alone(count_prepared);
    expect("7 7 2 2 ");
}

static void test_more_statements_than_places_are_sent_unprepared(void **state)
{
    static char texts[PREPARED_LIMIT + 4][32];
    for (int i = 0; i < PREPARED_LIMIT + 4; i++) {
        snprintf(texts[i], sizeof texts[i], "select %d", i);
        send_alone(texts[i]);
    }
    run_until(&client.answered, PREPARED_LIMIT + 4);
    client.said[0] = '\0';
    send_alone(count_prepared);
    send_alone(texts[PREPARED_LIMIT + 3]);
    expect("16 19 ");
}

static void test_a_statement_that_was_not_prepared_may_be_sent_again(void **state)
{
    static const char *const question = "select n from not_there_yet";
    say("drop table if exists not_there_yet");
    send_alone(question);
    send_alone(question); /* in flight when the first is refused */
    expect("(42P01)(26000)");
    send_alone(question);
    expect("(42P01)");
    say("create table not_there_yet as select 5 as n");
    send_alone(question);
    send_alone(count_prepared);
    expect("5 2 ");
}

static void test_nothing_is_prepared_behind_a_pooler(void **state)
{
    static const char *const question = "select 6";
    send_alone(question);
    send_alone(question);
    send_alone(count_prepared);
    expect("6 6 0 ");
}

static void expect_return(void);

/* By a pooler that did not show, or "deallocate all" in a function. */
static void test_lost_statements_break_the_connection_off_once(void **state)
{
    static const char *const question = "select 8";
    send_alone(question);
    send_alone("deallocate all");
    expect("8 - ");
    send_alone(question);
    send_alone("select 'behind it'");
    expect("()()");
    expect_return();
    send_alone(question);
    send_alone(question);
    send_alone(count_prepared);
    expect("8 8 0 ");
    assert_int_equal(client.lost, 1);
}

/* On a server connection that another of ours had before. */
static void test_statements_that_are_there_already_break_it_off_too(void **state)
{
    static const char *const question = "select 9";
    static char prepare[64];
    char name[PREPARED_NAME_BYTES];
    bool is_new;
    connection_prepared_find(&(struct connection_prepared){.is_direct = true}, question, name,
                             &is_new);
    snprintf(prepare, sizeof prepare, "prepare %s as %s", name, question);
    send_alone(prepare);
    expect("- ");
    send_alone(question);
    expect("()");
    expect_return();
    send_alone(question);
    expect("9 ");
}

static int count_names(const char *const *texts, int count)
{
    char names[4][PREPARED_NAME_BYTES];
    int distinct = 0;
    for (int i = 0; i < count; i++) {
        struct connection_prepared connection = {.is_direct = true};
        bool is_new, is_known = false;
        connection_prepared_find(&connection, texts[i], names[distinct], &is_new);
        for (int j = 0; j < distinct; j++)
            is_known = is_known || strcmp(names[j], names[distinct]) == 0;
        distinct += !is_known;
    }
    return distinct;
}

/* Or behind a pooler one verb of the database might be called in place of another. */
static void test_a_statement_of_another_connection_is_never_taken_for_ours(void **state)
{
    const char *const texts[] = {"select f($1)", "select g($1)", "select f($1)",
                                 "select f($1, $2)"};
    assert_int_equal(count_names(texts, 4), 3);
}

static void test_an_error_inside_a_function_is_no_poolers(void **state)
{
    say("create or replace function raise_it(text) returns void language plpgsql as "
        "$$ begin raise exception 'prepared statement \"pawl_0\" does not exist' "
        "using errcode = $1; end $$;"
        "create or replace function use_missing() returns void language plpgsql as "
        "$$ begin execute 'execute missing'; end $$");
    send_alone("select raise_it('26000')");
    send_alone("select raise_it('42P05')");
    send_alone("select use_missing()");
    expect("(26000)(42P05)(26000)");
    send_alone(count_prepared);
    expect("4 ");
}

/* ---- a server that goes away ---- */

static void end_backend(void)
{
    say("select pg_terminate_backend(pid) from pg_stat_activity "
        "where application_name = 'pawl test client'");
    while (ask("select count(*) from pg_stat_activity where application_name = 'pawl test client'"))
        continue;
}

static void expect_return(void)
{
    run_until(&client.lost, 1);
    run_until(&client.ready, 2);
    settle();
    send_alone("select 'again'");
    expect("again ");
}

static void test_a_lost_connection_answers_everything_and_comes_back(void **state)
{
    send_alone("select pg_sleep(60)");
    send_alone("select 1");
    uv_run(&test_loop, UV_RUN_NOWAIT);
    end_backend();
    expect("()()");
    expect_return();
    assert_int_equal(client.lost, 1);
}

/* Without a last word, so that libpq closes the socket itself while it sends, and no event comes
 * from it. */
static void test_a_send_that_finds_the_server_gone(void **state)
{
    static char large[1 << 20];
    const char *const values[] = {memset(large, 'x', sizeof large - 1)};
    pid_t backend = PQbackendPID(client.connection->inner);
    kill(backend, SIGKILL);
    while (kill(backend, 0) == 0)
        continue;
    for (int i = 0; i < 3; i++) {
        pg_connection_query(client.connection, "select length($1)", 1, values, on_answer, NULL);
        pg_connection_end_group(client.connection);
    }
    assert_int_equal(client.answered, 0); /* not from inside the send */
    expect("()()()");
    expect_return();
    reopen_session(); /* PostgreSQL has ended every other connection too */
}

static void test_what_came_before_the_break_counts(void **state)
{
    say("drop table if exists things; create table things (n integer)");
    send_alone("insert into things values (1)");
    uv_run(&test_loop, UV_RUN_NOWAIT);
    while (!ask("select count(*) from things"))
        continue;
    end_backend();
    expect("- ");
    expect_return();
}

static void test_a_destroyed_connection_answers_everything(void **state)
{
    send_alone("select pg_sleep(60)");
    pg_connection_destroy(client.connection);
    assert_string_equal(client.said, "()");
    assert_int_equal(client.lost, 0);
    end_backend();
    client.connection = NULL;
    close_loop_ms();
}

/* ---- cancelling ---- */

static void wait_for_sleep(void)
{
    while (!ask("select count(*) from pg_stat_activity where wait_event = 'PgSleep'"))
        uv_run(&test_loop, UV_RUN_NOWAIT);
}

static void test_a_cancelled_statement_says_so(void **state)
{
    send_alone("select pg_sleep(60)");
    wait_for_sleep();
    pg_connection_cancel(client.connection);
    expect("(57014)");
}

/* Such a server has the request in its queue and says nothing, for ever. */
static void test_a_cancel_that_hangs_holds_up_nothing(void **state)
{
    send_alone("select pg_sleep(60)");
    wait_for_sleep();
    kill(server.cluster.server, SIGSTOP);
    for (int i = 0; i < 17; i++)
        pg_connection_cancel(client.connection);
    pg_connection_destroy(client.connection);
    assert_in_range(close_loop_ms(), 0, 5000);
    kill(server.cluster.server, SIGCONT);
    while (ask("select count(*) from pg_stat_activity where application_name = 'pawl test client'"))
        continue;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, connect_client, disconnect_client)
#define TEST_OF_THE_END(name) cmocka_unit_test_setup(name, connect_client)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_group_is_answered_as_a_whole_and_in_order),
        TEST(test_an_answer_that_nobody_wants_is_not_waited_for),
        TEST(test_a_group_with_a_failure_leaves_nothing_behind),
        TEST(test_notifications_come),
        TEST(test_a_statement_is_prepared_once),
        TEST(test_more_statements_than_places_are_sent_unprepared),
        TEST(test_a_statement_that_was_not_prepared_may_be_sent_again),
        cmocka_unit_test_setup_teardown(test_nothing_is_prepared_behind_a_pooler,
                                        connect_through_a_pooler, disconnect_client),
        TEST(test_lost_statements_break_the_connection_off_once),
        TEST(test_statements_that_are_there_already_break_it_off_too),
        TEST(test_a_statement_of_another_connection_is_never_taken_for_ours),
        TEST(test_an_error_inside_a_function_is_no_poolers),
        TEST(test_a_lost_connection_answers_everything_and_comes_back),
        TEST(test_a_send_that_finds_the_server_gone),
        TEST(test_what_came_before_the_break_counts),
        TEST_OF_THE_END(test_a_destroyed_connection_answers_everything),
        TEST(test_a_cancelled_statement_says_so),
        TEST_OF_THE_END(test_a_cancel_that_hangs_holds_up_nothing),
    };
    return cmocka_run_group_tests_name("connection", tests, start_server, stop_server);
}
