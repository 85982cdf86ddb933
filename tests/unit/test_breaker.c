/* The breaker's machine, walked: every pair of a state and an event, and the stories that matter.
 */
#include "executors/http/breaker.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct {
    int opened, opened_again, closed, node_id;
    char error[32];
} told;

static void note_open(void *context, const char *target, const struct breaker_report *report,
                      bool is_probe)
{
    assert_string_equal(target, "http://a:80");
    told.opened += !is_probe;
    told.opened_again += is_probe;
    told.node_id = report->node_id;
    snprintf(told.error, sizeof told.error, "%s", report->error);
}

static void note_close(void *context, const char *target, int node_id)
{
    told.closed++;
    told.node_id = node_id;
}

static const struct breaker_calls calls = {note_open, note_close};
static const struct breaker_report report = {
    .error = "HTTP 503", .failures = 3, .pause_ms = 1000, .node_id = 7};
static struct breakers breakers;

static int set_up(void **state)
{
    memset(&told, 0, sizeof told);
    breakers = (struct breakers){.calls = &calls};
    return 0;
}

static int tear_down(void **state)
{
    breakers_finish(&breakers);
    return 0;
}

static void fail_often(int times)
{
    while (times--)
        breakers_note(&breakers, "http://a:80", false, false, &report);
}

static void succeed(void)
{
    breakers_note(&breakers, "http://a:80", false, true, NULL);
}

static int state_now(void)
{
    const struct breaker *breaker = find(&breakers, "http://a:80");
    return breaker ? breaker->state : BREAKER_CLOSED;
}

/* A pair without a row would end the program; a row nobody can reach says something that is not so.
 */
static void test_the_table_has_each_pair_once(void **state)
{
    int seen[BREAKER_HALF_OPEN + 1][BREAKER_PROBE_DROPPED + 1] = {{0}};
    for (size_t i = 0; i < breaker_table_rows; i++) {
        seen[breaker_table[i].state][breaker_table[i].event]++;
        assert_true(strlen(breaker_table[i].why) > 0);
    }
    for (int s = 0; s <= BREAKER_HALF_OPEN; s++)
        for (int e = 0; e <= BREAKER_PROBE_DROPPED; e++)
            assert_int_equal(seen[s][e], 1);
}

/* Only a probe decides what is half-open, and only events of ours tell the database. */
static void test_who_decides(void **state)
{
    for (size_t i = 0; i < breaker_table_rows; i++) {
        const struct machine_step *row = &breaker_table[i];
        bool is_probe = row->event >= BREAKER_PROBE_BEGAN;
        if (row->state == BREAKER_HALF_OPEN && !is_probe)
            assert_true(row->next == BREAKER_HALF_OPEN && !row->action);
        if (row->event == BREAKER_PROBE_WENT_WELL)
            assert_true(row->next == BREAKER_CLOSED && row->action == tell_close);
        if (row->event == BREAKER_PROBE_FAILED)
            assert_true(row->next == BREAKER_OPENING && row->action == tell_open_again);
        if (row->action == tell_open)
            assert_true(row->event == BREAKER_FAILED_OFTEN && row->next == BREAKER_OPENING);
        if (row->next == BREAKER_OPENING && row->state != BREAKER_OPENING)
            assert_true(row->action == tell_open || row->action == tell_open_again);
    }
}

static void test_failures_in_a_row(void **state)
{
    fail_often(2);
    succeed();
    assert_int_equal(breakers.by_target.count, 0); /* nothing is kept of what is fine */
    fail_often(2);
    assert_int_equal(told.opened, 0);
    fail_often(1);
    assert_int_equal(told.opened, 1);
    assert_int_equal(told.node_id, 7);
    assert_string_equal(told.error, "HTTP 503");
    assert_int_equal(state_now(), BREAKER_OPENING);
    fail_often(9); /* what was under way */
    succeed();
    assert_int_equal(told.opened, 1);
    assert_int_equal(state_now(), BREAKER_OPENING);
}

static void test_what_is_put_off(void **state)
{
    assert_false(breakers_puts_off(&breakers, "http://a:80", 5));
    fail_often(3);
    assert_true(breakers_puts_off(&breakers, "http://a:80", 5));
    assert_false(breakers_puts_off(&breakers, "http://b:80", 5));
    breakers_note_told(&breakers, "http://a:80", true, 10);
    assert_int_equal(state_now(), BREAKER_OPEN);
    assert_true(breakers_puts_off(&breakers, "http://a:80", 10));  /* claimed before it was known */
    assert_false(breakers_puts_off(&breakers, "http://a:80", 11)); /* the database lets it go */
    breakers_note_probe(&breakers, "http://a:80", true);
    assert_false(breakers_puts_off(&breakers, "http://a:80", 10));
}

static void test_a_database_that_refuses(void **state)
{
    fail_often(3);
    breakers_note_told(&breakers, "http://a:80", false, 10);
    assert_int_equal(state_now(), BREAKER_CLOSED);
    fail_often(3);
    assert_int_equal(told.opened, 2);
}

static void test_what_comes_while_it_is_open(void **state)
{
    fail_often(3);
    breakers_note_told(&breakers, "http://a:80", true, 10);
    fail_often(2);
    assert_int_equal(told.opened, 1);
    fail_often(1); /* a job that is not held */
    assert_int_equal(told.opened, 2);
    breakers_note_told(&breakers, "http://a:80", true, 20);
    succeed();
    assert_int_equal(breakers.by_target.count, 0);
}

static void test_probes(void **state)
{
    breakers_note_probe(&breakers, "http://a:80", true); /* another node opened it */
    assert_int_equal(state_now(), BREAKER_HALF_OPEN);
    fail_often(5);
    succeed();
    assert_int_equal(state_now(), BREAKER_HALF_OPEN);
    breakers_note(&breakers, "http://a:80", true, false, &report);
    assert_int_equal(told.opened_again, 1);
    assert_int_equal(told.opened, 0);
    breakers_note_told(&breakers, "http://a:80", true, 10);
    breakers_note_probe(&breakers, "http://a:80", true);
    breakers_note_probe(&breakers, "http://a:80", false); /* cancelled */
    assert_int_equal(state_now(), BREAKER_OPEN);
    breakers_note_probe(&breakers, "http://a:80", true);
    breakers_note(&breakers, "http://a:80", true, true, &report);
    assert_int_equal(told.closed, 1);
    assert_int_equal(told.node_id, 7);
    assert_int_equal(breakers.by_target.count, 0);
}

static void test_many_targets(void **state)
{
    char target[32];
    for (int i = 0; i < TARGETS_MAX + 10; i++) {
        snprintf(target, sizeof target, "http://b:%d", i);
        breakers_note(&breakers, target, false, false, &report);
    }
    assert_true(breakers.by_target.count <= TARGETS_MAX); /* I9 */
}

int main(void)
{
#define STORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STORY(test_the_table_has_each_pair_once),
        STORY(test_who_decides),
        STORY(test_failures_in_a_row),
        STORY(test_what_is_put_off),
        STORY(test_a_database_that_refuses),
        STORY(test_what_comes_while_it_is_open),
        STORY(test_probes),
        STORY(test_many_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
