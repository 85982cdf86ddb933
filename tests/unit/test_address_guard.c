/*
 * Which addresses the guard lets through: of every range the first and the last address, and the
 * open ones beside it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/un.h>

#include "http/address_guard.c"

/* A piece of what is said; "" for an open address. */
static const struct {
    const char *address, *said;
} cases[] = {
    {"1.1.1.1", ""},
    {"8.8.8.8", ""},
    {"93.184.216.34", ""},
    /* IPv4, in the order of the numbers */
    {"0.0.0.0", "unspecified"},
    {"0.0.0.1", "this network"},
    {"0.255.255.255", "this network"},
    {"1.0.0.0", ""},
    {"9.255.255.255", ""},
    {"10.0.0.0", "private"},
    {"10.255.255.255", "private"},
    {"11.0.0.0", ""},
    {"100.63.255.255", ""},
    {"100.64.0.0", "carrier"},
    {"100.100.100.199", "carrier"},
    {"100.100.100.200", "metadata"},
    {"100.100.100.201", "carrier"},
    {"100.127.255.255", "carrier"},
    {"100.128.0.0", ""},
    {"126.255.255.255", ""},
    {"127.0.0.0", "loopback"},
    {"127.0.0.1", "loopback"},
    {"127.255.255.255", "loopback"},
    {"128.0.0.0", ""},
    {"168.63.129.15", ""},
    {"168.63.129.16", "metadata"},
    {"168.63.129.17", ""},
    {"169.253.255.255", ""},
    {"169.254.0.0", "link-local"},
    {"169.254.169.253", "link-local"},
    {"169.254.169.254", "metadata"},
    {"169.254.169.255", "link-local"},
    {"169.254.255.255", "link-local"},
    {"169.255.0.0", ""},
    {"172.15.255.255", ""},
    {"172.16.0.0", "private"},
    {"172.31.255.255", "private"},
    {"172.32.0.0", ""},
    {"191.255.255.255", ""},
    {"192.0.0.0", "IETF"},
    {"192.0.0.192", "metadata"},
    {"192.0.0.255", "IETF"},
    {"192.0.1.255", ""},
    {"192.0.2.0", "documentation"},
    {"192.0.2.255", "documentation"},
    {"192.0.3.0", ""},
    {"192.88.98.255", ""},
    {"192.88.99.0", "6to4"},
    {"192.88.99.255", "6to4"},
    {"192.88.100.0", ""},
    {"192.167.255.255", ""},
    {"192.168.0.0", "private"},
    {"192.168.255.255", "private"},
    {"192.169.0.0", ""},
    {"198.17.255.255", ""},
    {"198.18.0.0", "benchmarking"},
    {"198.19.255.255", "benchmarking"},
    {"198.20.0.0", ""},
    {"198.51.99.255", ""},
    {"198.51.100.0", "documentation"},
    {"198.51.100.255", "documentation"},
    {"198.51.101.0", ""},
    {"203.0.112.255", ""},
    {"203.0.113.0", "documentation"},
    {"203.0.113.255", "documentation"},
    {"203.0.114.0", ""},
    {"223.255.255.255", ""},
    {"224.0.0.0", "multicast"},
    {"239.255.255.255", "multicast"},
    {"240.0.0.0", "reserved"},
    {"255.255.255.254", "reserved"},
    {"255.255.255.255", "broadcast"},
    /* IPv6 */
    {"2606:4700:4700::1111", ""},
    {"::", "unspecified"},
    {"::1", "loopback"},
    {"::2", "this network"}, /* 0.0.0.2 */
    {"::127.0.0.1", "loopback"},
    {"::10.1.2.3", "private"},
    {"::8.8.8.8", ""},
    {"::1:0:0", "reserved"},
    {"::fffe:8.8.8.8", "reserved"},
    {"::ffff:127.0.0.1", "loopback"},
    {"::ffff:169.254.169.254", "metadata"},
    {"::ffff:192.168.0.1", "private"},
    {"::ffff:9.255.255.255", ""},
    {"::ffff:10.0.0.0", "private"},
    {"::ffff:10.255.255.255", "private"},
    {"::ffff:11.0.0.0", ""},
    {"::ffff:0:8.8.8.8", "reserved"}, /* RFC 2765's translated address */
    {"64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff", "reserved"},
    {"64:ff9b::", "unspecified"},
    {"64:ff9b::127.0.0.1", "loopback"},
    {"64:ff9b::10.0.0.1", "private"},
    {"64:ff9b::8.8.8.8", ""},
    {"64:ff9b::255.255.255.255", "broadcast"},
    {"64:ff9b::1:0:0", "reserved"},
    {"64:ff9b:1::", "local NAT64"},
    {"64:ff9b:1:ffff:ffff:ffff:8.8.8.8", "local NAT64"},
    {"64:ff9b:2::", "reserved"},
    {"100::", "discarded"},
    {"100::ffff:ffff:ffff:ffff", "discarded"},
    {"100:0:0:1::", "dummy"},
    {"100:0:0:2::", "reserved"},
    {"1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved"},
    {"2000::", ""},
    {"2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
    {"2001::", "Teredo"},
    {"2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "Teredo"},
    {"2001:1::1", "IETF"},
    {"2001:2::", "benchmarking"},
    {"2001:2:0:ffff:ffff:ffff:ffff:ffff", "benchmarking"},
    {"2001:2:1::", "IETF"},
    {"2001:20::1", "IETF"},
    {"2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "IETF"},
    {"2001:200::", ""},
    {"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", ""},
    {"2001:db8::", "documentation"},
    {"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "documentation"},
    {"2001:db9::", ""},
    {"2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
    {"2002:7f00:1::", "loopback"},
    {"2002:a9fe:a9fe::1", "metadata"},
    {"2002:c0a8:101::", "private"},
    {"2002:808:808::1", ""},
    {"2002:ffff:ffff::", "broadcast"},
    {"2003::", ""},
    {"3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
    {"3fff::", "documentation"},
    {"3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "documentation"},
    {"3fff:1000::", ""},
    {"3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
    {"4000::", "reserved"},
    {"5eff:ffff::", "reserved"},
    {"5f00::", "segment routing"},
    {"5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "segment routing"},
    {"5f01::", "reserved"},
    {"fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved"},
    {"fc00::", "private"},
    {"fd00:ec2::253", "private"},
    {"fd00:ec2::254", "metadata"},
    {"fd20:ce::254", "metadata"},
    {"fd00:c1::a9fe:a9fe", "metadata"},
    {"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "private"},
    {"fe00::", "reserved"},
    {"fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved"},
    {"fe80::", "link-local"},
    {"fe80::1", "link-local"},
    {"febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "link-local"},
    {"fec0::", "site-local"},
    {"feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "site-local"},
    {"ff00::", "multicast"},
    {"ff02::1", "multicast"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "multicast"},
};

static struct sockaddr_storage parsed(const char *address)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&storage;
    storage.ss_family = strchr(address, ':') ? AF_INET6 : AF_INET;
    void *bytes =
        storage.ss_family == AF_INET6 ? (void *)&ipv6->sin6_addr : (void *)&ipv4->sin_addr;
    if (inet_pton(storage.ss_family, address, bytes) != 1)
        fail_msg("%s is no address", address);
    return storage;
}

static void test_each_address_is_what_it_is(void **state)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct sockaddr_storage address = parsed(cases[i].address);
        const char *refusal = address_refusal((struct sockaddr *)&address);
        if (!refusal)
            refusal = "";
        if (!*refusal != !*cases[i].said || !strstr(refusal, cases[i].said))
            fail_msg("%s: \"%s\" rather than \"%s\"", cases[i].address, refusal, cases[i].said);
    }
}

/* Every range of the tables is met by a case above. */
static void test_no_range_is_untested(void **state)
{
    bool is_met[COUNT_OF(ipv4_ranges) + COUNT_OF(ipv6_ranges)] = {false};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct sockaddr_storage address = parsed(cases[i].address);
        size_t at = 0;
        if (address.ss_family == AF_INET) {
            uint32_t number = ntohl(((struct sockaddr_in *)&address)->sin_addr.s_addr);
            while (at < COUNT_OF(ipv4_ranges) &&
                   (number ^ ipv4_ranges[at].first) >> (32 - ipv4_ranges[at].bits) != 0)
                at++;
            if (at == COUNT_OF(ipv4_ranges))
                continue;
        } else {
            while (
                !is_within(((struct sockaddr_in6 *)&address)->sin6_addr.s6_addr, &ipv6_ranges[at]))
                at++;
            at += COUNT_OF(ipv4_ranges);
        }
        is_met[at] = true;
    }
    for (size_t i = 0; i < COUNT_OF(is_met); i++)
        if (!is_met[i])
            fail_msg("no case for range %zu", i);
}

/* A port or a scope makes no difference; other families have no business here. */
static void test_other_parts_of_an_address_do_not_count(void **state)
{
    struct sockaddr_storage storage = parsed("fe80::1");
    ((struct sockaddr_in6 *)&storage)->sin6_scope_id = 2;
    ((struct sockaddr_in6 *)&storage)->sin6_port = htons(80);
    assert_string_equal(address_refusal((struct sockaddr *)&storage), "a link-local address");
    storage = parsed("8.8.8.8");
    ((struct sockaddr_in *)&storage)->sin_port = htons(22);
    assert_null(address_refusal((struct sockaddr *)&storage));
    struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/run/x"};
    assert_string_equal(address_refusal((struct sockaddr *)&local), "no address of the internet");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_address_is_what_it_is),
        cmocka_unit_test(test_no_range_is_untested),
        cmocka_unit_test(test_other_parts_of_an_address_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
