/*
 * Better priorities on their way: how long each waits, what goes together, and that none is
 * dropped. The clock is the test's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "executors/crawl/raises.c"

enum { SECOND = 1000000, SENDINGS_MAX = 16 };

/* ---- the database: remembers what it is told ---- */

static struct sending {
    int64_t job_id, avoided;
    char tier[16];
    struct text keys, priorities;
} sendings[SENDINGS_MAX];
static int sent;

void crawl_database_raise_priorities(struct crawl_database *database, int64_t job_id,
                                     const char *keys, const char *priorities, const char *tier,
                                     int64_t avoided)
{
    struct sending *sending = &sendings[sent++ % SENDINGS_MAX];
    sending->job_id = job_id;
    sending->avoided = avoided;
    snprintf(sending->tier, sizeof sending->tier, "%s", tier);
    text_clear(&sending->keys);
    text_clear(&sending->priorities);
    text_append_string(&sending->keys, keys);
    text_append_string(&sending->priorities, priorities);
}

static const struct sending *last(void)
{
    assert_true(sent > 0);
    return &sendings[(sent - 1) % SENDINGS_MAX];
}

/* ---- what tests say ---- */

static struct raises raises;

static int set_up(void **state)
{
    raises = (struct raises){0};
    sent = 0;
    return 0;
}

static int tear_down(void **state)
{
    raises_finish(&raises);
    for (int i = 0; i < SENDINGS_MAX; i++) {
        text_finish(&sendings[i].keys);
        text_finish(&sendings[i].priorities);
    }
    return 0;
}

static struct slice url_of(int number)
{
    static char url[64];
    snprintf(url, sizeof url, "https://e.com/%d", number);
    return slice_of_string(url);
}

static void add(int number, double priority, double seconds)
{
    raises_add(&raises, url_of(number), (float)priority, (int64_t)(seconds * SECOND));
}

/* In how many seconds it wants to be called again, or -1. */
static double send_at(double seconds)
{
    int64_t next_us = raises_send(&raises, NULL, 7, (int64_t)(seconds * SECOND), false);
    return next_us < 0 ? -1 : (double)next_us / SECOND;
}

static void send_all(double seconds)
{
    assert_true(raises_send(&raises, NULL, 7, (int64_t)(seconds * SECOND), true) == -1);
}

static int count_of(const struct text *literal)
{
    int count = 0;
    assert_int_equal(text_string(literal)[0], '{');
    assert_int_equal(text_string(literal)[literal->length - 1], '}');
    for (size_t i = 0; i < literal->length; i++)
        count += literal->start[i] == ',';
    return literal->length > 2 ? count + 1 : 0;
}

static bool has_key(const struct sending *sending, int number)
{
    char key[URL_KEY_BYTES];
    url_key(url_of(number), key);
    return strstr(text_string(&sending->keys), key) != NULL;
}

/* ---- the tiers ---- */

static void test_what_a_priority_is_worth(void **state)
{
    assert_int_equal(raises_tier(7), RAISE_HIGH);
    assert_int_equal(raises_tier(0.9f), RAISE_HIGH);
    assert_int_equal(raises_tier(0.899f), RAISE_MEDIUM);
    assert_int_equal(raises_tier(0.5f), RAISE_MEDIUM);
    assert_int_equal(raises_tier(0.499f), RAISE_LOW);
    assert_int_equal(raises_tier(0), RAISE_LOW);
}

static void test_high_goes_at_once(void **state)
{
    add(1, 0.95, 100);
    add(2, 1, 100);
    assert_true(send_at(100) == -1);
    assert_int_equal(sent, 1);
    assert_string_equal(last()->tier, "high");
    assert_int_equal(last()->job_id, 7);
    assert_string_equal(text_string(&last()->priorities), "{0.95,1}");
    assert_int_equal(count_of(&last()->keys), 2);
    assert_true(has_key(last(), 1) && has_key(last(), 2));
    assert_true(send_at(200) == -1);
    assert_int_equal(sent, 1);
}

static void expect_wait(double priority, const char *tier, double wait)
{
    sent = 0;
    add(1, priority, 1000);
    assert_true(send_at(1000) == wait);
    add(2, priority, 1000 + wait / 2);
    assert_true(send_at(1000 + wait / 2) == wait / 2); /* since the first */
    assert_true(send_at(1000 + wait - 0.25) == 0.25);
    assert_int_equal(sent, 0);
    assert_true(send_at(1000 + wait) == -1);
    assert_int_equal(sent, 1);
    assert_string_equal(last()->tier, tier);
    assert_int_equal(count_of(&last()->keys), 2);
    assert_int_equal(count_of(&last()->priorities), 2);
    add(3, priority, 2000); /* a batch of its own, that waits as long */
    assert_true(send_at(2000) == wait);
    assert_true(send_at(2000 + wait) == -1);
    assert_int_equal(sent, 2);
    assert_int_equal(count_of(&last()->keys), 1);
}

static void test_medium_waits_for_5_seconds(void **state)
{
    expect_wait(0.6, "medium", 5);
}

static void test_low_waits_for_30_seconds(void **state)
{
    expect_wait(0.2, "low", 30);
}

static void test_each_tier_waits_for_itself(void **state)
{
    add(1, 0.2, 0);
    add(2, 0.6, 10);
    add(3, 0.9, 12);
    assert_true(send_at(12) == 3); /* the medium one is next */
    assert_int_equal(sent, 1);
    assert_true(has_key(last(), 3) && !has_key(last(), 2));
    assert_true(send_at(15) == 15);
    assert_int_equal(sent, 2);
    assert_true(has_key(last(), 2) && !has_key(last(), 1));
    add(4, 0.6, 28);
    assert_true(send_at(28) == 2); /* the low one has waited longer */
    assert_true(send_at(30) == 3);
    assert_int_equal(sent, 3);
    assert_true(has_key(last(), 1));
}

/* ---- what goes together ---- */

static void test_a_large_batch_does_not_wait(void **state)
{
    for (int i = 1; i < BATCH_MAX; i++)
        add(i, 0.3, 1);
    assert_true(send_at(1) == 30);
    add(BATCH_MAX, 0.3, 1);
    assert_true(send_at(1) == -1);
    assert_int_equal(sent, 1);
    assert_int_equal(count_of(&last()->keys), BATCH_MAX);
}

static void test_what_was_avoided_is_told_once(void **state)
{
    for (int i = 0; i < 3; i++)
        raises_avoid(&raises, i * SECOND);
    assert_true(send_at(2) == 28);
    add(1, 1, 2);
    assert_true(send_at(2) == -1);
    assert_int_equal(sent, 1);
    assert_int_equal(last()->avoided, 3);
    add(2, 1, 3);
    send_at(3);
    assert_int_equal(last()->avoided, 0);
    raises_avoid(&raises, 4 * SECOND);
    raises_avoid(&raises, 5 * SECOND);
    send_all(5);
    assert_int_equal(sent, 3);
    assert_int_equal(last()->avoided, 2);
    assert_string_equal(text_string(&last()->keys), "{}");
    assert_string_equal(text_string(&last()->priorities), "{}");
    send_all(5);
    assert_int_equal(sent, 3);
}

static void test_what_was_avoided_waits_as_low(void **state)
{
    raises_avoid(&raises, 0);
    assert_true(send_at(29) == 1);
    assert_int_equal(sent, 0);
    assert_true(send_at(30) == -1);
    assert_int_equal(sent, 1);
    assert_string_equal(last()->tier, "low");
    assert_int_equal(last()->avoided, 1);
    raises_avoid(&raises, 40 * SECOND);
    assert_true(send_at(40) == 30);
}

/* ---- the end ---- */

static void test_nothing_waits_at_the_end(void **state)
{
    add(1, 0.2, 0);
    add(2, 0.6, 0);
    add(3, 0.9, 0);
    send_all(1);
    assert_int_equal(sent, 3);
    assert_string_equal(sendings[0].tier, "high");
    assert_string_equal(sendings[1].tier, "medium");
    assert_string_equal(sendings[2].tier, "low");
    send_all(1);
    assert_int_equal(sent, 3);
}

/* An hour of pages, called again exactly when it asked for it, as the timer does: every one
 * arrives, once, in its tier and in its time. */
static void test_none_is_dropped(void **state)
{
    enum { PAGES = 1500 };
    static const int64_t most_us[] = {0, 10 * SECOND, 60 * SECOND};
    static int64_t added_us[PAGES];
    static float priorities[PAGES];
    int added = 0, arrived = 0;
    int64_t now_us = 0, timer_us = -1;
    srand(1);
    while (added < PAGES || timer_us >= 0) {
        int64_t page_us = added < PAGES ? (added ? added_us[added - 1] : 0) + rand() % 5000000 : -1;
        bool is_timer = timer_us >= 0 && (page_us < 0 || timer_us <= page_us);
        now_us = is_timer ? timer_us : page_us;
        if (!is_timer) {
            added_us[added] = page_us;
            priorities[added] = (float)(rand() % 1000) / 1000;
            raises_add(&raises, url_of(added), priorities[added], page_us);
            added++;
        }
        int before = sent;
        int64_t next_us = raises_send(&raises, NULL, 7, now_us, false);
        timer_us = next_us < 0 ? -1 : now_us + next_us;
        for (int i = before; i < sent; i++) {
            const struct sending *sending = &sendings[i % SENDINGS_MAX];
            int found = 0;
            for (int page = 0; page < added; page++) {
                enum raise_tier tier = raises_tier(priorities[page]);
                if (!has_key(sending, page))
                    continue;
                found++;
                assert_string_equal(sending->tier, names[tier]);
                assert_true(now_us - added_us[page] <= most_us[tier]);
            }
            assert_int_equal(found, count_of(&sending->keys));
            arrived += found;
        }
    }
    assert_int_equal(arrived, PAGES);
    assert_true(sent < PAGES * 2 / 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_a_priority_is_worth),      TEST(test_high_goes_at_once),
        TEST(test_medium_waits_for_5_seconds),    TEST(test_low_waits_for_30_seconds),
        TEST(test_each_tier_waits_for_itself),    TEST(test_a_large_batch_does_not_wait),
        TEST(test_what_was_avoided_is_told_once), TEST(test_what_was_avoided_waits_as_low),
        TEST(test_nothing_waits_at_the_end),      TEST(test_none_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
