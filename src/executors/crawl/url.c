/*
 * A reference is read in three steps: clean (what a browser ignores), split (scheme, authority,
 * path, query, by where the delimiters stand), compose (the parts it has and those of its base,
 * normalised, into one string). The standard's state machine is not repeated: for http and https it
 * comes to these steps.
 */
#include "executors/crawl/url.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "executors/crawl/charset.h"
#include "executors/crawl/url_build.h"
#include "executors/crawl/url_bytes.h"
#include "executors/crawl/url_host.h"

static const struct scheme {
    const char *name;
    int port;
} schemes[] = {{"http", 80}, {"https", 443}};

struct reference {
    const struct scheme *scheme; /* NULL: the base's */
    struct slice authority;      /* {NULL, 0}: the base's */
    struct slice path;
    struct slice query; /* {NULL, 0}: none */
};

/* What a browser takes away before it reads: controls and spaces at both ends, tabs and line ends
 * anywhere. False when more is left than a URL may have. */
static bool clean(struct slice input, char cleaned[URL_BYTES_MAX], struct slice *result)
{
    while (input.length && (unsigned char)input.start[0] <= ' ')
        input = url_slice_from(input, 1);
    while (input.length && (unsigned char)input.start[input.length - 1] <= ' ')
        input.length--;
    size_t length = 0;
    for (size_t at = 0; at < input.length; at++) {
        char byte = input.start[at];
        if (byte == '\t' || byte == '\n' || byte == '\r')
            continue;
        if (length == URL_BYTES_MAX)
            return false;
        cleaned[length++] = byte;
    }
    *result = slice_of(cleaned, length);
    return true;
}

/* Without its colon; 0 when the input begins with no scheme. */
static size_t scheme_length(struct slice input)
{
    size_t at = 0;
    while (at < input.length && (url_is_letter(input.start[at]) ||
                                 (at && (url_is_digit(input.start[at]) || input.start[at] == '+' ||
                                         input.start[at] == '-' || input.start[at] == '.'))))
        at++;
    return at < input.length && input.start[at] == ':' ? at : 0;
}

static const struct scheme *scheme_find(struct slice name)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (slice_equals_nocase(name, slice_of_string(schemes[i].name)))
            return &schemes[i];
    return NULL;
}

/* NULL, or why it cannot be. */
static const char *split(struct slice input, const struct url *base, struct reference *reference)
{
    *reference = (struct reference){0};
    size_t scheme = scheme_length(input);
    if (scheme) {
        reference->scheme = scheme_find(slice_of(input.start, scheme));
        if (!reference->scheme)
            return "its scheme is neither http nor https";
        input = url_slice_from(input, scheme + 1);
    } else if (!base) {
        return "it has no scheme";
    }

    /* "http:page" is relative to a base of the same scheme, and has a host beside any other. */
    bool is_relative =
        base && (!scheme || slice_equals(base->scheme, slice_of_string(reference->scheme->name)));
    size_t slashes = 0;
    while (slashes < input.length && (input.start[slashes] == '/' || input.start[slashes] == '\\'))
        slashes++;
    if (!is_relative || slashes >= 2) {
        input = url_slice_from(input, slashes);
        reference->authority = slice_of(input.start, url_find_any(input, "/\\?#"));
        input = url_slice_from(input, reference->authority.length);
    }
    reference->path = slice_of(input.start, url_find_any(input, "?#"));
    input = url_slice_from(input, reference->path.length);
    if (input.length && input.start[0] == '?') {
        input = url_slice_from(input, 1);
        reference->query = slice_of(input.start, url_find_any(input, "#"));
    }
    return NULL;
}

static const char *parse_port(struct slice digits, int *port)
{
    long number = 0;
    for (size_t at = 0; at < digits.length; at++) {
        if (!url_is_digit(digits.start[at]))
            return "its port is no number";
        number = number * 10 + (digits.start[at] - '0');
        if (number > 65535)
            return "its port is larger than 65535";
    }
    if (digits.length)
        *port = (int)number;
    return NULL;
}

/* Host and port; a user name and password before the last @ are left out. port comes in as the
 * scheme's own. */
static const char *parse_authority(struct slice authority, char host[URL_HOST_BYTES], int *port)
{
    const char *at = memrchr(authority.start, '@', authority.length);
    if (at)
        authority = url_slice_from(authority, (size_t)(at - authority.start) + 1);
    const char *colon = memrchr(authority.start, ':', authority.length);
    if (colon && !memchr(colon, ']', authority.length - (size_t)(colon - authority.start))) {
        size_t host_length = (size_t)(colon - authority.start);
        const char *why = parse_port(url_slice_from(authority, host_length + 1), port);
        if (why)
            return why;
        authority.length = host_length;
    }
    return url_host_parse(authority, host);
}

/* Scheme, host and port in front of the path. */
static const char *append_origin(struct url_builder *builder, const struct reference *reference,
                                 const struct url *base, struct url *url)
{
    const struct scheme *scheme = reference->scheme ? reference->scheme : scheme_find(base->scheme);
    char host[URL_HOST_BYTES];
    if (reference->authority.start) {
        url->port = scheme->port;
        const char *why = parse_authority(reference->authority, host, &url->port);
        if (why)
            return why;
        url->host = slice_of_string(host);
    } else {
        url->port = base->port;
        url->host = base->host;
    }
    url_build_append(builder, scheme->name, strlen(scheme->name));
    url_build_append(builder, "://", 3);
    url->scheme = slice_of(builder->bytes, strlen(scheme->name));
    url_build_append(builder, url->host.start, url->host.length);
    url->host.start = builder->bytes + url->scheme.length + 3;
    if (url->port != scheme->port) {
        char port[8];
        url_build_append(builder, port, (size_t)snprintf(port, sizeof port, ":%d", url->port));
    }
    return NULL;
}

static void append_rest(struct url_builder *builder, const struct reference *reference,
                        const struct url *base, struct url *url)
{
    size_t path_start = builder->length;
    struct slice path = reference->path, query = reference->query;
    bool is_rooted = path.length && (path.start[0] == '/' || path.start[0] == '\\');
    if (reference->authority.start || is_rooted) {
        url_build_append(builder, "/", 1);
        url_build_path(builder, path_start, is_rooted ? url_slice_from(path, 1) : path);
    } else if (path.length) {
        const char *slash = memrchr(base->path.start, '/', base->path.length);
        url_build_append(builder, base->path.start, (size_t)(slash - base->path.start) + 1);
        url_build_path(builder, path_start, path);
    } else {
        url_build_append(builder, base->path.start, base->path.length);
        if (!query.start)
            query = base->query;
    }
    size_t path_end = builder->length;
    if (query.start)
        url_build_query(builder, query);
    url->path = slice_of(builder->bytes + path_start, path_end - path_start);
    if (builder->length > path_end)
        url->query = slice_of(builder->bytes + path_end + 1, builder->length - path_end - 1);
}

struct url url_copy(const struct url *url, struct arena *arena)
{
    struct url copy = *url;
    copy.whole.start = arena_copy(arena, url->whole.start, url->whole.length);
    struct slice *parts[] = {&copy.scheme, &copy.host, &copy.path, &copy.query};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i]->start)
            parts[i]->start = copy.whole.start + (parts[i]->start - url->whole.start);
    return copy;
}

static const char *compose(const struct reference *reference, const struct url *base,
                           struct arena *arena, struct url *result)
{
    struct url_builder builder;
    url_build_init(&builder);
    struct url url = {0};
    const char *why = append_origin(&builder, reference, base, &url);
    if (why)
        return why;
    append_rest(&builder, reference, base, &url);
    if (builder.is_over)
        return "it is longer than 8192 bytes";

    url.whole = slice_of(builder.bytes, builder.length);
    *result = url_copy(&url, arena);
    return NULL;
}

static bool refuse(struct failure *failure, struct slice input, const char *why)
{
    if (!failure)
        return false;
    struct text shown = {0};
    text_append_utf8(&shown, slice_of(input.start, input.length < 120 ? input.length : 120));
    failure_set(failure, FAILURE_INPUT, "\"%s%s\" is not a URL: %s", text_string(&shown),
                input.length > 120 ? "..." : "", why);
    text_finish(&shown);
    failure_hint(failure, "Write it with its scheme and host, such as https://example.com/page.");
    return false;
}

bool url_parse_in(struct slice input, const struct url *base, struct charset *charset,
                  struct arena *arena, struct url *result, struct failure *failure)
{
    char cleaned[URL_BYTES_MAX];
    struct slice text;
    if (!clean(input, cleaned, &text))
        return refuse(failure, input, "it is longer than 8192 bytes");
    struct reference reference;
    struct text encoded = {0};
    const char *why = split(text, base, &reference);
    if (!why && charset && !url_is_ascii(reference.query)) {
        charset_append_encoded(charset, reference.query, &encoded);
        reference.query = text_slice(&encoded);
    }
    if (!why)
        why = compose(&reference, base, arena, result);
    text_finish(&encoded);
    return why ? refuse(failure, input, why) : true;
}

bool url_parse(struct slice input, const struct url *base, struct arena *arena, struct url *result,
               struct failure *failure)
{
    return url_parse_in(input, base, NULL, arena, result, failure);
}

static struct slice without_www(struct slice host)
{
    return slice_starts_with(host, "www.") ? url_slice_from(host, 4) : host;
}

static bool has_default_port(const struct url *url)
{
    return url->port == scheme_find(url->scheme)->port;
}

static bool is_same_port(const struct url *a, const struct url *b)
{
    return a->port == b->port || (has_default_port(a) && has_default_port(b));
}

bool url_is_same_site(const struct url *a, const struct url *b)
{
    return slice_equals(without_www(a->host), without_www(b->host)) && is_same_port(a, b);
}

/* "www.com" is a name of its own: without its "www." every host in com would be below. */
static struct slice site_name(struct slice host)
{
    struct slice name = without_www(host);
    return memchr(name.start, '.', name.length) ? name : host;
}

static bool is_below(struct slice host, struct slice name)
{
    return host.length > name.length + 1 && host.start[host.length - name.length - 1] == '.' &&
           slice_equals(url_slice_from(host, host.length - name.length), name);
}

bool url_is_on_site(const struct url *url, const struct url *start, bool with_subdomains)
{
    return url_is_same_site(url, start) ||
           (with_subdomains && is_below(url->host, site_name(start->host)) &&
            is_same_port(url, start));
}

/* The algorithm is looked up once in the life of the program: SHA256() does so at each call, which
 * costs as much as the sum itself. */
static void digest(struct slice whole, unsigned char sum[SHA256_DIGEST_LENGTH])
{
    static EVP_MD *algorithm;
    static EVP_MD_CTX *context;
    if (!context) {
        CHECK((algorithm = EVP_MD_fetch(NULL, "SHA256", NULL)));
        CHECK((context = EVP_MD_CTX_new()));
    }
    CHECK(EVP_DigestInit_ex2(context, algorithm, NULL) == 1 &&
          EVP_DigestUpdate(context, whole.start, whole.length) == 1 &&
          EVP_DigestFinal_ex(context, sum, NULL) == 1);
}

uint64_t url_hash(struct slice whole)
{
    unsigned char sum[SHA256_DIGEST_LENGTH];
    digest(whole, sum);
    uint64_t hash = 0;
    for (int i = 0; i < 8; i++)
        hash = hash << 8 | sum[i];
    return hash;
}

void url_key(struct slice whole, char key[URL_KEY_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char sum[SHA256_DIGEST_LENGTH];
    digest(whole, sum);
    for (int i = 0; i < 16; i++) {
        key[2 * i] = digits[sum[i] >> 4];
        key[2 * i + 1] = digits[sum[i] & 15];
    }
    key[URL_KEY_BYTES - 1] = '\0';
}
