/*
 * /cdn/NAME/KIND: what follows, behind a cache. The cache knows a URL by the request's whole target
 * and its Accept-Encoding, and only counts: the first K times are a MISS, or EXPIRED, then come
 * HITs. KIND is
 *
 *     K            a MISS K times (1: as caches are), then HIT
 *     expired/K    EXPIRED K times, then HIT
 *     dynamic, bypass, private, no-store, set-cookie       never a HIT
 *
 * The fields are those that each CDN's documentation names. Where a CDN has no word for a state, it
 * says what it does say then.
 */
#include "routes.h"

enum state { MISS, HIT, EXPIRED, DYNAMIC, BYPASS, STATES };

/* Header lines in each state. Lines within one are separated by line ends; the last has none. */
static const struct cdn {
    const char *name, *always;
    const char *fields[STATES];
} cdns[] = {
    {"cloudflare",
     "Server: cloudflare\r\nCF-RAY: 8f00ba4farm2-FRA",
     {"CF-Cache-Status: MISS", "CF-Cache-Status: HIT", "CF-Cache-Status: EXPIRED",
      "CF-Cache-Status: DYNAMIC", "CF-Cache-Status: BYPASS"}},
    {"cloudfront",
     "Via: 1.1 farm.cloudfront.net (CloudFront)\r\nX-Amz-Cf-Pop: FRA56-P1\r\nX-Amz-Cf-Id: farm",
     {"X-Cache: Miss from cloudfront", "X-Cache: Hit from cloudfront",
      "X-Cache: RefreshHit from cloudfront", "X-Cache: Miss from cloudfront",
      "X-Cache: Miss from cloudfront"}},
    /* Two caches: the shield first, the edge last. */
    {"fastly",
     "Via: 1.1 varnish, 1.1 varnish\r\nX-Served-By: cache-ams1-AMS, cache-fra1-FRA",
     {"X-Cache: MISS, MISS\r\nX-Cache-Hits: 0, 0", "X-Cache: MISS, HIT\r\nX-Cache-Hits: 0, 1",
      "X-Cache: HIT, MISS\r\nX-Cache-Hits: 1, 0", "X-Cache: MISS, MISS\r\nX-Cache-Hits: 0, 0",
      "X-Cache: MISS, MISS\r\nX-Cache-Hits: 0, 0"}},
    {"akamai",
     "X-Cache-Key: /L/1/2/1d/farm/",
     {"X-Cache: TCP_MISS from a2-16-1-1.deploy (AkamaiGHost/11.6)\r\nX-Check-Cacheable: YES",
      "X-Cache: TCP_MEM_HIT from a2-16-1-1.deploy (AkamaiGHost/11.6)\r\nX-Check-Cacheable: YES",
      "X-Cache: TCP_REFRESH_MISS from a2-16-1-1.deploy (AkamaiGHost/11.6)\r\n"
      "X-Check-Cacheable: YES",
      "X-Cache: TCP_MISS from a2-16-1-1.deploy (AkamaiGHost/11.6)\r\nX-Check-Cacheable: NO",
      "X-Cache: TCP_MISS from a2-16-1-1.deploy (AkamaiGHost/11.6)\r\nX-Check-Cacheable: NO"}},
    {"netlify",
     "Server: Netlify\r\nX-Nf-Request-Id: 01FARM",
     {"Cache-Status: \"Netlify Edge\"; fwd=miss", "Cache-Status: \"Netlify Edge\"; hit",
      "Cache-Status: \"Netlify Edge\"; fwd=stale", "Cache-Status: \"Netlify Edge\"; fwd=miss",
      "Cache-Status: \"Netlify Edge\"; fwd=bypass"}},
    {"vercel",
     "Server: Vercel\r\nX-Vercel-Id: fra1::farm",
     {"X-Vercel-Cache: MISS", "X-Vercel-Cache: HIT", "X-Vercel-Cache: STALE",
      "X-Vercel-Cache: MISS", "X-Vercel-Cache: BYPASS"}},
    {"azure",
     "X-Azure-Ref: 20240101T000000Z-farm",
     {"X-Cache: TCP_MISS", "X-Cache: TCP_HIT", "X-Cache: REVALIDATED_HIT",
      "X-Cache: CONFIG_NOCACHE", "X-Cache: PRIVATE_NOSTORE"}},
    {"varnish",
     "Via: 1.1 varnish (Varnish/7.1)",
     {"X-Varnish: 32770", "X-Varnish: 32773 32771", "X-Varnish: 32776", "X-Varnish: 32779",
      "X-Varnish: 32782"}},
    {"nginx",
     "Server: nginx",
     {"X-Cache-Status: MISS", "X-Cache-Status: HIT", "X-Cache-Status: EXPIRED",
      "X-Cache-Status: MISS", "X-Cache-Status: BYPASS"}},
    /* RFC 9211: the cache nearest to the origin first. */
    {"rfc9211",
     "Server: farm",
     {"Cache-Status: Inner; fwd=uri-miss, Outer; fwd=uri-miss; stored",
      "Cache-Status: Inner; fwd=uri-miss, Outer; hit; ttl=276",
      "Cache-Status: Inner; hit; ttl=5, Outer; fwd=stale; fwd-status=200; stored",
      "Cache-Status: Inner; fwd=bypass, Outer; fwd=bypass",
      "Cache-Status: Inner; fwd=bypass, Outer; fwd=bypass; detail=\"asked to\""}},
};

static const struct kind {
    const char *name;
    enum state state;
    const char *fields;
} never_kept[] = {
    {"dynamic", DYNAMIC, "Cache-Control: max-age=0"},
    {"bypass", BYPASS, "Cache-Control: no-cache"},
    {"private", MISS, "Cache-Control: private, max-age=0"},
    {"no-store", MISS, "Cache-Control: no-store"},
    {"set-cookie", MISS, "Set-Cookie: session=farm; Path=/; HttpOnly"},
};

static const struct cdn *take_cdn(struct exchange *exchange)
{
    for (size_t i = 0; i < sizeof cdns / sizeof *cdns; i++)
        if (exchange_take_word(exchange, cdns[i].name))
            return &cdns[i];
    return NULL;
}

static const struct kind *take_kind(struct exchange *exchange)
{
    for (size_t i = 0; i < sizeof never_kept / sizeof *never_kept; i++)
        if (exchange_take_word(exchange, never_kept[i].name))
            return &never_kept[i];
    return NULL;
}

/* How often this variant of this URL was asked for before. */
static uint32_t count_variant(struct exchange *exchange)
{
    uint64_t hash = tally_hash(0, exchange->request.target);
    hash = tally_hash(hash, slice_of("\n", 1));
    hash = tally_hash(hash, exchange->request.accept_encoding);
    return tally_add(&exchange->host->cached, hash);
}

static enum state state_of(struct exchange *exchange)
{
    enum state at_first = exchange_take_word(exchange, "expired") ? EXPIRED : MISS;
    int64_t times = exchange_take_number(exchange, 1);
    answer_field(&exchange->answer, "Cache-Control: public, s-maxage=300");
    answer_field(&exchange->answer, "Vary: Accept-Encoding");
    return count_variant(exchange) < times ? at_first : HIT;
}

bool answer_cdn(struct exchange *exchange)
{
    struct answer *answer = &exchange->answer;
    const struct cdn *cdn = take_cdn(exchange);
    if (!cdn) {
        answer_text(answer, 404, "text/plain", "no such cdn\n");
        return true;
    }
    const struct kind *kind = take_kind(exchange);
    enum state state = kind ? kind->state : state_of(exchange);
    if (kind)
        answer_field(answer, "%s", kind->fields);
    if (state == HIT)
        answer_field(answer, "Age: 24");
    else
        answer->delay_ms += exchange->farm->options.miss_latency_ms;
    answer_field(answer, "%s", cdn->always);
    answer_field(answer, "%s", cdn->fields[state]);
    return false;
}
