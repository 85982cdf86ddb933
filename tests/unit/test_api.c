/* A request's body while it comes in: what is kept of it, and when there is enough of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "api/api.c"

static enum MHD_Result take_bytes(struct incoming *incoming, size_t count)
{
    char *piece = memory_zeroed(1, count);
    size_t left = count;
    enum MHD_Result result = take(incoming, piece, &left);
    assert_int_equal(left, 0); /* else it is asked again with the same */
    free(piece);
    return result;
}

static void test_a_large_body_is_read_on_and_not_kept(void **state)
{
    struct incoming incoming = {.begun_us = clock_now_us()};
    assert_int_equal(take_bytes(&incoming, REQUEST_BODY_MAX), MHD_YES);
    assert_int_equal(incoming.body.length, REQUEST_BODY_MAX);
    assert_int_equal(take_bytes(&incoming, READ_ON_BYTES - REQUEST_BODY_MAX), MHD_YES);
    assert_int_equal(incoming.body.length, REQUEST_BODY_MAX);
    assert_int_equal(take_bytes(&incoming, 1), MHD_NO);
    assert_int_equal(incoming.body_bytes, READ_ON_BYTES + 1);
    text_finish(&incoming.body);
}

static void test_a_body_in_drops_ends(void **state)
{
    int64_t now_us = clock_now_us();
    struct incoming incoming = {.begun_us = now_us - (BODY_TIMEOUT_S - 20) * INT64_C(1000000)};
    assert_int_equal(take_bytes(&incoming, 1), MHD_YES);
    incoming.begun_us = now_us - (BODY_TIMEOUT_S + 1) * INT64_C(1000000);
    assert_int_equal(take_bytes(&incoming, 1), MHD_NO);
    text_finish(&incoming.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_large_body_is_read_on_and_not_kept),
        cmocka_unit_test(test_a_body_in_drops_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
