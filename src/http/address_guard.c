/*
 * How it works: a table of ranges for each family, the narrow ones before those around them; the
 * first that holds the address decides. IPv4 is open but for its table. IPv6 is closed but for
 * 2000::/3, the part from which addresses are given to networks, and what carries an IPv4 address.
 */
#include "http/address_guard.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define IPV4(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

static const char metadata[] = "a metadata address";
static const char private_use[] = "a private address";
static const char loopback[] = "a loopback address";
static const char link_local[] = "a link-local address";
static const char protocol_use[] = "an address of IETF protocols";
static const char documentation[] = "a documentation address";
static const char benchmarking[] = "a benchmarking address";
static const char multicast[] = "a multicast address";
static const char reserved[] = "a reserved address";

struct ipv4_range {
    uint32_t first;
    int bits;
    const char *what;
};

static const struct ipv4_range ipv4_ranges[] = {
    {IPV4(169, 254, 169, 254), 32, metadata},
    {IPV4(100, 100, 100, 200), 32, metadata}, /* Alibaba */
    {IPV4(192, 0, 0, 192), 32, metadata},     /* Oracle, of old */
    {IPV4(168, 63, 129, 16), 32, metadata},   /* Azure; public by its number alone */
    {IPV4(255, 255, 255, 255), 32, "the broadcast address"},
    {IPV4(0, 0, 0, 0), 32, "the unspecified address"},
    {IPV4(0, 0, 0, 0), 8, "an address of this network"},  /* RFC 791 */
    {IPV4(10, 0, 0, 0), 8, private_use},                  /* RFC 1918 */
    {IPV4(100, 64, 0, 0), 10, "a carrier's own address"}, /* RFC 6598 */
    {IPV4(127, 0, 0, 0), 8, loopback},                    /* RFC 1122 */
    {IPV4(169, 254, 0, 0), 16, link_local},               /* RFC 3927 */
    {IPV4(172, 16, 0, 0), 12, private_use},               /* RFC 1918 */
    {IPV4(192, 0, 0, 0), 24, protocol_use},               /* RFC 6890 */
    {IPV4(192, 0, 2, 0), 24, documentation},              /* RFC 5737 */
    {IPV4(192, 88, 99, 0), 24, "a 6to4 relay's address"}, /* RFC 7526 */
    {IPV4(192, 168, 0, 0), 16, private_use},              /* RFC 1918 */
    {IPV4(198, 18, 0, 0), 15, benchmarking},              /* RFC 2544 */
    {IPV4(198, 51, 100, 0), 24, documentation},           /* RFC 5737 */
    {IPV4(203, 0, 113, 0), 24, documentation},            /* RFC 5737 */
    {IPV4(224, 0, 0, 0), 4, multicast},                   /* RFC 1112 */
    {IPV4(240, 0, 0, 0), 4, reserved},                    /* RFC 1112 */
};

struct ipv6_range {
    uint16_t groups[8];
    int bits;
    const char *what; /* NULL: open */
    int ipv4_at;      /* not 0: what the IPv4 address is that begins at this byte */
};

static const struct ipv6_range ipv6_ranges[] = {
    {{0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254}, 128, metadata},      /* Amazon */
    {{0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254}, 128, metadata},       /* Google */
    {{0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe}, 128, metadata}, /* Oracle */
    {{0}, 128, "the unspecified address"},                       /* RFC 4291 */
    {{0, 0, 0, 0, 0, 0, 0, 1}, 128, loopback},                   /* RFC 4291 */
    {{0}, 96, NULL, 12},                                         /* RFC 4291, 2.5.5.1 */
    {{0, 0, 0, 0, 0, 0xffff}, 96, NULL, 12},                     /* RFC 4291, 2.5.5.2 */
    {{0x64, 0xff9b}, 96, NULL, 12},                              /* NAT64, RFC 6052 */
    {{0x64, 0xff9b, 1}, 48, "a local NAT64 address"},            /* RFC 8215 */
    {{0x100}, 64, "a discarded address"},                        /* RFC 6666 */
    {{0x100, 0, 0, 1}, 64, "a dummy address"},                   /* RFC 9780 */
    {{0x2001}, 32, "a Teredo address"},                          /* RFC 4380 */
    {{0x2001, 2}, 48, benchmarking},                             /* RFC 5180 */
    {{0x2001}, 23, protocol_use},                                /* RFC 2928 */
    {{0x2001, 0xdb8}, 32, documentation},                        /* RFC 3849 */
    {{0x2002}, 16, NULL, 2},                                     /* 6to4, RFC 3056 */
    {{0x3fff}, 20, documentation},                               /* RFC 9637 */
    {{0x2000}, 3, NULL},                                         /* RFC 4291 */
    {{0x5f00}, 16, "a segment routing address"},                 /* RFC 9602 */
    {{0xfc00}, 7, private_use},                                  /* RFC 4193 */
    {{0xfe80}, 10, link_local},                                  /* RFC 4291 */
    {{0xfec0}, 10, "a site-local address"},                      /* RFC 3879 */
    {{0xff00}, 8, multicast},                                    /* RFC 4291 */
    {{0}, 0, reserved},
};

static const char *ipv4_refusal(uint32_t address)
{
    for (size_t i = 0; i < COUNT_OF(ipv4_ranges); i++)
        if ((address ^ ipv4_ranges[i].first) >> (32 - ipv4_ranges[i].bits) == 0)
            return ipv4_ranges[i].what;
    return NULL;
}

static bool is_within(const uint8_t address[16], const struct ipv6_range *range)
{
    for (int group = 0, bits = range->bits; bits > 0; group++, bits -= 16) {
        int number = address[group * 2] << 8 | address[group * 2 + 1];
        if ((number ^ range->groups[group]) >> (bits < 16 ? 16 - bits : 0) != 0)
            return false;
    }
    return true;
}

static uint32_t ipv4_at(const uint8_t *bytes)
{
    return IPV4(bytes[0], bytes[1], bytes[2], bytes[3]);
}

static const char *ipv6_refusal(const uint8_t address[16])
{
    const struct ipv6_range *range = ipv6_ranges;
    while (!is_within(address, range)) /* the last one holds every address */
        range++;
    if (range->ipv4_at)
        return ipv4_refusal(ipv4_at(address + range->ipv4_at));
    return range->what;
}

const char *address_refusal(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in ipv4;
        memcpy(&ipv4, address, sizeof ipv4);
        return ipv4_refusal(ntohl(ipv4.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 ipv6;
        memcpy(&ipv6, address, sizeof ipv6);
        return ipv6_refusal(ipv6.sin6_addr.s6_addr);
    }
    return "no address of the internet";
}
