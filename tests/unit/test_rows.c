/* Rows as a table, CSV and JSON: results made by hand, output into memory. */
#include "cli/rows.c"
#include "cli/rows_csv.c"
#include "cli/rows_json.c"
#include "cli/rows_table.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <libpq-fe.h>

enum { INT8_OID = 20, TEXT_OID = 25, FLOAT4_OID = 700 };

static struct {
    char *bytes;
    size_t length;
    FILE *file;
    struct rows *rows;
} out;

static const struct table_column shown[] = {
    {"MS", "ms", FORMAT_MILLISECONDS}, {"N", "n", FORMAT_NUMBER}, {"WHO", "who"}, {NULL}};
static const struct rows_layout plain = {.columns = shown, .none = "nobody"};
static const struct rows_layout grouped = {
    .columns = shown, .none = "nobody", .group = "seen_by", .group_from = 2};

static void start(enum rows_form form, const struct rows_layout *layout)
{
    out.file = open_memstream(&out.bytes, &out.length);
    out.rows = rows_create(out.file, form, layout);
}

static void add_cell(PGresult *result, int column, const char *text)
{
    /* libpq copies it, and takes it for one that may be changed all the same */
    PQsetvalue(result, 0, column, (char *)(uintptr_t)text, text ? (int)strlen(text) : -1);
}

/* One row of the columns n, ms, who; n NULL: the end, a result of no rows. */
static void add(const char *n, const char *ms, const char *who)
{
    static char names[3][8] = {"n", "ms", "who"};
    PGresAttDesc columns[3] = {{.name = names[0], .typid = INT8_OID},
                               {.name = names[1], .typid = FLOAT4_OID},
                               {.name = names[2], .typid = TEXT_OID}};
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PQsetResultAttrs(result, 3, columns);
    if (n) {
        add_cell(result, 0, n);
        add_cell(result, 1, ms);
        add_cell(result, 2, who);
    }
    rows_add(out.rows, (struct pg_result *)result);
    PQclear(result);
}

static void expect(const char *expected)
{
    add(NULL, NULL, NULL);
    rows_end(out.rows);
    rows_destroy(out.rows);
    fclose(out.file);
    assert_string_equal(out.bytes, expected);
    free(out.bytes);
}

static void test_csv_quotes_what_must_be(void **state)
{
    start(ROWS_CSV, &plain);
    add("1", "0.5", "plain; 'text'");
    add("2", NULL, "a,b");
    add("3", NULL, "say \"hi\"");
    add("4", NULL, "two\nlines");
    add("4", NULL, "a\rb");
    add("5", NULL, "");
    add("6", NULL, NULL);
    expect("n,ms,who\r\n"
           "1,0.5,plain; 'text'\r\n"
           "2,,\"a,b\"\r\n"
           "3,,\"say \"\"hi\"\"\"\r\n"
           "4,,\"two\nlines\"\r\n"
           "4,,\"a\rb\"\r\n"
           "5,,\"\"\r\n"
           "6,,\r\n");
}

static void test_csv_without_rows_has_its_head(void **state)
{
    start(ROWS_CSV, &plain);
    expect("n,ms,who\r\n");
}

static void test_json_keeps_types(void **state)
{
    start(ROWS_JSON, &plain);
    add("9007199254740993", "1e-05", "\"a\"\n\x01");
    add("2", "NaN", NULL);
    expect("[\n"
           "{\"n\": 9007199254740993, \"ms\": 1e-05, \"who\": \"\\\"a\\\"\\u000a\\u0001\"},\n"
           "{\"n\": 2, \"ms\": \"NaN\", \"who\": null}\n"
           "]\n");
}

static void test_json_without_rows_is_an_array(void **state)
{
    start(ROWS_JSON, &plain);
    expect("[]\n");
    start(ROWS_JSON, &grouped);
    expect("[]\n");
}

static void test_json_has_an_object_for_a_group(void **state)
{
    start(ROWS_JSON, &grouped);
    add("1", "5", "Ada");
    add("1", "5", "Bob");
    add("1", "5", "Cyd");
    add("2", "6", NULL);
    add("1", "7", "Eve");
    expect("[\n"
           "{\"n\": 1, \"ms\": 5, \"seen_by\": [{\"who\": \"Ada\"}, {\"who\": \"Bob\"}, {\"who\": "
           "\"Cyd\"}]},\n"
           "{\"n\": 2, \"ms\": 6, \"seen_by\": []},\n"
           "{\"n\": 1, \"ms\": 7, \"seen_by\": [{\"who\": \"Eve\"}]}\n"
           "]\n");
}

static void test_json_that_was_cut_off_is_none(void **state)
{
    start(ROWS_JSON, &plain);
    add("1", NULL, NULL);
    rows_destroy(out.rows);
    fclose(out.file);
    assert_string_equal(out.bytes, "[\n{\"n\": 1, \"ms\": null, \"who\": null");
    free(out.bytes);
}

static void test_table_is_aligned(void **state)
{
    start(ROWS_TABLE, &plain);
    add("1", "1500", "Ada");
    add("12345", NULL, "B\033[1mob");
    expect("   MS      N  WHO\n"
           "1.5 s      1  Ada\n"
           "    -  12345  B [1mob\n");
}

static void test_table_does_not_repeat_a_group(void **state)
{
    start(ROWS_TABLE, &grouped);
    add("1", "1", "Ada");
    add("1", "1", "Bob");
    add("2", "1", "Bob");
    expect("  MS  N  WHO\n"
           "1 ms  1  Ada\n"
           "         Bob\n"
           "1 ms  2  Bob\n");
}

static void test_table_without_rows_says_so(void **state)
{
    start(ROWS_TABLE, &plain);
    expect("nobody\n");
}

/* Once the widths are known, rows are printed as they come, also when they do not fit. */
static void test_table_keeps_its_first_rows_only(void **state)
{
    start(ROWS_TABLE, &plain);
    for (int i = 1; i < FIRST_ROWS; i++)
        add("1", "1", "Ada");
    fflush(out.file);
    assert_int_equal(out.length, 0);
    add("22", "1", "Ada");
    fflush(out.file);
    size_t first = out.length;
    assert_int_equal(first, strlen("  MS   N  WHO\n") * (FIRST_ROWS + 1));
    add("4444", "1", "Eve");
    fflush(out.file);
    assert_string_equal(out.bytes + first, "1 ms  4444  Eve\n");
    add(NULL, NULL, NULL);
    rows_end(out.rows);
    rows_destroy(out.rows);
    fclose(out.file);
    assert_int_equal(out.length, first + strlen("1 ms  4444  Eve\n"));
    free(out.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv_quotes_what_must_be),
        cmocka_unit_test(test_csv_without_rows_has_its_head),
        cmocka_unit_test(test_json_keeps_types),
        cmocka_unit_test(test_json_without_rows_is_an_array),
        cmocka_unit_test(test_json_has_an_object_for_a_group),
        cmocka_unit_test(test_json_that_was_cut_off_is_none),
        cmocka_unit_test(test_table_is_aligned),
        cmocka_unit_test(test_table_does_not_repeat_a_group),
        cmocka_unit_test(test_table_without_rows_says_so),
        cmocka_unit_test(test_table_keeps_its_first_rows_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
