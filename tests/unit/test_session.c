/* Rows that are told as they come, against a real PostgreSQL. */
#include "server_fixture.h"

struct told {
    int rows, ends, stop_after;
    int64_t sum;
    char names[32];
};

static bool on_rows(void *context, const struct pg_result *rows, struct failure *failure)
{
    struct told *told = context;
    snprintf(told->names, sizeof told->names, "%s,%s", pg_result_column_name(rows, 0),
             pg_result_column_name(rows, 1));
    if (!pg_result_rows(rows)) {
        told->ends++;
        return true;
    }
    assert_int_equal(pg_result_rows(rows), 1);
    told->rows++;
    told->sum += pg_result_integer(rows, 0, 0);
    return told->rows != told->stop_after || failure_set(failure, FAILURE_WORK, "enough");
}

static bool stream(struct told *told, const char *sql, const char *value, struct failure *failure)
{
    const char *const values[] = {value};
    return session_stream(server.session, sql, 1, values, on_rows, told, failure);
}

/* Made as they are read; in "from" they would all be made first. */
static const char numbers[] = "select generate_series(1, $1::int) as number, 'x' as word";

static void test_every_row_is_told(void **state)
{
    struct told told = {0};
    struct failure failure = {0};
    assert_true(stream(&told, numbers, "1000", &failure));
    assert_int_equal(told.rows, 1000);
    assert_int_equal(told.sum, 500500);
    assert_int_equal(told.ends, 1);
}

static void test_without_rows_the_columns_are_told(void **state)
{
    struct told told = {0};
    struct failure failure = {0};
    assert_true(stream(&told, numbers, "0", &failure));
    assert_int_equal(told.rows, 0);
    assert_int_equal(told.ends, 1);
    assert_string_equal(told.names, "number,word");
}

static void test_rows_come_before_a_failure(void **state)
{
    struct told told = {0};
    struct failure failure = {0};
    assert_false(stream(&told, "select 10 / ($1::int - i), 'x' from generate_series(1, 9) i", "4",
                        &failure));
    assert_int_equal(told.rows, 3);
    assert_int_equal(told.ends, 0);
    assert_string_equal(failure.sqlstate, "22012");
    assert_int_equal(ask("select 1"), 1);
}

static void test_a_statement_that_cannot_be_read(void **state)
{
    struct told told = {0};
    struct failure failure = {0};
    assert_false(stream(&told, "select $1 from nowhere", "4", &failure));
    assert_int_equal(told.rows + told.ends, 0);
    assert_string_equal(failure.sqlstate, "42P01");
}

/* A billion rows would take minutes: the server is told to stop. */
static void test_who_wants_no_more_is_told_no_more(void **state)
{
    struct told told = {.stop_after = 5};
    struct failure failure = {0};
    assert_false(stream(&told, numbers, "1000000000", &failure));
    assert_int_equal(told.rows, 5);
    assert_int_equal(told.ends, 0);
    assert_int_equal(failure.class, FAILURE_WORK);
    assert_string_equal(failure.message, "enough");
    assert_int_equal(ask("select 1"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_told),
        cmocka_unit_test(test_without_rows_the_columns_are_told),
        cmocka_unit_test(test_rows_come_before_a_failure),
        cmocka_unit_test(test_a_statement_that_cannot_be_read),
        cmocka_unit_test(test_who_wants_no_more_is_told_no_more),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
