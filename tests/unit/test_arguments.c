#include "cli/arguments.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static bool run_nothing(const struct call *call, struct failure *failure)
{
    return true;
}

static const struct option list_options[] = {
    {"--limit", "N", VALUE_INTEGER, 1, 100, .help = "how many"},
    {"--pace", "P", VALUE_NUMBER, -2, 2.5, .help = "how fast"},
    {"--status", "S", VALUE_CHOICE, .choices = "pending running", .help = "which"},
    {"--all", .help = "all of them"},
    {NULL},
};

static const struct option filter_options[] = {
    {"--since", "N", VALUE_INTEGER, 1, 100, .help = "not before"},
    {"--tag", "T", VALUE_LIST, .help = "that have it"},
    {"--newest", .help = "one of each"},
    {NULL},
};

static const struct command table[] = {
    {"job list", .options = list_options, .run = run_nothing, .shared = filter_options},
    {"job show", .arguments = {{"ID", VALUE_ID}}, .run = run_nothing},
    {"task show", .arguments = {{"JOB/TASK", VALUE_TASK}}, .run = run_nothing},
    {"enqueue", .arguments = {{"KIND", VALUE_TEXT}, {"JSON", VALUE_TEXT}}, .run = run_nothing},
    {"migrate", .run = run_nothing},
    {"migrate status", .run = run_nothing},
    {"why", .arguments = {{"JOB[/TASK]", VALUE_WORK}}, .run = run_nothing},
    {"data-type show", .arguments = {{"TYPE"}, {"[KEY]"}}, .run = run_nothing},
    {"data-type set-ttl", .arguments = {{"TYPE"}, {"KEY"}, {"TTL"}}, .run = run_nothing},
    {"check", .arguments = {{"KEY"}, {"[TYPE...]"}}, .options = filter_options, .run = run_nothing},
    {NULL},
};

static struct call call;
static struct failure failure;

/* The words of a command line, separated by single blanks; an empty word cannot be written. */
static bool parse(const char *line)
{
    static char copy[256];
    char *words[128] = {(char *)(uintptr_t) "pawl"}, *rest = NULL;
    int count = 1;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        words[count++] = word;
    failure = (struct failure){0};
    return arguments_parse(table, count, words, &call, &failure);
}

static void expect_failure(const char *line, enum failure_class class, const char *message,
                           const char *hint)
{
    assert_false(parse(line));
    assert_int_equal(failure.class, class);
    assert_string_equal(failure.message, message);
    assert_string_equal(failure.hint, hint);
}

static void test_commands(void **state)
{
    assert_true(parse("job list"));
    assert_ptr_equal(call.command, &table[0]);
    assert_true(parse("migrate"));
    assert_ptr_equal(call.command, &table[4]);
    assert_true(parse("migrate status"));
    assert_ptr_equal(call.command, &table[5]);
    assert_true(parse("--json job --data d list"));
    assert_ptr_equal(call.command, &table[0]);
    assert_string_equal(call_text(&call, "--data"), "d");
    assert_true(call_has(&call, "--json"));
    assert_true(parse("enqueue migrate status"));
    assert_string_equal(call.arguments[0], "migrate");
    assert_string_equal(call.arguments[1], "status");
}

static void test_help_needs_nothing_else(void **state)
{
    assert_true(parse("--help"));
    assert_null(call.command);
    assert_true(parse("job --help"));
    assert_string_equal(call.noun, "job");
    assert_true(parse("job show -h"));
    assert_ptr_equal(call.command, &table[1]);
    assert_true(parse("--version"));
}

static void test_unknown_words(void **state)
{
    expect_failure("job lst", FAILURE_USAGE, "unknown command \"job lst\"",
                   "Did you mean: pawl job list");
    expect_failure("jobs", FAILURE_USAGE, "unknown command \"jobs\"", "Did you mean: pawl job");
    expect_failure("zz", FAILURE_USAGE, "unknown command \"zz\"",
                   "pawl --help shows the commands.");
    expect_failure("xyzzy", FAILURE_USAGE, "unknown command \"xyzzy\"",
                   "pawl --help shows the commands.");
    expect_failure("job", FAILURE_USAGE, "\"job\" needs a verb",
                   "pawl job --help shows those it has.");
    expect_failure("job list --limt 3", FAILURE_USAGE, "unknown option \"--limt\"",
                   "Did you mean --limit?");
    expect_failure("job list --jsno", FAILURE_USAGE, "unknown option \"--jsno\"",
                   "Did you mean --json?");
    expect_failure("migrate --limit 3", FAILURE_USAGE, "unknown option \"--limit\"",
                   "pawl migrate --help shows the options.");
    expect_failure("job list -l", FAILURE_USAGE, "unknown option \"-l\"", failure.hint);
    expect_failure("job list more", FAILURE_USAGE, "unexpected argument \"more\"",
                   "pawl job list --help shows how it is called.");
    expect_failure("enqueue a", FAILURE_USAGE, "\"enqueue\" needs an argument: JSON",
                   "pawl enqueue --help shows how it is called.");
}

static void test_values(void **state)
{
    assert_true(parse("job list --limit 7 --pace=-1.5 --all"));
    assert_int_equal(call_integer(&call, "--limit", 1), 7);
    assert_true(call_number(&call, "--pace", 0) == -1.5);
    assert_true(call_has(&call, "--all"));
    assert_false(call_has(&call, "--status"));
    assert_true(parse("job list --pace -1"));
    assert_true(call_number(&call, "--pace", 0) == -1);
    assert_true(parse("job list --db a=b --limit=9"));
    assert_string_equal(call_text(&call, "--db"), "a=b");
    assert_int_equal(call_integer(&call, "--limit", 1), 9);
    assert_true(parse("job list"));
    assert_int_equal(call_integer(&call, "--limit", 50), 50);
}

/* Options that a command has in common with another are as good as its own. */
static void test_shared_options(void **state)
{
    assert_true(parse("job list --since 7 --all --tag a --limit 9 --tag=b"));
    assert_int_equal(call_integer(&call, "--since", 1), 7);
    assert_int_equal(call_integer(&call, "--limit", 1), 9);
    assert_true(call_has(&call, "--all"));
    assert_false(call_has(&call, "--newest"));
    assert_string_equal(call_listed(&call, "--tag", 0), "a");
    assert_string_equal(call_listed(&call, "--tag", 1), "b");
    assert_null(call_listed(&call, "--tag", 2));
    assert_true(parse("job list --newest"));
    assert_true(call_has(&call, "--newest"));
    assert_false(call_has(&call, "--since"));
    expect_failure("job list --sinse 7", FAILURE_USAGE, "unknown option \"--sinse\"",
                   "Did you mean --since?");
    expect_failure("job list --since 101", FAILURE_USAGE,
                   "--since takes a number between 1 and 100, not 101", "");
    expect_failure("job --newest list", FAILURE_USAGE, "unknown option \"--newest\"", failure.hint);
}

static void test_bad_values(void **state)
{
    expect_failure("job list --limit", FAILURE_USAGE, "--limit needs a value",
                   "Write it as: --limit N");
    expect_failure("job list --limit --all", FAILURE_USAGE, "--limit needs a value",
                   "Write it as: --limit N");
    expect_failure("job list --limit 3x", FAILURE_USAGE, "--limit takes a whole number, not \"3x\"",
                   "");
    expect_failure("job list --limit 2.5", FAILURE_USAGE,
                   "--limit takes a whole number, not \"2.5\"", "");
    expect_failure("job list --limit 0", FAILURE_USAGE,
                   "--limit takes a number between 1 and 100, not 0", "");
    expect_failure("job list --limit 101", FAILURE_USAGE,
                   "--limit takes a number between 1 and 100, not 101", "");
    expect_failure("job list --limit 99999999999999999999", FAILURE_USAGE,
                   "--limit takes a whole number, not \"99999999999999999999\"", "");
    expect_failure("job list --pace nan", FAILURE_USAGE, "--pace takes a number, not \"nan\"", "");
    expect_failure("job list --pace=", FAILURE_USAGE, "--pace takes a number, not \"\"", "");
    expect_failure("job list --all=yes", FAILURE_USAGE, "--all takes no value", "");
    expect_failure("job list --status run", FAILURE_USAGE, "--status takes no \"run\"",
                   "It is one of: pending running.");
    expect_failure("job list --status=", FAILURE_USAGE, "--status takes no \"\"",
                   "It is one of: pending running.");
    assert_true(parse("job list --status running"));
}

static void test_ids(void **state)
{
    static const char *const wrong[] = {
        "job show 0",     "job show 7x",  "job show +7",  "job show 9223372036854775808",
        "task show 7",    "task show 7/", "task show /8", "task show 7/8/9",
        "task show 07/8", "why x",        "why 7/",       "why 0"};
    char job[24], task[24];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(parse(wrong[i]));
        assert_int_equal(failure.class, FAILURE_INPUT);
    }
    assert_true(parse("job show 9223372036854775807"));
    assert_true(parse("task show 7/1234"));
    assert_true(parse("why 7/1234"));
    assert_true(parse("why 7"));
    assert_true(arguments_split_task("7/1234", job, task));
    assert_string_equal(job, "7");
    assert_string_equal(task, "1234");
}

static void test_arguments_that_may_be_left_out(void **state)
{
    assert_true(parse("data-type show price"));
    assert_string_equal(call.arguments[0], "price");
    assert_null(call.arguments[1]);
    assert_true(parse("data-type show price AAPL"));
    assert_string_equal(call.arguments[1], "AAPL");
    expect_failure("data-type show", FAILURE_USAGE, "\"data-type show\" needs an argument: TYPE",
                   "pawl data-type show --help shows how it is called.");
    expect_failure("data-type show price AAPL MSFT", FAILURE_USAGE, "unexpected argument \"MSFT\"",
                   "pawl data-type show --help shows how it is called.");
    expect_failure("data-type set-ttl price AAPL", FAILURE_USAGE,
                   "\"data-type set-ttl\" needs an argument: TTL",
                   "pawl data-type set-ttl --help shows how it is called.");
}

/* The last argument may be there several times, between options too. */
static void test_further_arguments(void **state)
{
    char line[256] = "check AAPL";
    assert_true(parse("check AAPL"));
    assert_null(call_further(&call, 0));
    assert_true(parse("check AAPL price --tag a profile --tag b news"));
    assert_string_equal(call.arguments[0], "AAPL");
    assert_string_equal(call_further(&call, 0), "price");
    assert_string_equal(call_further(&call, 1), "profile");
    assert_string_equal(call_further(&call, 2), "news");
    assert_null(call_further(&call, 3));
    assert_string_equal(call_listed(&call, "--tag", 1), "b");
    assert_null(call_listed(&call, "--tag", 2));
    for (int i = 0; i <= LISTED_MAX; i++)
        strcat(line, " x");
    expect_failure(line, FAILURE_USAGE, "[TYPE...] is given too often: at most 100", "");
}

static void test_intervals(void **state)
{
    char text[64];
    assert_true(command_read_interval("90m", text));
    assert_string_equal(text, "90 minutes");
    assert_true(command_read_interval("0s", text));
    assert_false(command_read_interval("90", text));
    assert_false(command_read_interval("m", text));
    assert_false(command_read_interval("90mm", text));
    assert_false(command_read_interval("-1s", text));
    assert_false(command_read_interval("12345678s", text));
}

static void test_dashes(void **state)
{
    assert_true(parse("enqueue kind -"));
    assert_string_equal(call.arguments[1], "-");
    assert_true(parse("enqueue -- --json --help"));
    assert_string_equal(call.arguments[0], "--json");
    assert_string_equal(call.arguments[1], "--help");
    assert_false(call_has(&call, "--json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_help_needs_nothing_else),
        cmocka_unit_test(test_unknown_words),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_dashes),
        cmocka_unit_test(test_shared_options),
        cmocka_unit_test(test_arguments_that_may_be_left_out),
        cmocka_unit_test(test_further_arguments),
        cmocka_unit_test(test_intervals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
