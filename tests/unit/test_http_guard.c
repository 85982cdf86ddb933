/*
 * The client's guard: which connections are made, whatever a name means, and which are used again.
 * The peer is at 127.0.0.1, so a request that comes through does so because the test calls that
 * address public for a while; what the tables say of addresses is in test_address_guard.c.
 */
#include "http_fixture.h"

#include "http/address_guard.h"

static bool is_loopback_public;

const char *__real_address_refusal(const struct sockaddr *address);
const char *__wrap_address_refusal(const struct sockaddr *address);

const char *__wrap_address_refusal(const struct sockaddr *address)
{
    const char *refusal = __real_address_refusal(address);
    return address->sa_family == AF_INET && is_loopback_public && refusal &&
                   strstr(refusal, "loopback")
               ? NULL
               : refusal;
}

static int set_up_guard(void **state)
{
    is_loopback_public = false;
    set_up(state);
    struct fixture *fixture = *state;
    http_peer_serve(fixture->peer, "/a", "200 OK", "", hello);
    return 0;
}

/* A guarded request for a host of any name; addresses: what the name means, in the order in which
 * libcurl shall try them, NULL: as the system says. */
static struct record fetch_guarded(struct fixture *fixture, const char *host, int port,
                                   const char *addresses)
{
    char url[128], resolve[256];
    struct record record = {.is_guarded = true};
    snprintf(url, sizeof url, "http://%s:%d/a", host, port);
    snprintf(resolve, sizeof resolve, "%s:%d:%s", host, port, addresses ? addresses : "");
    struct curl_slist *names = addresses ? curl_slist_append(NULL, resolve) : NULL;
    start(fixture, &record, (struct http_request){.url = url});
    curl_easy_setopt(record.transfer->easy, CURLOPT_RESOLVE, names);
    turn_until(fixture, &record.dones, 1);
    curl_slist_free_all(names);
    return record;
}

static struct record fetch_from_peer(struct fixture *fixture, const char *host,
                                     const char *addresses)
{
    return fetch_guarded(fixture, host, http_peer_port(fixture->peer), addresses);
}

static void expect_refusal(struct record *record, const char *message)
{
    assert_true(record->result.is_permanent);
    assert_int_equal(record->result.head.status, 0);
    assert_int_equal(record->heads, 0);
    assert_true(record->result.connect_ms == -1);
    expect_failure(record, HTTP_FAILURE_REFUSED, message);
}

static void test_a_private_address_is_refused(void **state)
{
    static const struct {
        const char *host, *message;
    } hosts[] = {
        {"127.0.0.1", "refused: 127.0.0.1 is a loopback address"},
        {"127.1", "refused: 127.0.0.1 is a loopback address"},
        {"2130706433", "refused: 127.0.0.1 is a loopback address"},
        {"0x7f.0.0.1", "refused: 127.0.0.1 is a loopback address"},
        {"0177.0.0.1", "refused: 127.0.0.1 is a loopback address"},
        {"0", "refused: 0.0.0.0 is the unspecified address"},
        {"169.254.169.254", "refused: 169.254.169.254 is a metadata address"},
        {"[::1]", "refused: ::1 is a loopback address"},
        {"[::ffff:127.0.0.1]", "refused: ::ffff:127.0.0.1 is a loopback address"},
        {"[fd00:ec2::254]", "refused: fd00:ec2::254 is a metadata address"},
        {"[64:ff9b::10.0.0.1]", "refused: 64:ff9b::a00:1 is a private address"},
    };
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct record record = fetch_from_peer(*state, hosts[i].host, NULL);
        expect_refusal(&record, hosts[i].message);
    }
    assert_int_equal(http_peer_connections(((struct fixture *)*state)->peer), 0);
}

static void test_a_name_is_what_it_means_at_the_connection(void **state)
{
    struct fixture *fixture = *state;
    struct record record = fetch_from_peer(fixture, "localhost", NULL);
    assert_int_equal(record.result.failure, HTTP_FAILURE_REFUSED);
    assert_non_null(strstr(text_string(&record.message), "is a loopback address"));
    finish(&record);
    assert_int_equal(http_peer_connections(fixture->peer), 0);

    http_peer_serve(fixture->peer, "/a", "200 OK", "Connection: close\r\n", hello);
    is_loopback_public = true;
    record = fetch_from_peer(fixture, "shop.test", "127.0.0.1");
    assert_string_equal(text_string(&record.body), hello);
    finish(&record);
    record = fetch_from_peer(fixture, "shop.test", "10.0.0.1"); /* its owner has changed his mind */
    expect_refusal(&record, "refused: 10.0.0.1 is a private address");
}

static void test_the_open_one_of_several_addresses_is_used(void **state)
{
    static const char *const addresses[] = {"10.0.0.1,127.0.0.1", "127.0.0.1,10.0.0.1",
                                            "[::1],127.0.0.1", "[::1],10.0.0.1,127.0.0.1",
                                            "10.0.0.1,169.254.169.254,127.0.0.1,[fd00::1]"};
    struct fixture *fixture = *state;
    is_loopback_public = true;
    for (int i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "shop%d.test", i);
        struct record record = fetch_from_peer(fixture, name, addresses[i]);
        assert_string_equal(text_string(&record.message), "");
        assert_string_equal(text_string(&record.body), hello);
        finish(&record);
    }
    struct record record = fetch_from_peer(fixture, "inside.test", "10.0.0.1,[fd00::1]");
    assert_int_equal(record.result.failure, HTTP_FAILURE_REFUSED);
    finish(&record);
}

/* The refused address says nothing about the one that might be up again soon. */
static void test_where_the_open_address_fails_that_counts(void **state)
{
    is_loopback_public = true;
    struct record record = fetch_guarded(*state, "shop.test", closed_port(), "10.0.0.1,127.0.0.1");
    assert_false(record.result.is_permanent);
    assert_int_equal(record.result.failure, HTTP_FAILURE_CONNECT);
    finish(&record);
}

/* A connection that is open already would go past the guard. */
static void test_a_connection_of_others_is_not_used(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 1; i <= 3; i++) {
        struct record record = fetch_path(fixture, "/a");
        assert_string_equal(text_string(&record.body), hello);
        finish(&record);
        assert_int_equal(http_peer_connections(fixture->peer), 1);
        assert_int_equal(http_peer_requests(fixture->peer), i);
        record = fetch_from_peer(fixture, "127.0.0.1", NULL);
        expect_refusal(&record, "refused: 127.0.0.1 is a loopback address");
        assert_int_equal(http_peer_requests(fixture->peer), i);
    }
}

static void test_a_guarded_connection_is_used_again(void **state)
{
    struct fixture *fixture = *state;
    is_loopback_public = true;
    for (int i = 0; i < 3; i++) {
        struct record record = fetch_from_peer(fixture, "127.0.0.1", NULL);
        assert_string_equal(text_string(&record.body), hello);
        finish(&record);
    }
    assert_int_equal(http_peer_connections(fixture->peer), 1);
}

static void test_nothing_of_a_refusal_is_left_behind(void **state)
{
    struct fixture *fixture = *state;
    struct record record = fetch_from_peer(fixture, "127.0.0.1", NULL);
    finish(&record);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", closed_port());
    record = fetch(fixture, (struct http_request){.url = url});
    assert_int_equal(record.result.failure, HTTP_FAILURE_CONNECT);
    finish(&record);
    assert_string_equal(http_failure_name(HTTP_FAILURE_REFUSED), "guard");
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_guard, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_private_address_is_refused),
        TEST(test_a_name_is_what_it_means_at_the_connection),
        TEST(test_the_open_one_of_several_addresses_is_used),
        TEST(test_where_the_open_address_fails_that_counts),
        TEST(test_a_connection_of_others_is_not_used),
        TEST(test_a_guarded_connection_is_used_again),
        TEST(test_nothing_of_a_refusal_is_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
