#include "api/listen_address.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_parse(void **state)
{
    static const struct {
        const char *text, *host, *port;
    } rows[] = {
        {"8787", "127.0.0.1", "8787"},          {"0", "127.0.0.1", "0"},
        {"0.0.0.0:80", "0.0.0.0", "80"},        {"localhost:65535", "localhost", "65535"},
        {"[::1]:8787", "::1", "8787"},          {"[fe80::1%eth0]:1", "fe80::1%eth0", "1"},
        {"127.0.0.1:00080", "127.0.0.1", "80"},
    };
    struct listen_address address;
    struct failure failure;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(listen_address_parse(rows[i].text, &address, &failure));
        assert_string_equal(address.host, rows[i].host);
        assert_string_equal(address.port, rows[i].port);
    }
}

static void test_refuse(void **state)
{
    static const char *const wrong[] = {"",    "x",     "65536",   "-1",    "80x",
                                        ":80", "host:", "::1:80",  "[]:80", "[::1]",
                                        "+80", "0x50",  "host:8 0"};
    struct listen_address address;
    struct failure failure;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(listen_address_parse(wrong[i], &address, &failure));
        assert_int_equal(failure.class, FAILURE_USAGE);
    }
}

static void test_loopback(void **state)
{
    static const char *const inside[] = {"80",       "127.0.0.1:80", "127.8.9.10:80",
                                         "[::1]:80", "localhost:80", "nowhere.invalid:80"};
    static const char *const outside[] = {"0.0.0.0:80", "[::]:80", "10.0.0.1:80", "128.0.0.1:80",
                                          "[::ffff:10.0.0.1]:80"};
    struct listen_address address;
    struct failure failure;
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
        assert_true(listen_address_parse(inside[i], &address, &failure));
        assert_true(listen_address_check_loopback(&address, &failure));
    }
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        assert_true(listen_address_parse(outside[i], &address, &failure));
        assert_false(listen_address_check_loopback(&address, &failure));
        assert_int_equal(failure.class, FAILURE_USAGE);
        assert_non_null(strstr(failure.message, address.host));
    }
}

static void test_port_in_use(void **state)
{
    struct listen_address address;
    struct failure failure;
    char name[LISTEN_ADDRESS_BYTES], expected[LISTEN_ADDRESS_BYTES];
    int port = 0, other_port = 0;
    assert_true(listen_address_parse("0", &address, &failure));
    int first = listen_address_open(&address, &port, name, &failure);
    assert_true(first >= 0);
    assert_true(port > 0);
    snprintf(expected, sizeof expected, "127.0.0.1:%d", port);
    assert_string_equal(name, expected);

    assert_true(listen_address_parse(expected, &address, &failure));
    assert_int_equal(listen_address_open(&address, &other_port, name, &failure), -1);
    assert_int_equal(failure.class, FAILURE_ENVIRONMENT);
    assert_non_null(strstr(failure.message, "Address already in use"));
    assert_non_null(strstr(failure.message, expected));
    assert_true(failure.hint[0]);
    close(first);
    first = listen_address_open(&address, &other_port, name, &failure);
    assert_int_equal(other_port, port);
    close(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_refuse),
        cmocka_unit_test(test_loopback),
        cmocka_unit_test(test_port_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
