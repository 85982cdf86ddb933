/*
 * The client and names whose resolver is slow: 0.test, 1.test, ... answer when they may. The loop
 * is never stopped, and no request takes longer than its time.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "http_fixture.h"

/* ---- a resolver ---- */

enum {
    RESOLVER_S = 8,        /* a question that nobody answers ends by itself */
    LOOP_STANDS_MS = 5000, /* a loop that waited for it would take longer */
    REQUESTS = 8,
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t is_changed;
    int asked, asked_of[REQUESTS]; /* in all, and of each name */
    bool is_first_failing;         /* the first question of each name at once; all others hang */
    bool is_let_go;
} resolver = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, {0}, false, false};

typedef int getaddrinfo_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static void hang(void)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += RESOLVER_S;
    while (!resolver.is_let_go &&
           pthread_cond_timedwait(&resolver.is_changed, &resolver.lock, &end) == 0)
        ;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *wish,
                struct addrinfo **found)
{
    union {
        void *pointer;
        getaddrinfo_fn *function;
    } system = {dlsym(RTLD_NEXT, "getaddrinfo")};
    if (!name || !strstr(name, ".test"))
        return system.function(name, service, wish, found);
    pthread_mutex_lock(&resolver.lock);
    resolver.asked++;
    if (resolver.asked_of[(name[0] - '0') % REQUESTS]++ > 0 || !resolver.is_first_failing)
        hang();
    pthread_mutex_unlock(&resolver.lock);
    return EAI_AGAIN;
}

static int set_up_resolver(void **state)
{
    resolver.asked = 0;
    memset(resolver.asked_of, 0, sizeof resolver.asked_of);
    resolver.is_first_failing = resolver.is_let_go = false;
    return set_up(state);
}

static int let_go_and_tear_down(void **state)
{
    pthread_mutex_lock(&resolver.lock);
    resolver.is_let_go = true;
    pthread_cond_broadcast(&resolver.is_changed);
    pthread_mutex_unlock(&resolver.lock);
    return tear_down(state);
}

static int questions(void)
{
    pthread_mutex_lock(&resolver.lock);
    int asked = resolver.asked;
    pthread_mutex_unlock(&resolver.lock);
    return asked;
}

static void turn_until_asked(struct fixture *fixture, int wanted)
{
    int asked = 0;
    for (int i = 0; i < 5000 && (asked = questions()) < wanted; i++) {
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
    assert_int_equal(asked, wanted);
}

static int64_t since_ms(int64_t begin_us)
{
    return (clock_now_us() - begin_us) / 1000;
}

static const struct http_request question = {.url = "http://0.test/", .timeout_ms = 100};

/* ---- tests ---- */

static void test_a_name_that_is_slow_stops_nobody_when_time_is_up(void **state)
{
    struct fixture *fixture = *state;
    int64_t begin_us = clock_now_us();
    struct record record = fetch(fixture, question);
    assert_true(since_ms(begin_us) < LOOP_STANDS_MS);
    assert_int_equal(questions(), 1);
    assert_int_equal(record.result.failure, HTTP_FAILURE_TIMEOUT);
    finish(&record);
}

static void test_a_name_that_is_slow_stops_nobody_when_it_is_cancelled(void **state)
{
    struct fixture *fixture = *state;
    struct record record = {0};
    start(fixture, &record, (struct http_request){.url = question.url});
    turn_until_asked(fixture, 1);
    int64_t begin_us = clock_now_us();
    http_transfer_cancel(record.transfer);
    turn_until(fixture, &record.dones, 1);
    assert_true(since_ms(begin_us) < LOOP_STANDS_MS);
    assert_int_equal(record.result.failure, HTTP_FAILURE_CANCELLED);
    finish(&record);
}

/* Whether a name does not exist at all is asked for once more, within the same time. */
static void test_why_a_name_is_unknown_is_not_waited_for(void **state)
{
    struct fixture *fixture = *state;
    struct record records[REQUESTS] = {0};
    resolver.is_first_failing = true;
    int64_t begin_us = clock_now_us();
    for (int i = 0; i < REQUESTS; i++) {
        char url[32];
        snprintf(url, sizeof url, "http://%d.test/", i);
        start(fixture, &records[i], (struct http_request){.url = url});
    }
    for (int i = 0; i < REQUESTS; i++) {
        turn_until(fixture, &records[i].dones, 1);
        char message[64];
        snprintf(message, sizeof message, "could not resolve host: %d.test", i);
        assert_false(records[i].result.is_permanent);
        expect_failure(&records[i], HTTP_FAILURE_DNS, message);
    }
    assert_true(since_ms(begin_us) < LOOP_STANDS_MS);
    assert_true(questions() > REQUESTS);
}

static void test_there_is_no_asking_why_when_time_is_up(void **state)
{
    struct fixture *fixture = *state;
    resolver.is_first_failing = true;
    struct record record =
        fetch(fixture, (struct http_request){.url = question.url, .timeout_ms = ASK_MS - 100});
    assert_int_equal(questions(), 1);
    expect_failure(&record, HTTP_FAILURE_DNS, "could not resolve host: 0.test");
}

static void test_a_request_is_cancelled_while_it_is_asked_why(void **state)
{
    struct fixture *fixture = *state;
    struct record record = {0};
    resolver.is_first_failing = true;
    start(fixture, &record, (struct http_request){.url = question.url});
    turn_until_asked(fixture, 2);
    int64_t begin_us = clock_now_us();
    http_transfer_cancel(record.transfer);
    turn_until(fixture, &record.dones, 1);
    assert_true(since_ms(begin_us) < LOOP_STANDS_MS);
    assert_int_equal(record.result.failure, HTTP_FAILURE_CANCELLED);
    finish(&record);
}

static void test_destroyed_while_it_is_asked_why(void **state)
{
    struct fixture *fixture = *state;
    struct record record = {0};
    resolver.is_first_failing = true;
    start(fixture, &record, (struct http_request){.url = question.url});
    turn_until_asked(fixture, 2);
    http_client_destroy(fixture->client);
    fixture->client = NULL;
    turn_until(fixture, &record.dones, 1);
    assert_int_equal(record.result.failure, HTTP_FAILURE_CANCELLED);
    finish(&record);
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_resolver, let_go_and_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_name_that_is_slow_stops_nobody_when_time_is_up),
        TEST(test_a_name_that_is_slow_stops_nobody_when_it_is_cancelled),
        TEST(test_why_a_name_is_unknown_is_not_waited_for),
        TEST(test_there_is_no_asking_why_when_time_is_up),
        TEST(test_a_request_is_cancelled_while_it_is_asked_why),
        TEST(test_destroyed_while_it_is_asked_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
