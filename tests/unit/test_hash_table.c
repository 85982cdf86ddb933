/* Objects found by their hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/hash_table.c"

struct object {
    struct hash_table_link link;
    int number, visits;
};

static struct object *object_of(struct hash_table_link *link)
{
    return link ? hash_table_object(link, struct object, link) : NULL;
}

static void test_an_empty_table_has_nothing(void **state)
{
    struct hash_table table = {0};
    assert_null(hash_table_find(&table, 0));
    assert_null(hash_table_walk(&table, NULL));
    hash_table_finish(&table);
}

static void test_objects_of_one_hash_are_all_found(void **state)
{
    struct hash_table table = {0};
    struct object objects[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    struct object other = {.number = 9};
    for (int i = 0; i < 3; i++)
        hash_table_add(&table, &objects[i].link, 7);
    hash_table_add(&table, &other.link, 7 + CAPACITY_MIN); /* the same bucket */
    int found = 0, count = 0;
    for (struct hash_table_link *link = hash_table_find(&table, 7); link;
         link = hash_table_find_next(link)) {
        found |= 1 << object_of(link)->number;
        count++;
    }
    assert_int_equal(found, 7);
    assert_int_equal(count, 3);
    assert_ptr_equal(object_of(hash_table_find(&table, 7 + CAPACITY_MIN)), &other);
    assert_null(hash_table_find_next(&other.link));
    assert_null(hash_table_find(&table, 8));
    hash_table_finish(&table);
}

static void test_one_is_removed_from_anywhere_in_its_bucket(void **state)
{
    for (int first = 0; first < 3; first++) {
        struct hash_table table = {0};
        struct object objects[3] = {0};
        for (int i = 0; i < 3; i++)
            hash_table_add(&table, &objects[i].link, (uint64_t)(i * CAPACITY_MIN));
        hash_table_remove(&table, &objects[first].link);
        assert_int_equal(table.count, 2);
        for (int i = 0; i < 3; i++)
            assert_ptr_equal(object_of(hash_table_find(&table, (uint64_t)(i * CAPACITY_MIN))),
                             i == first ? NULL : &objects[i]);
        hash_table_finish(&table);
    }
}

static void test_it_grows_and_keeps_what_it_has(void **state)
{
    enum { COUNT = 100000 };
    struct hash_table table = {0};
    struct object *objects = memory_zeroed(COUNT, sizeof *objects);
    for (int i = 0; i < COUNT; i++) {
        objects[i].number = i;
        hash_table_add(&table, &objects[i].link, (uint64_t)i * 3);
        assert_true(table.count <= table.capacity);
    }
    for (int i = 0; i < COUNT; i++)
        assert_ptr_equal(object_of(hash_table_find(&table, (uint64_t)i * 3)), &objects[i]);
    for (struct hash_table_link *link = NULL; (link = hash_table_walk(&table, link));)
        object_of(link)->visits++;
    for (int i = 0; i < COUNT; i += 2)
        hash_table_remove(&table, &objects[i].link);
    for (struct hash_table_link *link = NULL; (link = hash_table_walk(&table, link));)
        object_of(link)->visits++;
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(objects[i].visits, 1 + i % 2);
    hash_table_finish(&table);
    free(objects);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_table_has_nothing),
        cmocka_unit_test(test_objects_of_one_hash_are_all_found),
        cmocka_unit_test(test_one_is_removed_from_anywhere_in_its_bucket),
        cmocka_unit_test(test_it_grows_and_keeps_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
