/*
 * Connecting: host after host and address after address, each with a time limit of its own, and
 * never waiting on the loop. The hosts here are a PostgreSQL (a Unix socket), a silent one that
 * takes connections and says nothing, a closed port, and names that only this file's resolver
 * knows.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "server_fixture.h"

#include "base/memory.h"
#include "base/text.h"
#include "pg/connection_attempt.h"
#include "pg/connection_hosts.h"

/* ---- a resolver ---- */

static pthread_mutex_t resolver_lock = PTHREAD_MUTEX_INITIALIZER; /* held: it does not answer */

typedef int getaddrinfo_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* slow.test answers when it may; two.test is 127.0.0.2 and 127.0.0.1; gone.test is nowhere. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *wish,
                struct addrinfo **found)
{
    union {
        void *pointer;
        getaddrinfo_fn *function;
    } system = {dlsym(RTLD_NEXT, "getaddrinfo")};
    if (!name || !strstr(name, ".test"))
        return system.function(name, service, wish, found);
    pthread_mutex_lock(&resolver_lock);
    pthread_mutex_unlock(&resolver_lock);
    if (strcmp(name, "gone.test") == 0)
        return EAI_NONAME;
    int error = system.function("127.0.0.2", service, wish, found);
    return error ? error : system.function("127.0.0.1", service, wish, &(*found)->ai_next);
}

/* ---- hosts ---- */

static struct {
    int silent, silent_port, closed_port;
    char *socket; /* the server's socket folder */
} hosts;

static int listen_somewhere(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(descriptor, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(descriptor, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return descriptor;
}

static int open_hosts(void **state)
{
    if (start_server(state) != 0)
        return -1;
    hosts.silent = listen_somewhere(&hosts.silent_port);
    assert_int_equal(listen(hosts.silent, 100), 0);
    close(listen_somewhere(&hosts.closed_port));
    PQconninfoOption *options = PQconninfoParse(text_string(&server.url), NULL);
    for (PQconninfoOption *option = options; option->keyword; option++)
        if (strcmp(option->keyword, "host") == 0)
            hosts.socket = memory_copy_string(option->val);
    PQconninfoFree(options);
    return hosts.socket ? 0 : -1;
}

static int close_hosts(void **state)
{
    close(hosts.silent);
    free(hosts.socket);
    return stop_server(state);
}

/* ---- an attempt ---- */

static struct {
    struct connection_attempt *attempt;
    int done, ticks;
    PGconn *inner;
    struct failure failure;
    uint64_t took_ms;
} try;

static void on_done(void *context, PGconn *inner, const struct failure *failure)
{
    assert_true(!inner == !!failure);
    try.done++;
    try.inner = inner;
    if (failure)
        try.failure = *failure;
    connection_attempt_destroy(try.attempt);
}

static void begin(const char *more, const char *names, const char *ports)
{
    char url[512];
    snprintf(url, sizeof url, "host=%s port=%s user=pawl dbname=pawl connect_timeout=1 %s", names,
             ports, more);
    memset(&try, 0, sizeof try);
    try.attempt = connection_attempt_create(&test_loop, url, "pawl test", on_done, NULL);
}

/* names and ports as in a connection string: S the socket, with port 5432; - the silent host; 0 the
 * closed port. Others are themselves, on the silent port. */
static void attempt(const char *list, const char *more)
{
    char names[256] = "", ports[128] = "", copy[128];
    snprintf(copy, sizeof copy, "%s", list);
    for (char *name = strtok(copy, ","); name; name = strtok(NULL, ",")) {
        const char *comma = names[0] ? "," : "";
        bool is_server = strcmp(name, "S") == 0, is_closed = strcmp(name, "0") == 0;
        bool is_silent = strcmp(name, "-") == 0;
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", comma,
                 is_server                ? hosts.socket
                 : is_closed || is_silent ? "127.0.0.1"
                                          : name);
        snprintf(ports + strlen(ports), sizeof ports - strlen(ports), "%s%d", comma,
                 is_server   ? 5432
                 : is_closed ? hosts.closed_port
                             : hosts.silent_port);
    }
    uint64_t start_ns = uv_hrtime();
    begin(more, names, ports);
    run_until(&try.done, 1);
    try.took_ms = (uv_hrtime() - start_ns) / 1000000;
}

static void expect_in(void)
{
    if (!try.inner)
        fail_msg("%s: %s", try.failure.message, try.failure.detail);
    assert_int_equal(PQstatus(try.inner), CONNECTION_OK);
    PQfinish(try.inner);
}

static void expect_refusal(const char *words)
{
    assert_null(try.inner);
    if (!strstr(try.failure.message, words) && !strstr(try.failure.detail, words))
        fail_msg("%s: %s", try.failure.message, try.failure.detail);
}

static int close_loop(void **state)
{
    return close_loop_ms() > 5000;
}

/* ---- one host ---- */

static void test_a_host_that_lets_us_in(void **state)
{
    attempt("S", "");
    expect_in();
}

static void test_a_silent_host_is_given_up(void **state)
{
    attempt("-", "");
    expect_refusal("could not connect to \"127.0.0.1\" within 1 s");
    assert_in_range(try.took_ms, 900, 5000);
}

static void test_a_refusal_says_why(void **state)
{
    attempt("0", "");
    expect_refusal("Connection refused");
    attempt("gone.test", "");
    expect_refusal("could not look up \"gone.test\": ");
    attempt("S", "dbname=not_there");
    expect_refusal("database \"not_there\" does not exist");
}

/* ---- several ---- */

static void test_the_next_host_has_a_limit_of_its_own(void **state)
{
    attempt("-,0,-,S", "");
    expect_in();
    assert_in_range(try.took_ms, 1900, 8000);
}

static void test_every_refusal_is_told(void **state)
{
    attempt("0,-", "");
    expect_refusal("none of the database's 2 addresses let us in");
    expect_refusal("Connection refused");
    expect_refusal("; could not connect to \"127.0.0.1\" within 1 s");
}

static void test_every_address_of_a_name_is_tried(void **state)
{
    attempt("two.test,S", "");
    expect_in();
    assert_in_range(try.took_ms, 900, 5000); /* 127.0.0.2 refuses, 127.0.0.1 is silent */
    attempt("two.test", "");
    expect_refusal("none of the database's 2 addresses let us in");
    expect_refusal("127.0.0.2");
}

static void test_the_kind_of_session_is_minded(void **state)
{
    attempt("S", "target_session_attrs=read-write");
    expect_in();
    attempt("0,S", "target_session_attrs=standby");
    expect_refusal("server is not in hot standby mode");
    attempt("S,-", "target_session_attrs=prefer-standby");
    expect_in();
    assert_in_range(try.took_ms, 900, 8000); /* another might have been a standby */
}

/* ---- a resolver that does not answer ---- */

static void on_tick(uv_timer_t *timer)
{
    try.ticks++;
}

static void test_a_slow_resolver_does_not_stop_the_loop(void **state)
{
    uv_timer_t ticker;
    uv_timer_init(&test_loop, &ticker);
    uv_timer_start(&ticker, on_tick, 10, 10);
    pthread_mutex_lock(&resolver_lock);
    attempt("slow.test,S", "");
    expect_in();
    assert_in_range(try.ticks, 20, 1000);
    assert_in_range(try.took_ms, 900, 5000);
    attempt("slow.test", "");
    expect_refusal("could not look up \"slow.test\" within 1 s");
    uv_close((uv_handle_t *)&ticker, NULL);
    assert_in_range(close_loop_ms(), 0, 5000); /* nor its end */
    pthread_mutex_unlock(&resolver_lock);
}

static void test_an_attempt_may_be_dropped_at_any_moment(void **state)
{
    const char *const names[] = {"127.0.0.1", "slow.test"};
    char port[16];
    snprintf(port, sizeof port, "%d", hosts.silent_port);
    for (int i = 0; i < 2; i++)
        for (int turns = 0; turns < 6; turns++) {
            begin("", names[i], port);
            for (int turn = 0; turn < turns; turn++) {
                uv_run(&test_loop, UV_RUN_NOWAIT);
                usleep(1000);
            }
            connection_attempt_destroy(try.attempt);
            assert_int_equal(try.done, 0);
        }
}

/* ---- what strings say ---- */

static const struct {
    const char *url;
    const char *hosts; /* name/address/port/session of each; "-" for what the string says */
    int timeout_ms;
} strings[] = {
    {"postgresql://a/db", "a/-/5432/-", 10000},
    {"postgresql://a:1,b:2/db?connect_timeout=3", "a/-/1/- b/-/2/-", 3000},
    {"host=a,b port=7", "a/-/7/- b/-/7/-", 10000},
    {"host=a,b hostaddr=10.0.0.1,10.0.0.2", "a/10.0.0.1/5432/- b/10.0.0.2/5432/-", 10000},
    {"hostaddr=10.0.0.1,10.0.0.2", "-/10.0.0.1/5432/- -/10.0.0.2/5432/-", 10000},
    {"postgresql:///db?host=/run/x&target_session_attrs=read-write", "/run/x/-/5432/-", 10000},
    {"host=a,b target_session_attrs=prefer-standby",
     "a/-/5432/standby b/-/5432/standby a/-/5432/any b/-/5432/any", 10000},
    {"host=a connect_timeout=0", "a/-/5432/-", 10000},
    {"host=a connect_timeout=2000000000", "a/-/5432/-", 3600000},
    /* for libpq alone */
    {"dbname=db", "-/-/-/-", 10000},
    {"db", "-/-/-/-", 10000},
    {"service=x host=a", "-/-/-/-", 10000},
    {"host=a,,b", "-/-/-/-", 10000},
    {"host=a,b port=1,2,3", "-/-/-/-", 10000},
    {"host=a,b hostaddr=10.0.0.1", "-/-/-/-", 10000},
    {"host=a nonsense=1", "-/-/-/-", 10000},
};

static void test_strings_are_taken_apart(void **state)
{
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        struct arena *arena = arena_create(1024);
        struct connection_hosts read;
        struct text said = {0};
        connection_hosts_read(&read, strings[i].url, arena);
        for (int place = 0; place < read.count; place++) {
            const struct connection_host *host = &read.list[place];
            text_append_format(&said, "%s%s/%s/%s/%s", place ? " " : "",
                               host->name ? host->name : "-", host->address ? host->address : "-",
                               host->port ? host->port : "-", host->session ? host->session : "-");
        }
        assert_string_equal(text_string(&said), strings[i].hosts);
        assert_int_equal(read.timeout_ms, strings[i].timeout_ms);
        text_finish(&said);
        arena_destroy(arena);
    }
}

static void test_the_environment_adds_to_the_string(void **state)
{
    struct arena *arena = arena_create(1024);
    struct connection_hosts read;
    setenv("PGHOST", "x,y", 1);
    connection_hosts_read(&read, "postgresql:///db", arena);
    assert_int_equal(read.count, 2);
    assert_string_equal(read.list[1].name, "y");
    connection_hosts_read(&read, "db", arena);
    assert_int_equal(read.count, 2);
    connection_hosts_read(&read, "host=a", arena);
    assert_int_equal(read.count, 1);
    assert_string_equal(read.list[0].name, "a");
    unsetenv("PGHOST");
    arena_destroy(arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_loop, close_loop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_host_that_lets_us_in),
        TEST(test_a_silent_host_is_given_up),
        TEST(test_a_refusal_says_why),
        TEST(test_the_next_host_has_a_limit_of_its_own),
        TEST(test_every_refusal_is_told),
        TEST(test_every_address_of_a_name_is_tried),
        TEST(test_the_kind_of_session_is_minded),
        cmocka_unit_test_setup(test_a_slow_resolver_does_not_stop_the_loop, open_loop),
        TEST(test_an_attempt_may_be_dropped_at_any_moment),
        cmocka_unit_test(test_strings_are_taken_apart),
        cmocka_unit_test(test_the_environment_adds_to_the_string),
    };
    return cmocka_run_group_tests_name("connection_attempt", tests, open_hosts, close_hosts);
}
