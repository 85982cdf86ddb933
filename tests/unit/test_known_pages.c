/* The pages that a node knows of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "executors/crawl/known_pages.c"

static void test_what_is_found_again(void **state)
{
    struct known_pages pages;
    known_pages_init(&pages, 100);
    assert_null(known_pages_get(&pages, 7));
    assert_int_equal(known_pages_find(&pages, 7, 0.5f), KNOWN_NEW);
    assert_int_equal(known_pages_find(&pages, 7, 0.5f), KNOWN_SAME);
    assert_int_equal(known_pages_find(&pages, 7, 0.4f), KNOWN_SAME);
    assert_int_equal(known_pages_find(&pages, 7, 0.6f), KNOWN_BETTER);
    assert_int_equal(known_pages_find(&pages, 7, 0.6f), KNOWN_SAME);
    assert_float_equal(known_pages_get(&pages, 7)->priority, 0.6, 0.0001);
    known_pages_visit(&pages, 7);
    assert_int_equal(known_pages_find(&pages, 7, 1), KNOWN_SAME);
    known_pages_finish(&pages);
}

static void test_a_visited_page_is_not_new(void **state)
{
    struct known_pages pages;
    known_pages_init(&pages, 100);
    known_pages_visit(&pages, 0);
    assert_int_equal(known_pages_find(&pages, 0, 1), KNOWN_SAME);
    assert_int_equal(known_pages_find(&pages, 1, 1), KNOWN_SAME); /* 0 is stored as 1 */
    known_pages_finish(&pages);
}

static void test_many(void **state)
{
    enum { COUNT = 200000 };
    struct known_pages pages;
    known_pages_init(&pages, COUNT);
    for (uint64_t i = 1; i <= COUNT; i++)
        assert_int_equal(known_pages_find(&pages, i * 0x9E3779B97F4A7C15u, 0.1f), KNOWN_NEW);
    for (uint64_t i = 1; i <= COUNT; i++)
        assert_int_equal(known_pages_find(&pages, i * 0x9E3779B97F4A7C15u, 0.1f), KNOWN_SAME);
    assert_int_equal(pages.count, COUNT);
    known_pages_finish(&pages);
}

static void test_a_full_set_keeps_what_it_has(void **state)
{
    struct known_pages pages;
    known_pages_init(&pages, 3);
    for (uint64_t i = 1; i <= 3; i++)
        known_pages_find(&pages, i << 32, 0.1f);
    assert_int_equal(known_pages_find(&pages, 9, 0.1f), KNOWN_NEW);
    assert_int_equal(known_pages_find(&pages, 9, 0.1f), KNOWN_NEW);
    known_pages_visit(&pages, 10);
    assert_int_equal(pages.count, 3);
    assert_int_equal(known_pages_find(&pages, (uint64_t)2 << 32, 0.1f), KNOWN_SAME);
    known_pages_finish(&pages);
}

static void test_all_slots_taken_but_one_quarter(void **state)
{
    struct known_pages pages;
    known_pages_init(&pages, CAPACITY_MIN * 10);
    for (uint64_t i = 1; i < CAPACITY_MIN * 3; i++) {
        known_pages_find(&pages, i, 0.1f);
        assert_true(pages.count <= pages.capacity / 4 * 3);
    }
    known_pages_finish(&pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_found_again),
        cmocka_unit_test(test_a_visited_page_is_not_new),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_a_full_set_keeps_what_it_has),
        cmocka_unit_test(test_all_slots_taken_but_one_quarter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
