#include "base/memory.c"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static bool is_zero(const void *memory, size_t bytes)
{
    const unsigned char *byte = memory;
    for (size_t i = 0; i < bytes; i++)
        if (byte[i])
            return false;
    return true;
}

static void test_zeroed(void **state)
{
    int *numbers = memory_zeroed(100, sizeof *numbers);
    assert_true(is_zero(numbers, 100 * sizeof *numbers));
    free(numbers);
    void *nothing = memory_zeroed(0, 8);
    assert_non_null(nothing);
    free(nothing);
}

/* A count that overflows is a bug of ours and ends the program. */
static void test_overflow_aborts(void **state)
{
    pid_t child = fork();
    if (child == 0) {
        close(STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        memory_zeroed(SIZE_MAX / 2, 4);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void test_copies(void **state)
{
    char *copy = memory_copy("abc", 2);
    assert_string_equal(copy, "ab");
    copy = memory_resized(copy, 1000);
    assert_string_equal(copy, "ab");
    free(copy);
    copy = memory_copy(NULL, 0);
    assert_string_equal(copy, "");
    free(copy);
    copy = memory_copy_string("abc");
    assert_string_equal(copy, "abc");
    free(copy);
}

static void test_arena_pieces(void **state)
{
    struct arena *arena = arena_create(256);
    unsigned char *pieces[100];
    for (size_t i = 0; i < 100; i++) {
        pieces[i] = arena_allocate(arena, i);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        assert_true(is_zero(pieces[i], i));
        memset(pieces[i], (int)i, i);
    }
    for (size_t i = 0; i < 100; i++)
        for (size_t at = 0; at < i; at++)
            assert_int_equal(pieces[i][at], i);
    arena_destroy(arena);
}

static void test_arena_large_piece(void **state)
{
    struct arena *arena = arena_create(64);
    char *small = arena_copy(arena, "small", 5);
    unsigned char *large = arena_allocate(arena, 100000);
    assert_true(is_zero(large, 100000));
    memset(large, 'x', 100000);
    assert_string_equal(small, "small");
    assert_string_equal(arena_copy(arena, "abc", 2), "ab");
    assert_string_equal(arena_copy(arena, NULL, 0), "");
    arena_destroy(arena);
}

/* After a reset memory is zeroed again, and one block is kept, the others are given back. */
static void test_arena_reset(void **state)
{
    struct arena *arena = arena_create(128);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 50; i++) {
            unsigned char *piece = arena_allocate(arena, 40);
            assert_true(is_zero(piece, 40));
            memset(piece, 0xFF, 40);
        }
        assert_non_null(arena->blocks->next);
        arena_reset(arena);
        assert_null(arena->blocks->next);
        assert_int_equal(arena->blocks->used, 0);
    }
    arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zeroed),
        cmocka_unit_test(test_overflow_aborts),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_arena_pieces),
        cmocka_unit_test(test_arena_large_piece),
        cmocka_unit_test(test_arena_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
