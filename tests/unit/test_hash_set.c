#include "base/hash_set.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_empty(void **state)
{
    struct hash_set set;
    hash_set_init(&set, 10);
    assert_false(hash_set_contains(&set, 0));
    assert_false(hash_set_contains(&set, 1));
    assert_int_equal(set.capacity, 0);
    hash_set_finish(&set);
}

static void test_add_once(void **state)
{
    struct hash_set set;
    hash_set_init(&set, 10);
    assert_true(hash_set_add(&set, 7));
    assert_false(hash_set_add(&set, 7));
    assert_true(hash_set_contains(&set, 7));
    assert_false(hash_set_contains(&set, 8));
    assert_int_equal(set.count, 1);
    hash_set_finish(&set);
    assert_false(hash_set_contains(&set, 7));
}

static void test_zero_is_a_hash(void **state)
{
    struct hash_set set;
    hash_set_init(&set, 10);
    assert_true(hash_set_add(&set, 0));
    assert_false(hash_set_add(&set, 0));
    assert_true(hash_set_contains(&set, 0));
    hash_set_finish(&set);
}

/* Growing loses nothing and invents nothing, with hashes in a row and with ones that collide. */
static void test_growth(void **state)
{
    static const uint64_t steps[] = {1, (uint64_t)1 << 32, 0x9E3779B97F4A7C15u};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct hash_set set;
        hash_set_init(&set, 100000);
        for (uint64_t n = 1; n <= 20000; n++)
            assert_true(hash_set_add(&set, n * steps[i]));
        for (uint64_t n = 1; n <= 20000; n++)
            assert_true(hash_set_contains(&set, n * steps[i]));
        for (uint64_t n = 20001; n <= 21000; n++)
            assert_false(hash_set_contains(&set, n * steps[i]));
        assert_int_equal(set.count, 20000);
        hash_set_finish(&set);
    }
}

/* Invariant I9: full, it keeps what it has, remembers nothing new and grows no more. */
static void test_limit(void **state)
{
    struct hash_set set;
    hash_set_init(&set, 1000);
    for (uint64_t n = 1; n <= 1000; n++)
        assert_true(hash_set_add(&set, n));
    size_t capacity = set.capacity;
    for (uint64_t n = 1001; n <= 100000; n++)
        assert_true(hash_set_add(&set, n));
    assert_true(hash_set_add(&set, 2000));
    assert_false(hash_set_contains(&set, 2000));
    assert_false(hash_set_add(&set, 500));
    assert_int_equal(set.count, 1000);
    assert_int_equal(set.capacity, capacity);
    assert_true(capacity * sizeof *set.slots <= 16 * 1024);
    hash_set_finish(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),          cmocka_unit_test(test_add_once),
        cmocka_unit_test(test_zero_is_a_hash), cmocka_unit_test(test_growth),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
