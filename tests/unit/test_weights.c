/* Weights of pages, read from CSV files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cli/weights.c"

static struct failure failure;

/* The file's JSON, parsed; NULL when it was refused. */
static json_t *read_text(const char *text)
{
    char path[] = "/tmp/pawl-weights-XXXXXX";
    int number = mkstemp(path);
    FILE *file = fdopen(number, "w");
    fputs(text, file);
    fclose(file);
    failure = (struct failure){0};
    char *json = weights_read(path, "https://e.com/start", &failure);
    remove(path);
    json_t *weights = json ? json_loads(json, 0, NULL) : NULL;
    free(json);
    return weights;
}

static void expect(const char *text, const char *json)
{
    json_t *read = read_text(text), *wanted = json_loads(json, JSON_DECODE_INT_AS_REAL, NULL);
    assert_non_null(read);
    assert_non_null(wanted);
    if (!json_equal(read, wanted))
        fail_msg("%s gives %s", text, json_dumps(read, 0));
    json_decref(read);
    json_decref(wanted);
}

static void test_lines(void **state)
{
    expect("", "{}");
    expect("/a,1\n/b,2.5", "{\"https://e.com/a\": 1, \"https://e.com/b\": 2.5}");
    expect("path,views\r\n/a,1\r\n\r\n", "{\"https://e.com/a\": 1}");
    expect("/a,1,more,\"of\nit\"\n/b,2\n", "{\"https://e.com/a\": 1, \"https://e.com/b\": 2}");
    expect("\"/a,b\",1\n\"/q\"\"\",2\n", "{\"https://e.com/a,b\": 1, \"https://e.com/q%22\": 2}");
    expect("/a,1\n/a#part,2\nhttps://e.com/a,4\n", "{\"https://e.com/a\": 7}");
    expect("https://www.e.com/a?b=1,3\n", "{\"https://www.e.com/a?b=1\": 3}");
}

static void refuse_text(const char *text, const char *message)
{
    assert_null(read_text(text));
    assert_int_equal(failure.class, FAILURE_INPUT);
    if (!strstr(failure.message, message))
        fail_msg("%s: %s", text, failure.message);
}

static void test_what_is_refused(void **state)
{
    refuse_text("/a,1\n/b\n", "line 2: that is no number: \"\"");
    refuse_text("/a,1\n/b,many\n", "line 2: that is no number: \"many\"");
    refuse_text("/a,-1\n", "line 1: a weight is 0 or more: \"-1\"");
    refuse_text("/a,inf\n", "line 1: a weight is 0 or more: \"inf\"");
    refuse_text("mailto:x,1\n", "line 1: that is no path and no URL: \"mailto:x\"");
}

static void test_no_file(void **state)
{
    failure = (struct failure){0};
    assert_null(weights_read("/nowhere/weights.csv", "https://e.com/", &failure));
    assert_string_equal(failure.message,
                        "could not open /nowhere/weights.csv: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
