/*
 * The identity of a page: a URL parsed by the WHATWG URL standard's rules for http and https, then
 * normalised (RFC 3986, section 6.2.2), so that two spellings of one page are one task.
 *
 * Where the two disagree: a browser leaves `%41` and a lone `%` as they are, we write `A` and
 * `%25`; an empty query (`/?`) is dropped. User names, passwords and fragments are no part of a
 * page's identity; nor are the parameters that only say where a visitor came from
 * (url_tracking_parameters()).
 *
 * Not for fetching: no name is resolved here and no address is allowed or refused.
 */
#ifndef PAWL_EXECUTORS_CRAWL_URL_H
#define PAWL_EXECUTORS_CRAWL_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/failure.h"
#include "base/memory.h"
#include "base/text.h"

/* Longest URL in bytes, as it is read and as it is kept. */
#define URL_BYTES_MAX 8192
/* Characters of url_key() with the NUL. */
#define URL_KEY_BYTES 33

/* Every slice lies in `whole`, which is ASCII, NUL-terminated and owned by the arena. */
struct url {
    struct slice whole;  /* https://example.com:8443/a/b?c=d */
    struct slice scheme; /* http or https */
    struct slice host;   /* lower case, xn-- for what is not ASCII; IPv4 as four numbers, IPv6
                            compressed and in brackets */
    struct slice path;   /* begins with a slash */
    struct slice query;  /* without the question mark; {NULL, 0} when there is none */
    int port;            /* the scheme's own when the URL names none */
};

struct charset;

/* base: what a relative reference is relative to; NULL: the input must be absolute. The result may
 * be the base itself. False, with a FAILURE_INPUT, when the input is no http or https URL, or is
 * longer than URL_BYTES_MAX. failure may be NULL. */
bool url_parse(struct slice input, const struct url *base, struct arena *arena, struct url *result,
               struct failure *failure);

/* The same for a reference in a page of another encoding (charset.h; NULL: UTF-8). The input is
 * UTF-8 here too; the characters of its query are escaped in the page's encoding, as browsers do.
 */
bool url_parse_in(struct slice input, const struct url *base, struct charset *charset,
                  struct arena *arena, struct url *result, struct failure *failure);

/* The same URL in another arena. */
struct url url_copy(const struct url *url, struct arena *arena);

/* One site: the same host, a leading "www." aside, and the same port, where the default ports of
 * http and https count as the same. */
bool url_is_same_site(const struct url *a, const struct url *b);

/* Whether a crawl that began at `start` follows the URL: it is of the same site or,
 * with_subdomains, its host is below the start's (blog.example.com and a.blog.example.com of
 * www.example.com), on the same port as above. Nothing is below an IP address. Which names are
 * registered by whom is not known here: of a start like www.co.uk, all hosts in co.uk are below. */
bool url_is_on_site(const struct url *url, const struct url *start, bool with_subdomains);

/* The query parameters that are left out of every URL: lower case, in any case in a URL; a final *
 * stands for any ending. NULL ends the list; it is static. */
const char *const *url_tracking_parameters(void);

/* The first 8 bytes, big-endian, of the SHA-256 of a URL's `whole`. */
uint64_t url_hash(struct slice whole);
/* The first 16 bytes of it as lower-case hex: in SQL
 * left(encode(sha256(convert_to(url, 'UTF8')), 'hex'), 32). */
void url_key(struct slice whole, char key[URL_KEY_BYTES]);

/* What patterns of paths are held against: never empty. */
static inline struct slice url_path_and_query(const struct url *url)
{
    return slice_of(url->path.start,
                    url->whole.length - (size_t)(url->path.start - url->whole.start));
}

#endif
