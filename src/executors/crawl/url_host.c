#include "executors/crawl/url_host.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "executors/crawl/url_bytes.h"
#include "executors/crawl/url_idna.h"

/* A name may be longer than its ASCII form: soft hyphens and the like are left out there. */
enum { DECODED_BYTES_MAX = 4 * URL_HOST_BYTES };

static size_t decode_escapes(struct slice raw, char decoded[DECODED_BYTES_MAX])
{
    size_t count = 0;
    for (size_t at = 0; at < raw.length && count < DECODED_BYTES_MAX; at++) {
        unsigned char byte = (unsigned char)raw.start[at];
        if (url_escape_at(raw, at, &byte))
            at += 2;
        decoded[count++] = (char)byte;
    }
    return count;
}

static bool copy_lower(struct slice name, char host[URL_HOST_BYTES])
{
    if (name.length >= URL_HOST_BYTES)
        return false;
    for (size_t at = 0; at < name.length; at++)
        host[at] = url_lower(name.start[at]);
    host[name.length] = '\0';
    return true;
}

/* The standard's forbidden domain code points. */
static bool has_forbidden(struct slice host)
{
    for (size_t at = 0; at < host.length; at++)
        if ((unsigned char)host.start[at] <= ' ' || host.start[at] == 0x7F ||
            strchr("#/:<>?@[\\]^|%", host.start[at]))
            return true;
    return false;
}

/* In small letters, as ASCII. */
static const char *parse_name(struct slice raw, char host[URL_HOST_BYTES], size_t *length)
{
    char decoded[DECODED_BYTES_MAX];
    struct slice name = slice_of(decoded, decode_escapes(raw, decoded));
    if (name.length == DECODED_BYTES_MAX)
        return "its host is too long";
    if (memchr(name.start, '\0', name.length))
        return "its host has a character that no host has";
    if (url_idna_is_needed(name)) {
        if (!url_idna_to_ascii(name, host, URL_HOST_BYTES))
            return "its host is no valid international name";
    } else if (!copy_lower(name, host)) {
        return "its host is too long";
    }
    *length = strlen(host);
    if (has_forbidden(slice_of(host, *length)))
        return "its host has a character that no host has";
    return *length ? NULL : "it has no host";
}

/* A number as C writes them: 0x for hexadecimal, 0 for octal. A bare 0x is 0. */
static bool parse_number(const char *start, size_t length, uint64_t *number)
{
    int base = 10;
    if (length >= 2 && start[0] == '0' && start[1] == 'x')
        base = 16, start += 2, length -= 2;
    else if (length >= 2 && start[0] == '0')
        base = 8, start++, length--;
    *number = 0;
    for (size_t i = 0; i < length; i++) {
        int digit = url_hex_value(start[i]);
        if (digit < 0 || digit >= base)
            return false;
        *number = *number * (uint64_t)base + (uint64_t)digit;
        if (*number > UINT32_MAX)
            *number = (uint64_t)UINT32_MAX + 1; /* too large for any place, and stays so */
    }
    return true;
}

static bool is_all_digits(const char *start, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (start[i] < '0' || start[i] > '9')
            return false;
    return length > 0;
}

/* A host whose last label is a number is an IPv4 address or nothing. */
static bool ends_in_number(const char *host, size_t length)
{
    size_t from = length;
    while (from > 0 && host[from - 1] != '.')
        from--;
    uint64_t number;
    const char *last = host + from;
    return is_all_digits(last, length - from) ||
           (length - from >= 2 && last[0] == '0' && last[1] == 'x' &&
            parse_number(last, length - from, &number));
}

static bool parse_ipv4(const char *host, size_t length, uint32_t *address)
{
    uint64_t numbers[4];
    size_t count = 0;
    for (size_t from = 0; from <= length; count++) {
        const char *dot = memchr(host + from, '.', length - from);
        size_t until = dot ? (size_t)(dot - host) : length;
        if (count == 4 || until == from ||
            !parse_number(host + from, until - from, &numbers[count]))
            return false;
        from = until + 1;
    }
    *address = 0;
    for (size_t i = 0; i + 1 < count; i++) {
        if (numbers[i] > 255)
            return false;
        *address |= (uint32_t)numbers[i] << (24 - 8 * i);
    }
    if (numbers[count - 1] >= (uint64_t)1 << (8 * (5 - count)))
        return false;
    *address |= (uint32_t)numbers[count - 1];
    return true;
}

/* The longest run of zero pieces, at least two: it is written as "::". */
static int find_zeros(const uint16_t pieces[8], int *run)
{
    int best = -1;
    *run = 1;
    for (int i = 0; i < 8; i++) {
        int length = 0;
        while (i + length < 8 && pieces[i + length] == 0)
            length++;
        if (length > *run)
            best = i, *run = length;
        if (length)
            i += length - 1;
    }
    return best;
}

static const char *parse_ipv6(struct slice inside, char host[URL_HOST_BYTES])
{
    char text[INET6_ADDRSTRLEN];
    uint16_t pieces[8];
    if (inside.length >= sizeof text || memchr(inside.start, '\0', inside.length))
        return "its IPv6 address is malformed";
    memcpy(text, inside.start, inside.length);
    text[inside.length] = '\0';
    if (inet_pton(AF_INET6, text, pieces) != 1)
        return "its IPv6 address is malformed";
    for (int i = 0; i < 8; i++)
        pieces[i] = ntohs(pieces[i]);

    int run, zeros = find_zeros(pieces, &run);
    char *out = host;
    *out++ = '[';
    for (int i = 0; i < 8; i++) {
        if (i == zeros) {
            out += sprintf(out, i == 0 ? "::" : ":");
            i += run - 1;
        } else {
            out += sprintf(out, i < 7 ? "%x:" : "%x", pieces[i]);
        }
    }
    *out++ = ']';
    *out = '\0';
    return NULL;
}

const char *url_host_parse(struct slice raw, char host[URL_HOST_BYTES])
{
    if (raw.length && raw.start[0] == '[') {
        if (raw.length < 2 || raw.start[raw.length - 1] != ']')
            return "its IPv6 address has no closing bracket";
        return parse_ipv6(slice_of(raw.start + 1, raw.length - 2), host);
    }
    size_t length;
    const char *why = parse_name(raw, host, &length);
    if (why)
        return why;
    size_t undotted = length > 1 && host[length - 1] == '.' ? length - 1 : length;
    uint32_t address;
    if (!ends_in_number(host, undotted))
        return NULL;
    if (!parse_ipv4(host, undotted, &address))
        return "its host ends in a number but is no IPv4 address";
    snprintf(host, URL_HOST_BYTES, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
             address >> 8 & 255, address & 255);
    return NULL;
}
