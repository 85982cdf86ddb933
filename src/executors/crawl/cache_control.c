#include "executors/crawl/cache_control.h"

#include <stdio.h>

#define BOTH (CACHE_READS_CDN_CONTROL | CACHE_READS_SURROGATE)

static const struct cache_habits unknown_cache = {NULL, NULL, "X-Cacheable", BOTH};

static const struct cache_habits known_caches[] = {
    {"akamai", "Akamai-Cache-Control", "X-Check-Cacheable", BOTH | CACHE_KEEPS_COOKIES},
    {"apache", NULL, NULL, 0},
    {"cloudflare", "Cloudflare-CDN-Cache-Control", NULL, BOTH | CACHE_NAMES_REFUSALS},
    {"cloudfront", NULL, NULL, CACHE_KEEPS_COOKIES},
    {"drupal", NULL, NULL, CACHE_NAMES_REFUSALS},
    {"edgio", NULL, "X-EC-Check-Cacheable", BOTH},
    {"litespeed", "X-LiteSpeed-Cache-Control", NULL, CACHE_NAMES_REFUSALS},
    {"magento", NULL, NULL, CACHE_NAMES_REFUSALS},
    {"netlify", "Netlify-CDN-Cache-Control", NULL, BOTH | CACHE_TELLS_BROWSERS},
    {"nextjs", NULL, NULL, CACHE_NAMES_REFUSALS},
    {"nginx", NULL, NULL, 0},
    {"quic.cloud", "X-LiteSpeed-Cache-Control", NULL, BOTH | CACHE_NAMES_REFUSALS},
    {"squid", NULL, NULL, CACHE_READS_SURROGATE},
    {"varnish", NULL, "X-Cacheable", CACHE_READS_SURROGATE},
    {"vercel", "Vercel-CDN-Cache-Control", NULL, BOTH | CACHE_TELLS_BROWSERS},
};

/* Set at the edge on the way out, behind the cache: no sign of what the cache does. The beginnings
 * of their names. */
static const char *const edge_cookies[] = {
    "__cf_bm=",  "_cfuvid=", "cf_clearance=", "_abck=",       "ak_bmsc=",    "bm_sz=",
    "bm_sv=",    "bm_mi=",   "akavpau_",      "visid_incap_", "incap_ses_",  "nlbi_",
    "datadome=", "_pxhd=",   "__ddg",         "AWSALB=",      "AWSALBCORS=", "aws-waf-token=",
};

/* What one field says, all its lines together. */
struct directives {
    const char *field; /* NULL: there is no such field, or an empty one */
    bool has_no_store, has_private, has_no_cache, is_shared;
    bool has_max_age, has_s_maxage, is_max_age_zero, is_s_maxage_zero;
};

const struct cache_habits *cache_habits_of(const char *cache)
{
    for (size_t i = 0; cache && i < sizeof known_caches / sizeof *known_caches; i++)
        if (strcmp(known_caches[i].cache, cache) == 0)
            return &known_caches[i];
    return &unknown_cache;
}

void cache_reason_write(struct cache_reason reason, const char *name, struct slice text)
{
    if (reason.bytes == 0)
        return;
    int written = snprintf(reason.text, reason.bytes, text.length ? "%s: " : "%s", name);
    size_t at = (size_t)written;
    for (size_t i = 0; i < text.length && at + 1 < reason.bytes; i++) {
        char byte = text.start[i];
        reason.text[at++] = byte >= ' ' && byte <= '~' ? byte : '?';
    }
    if (at < reason.bytes)
        reason.text[at] = '\0';
}

static bool forbid(struct cache_reason reason, const char *name, const char *text)
{
    cache_reason_write(reason, name, slice_of_string(text));
    return true;
}

/* An age that cannot be read counts as zero (RFC 9111, section 4.2.1: consider it stale). */
static bool is_zero_age(struct slice value)
{
    for (size_t i = 0; i < value.length && value.start[i] >= '0' && value.start[i] <= '9'; i++)
        if (value.start[i] != '0')
            return false;
    return true;
}

static struct slice unquoted(struct slice value)
{
    if (value.length >= 2 && value.start[0] == '"' && value.start[value.length - 1] == '"')
        return slice_of(value.start + 1, value.length - 2);
    return value;
}

static void read_age(struct slice value, bool *has, bool *is_zero)
{
    if (!*has) /* of two the first counts */
        *is_zero = is_zero_age(unquoted(value));
    *has = true;
}

/* private="x" and no-cache="x" speak of the field x alone. */
static void read_directive(struct slice directive, struct directives *directives)
{
    struct slice rest = directive, name;
    if (!fields_next_part(&rest, '=', &name))
        return;
    struct slice value = slice_trimmed(rest);
    if (slice_is(name, "no-store"))
        directives->has_no_store = true;
    else if (slice_is(name, "private"))
        directives->has_private |= value.length == 0;
    else if (slice_is(name, "no-cache"))
        directives->has_no_cache |= value.length == 0;
    else if (slice_is(name, "public") || slice_is(name, "must-revalidate"))
        directives->is_shared = true;
    else if (slice_is(name, "max-age"))
        read_age(value, &directives->has_max_age, &directives->is_max_age_zero);
    else if (slice_is(name, "s-maxage"))
        read_age(value, &directives->has_s_maxage, &directives->is_s_maxage_zero);
}

static struct directives read_directives(struct fields fields, const char *name)
{
    struct directives directives = {0};
    for (size_t i = 0; i < fields.count; i++) {
        if (!field_is(&fields.list[i], name))
            continue;
        struct slice rest = fields.list[i].value, part;
        while (fields_next_part(&rest, ',', &part)) {
            directives.field = name;
            read_directive(part, &directives);
        }
    }
    return directives;
}

/* The one field that this cache obeys: the first of its own that says anything, the others are then
 * not looked at (RFC 9213, section 2.2). */
static struct directives obeyed(struct fields fields, const struct cache_habits *habits)
{
    struct directives directives = {0};
    if (habits->own_control)
        directives = read_directives(fields, habits->own_control);
    if (!directives.field && (habits->flags & CACHE_READS_CDN_CONTROL))
        directives = read_directives(fields, "CDN-Cache-Control");
    if (!directives.field && (habits->flags & CACHE_READS_SURROGATE))
        directives = read_directives(fields, "Surrogate-Control");
    if (!directives.field && !(habits->flags & CACHE_NAMES_REFUSALS))
        directives = read_directives(fields, "Cache-Control");
    return directives;
}

static bool directives_forbid(const struct directives *directives, unsigned flags,
                              struct cache_reason reason)
{
    bool is_for_browsers =
        (flags & CACHE_TELLS_BROWSERS) && strcmp(directives->field, "Cache-Control") == 0;
    if (directives->has_no_store)
        return forbid(reason, directives->field, "no-store");
    if (directives->has_private)
        return forbid(reason, directives->field, "private");
    if (directives->has_no_cache)
        return forbid(reason, directives->field, "no-cache");
    if (directives->is_s_maxage_zero)
        return forbid(reason, directives->field, "s-maxage=0");
    if (directives->is_max_age_zero && !directives->has_s_maxage && !is_for_browsers)
        return forbid(reason, directives->field, "max-age=0");
    return false;
}

/* A date in the past would say the same; "0" and "-1" are what people write. */
static bool expires_forbids(struct fields fields, const struct directives *directives,
                            struct cache_reason reason)
{
    const struct http_field *expires = fields_find(fields, "Expires");
    if (!expires || directives->has_max_age || directives->has_s_maxage ||
        (directives->field && strcmp(directives->field, "Cache-Control") != 0))
        return false;
    if (!slice_is(expires->value, "0") && !slice_is(expires->value, "-1"))
        return false;
    cache_reason_write(reason, "Expires", expires->value);
    return true;
}

static bool vary_forbids(struct fields fields, struct cache_reason reason)
{
    for (size_t i = 0; i < fields.count; i++) {
        struct slice rest = fields.list[i].value, part;
        while (field_is(&fields.list[i], "Vary") && fields_next_part(&rest, ',', &part))
            if (slice_is(part, "*"))
                return forbid(reason, "Vary", "*");
    }
    return false;
}

static bool is_edge_cookie(struct slice cookie)
{
    for (size_t i = 0; i < sizeof edge_cookies / sizeof *edge_cookies; i++)
        if (slice_starts_with(cookie, edge_cookies[i]))
            return true;
    return false;
}

/* Says which cookie, never what is in it. */
static bool cookie_forbids(struct fields fields, struct cache_reason reason)
{
    for (size_t i = 0; i < fields.count; i++) {
        struct slice cookie = fields.list[i].value;
        if (!field_is(&fields.list[i], "Set-Cookie") || is_edge_cookie(cookie))
            continue;
        const char *equals = cookie.length ? memchr(cookie.start, '=', cookie.length) : NULL;
        cookie.length = equals ? (size_t)(equals - cookie.start) : 0;
        cache_reason_write(reason, "Set-Cookie", slice_trimmed(cookie));
        return true;
    }
    return false;
}

static bool is_word_first(struct slice value, const char *word)
{
    size_t length = strlen(word);
    return value.length >= length && slice_is(slice_of(value.start, length), word);
}

bool cache_control_forbids(struct fields fields, const struct cache_habits *habits,
                           bool was_authorized, struct cache_reason reason)
{
    const struct http_field *verdict =
        habits->own_verdict ? fields_find(fields, habits->own_verdict) : NULL;
    if (verdict && is_word_first(verdict->value, "YES"))
        return false;
    struct directives directives = obeyed(fields, habits);
    if (directives.field && directives_forbid(&directives, habits->flags, reason))
        return true;
    if (verdict && is_word_first(verdict->value, "NO")) {
        cache_reason_write(reason, habits->own_verdict, verdict->value);
        return true;
    }
    if (habits->flags & CACHE_NAMES_REFUSALS)
        return false;
    if (expires_forbids(fields, &directives, reason) || vary_forbids(fields, reason))
        return true;
    if (!(habits->flags & CACHE_KEEPS_COOKIES) && cookie_forbids(fields, reason))
        return true;
    if (was_authorized && !directives.is_shared && !directives.has_s_maxage)
        return forbid(reason, "Authorization in the request", "");
    return false;
}
