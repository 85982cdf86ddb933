/* Secrets of the environment and of files: what is found, what is refused and in which words, and
 * when it is read again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "executors/http/secrets.c"

struct fixture {
    char base[64], folder[80];
    struct secrets *secrets;
    uint64_t now_ms;
};

static int set_up(void **state)
{
    struct fixture *fixture = memory_zeroed(1, sizeof *fixture);
    snprintf(fixture->base, sizeof fixture->base, "/tmp/test_secrets.XXXXXX");
    assert_non_null(mkdtemp(fixture->base));
    snprintf(fixture->folder, sizeof fixture->folder, "%s/in", fixture->base);
    assert_int_equal(mkdir(fixture->folder, 0700), 0);
    fixture->secrets = secrets_create(fixture->folder);
    fixture->now_ms = 100000;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    char command[160];
    secrets_destroy(fixture->secrets);
    snprintf(command, sizeof command, "rm -r %s", fixture->base);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

static void write_file(const struct fixture *fixture, const char *name, const char *bytes,
                       size_t length)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", fixture->base, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

static void put(const struct fixture *fixture, const char *name, const char *value)
{
    write_file(fixture, name, value, strlen(value));
}

static void expect_found(struct fixture *fixture, const char *reference, const char *wanted)
{
    struct slice value;
    struct text reason = {0};
    if (!secrets_find(fixture->secrets, reference, fixture->now_ms, &value, &reason))
        fail_msg("%s", text_string(&reason));
    assert_int_equal(value.length, strlen(wanted));
    assert_memory_equal(value.start, wanted, value.length);
    text_finish(&reason);
}

static void expect_none(struct fixture *fixture, const char *reference, const char *wanted)
{
    struct slice value;
    struct text reason = {0};
    assert_false(secrets_find(fixture->secrets, reference, fixture->now_ms, &value, &reason));
    assert_true(slice_starts_with(text_slice(&reason), "secret "));
    assert_non_null(strstr(text_string(&reason), wanted));
    text_finish(&reason);
}

static void test_a_variable(void **state)
{
    setenv("SHOP_KEY", "k-1", 1);
    setenv("SHOP_EMPTY", "", 1);
    expect_found(*state, "env:SHOP_KEY", "k-1");
    expect_none(*state, "env:SHOP_NOBODY",
                "secret env:SHOP_NOBODY: there is no variable SHOP_NOBODY in the environment");
    expect_none(*state, "env:SHOP_EMPTY", "it is empty");
    expect_none(*state, "SHOP_KEY", "it is none of env:NAME, file:PATH and vault:NAME");
}

static void test_the_way_to_the_database_is_no_secret(void **state)
{
    static const char *const names[] = {"PGPASSWORD", "PGSERVICEFILE", "DATABASE_URL", "PAWL_X"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct text reference = {0};
        setenv(names[i], "ours", 1);
        text_append_format(&reference, "env:%s", names[i]);
        expect_none(*state, text_string(&reference), "is not for others");
        text_finish(&reference);
    }
}

static void test_a_file(void **state)
{
    struct fixture *fixture = *state;
    struct text whole = {0};
    put(fixture, "in/plain", "value");
    put(fixture, "in/lined", "two words\r\n\n");
    put(fixture, "in/empty", "\n");
    put(fixture, "outside", "ours");
    expect_found(fixture, "file:plain", "value");
    expect_found(fixture, "file:lined", "two words");
    text_append_format(&whole, "file:%s/plain", fixture->folder);
    expect_found(fixture, text_string(&whole), "value");
    expect_none(fixture, "file:empty", "it is empty");
    expect_none(fixture, "file:nobody", "No such file or directory");
    expect_none(fixture, "file:../outside", "is not inside");
    expect_none(fixture, "file:/etc/passwd", "the file /etc/passwd is not inside");
    expect_none(fixture, "file:.", "is not inside"); /* the folder itself */
    text_finish(&whole);
}

static void test_links(void **state)
{
    struct fixture *fixture = *state;
    char path[160];
    put(fixture, "outside", "ours");
    put(fixture, "in/value", "theirs");
    snprintf(path, sizeof path, "%s/in/out", fixture->base);
    assert_int_equal(symlink("../outside", path), 0);
    snprintf(path, sizeof path, "%s/in/within", fixture->base);
    assert_int_equal(symlink("value", path), 0);
    expect_none(fixture, "file:out", "is not inside");
    expect_found(fixture, "file:within", "theirs"); /* as Kubernetes has them */
    /* a folder whose name only begins like ours */
    snprintf(path, sizeof path, "%s/in2", fixture->base);
    assert_int_equal(mkdir(path, 0700), 0);
    put(fixture, "in2/value", "ours");
    expect_none(fixture, "file:../in2/value", "is not inside");
}

static void test_what_is_no_plain_file(void **state)
{
    struct fixture *fixture = *state;
    char path[160];
    char *large = memory_zeroed(1, VALUE_BYTES_MAX + 1);
    memset(large, 'x', VALUE_BYTES_MAX + 1);
    write_file(fixture, "in/large", large, VALUE_BYTES_MAX + 1);
    free(large);
    snprintf(path, sizeof path, "%s/in/pipe", fixture->base);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(path, sizeof path, "%s/in/folder", fixture->base);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_none(fixture, "file:large", "no file of 65536 bytes at most");
    expect_none(fixture, "file:pipe", "no file of 65536 bytes at most"); /* and does not wait */
    expect_none(fixture, "file:folder", "no file of 65536 bytes at most");
}

static void test_it_is_read_again(void **state)
{
    struct fixture *fixture = *state;
    expect_none(fixture, "file:later", "No such file");
    put(fixture, "in/later", "first");
    expect_none(fixture, "file:later", "No such file"); /* it has just been looked for */
    fixture->now_ms += FRESH_MS;
    expect_found(fixture, "file:later", "first");
    put(fixture, "in/later", "second");
    fixture->now_ms += FRESH_MS - 1;
    expect_found(fixture, "file:later", "first");
    fixture->now_ms++;
    expect_found(fixture, "file:later", "second");
}

static void test_what_is_remembered_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    setenv("SHOP_KEY", "k-1", 1);
    for (int i = 0; i < 3 * ENTRIES_MAX; i++) {
        struct text reference = {0};
        text_append_format(&reference, "env:NOBODY_%d", i);
        expect_none(fixture, text_string(&reference), "there is no variable");
        text_finish(&reference);
    }
    assert_int_equal(fixture->secrets->by_reference.count, ENTRIES_MAX);
    expect_found(fixture, "env:SHOP_KEY", "k-1");
    assert_int_equal(fixture->secrets->by_reference.count, ENTRIES_MAX);
}

static struct {
    int times;
    char name[64];
} asked;

static void note_asked(void *context, const char *name)
{
    asked.times++;
    snprintf(asked.name, sizeof asked.name, "%s", name);
}

static void answer(struct fixture *fixture, const char *name, const char *value, const char *reason)
{
    secrets_note_vault(fixture->secrets, name, fixture->now_ms,
                       value ? slice_of_string(value) : (struct slice){NULL, 0}, reason);
}

static void expect_awaited(struct fixture *fixture, bool is_awaited)
{
    expect_none(fixture, "vault:key", is_awaited ? "the database has not answered yet" : "");
    assert_int_equal(secrets_are_awaited(fixture->secrets), is_awaited);
}

static void test_the_vault_is_asked_without_waiting(void **state)
{
    struct fixture *fixture = *state;
    asked.times = 0;
    expect_none(fixture, "vault:key", "it is none of"); /* nobody asks */
    secrets_set_vault(fixture->secrets, note_asked, NULL);
    expect_awaited(fixture, true);
    expect_awaited(fixture, true);
    assert_int_equal(asked.times, 1);
    assert_string_equal(asked.name, "key");
    answer(fixture, "key", NULL, "the vault has none of that name");
    expect_none(fixture, "vault:key", "secret vault:key: the vault has none of that name");
    expect_awaited(fixture, false);
    answer(fixture, "key", "first\n", NULL);
    expect_found(fixture, "vault:key", "first");
    fixture->now_ms += FRESH_MS;
    expect_found(fixture, "vault:key", "first"); /* serves while it is asked for */
    assert_int_equal(asked.times, 2);
    answer(fixture, "key", "second", NULL);
    expect_found(fixture, "vault:key", "second");
    fixture->now_ms += SERVES_MS - 1;
    expect_found(fixture, "vault:key", "second");
    fixture->now_ms++;
    expect_awaited(fixture, true); /* too old, should the database be away */
    assert_int_equal(asked.times, 3);
    answer(fixture, "nobody", "x", NULL);
    answer(fixture, "key", "", NULL);
    expect_none(fixture, "vault:key", "it is empty");
}

/* Each is looked for once more when it has been told; one that is forgotten by then never comes. */
static void test_the_vault_may_have_many(void **state)
{
    struct fixture *fixture = *state;
    enum { KINDS = 1000, REFERENCES = 3 };
    char reference[32];
    secrets_set_vault(fixture->secrets, note_asked, NULL);
    for (int i = 0; i < KINDS * REFERENCES; i++) {
        snprintf(reference, sizeof reference, "vault:k%d", i);
        expect_none(fixture, reference, "the database has not answered yet");
    }
    for (int i = 0; i < KINDS * REFERENCES; i++) {
        snprintf(reference, sizeof reference, "k%d", i);
        answer(fixture, reference, "here", NULL);
    }
    for (int i = 0; i < KINDS * REFERENCES; i++) {
        snprintf(reference, sizeof reference, "vault:k%d", i);
        expect_found(fixture, reference, "here");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_variable),
        TEST(test_the_way_to_the_database_is_no_secret),
        TEST(test_a_file),
        TEST(test_links),
        TEST(test_what_is_no_plain_file),
        TEST(test_it_is_read_again),
        TEST(test_what_is_remembered_is_bounded),
        TEST(test_the_vault_is_asked_without_waiting),
        TEST(test_the_vault_may_have_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
