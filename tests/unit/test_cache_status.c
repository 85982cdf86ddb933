#include "executors/crawl/cache_status.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "answer_fields.h"

#define NGINX_COOKIE "Set-Cookie: PHPSESSID=f00; path=/\n"

struct row {
    const char *fields, *state;
    const char *cache;  /* NULL: none */
    const char *reason; /* NULL: "" */
};

/* Asking again helps in these states and in no other. */
static bool is_worth(const char *state)
{
    return strcmp(state, "miss") == 0 || strcmp(state, "expired") == 0 ||
           strcmp(state, "stale") == 0;
}

static void check_row(const struct row *row, bool was_authorized)
{
    struct http_field fields[ANSWER_FIELDS_MAX];
    size_t count = answer_fields(row->fields, fields);
    char reason[CACHE_REASON_BYTES];
    struct cache_status status =
        cache_status_of(fields, count, was_authorized, reason, sizeof reason);
    const char *state = cache_state_name(status.state);
    const char *cache = status.cache ? status.cache : "(none)";
    if (strcmp(state, row->state) != 0 || strcmp(cache, row->cache ? row->cache : "(none)") != 0 ||
        status.is_worth_asking_again != is_worth(row->state) ||
        strcmp(reason, row->reason ? row->reason : "") != 0)
        fail_msg("%s became %s of %s, again: %d, because \"%s\"", row->fields, state, cache,
                 status.is_worth_asking_again, reason);
}

#define CHECK_ROWS(rows)                                                                           \
    for (size_t i = 0; i < sizeof(rows) / sizeof *(rows); i++)                                     \
    check_row(&(rows)[i], false)

static void test_cloudflare(void **state)
{
    static const struct row rows[] = {
        {"CF-Cache-Status: HIT\nCF-RAY: 8f1-FRA\nAge: 120\nServer: cloudflare\n", "hit",
         "cloudflare"},
        {"cf-cache-status: MISS\nserver: cloudflare\n", "miss", "cloudflare"},
        {"CF-Cache-Status: EXPIRED\n", "expired", "cloudflare"},
        {"CF-Cache-Status: STALE\n", "stale", "cloudflare"},
        {"CF-Cache-Status: UPDATING\n", "stale", "cloudflare"},
        {"CF-Cache-Status: REVALIDATED\n", "revalidated", "cloudflare"},
        {"CF-Cache-Status: BYPASS\n", "bypass", "cloudflare", "CF-Cache-Status: BYPASS"},
        {"CF-Cache-Status: BYPASS\nCache-Control: private, max-age=0\n", "bypass", "cloudflare",
         "Cache-Control: private"},
        {"CF-Cache-Status: BYPASS\n" NGINX_COOKIE, "bypass", "cloudflare", "Set-Cookie: PHPSESSID"},
        {"cf-cache-status: DYNAMIC\ncache-control: public, max-age=600\n", "uncacheable",
         "cloudflare", "CF-Cache-Status: DYNAMIC"},
        {"cf-cache-status: dynamic\n", "uncacheable", "cloudflare", "CF-Cache-Status: dynamic"},
        {"CF-Cache-Status: NONE\n", "uncacheable", "cloudflare", "CF-Cache-Status: NONE"},
        {"CF-Cache-Status: UNKNOWN\n", "uncacheable", "cloudflare", "CF-Cache-Status: UNKNOWN"},
        {"CF-Cache-Status: NONE/UNKNOWN\n", "uncacheable", "cloudflare",
         "CF-Cache-Status: NONE/UNKNOWN"},
        /* It would have said BYPASS: a rule of its own overrules what browsers are told. */
        {"CF-Cache-Status: MISS\nCache-Control: private\n", "miss", "cloudflare"},
        {"CF-Cache-Status: EXPIRED\nCache-Control: max-age=0\n" NGINX_COOKIE, "expired",
         "cloudflare"},
        {"CF-Cache-Status: MISS\nCDN-Cache-Control: no-store\n", "uncacheable", "cloudflare",
         "CDN-Cache-Control: no-store"},
        {"CF-Cache-Status: MISS\nCloudflare-CDN-Cache-Control: max-age=60\n"
         "CDN-Cache-Control: no-store\n",
         "miss", "cloudflare"},
        {"CF-Cache-Status:\nServer: cloudflare\n", "none", NULL},
        {"CF-Cache-Status: -\n", "none", NULL},
        {"Server-Timing: cfCacheStatus;desc=\"DYNAMIC\", cfEdge;dur=9,cfOrigin;dur=120\n",
         "uncacheable", "cloudflare", "Server-Timing: cfCacheStatus;desc=\"DYNAMIC\""},
        {"Server-Timing: cfCacheStatus;desc=\"HIT\"\nServer-Timing: cfEdge;dur=9\n", "hit",
         "cloudflare"},
    };
    CHECK_ROWS(rows);
}

static void test_cloudfront(void **state)
{
    static const struct row rows[] = {
        {"X-Cache: Hit from cloudfront\nVia: 1.1 0a.cloudfront.net (CloudFront)\nX-Amz-Cf-Pop: "
         "FRA60-P2\nAge: 7\n",
         "hit", "cloudfront"},
        {"x-cache: Miss from cloudfront\n", "miss", "cloudfront"},
        {"X-Cache: RefreshHit from cloudfront\n", "revalidated", "cloudfront"},
        {"X-Cache: OriginShieldHit from cloudfront\n", "hit", "cloudfront"},
        {"X-Cache: Error from cloudfront\n", "bypass", "cloudfront",
         "X-Cache: Error from cloudfront"},
        {"X-Cache: LambdaGeneratedResponse from cloudfront\n", "uncacheable", "cloudfront",
         "X-Cache: LambdaGeneratedResponse from cloudfront"},
        {"X-Cache: FunctionGeneratedResponse from cloudfront\n", "uncacheable", "cloudfront",
         "X-Cache: FunctionGeneratedResponse from cloudfront"},
        {"X-Cache: Redirect from cloudfront\n", "uncacheable", "cloudfront",
         "X-Cache: Redirect from cloudfront"},
        {"X-Cache: LimitExceeded from cloudfront\n", "bypass", "cloudfront",
         "X-Cache: LimitExceeded from cloudfront"},
        {"X-Cache: Miss from cloudfront\nCache-Control: private, no-store\n", "uncacheable",
         "cloudfront", "Cache-Control: no-store"},
        {"X-Cache: Miss from cloudfront\nCache-Control: max-age=0, s-maxage=60\n", "miss",
         "cloudfront"},
        {"X-Cache: Miss from cloudfront\nSet-Cookie: AWSALB=x; Path=/\n" NGINX_COOKIE, "miss",
         "cloudfront"},
        /* It does not read that field. */
        {"X-Cache: Miss from cloudfront\nCDN-Cache-Control: max-age=60\nCache-Control: private\n",
         "uncacheable", "cloudfront", "Cache-Control: private"},
        {"Server-Timing: cdn-upstream-layer;desc=\"REC\",cdn-cache-miss,cdn-pop;desc=\"FRA60\"\n",
         "miss", "cloudfront"},
        {"Server-Timing: cdn-cache-hit,cdn-pop;desc=\"FRA60\",cdn-hit-layer;desc=\"EDGE\"\n", "hit",
         "cloudfront"},
        {"Server-Timing: cdn-cache-refresh\n", "revalidated", "cloudfront"},
    };
    CHECK_ROWS(rows);
}

static void test_fastly(void **state)
{
    static const struct row rows[] = {
        {"X-Served-By: cache-iad-1, cache-fra-2\nX-Cache: MISS, HIT\nX-Cache-Hits: 0, 3\n"
         "Via: 1.1 varnish, 1.1 varnish\nX-Timer: S1.2,VS0,VE1\n",
         "hit", "fastly"},
        {"X-Served-By: cache-iad-1, cache-fra-2\nX-Cache: HIT, MISS\nX-Cache-Hits: 9, 0\n", "miss",
         "fastly"},
        {"X-Served-By: cache-fra-2\nX-Cache: MISS\n", "miss", "fastly"},
        {"X-Served-By: cache-fra-2\nX-Cache: HIT\nServer: GitHub.com\n", "hit", "fastly"},
        {"X-Served-By: cache-a, cache-b\nX-Cache: MISS\nX-Cache: HIT\n", "hit", "fastly"},
        {"X-Served-By: cache-fra-2\nX-Cache: HIT-STALE\n", "stale", "fastly"},
        {"X-Served-By: cache-fra-2\nX-Cache: MISS, HIT-CLUSTER\n", "hit", "fastly"},
        {"X-Served-By: cache-fra-2\nX-Cache: PASS\n", "bypass", "fastly", "X-Cache: PASS"},
        {"X-Served-By: cache-fra-2\nX-Cache: MISS, MISS\nCache-Control: private\n", "uncacheable",
         "fastly", "Cache-Control: private"},
        {"X-Served-By: cache-fra-2\nX-Cache: MISS\nCache-Control: private\n"
         "Surrogate-Control: max-age=3600\n",
         "miss", "fastly"},
        {"X-Served-By: cache-fra-2\nX-Cache: MISS\nCache-Control: max-age=60\n"
         "Surrogate-Control: max-age=0, content=\"ESI/1.0\"\n",
         "uncacheable", "fastly", "Surrogate-Control: max-age=0"},
        {"X-Served-By: cache-fra-2\nX-Cache: MISS\n" NGINX_COOKIE, "uncacheable", "fastly",
         "Set-Cookie: PHPSESSID"},
        {"X-Served-By: cache-fra-2\nX-Cache-Hits: 0, 2\n", "hit", "fastly"},
        {"X-Fastly-Request-ID: 5c\nX-Cache: MISS\n", "miss", "fastly"},
        {"X-Served-By: cache-fra-2\nX-Cache: MISS,\n", "miss", "fastly"},
        {"X-Served-By: cache-fra-2\nX-Cache: HIT, perhaps\n", "hit", "fastly"},
    };
    CHECK_ROWS(rows);
}

static void test_akamai_and_edgio(void **state)
{
    static const struct row rows[] = {
        {"X-Cache: TCP_HIT from a23-1-2-3.deploy.akamaitechnologies.com (AkamaiGHost/10.1) (-)\n",
         "hit", "akamai"},
        {"X-Cache: TCP_MEM_HIT from a69-174-50-208 (AkamaiGHost/5.7.2-5726413) (-)\n", "hit",
         "akamai"},
        {"X-Cache: TCP_IMS_HIT from a2-1 (AkamaiGHost/11) (-)\n", "hit", "akamai"},
        {"X-Cache: TCP_NEGATIVE_HIT from a2-1 (AkamaiGHost/11) (-)\n", "hit", "akamai"},
        {"X-Cache: TCP_MISS from a2-1 (AkamaiGHost/11) (-)\nX-Check-Cacheable: YES\n", "miss",
         "akamai"},
        {"X-Cache: TCP_MISS from a2-1 (AkamaiGHost/11) (-)\nX-Check-Cacheable: NO\n", "uncacheable",
         "akamai", "X-Check-Cacheable: NO"},
        {"X-Cache: TCP_MISS from a2-1 (AkamaiGHost/11) (-)\nX-Check-Cacheable: YES\n"
         "Cache-Control: max-age=0, no-cache\n",
         "miss", "akamai"},
        {"X-Cache: TCP_REFRESH_HIT from a2-1 (AkamaiGHost/11) (-)\n", "revalidated", "akamai"},
        {"X-Cache: TCP_REFRESH_MISS from a2-1 (AkamaiGHost/11) (-)\n", "expired", "akamai"},
        {"X-Cache: TCP_EXPIRED_HIT from a2-1 (AkamaiGHost/11) (-)\n", "revalidated", "akamai"},
        {"X-Cache: TCP_REFRESH_FAIL_HIT from a2-1 (AkamaiGHost/11) (-)\n", "stale", "akamai"},
        {"X-Cache: TCP_NC_MISS from a2-1 (AkamaiGHost/11) (-)\n", "uncacheable", "akamai",
         "X-Cache: TCP_NC_MISS from a2-1 (AkamaiGHost/11) (-)"},
        {"X-Cache: TCP_DENIED from a2-1 (AkamaiGHost/11) (-)\n", "bypass", "akamai",
         "X-Cache: TCP_DENIED from a2-1 (AkamaiGHost/11) (-)"},
        /* The parent's word is not the edge's. */
        {"X-Cache-Remote: TCP_HIT from a2-1\nX-Cache: TCP_MISS from a2-2 (AkamaiGHost/11) (-)\n",
         "miss", "akamai"},
        {"Server-Timing: cdn-cache; desc=HIT\nServer-Timing: edge; dur=32\n", "hit", "akamai"},
        {"Server-Timing: cdn-cache; desc=MISS, edge; dur=37, origin; dur=133\n", "miss", "akamai"},
        {"Server-Timing: cdn-cache; desc=REVALIDATE, ak_p; desc=\"1,cdn-cache;desc=HIT\";dur=1\n",
         "revalidated", "akamai"},
        {"Server-Timing: cdn-cache; desc=MISS\nSet-Cookie: ak_bmsc=0; Path=/\n"
         "Cache-Control: max-age=0, no-cache, no-store\n",
         "uncacheable", "akamai", "Cache-Control: no-store"},
        {"Server-Timing: cdn-cache; dur=1\nServer-Timing: db;desc=HIT\n", "none", NULL},
        {"mpulse_cdn_cache: HIT\n", "hit", "akamai"},
        {"Akamai-GRN: 0.1\nX-Cache: TCP_MISS\nAkamai-Cache-Control: no-store\n", "uncacheable",
         "akamai", "Akamai-Cache-Control: no-store"},
        {"X-Cache: HIT\nServer: ECAcc (fra/1D2B)\n", "hit", "edgio"},
        {"X-EC-Cache: TCP_EXPIRED_MISS from ECAcc (fra/1D2B)\n", "expired", "edgio"},
        {"X-Cache: NONE from ECS (fra/1D2B)\n", "bypass", "edgio",
         "X-Cache: NONE from ECS (fra/1D2B)"},
        {"X-Cache: TCP_MISS from ECS (fra/1D2B)\nX-EC-Check-Cacheable: NO (a rule)\n",
         "uncacheable", "edgio", "X-EC-Check-Cacheable: NO (a rule)"},
    };
    CHECK_ROWS(rows);
}

static void test_other_cdns(void **state)
{
    static const struct row rows[] = {
        {"X-Cache: TCP_HIT\nX-Azure-Ref: 20250101T0\n", "hit", "azure"},
        {"x-cache: TCP_REMOTE_HIT\nx-azure-ref: 20250101T0\n", "hit", "azure"},
        {"X-Cache: TCP_MISS\nX-Azure-Ref: 20250101T0\n", "miss", "azure"},
        {"X-Cache: TCP_MISS\nX-Azure-Ref: 20250101T0\nCache-Control: no-cache\n", "uncacheable",
         "azure", "Cache-Control: no-cache"},
        {"X-Cache: CONFIG_NOCACHE\nX-Azure-Ref: 20250101T0\n", "uncacheable", "azure",
         "X-Cache: CONFIG_NOCACHE"},
        {"X-Cache: PRIVATE_NOSTORE\nX-Azure-Ref: 20250101T0\nCache-Control: private\n",
         "uncacheable", "azure", "X-Cache: PRIVATE_NOSTORE"},
        {"X-Cache: N/A\nX-Azure-Ref: 20250101T0\n", "bypass", "azure", "X-Cache: N/A"},
        {"CDN-Cache: HIT\nServer: BunnyCDN-DE1-1047\nCDN-CachedAt: 01/02/2025\n", "hit", "bunny"},
        {"CDN-Cache: MISS\nServer: BunnyCDN-DE1-1047\n", "miss", "bunny"},
        {"CDN-Cache: EXPIRED\n", "expired", "bunny"},
        {"CDN-Cache: BYPASS\nCache-Control: no-store\n", "bypass", "bunny",
         "Cache-Control: no-store"},
        {"X-Cache: HIT\nServer: keycdn\nX-Edge-Location: defr\n", "hit", "keycdn"},
        {"X-Cache: EXPIRED\nServer: keycdn-engine\n", "expired", "keycdn"},
        {"X-77-Cache: MISS\nX-77-POP: frankfurtDE\nX-Cache: HIT\n", "miss", "cdn77"},
        {"EO-Cache-Status: HIT\nEO-LOG-UUID: 1\n", "hit", "edgeone"},
        {"EO-Cache-Status: RefreshHit\n", "revalidated", "edgeone"},
        {"X-Cache: HIT TCP_MEM_HIT dirn:11:33\nEagleId: 1\nVia: cache1.l2de2[0,0,200-0,H]\n", "hit",
         "alibaba"},
        {"X-Cache: MISS TCP_MISS dirn:-2:-2\nEagleId: 1\n", "miss", "alibaba"},
        {"X-Sucuri-Cache: HIT\nX-Sucuri-ID: 15005\n", "hit", "sucuri"},
        {"X-Sucuri-Cache: MISS\nServer: Sucuri/Cloudproxy\n" NGINX_COOKIE, "uncacheable", "sucuri",
         "Set-Cookie: PHPSESSID"},
        {"X-QC-Cache: hit\nX-QC-Pop: EU\nX-LiteSpeed-Cache: miss\n", "hit", "quic.cloud"},
        {"cdn_cache_status: hit\nVia: 1.1 google\n", "hit", "google"},
        {"cdn_cache_status: disabled\nVia: 1.1 google\n", "bypass", "google",
         "cdn_cache_status: disabled"},
        {"X-Cache-Status: uncacheable\nVia: 1.1 google\n", "uncacheable", "google",
         "X-Cache-Status: uncacheable"},
        {"X-Cache-Hit: miss\nVia: 1.1 google\nVary: Accept-Encoding, *\n", "uncacheable", "google",
         "Vary: *"},
        {"Via: 1.1 google\nAge: 33\n", "hit", "google"},
        {"Via: 1.1 google\n", "none", NULL},
    };
    CHECK_ROWS(rows);
}

static void test_hosts(void **state)
{
    static const struct row rows[] = {
        {"X-Vercel-Cache: HIT\nX-Vercel-Id: fra1::a\nAge: 3\n", "hit", "vercel"},
        {"X-Vercel-Cache: PRERENDER\n", "hit", "vercel"},
        {"X-Vercel-Cache: STALE\nX-Nextjs-Stale-Time: 300\n", "stale", "vercel"},
        {"X-Vercel-Cache: REVALIDATED\n", "revalidated", "vercel"},
        {"X-Vercel-Cache: BYPASS\n", "bypass", "vercel", "X-Vercel-Cache: BYPASS"},
        /* Vercel keeps s-maxage for itself and tells browsers this. */
        {"X-Vercel-Cache: MISS\nCache-Control: public, max-age=0, must-revalidate\n", "miss",
         "vercel"},
        {"X-Vercel-Cache: MISS\nCache-Control: private, no-cache, no-store, max-age=0\n",
         "uncacheable", "vercel", "Cache-Control: no-store"},
        {"X-Vercel-Cache: MISS\nVercel-CDN-Cache-Control: max-age=0\nCDN-Cache-Control: "
         "max-age=9\n",
         "uncacheable", "vercel", "Vercel-CDN-Cache-Control: max-age=0"},
        {"X-Vercel-Cache: MISS\nX-Nextjs-Cache: HIT\nSet-Cookie: a=b\n", "uncacheable", "vercel",
         "Set-Cookie: a"},
        {"Cache-Status: \"Netlify Edge\"; hit\nServer: Netlify\nAge: 2\n", "hit", "netlify"},
        {"cache-status: \"Netlify Edge\"; fwd=miss\ncache-control: public,max-age=0,must-"
         "revalidate\n",
         "miss", "netlify"},
        {"Cache-Status: \"Netlify Edge\"; fwd=stale\n", "expired", "netlify"},
        {"Cache-Status: \"Netlify Edge\"; hit; fwd=stale\n", "stale", "netlify"},
        {"Cache-Status: \"Netlify Durable\"; hit; ttl=1486, \"Netlify Edge\"; fwd=miss; "
         "fwd-status=200; stored\nCache-Control: no-cache\n",
         "miss", "netlify"},
        {"Cache-Status: \"Netlify Durable\"; fwd=bypass\nCache-Status: \"Netlify Edge\"; hit\n",
         "hit", "netlify"},
        {"Cache-Status: \"Netlify Durable\"; fwd=bypass, \"Netlify Edge\"; fwd=miss\n"
         "Cache-Control: no-cache\n",
         "uncacheable", "netlify", "Cache-Control: no-cache"},
        {"Cache-Status: \"Netlify Edge\"; fwd=miss\nCache-Control: no-store\n"
         "Netlify-CDN-Cache-Control: public, durable, s-maxage=60\n",
         "miss", "netlify"},
        {"Cache-Status: \"Next.js\"; hit\n", "hit", "nextjs"},
        {"Fly-Cache-Status: MISS\nServer: Fly/1a\n", "miss", "fly"},
        {"X-Platform-Cache: HIT\n", "hit", "platform.sh"},
        {"X-Kinsta-Cache: BYPASS\nCache-Control: no-cache\n", "bypass", "kinsta",
         "Cache-Control: no-cache"},
        {"X-AC: 3.fra _bur HIT\n", "hit", "wordpress.com"},
        {"x-ac: 2.ams _dca STALE\n", "stale", "wordpress.com"},
    };
    CHECK_ROWS(rows);
}

static void test_servers(void **state)
{
    static const struct row rows[] = {
        {"X-Varnish: 98765 32770\nVia: 1.1 varnish (Varnish/7.1)\nAge: 50\n", "hit", "varnish"},
        {"X-Varnish: 98765\nVia: 1.1 varnish\nAge: 0\n", "miss", "varnish"},
        {"X-Varnish: 1 2\nX-Varnish: 3\n", "miss", "varnish"},
        {"X-Varnish: 1, 2 3\n", "hit", "varnish"},
        {"X-Varnish: 1 2 3\n", "none", NULL},
        {"X-Varnish: hit\n", "none", NULL},
        {"X-Varnish:\n", "none", NULL},
        {"X-Varnish: 98765\n" NGINX_COOKIE, "uncacheable", "varnish", "Set-Cookie: PHPSESSID"},
        {"X-Varnish: 98765\nX-Cacheable: NO:Not Cacheable\n", "uncacheable", "varnish",
         "X-Cacheable: NO:Not Cacheable"},
        {"X-Varnish: 98765\nSurrogate-Control: max-age=60\nCache-Control: private\n", "miss",
         "varnish"},
        {"X-Cache: hit cached\nX-Varnish: 1 2\n", "hit", "varnish"},
        {"X-Cache: pass uncacheable\nX-Varnish: 1\n", "uncacheable", "varnish",
         "X-Cache: pass uncacheable"},
        {"X-Cache: HIT\nX-Cache-Hits: 4\nVia: 1.1 varnish-v4\n", "hit", "varnish"},
        {"X-Cache-Hits: 0\nX-Varnish: 1\n", "miss", "varnish"},
        {"X-Cache-Hits: many\nX-Varnish: 1 2\n", "hit", "varnish"},
        {"X-Varnish-Cache: HIT\n", "hit", "varnish"},
        {"X-Cache-Status: HIT\nServer: nginx\n", "hit", "unnamed"},
        {"X-Cache-Status: EXPIRED\n", "expired", "unnamed"},
        {"X-Cache-Status: UPDATING\n", "stale", "unnamed"},
        {"X-Proxy-Cache: MISS\n", "miss", "nginx"},
        {"X-Proxy-Cache: BYPASS\nX-Proxy-Cache-Info: 0 NC:1\n", "bypass", "nginx",
         "X-Proxy-Cache: BYPASS"},
        {"X-Proxy-Cache: MISS\nExpires: 0\n", "uncacheable", "nginx", "Expires: 0"},
        {"X-Proxy-Cache: MISS\nExpires: -1\nCache-Control: max-age=60\n", "miss", "nginx"},
        {"X-FastCGI-Cache: HIT\n", "hit", "nginx"},
        {"FastCGI-Cache: REVALIDATED\n", "revalidated", "nginx"},
        {"X-FastCGI-Cache: MISS\nCDN-Cache-Control: max-age=60\nCache-Control: no-store\n",
         "uncacheable", "nginx", "Cache-Control: no-store"},
        {"X-Rocket-Nginx-Serving-Static: MISS\n", "miss", "nginx"},
        {"X-LiteSpeed-Cache: hit\n", "hit", "litespeed"},
        {"X-LiteSpeed-Cache: hit,private\n", "hit", "litespeed"},
        {"X-LiteSpeed-Cache: miss\nCache-Control: no-cache\n", "miss", "litespeed"},
        {"X-LiteSpeed-Cache: miss\nX-LiteSpeed-Cache-Control: no-cache\n", "uncacheable",
         "litespeed", "X-LiteSpeed-Cache-Control: no-cache"},
        {"X-Cache: HIT from proxy.example.com\nX-Cache-Lookup: HIT from proxy.example.com:3128\n",
         "hit", "squid"},
        {"X-Cache: MISS from proxy.example.com\nX-Cache-Lookup: HIT from proxy.example.com:3128\n",
         "miss", "squid"},
        {"X-Cache-Lookup: HIT from proxy.example.com:3128\n", "none", NULL},
        {"X-Cache: HIT from www.example.com\nX-Cache-Detail: \"cache hit\" from www.example.com\n",
         "hit", "apache"},
        {"X-Cache: REVALIDATE from www.example.com\nX-Cache-Detail: \"conditional cache hit\"\n",
         "revalidated", "apache"},
        {"X-Cache: HIT from www.example.com\n", "hit", "unnamed"},
        {"X-Cache: HIT: 12\nX-Cache-Group: normal\nX-Cacheable: SHORT\n", "hit", "unnamed"},
        {"X-Cache: hit, server\n", "hit", "unnamed"},
        {"X-Magento-Cache-Debug: MISS\nCache-Control: no-store, no-cache, max-age=0\n", "miss",
         "magento"},
        {"X-Magento-Cache-Debug: UNCACHEABLE\n", "uncacheable", "magento",
         "X-Magento-Cache-Debug: UNCACHEABLE"},
        {"X-Drupal-Cache: HIT\nCache-Control: must-revalidate, no-cache, private\n", "hit",
         "drupal"},
        {"X-Drupal-Cache: UNCACHEABLE (request policy)\n", "uncacheable", "drupal",
         "X-Drupal-Cache: UNCACHEABLE (request policy)"},
        {"X-Drupal-Dynamic-Cache: MISS\n", "miss", "drupal"},
        {"X-Nextjs-Cache: STALE\n", "stale", "nextjs"},
        {"X-WP-SPC-Disk-Cache: HIT\n", "hit", "wordpress"},
        {"Age: 5\n", "hit", "unnamed"},
        {"Age: 5\nVia: 1.1 varnish\n", "hit", "varnish"},
        {"Age: 0\n", "none", NULL},
        {"Age: -5\n", "none", NULL},
        {"Age: 5 seconds\n", "none", NULL},
        {"Age: 99999999999999999999999999\n", "hit", "unnamed"},
    };
    CHECK_ROWS(rows);
}

static void test_cache_status_field(void **state)
{
    static const struct row rows[] = {
        {"Cache-Status: ExampleCache; hit\n", "hit", "rfc9211"},
        {"Cache-Status: \"A \\\"cache\\\"\"; hit; ttl=300; key=\"/a;b,c\"\n", "hit", "rfc9211"},
        {"Cache-Status: ExampleCache; hit; ttl=-30\n", "stale", "rfc9211"},
        {"Cache-Status: ExampleCache; hit=?0; fwd=miss\n", "miss", "rfc9211"},
        {"Cache-Status: ExampleCache; hit=?0\n", "miss", "rfc9211"},
        {"Cache-Status: ExampleCache; hit=1\n", "none", NULL},
        {"Cache-Status: ExampleCache; hit=?0; hit\n", "hit", "rfc9211"},
        {"Cache-Status: ExampleCache; fwd=uri-miss\n", "miss", "rfc9211"},
        {"Cache-Status: ExampleCache; fwd=vary-miss; stored; collapsed\n", "miss", "rfc9211"},
        {"Cache-Status: ExampleCache; fwd=partial\n", "miss", "rfc9211"},
        {"Cache-Status: ExampleCache; fwd=moon-phase\n", "miss", "rfc9211"},
        {"Cache-Status: ExampleCache; fwd=\"miss\"\n", "miss", "rfc9211"},
        {"Cache-Status: ExampleCache; fwd=stale\n", "expired", "rfc9211"},
        {"Cache-Status: ExampleCache; fwd=stale; fwd-status=304; ttl=300\n", "revalidated",
         "rfc9211"},
        {"Cache-Status: ExampleCache; fwd=stale; fwd-status=200\n", "expired", "rfc9211"},
        {"Cache-Status: ExampleCache; fwd=bypass; detail=no-cookie\n", "bypass", "rfc9211",
         "Cache-Status: ExampleCache; fwd=bypass; detail=no-cookie"},
        {"Cache-Status: ExampleCache; fwd=method\n", "bypass", "rfc9211",
         "Cache-Status: ExampleCache; fwd=method"},
        {"Cache-Status: ExampleCache; fwd=request\n", "bypass", "rfc9211",
         "Cache-Status: ExampleCache; fwd=request"},
        {"Cache-Status: ExampleCache; fwd=bypass\nCache-Control: private\n", "bypass", "rfc9211",
         "Cache-Control: private"},
        {"Cache-Status: ExampleCache; fwd=miss; stored=?0\n", "uncacheable", "rfc9211",
         "Cache-Status: ExampleCache; fwd=miss; stored=?0"},
        {"Cache-Status: ExampleCache; fwd=miss; stored=?0; collapsed\n", "miss", "rfc9211"},
        {"Cache-Status: ExampleCache; fwd=miss; stored\nCache-Control: private\n", "miss",
         "rfc9211"},
        {"Cache-Status: ExampleCache; fwd=miss\nCache-Control: private\n", "uncacheable", "rfc9211",
         "Cache-Control: private"},
        {"Cache-Status: Origin; hit, Edge; fwd=miss\n", "miss", "rfc9211"},
        {"Cache-Status: Origin; fwd=miss\nCache-Status: Edge; hit\n", "hit", "rfc9211"},
        {"Cache-Status: Origin; hit, Edge\n", "hit", "rfc9211"},
        {"Cache-Status: Origin; hit,\tEdge; detail=MEM\n", "hit", "rfc9211"},
        {"Cache-Status:\nCache-Status: Edge; hit\n", "hit", "rfc9211"},
        {"Cache-Status: Nginx; hit, Cloudflare; fwd=stale; fwd-status=304; collapsed; ttl=300\n",
         "revalidated", "cloudflare"},
        {"Cache-Status: squid.example.com;hit;detail=match\n", "hit", "squid"},
        {"Cache-Status: HIT\n", "hit", "rfc9211"},
        {"Cache-Status: miss\n", "miss", "rfc9211"},
        /* Malformed: all of it is void. */
        {"Cache-Status: Edge; hit,\n", "none", NULL},
        {"Cache-Status: Edge; hit,, B\n", "none", NULL},
        {"Cache-Status: Edge; Hit\n", "none", NULL},
        {"Cache-Status: Edge; hit; fwd=\n", "none", NULL},
        {"Cache-Status: Edge; hit; key=\"a\n", "none", NULL},
        {"Cache-Status: Edge hit\n", "none", NULL},
        {"Cache-Status: Edge; hit Edge; hit\n", "none", NULL},
        {"Cache-Status: 42; hit\n", "none", NULL},
        {"Cache-Status: (Edge); hit\n", "none", NULL},
        {"Cache-Status: Edge; hit; ttl=1234567890123456\n", "none", NULL},
        {"Cache-Status: Edge; hit\nCache-Status: ;\nAge: 3\n", "hit", "unnamed"},
        {"Cache-Status: \"\xC3\xA9\"; hit\n", "none", NULL},
    };
    CHECK_ROWS(rows);
}

static void test_what_forbids(void **state)
{
    static const struct row rows[] = {
        {"X-Cache: MISS\nCache-Control: public, max-age=60\n", "miss", "unnamed"},
        {"X-Cache: MISS\nCache-Control: NO-STORE\n", "uncacheable", "unnamed",
         "Cache-Control: no-store"},
        {"X-Cache: EXPIRED\ncache-control: Private\n", "uncacheable", "unnamed",
         "Cache-Control: private"},
        {"X-Cache: MISS\nCache-Control: public\nCache-Control: private\n", "uncacheable", "unnamed",
         "Cache-Control: private"},
        {"X-Cache: MISS\nCache-Control: private=\"Set-Cookie\", max-age=60\n", "miss", "unnamed"},
        {"X-Cache: MISS\nCache-Control: no-cache=\"a, no-store\"\n", "miss", "unnamed"},
        {"X-Cache: MISS\nCache-Control: max-age=0\n", "uncacheable", "unnamed",
         "Cache-Control: max-age=0"},
        {"X-Cache: MISS\nCache-Control: max-age=\"0\"\n", "uncacheable", "unnamed",
         "Cache-Control: max-age=0"},
        {"X-Cache: MISS\nCache-Control: max-age=soon\n", "uncacheable", "unnamed",
         "Cache-Control: max-age=0"},
        {"X-Cache: MISS\nCache-Control: max-age=0, max-age=60\n", "uncacheable", "unnamed",
         "Cache-Control: max-age=0"},
        {"X-Cache: MISS\nCache-Control: max-age=05\n", "miss", "unnamed"},
        {"X-Cache: MISS\nCache-Control: max-age=600, s-maxage=0\n", "uncacheable", "unnamed",
         "Cache-Control: s-maxage=0"},
        {"X-Cache: MISS\nCache-Control: ,, = ,\n", "miss", "unnamed"},
        {"X-Cache: MISS\nVary: Accept-Encoding\n", "miss", "unnamed"},
        {"X-Cache: MISS\nVary: Accept\nVary: *\n", "uncacheable", "unnamed", "Vary: *"},
        {"X-Cache: MISS\nSet-Cookie: =\n", "uncacheable", "unnamed", "Set-Cookie"},
        {"X-Cache: MISS\nSet-Cookie:\n", "uncacheable", "unnamed", "Set-Cookie"},
        {"X-Cache: MISS\nSet-Cookie: __cf_bm=1; path=/\nSet-Cookie: visid_incap_1=2\n", "miss",
         "unnamed"},
        {"X-Cache: MISS\nSet-Cookie: __cf_bm=1\nSet-Cookie: lang=de\n", "uncacheable", "unnamed",
         "Set-Cookie: lang"},
        {"X-Cache: MISS\nSet-Cookie: a\x01\xC3=1\n", "uncacheable", "unnamed", "Set-Cookie: a??"},
        {"X-Cache: MISS\nCDN-Cache-Control: max-age=60\nCache-Control: no-store\nExpires: 0\n",
         "miss", "unnamed"},
        {"X-Cache: MISS\nCDN-Cache-Control:\nCache-Control: no-store\n", "uncacheable", "unnamed",
         "Cache-Control: no-store"},
        {"X-Cache: MISS\nCDN-Cache-Control: max-age=60\nSurrogate-Control: no-store\n", "miss",
         "unnamed"},
        {"X-Cache: MISS\nCDN-Cache-Control: max-age=60\n" NGINX_COOKIE, "uncacheable", "unnamed",
         "Set-Cookie: PHPSESSID"},
        {"X-Cache: HIT\nCache-Control: private\n" NGINX_COOKIE, "hit", "unnamed"},
        {"X-Cache: STALE\nCache-Control: private\n", "stale", "unnamed"},
        {"X-Cache: REVALIDATED\nCache-Control: no-cache\n", "revalidated", "unnamed"},
        {"Cache-Control: private\n", "none", NULL, "Cache-Control: private"},
        {"", "none", NULL},
    };
    CHECK_ROWS(rows);
}

static void test_authorization(void **state)
{
    static const struct row rows[] = {
        {"X-Cache: MISS\n", "uncacheable", "unnamed", "Authorization in the request"},
        {"X-Cache: MISS\nCache-Control: public\n", "miss", "unnamed"},
        {"X-Cache: MISS\nCache-Control: s-maxage=5\n", "miss", "unnamed"},
        {"X-Cache: MISS\nCache-Control: max-age=5, must-revalidate\n", "miss", "unnamed"},
        {"X-Cache: HIT\n", "hit", "unnamed"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_row(&rows[i], true);
}

/* What else these fields are known to say, each word and each mark once. */
static void test_every_word(void **state)
{
    static const struct row rows[] = {
        {"X-Cache: REFRESH_HIT\n", "revalidated", "unnamed"},
        {"X-Cache: UNCACHED\n", "uncacheable", "unnamed", "X-Cache: UNCACHED"},
        {"X-Cache: synth synth\n", "uncacheable", "unnamed", "X-Cache: synth synth"},
        {"X-Cache: CapacityExceeded from cloudfront\n", "bypass", "cloudfront",
         "X-Cache: CapacityExceeded from cloudfront"},
        {"X-Served-By: cache-a\nX-Cache: HIT-WAIT\n", "hit", "fastly"},
        {"X-Served-By: cache-a\nX-Cache: HIT-SYNTH\n", "uncacheable", "fastly",
         "X-Cache: HIT-SYNTH"},
        {"X-Served-By: cache-a\nX-Cache: MISS-CLUSTER\n", "miss", "fastly"},
        {"X-Cache: TCP_PARTIAL_HIT\n", "hit", "unnamed"},
        {"X-Cache: TCP_OFFLINE_HIT\n", "hit", "unnamed"},
        {"X-Cache: TCP_SWAPFAIL\n", "miss", "unnamed"},
        {"X-Cache: TCP_SWAPFAIL_MISS\n", "miss", "unnamed"},
        {"X-Cache: TCP_REFRESH_UNMODIFIED\n", "revalidated", "unnamed"},
        {"X-Cache: TCP_REFRESH_MODIFIED\n", "expired", "unnamed"},
        {"X-Cache: TCP_CLIENT_REFRESH_MISS\n", "expired", "unnamed"},
        {"X-Cache: TCP_COOKIE_DENY\n", "bypass", "unnamed", "X-Cache: TCP_COOKIE_DENY"},
        {"X-MSEdge-Ref: Ref A\nX-Cache: TCP_HIT\n", "hit", "azure"},
        {"X-Akamai-Request-ID: 1a\nX-Cache: TCP_HIT\n", "hit", "akamai"},
        {"Server: AkamaiGHost\nX-Cache: TCP_HIT\n", "hit", "akamai"},
        {"Server: AkamaiNetStorage\nX-Cache: TCP_HIT\n", "hit", "akamai"},
        {"Server: BunnyCDN-DE1-1047\nX-Cache: HIT\n", "hit", "bunny"},
        {"Server: CDN77-Turbo\nX-Cache: HIT\n", "hit", "cdn77"},
        {"Server: ECS (fra/1D2B)\nX-Cache: HIT\n", "hit", "edgio"},
        {"Via: 1.1 proxy (squid/5.7)\nX-Cache: HIT\n", "hit", "squid"},
        {"Via: 1.1 0a.cloudfront.net (CloudFront)\nAge: 9\n", "hit", "cloudfront"},
        {"X-CDN-Cache: HIT\n", "hit", "unnamed"},
        {"X-CDN-Cache-Status: HIT\n", "hit", "unnamed"},
        {"CDN-Cache-Status: HIT\n", "hit", "unnamed"},
        {"X-Proxy-Cache-Status: HIT\n", "hit", "nginx"},
        {"X-Nginx-Cache: HIT\n", "hit", "nginx"},
        {"X-Nginx-Cache-Status: HIT\n", "hit", "nginx"},
        {"X-Upstream-Cache-Status: HIT\n", "hit", "nginx"},
        {"X-RunCloud-Cache: HIT\n", "hit", "nginx"},
        {"X-Cache-Detail: \"cache miss\"\nX-Cache: MISS\nCDN-Cache-Control: max-age=9\n"
         "Cache-Control: private\n",
         "uncacheable", "apache", "Cache-Control: private"},
        {"X-Cache-Lookup: MISS\nX-Cache: MISS\nCDN-Cache-Control: max-age=9\n"
         "Cache-Control: private\n",
         "uncacheable", "squid", "Cache-Control: private"},
        {"X-Varnish: 1\nCDN-Cache-Control: max-age=9\nCache-Control: private\n", "uncacheable",
         "varnish", "Cache-Control: private"},
        {"X-Drupal-Cache: MISS\nCache-Control: no-cache, private\n", "miss", "drupal"},
        {"X-Nextjs-Cache: MISS\nCache-Control: no-store\n", "miss", "nextjs"},
        {"X-QC-Cache: miss\nCache-Control: no-store\n", "miss", "quic.cloud"},
    };
    CHECK_ROWS(rows);
}

static void test_who_decides(void **state)
{
    static const struct row rows[] = {
        {"X-Varnish: 1 2\nX-Cache: HIT\nCF-Cache-Status: DYNAMIC\n", "uncacheable", "cloudflare",
         "CF-Cache-Status: DYNAMIC"},
        {"X-Cache: Miss from cloudfront\nCache-Status: \"Netlify Edge\"; hit\n", "miss",
         "cloudfront"},
        {"X-Cache: Hit from cloudfront\nX-Vercel-Cache: MISS\n", "hit", "cloudfront"},
        {"X-Vercel-Cache: HIT\nX-Cache: MISS\n", "hit", "vercel"},
        {"X-Cache: HIT\nCache-Status: Edge; fwd=miss\n", "miss", "rfc9211"},
        {"X-Drupal-Cache: HIT\nX-Varnish: 7\n", "miss", "varnish"},
        {"X-LiteSpeed-Cache: miss\nX-Proxy-Cache: HIT\n", "hit", "nginx"},
        {"X-Cache: MISS\nAge: 100\n", "miss", "unnamed"},
        {"CF-Cache-Status: what\nX-Cache: HIT\n", "hit", "unnamed"},
        {"CF-Cache-Status: MISS\nCF-Cache-Status: HIT\n", "hit", "cloudflare"},
        {"CF-Cache-Status: HIT\nCF-Cache-Status:\n", "hit", "cloudflare"},
        {"X-Cache: HIT\nX-Cache: Miss from cloudfront\n", "miss", "cloudfront"},
        {"Cache-Status: Edge; hit,\nX-Proxy-Cache: MISS\n", "miss", "nginx"},
        {"X-Cache: MISS from none\nX-Cache-Remote: HIT\nCF-Cache: HIT\n", "miss", "unnamed"},
        {"Not-X-Cache: HIT\nX-Cache-Control: HIT\nX-Cached: HIT\n", "none", NULL},
    };
    CHECK_ROWS(rows);
}

static void test_field_and_word(void **state)
{
    struct http_field fields[ANSWER_FIELDS_MAX];
    char reason[CACHE_REASON_BYTES];
    size_t count =
        answer_fields("Server: x\nx-CACHE: MISS, HIT: 3 \nX-Served-By: cache-a\n", fields);
    struct cache_status status = cache_status_of(fields, count, false, reason, sizeof reason);
    assert_true(slice_equals(status.field, slice_of_string("x-CACHE")));
    assert_true(slice_equals(status.word, slice_of_string("HIT: 3")));
    count = answer_fields("Cache-Status: A; hit, \"B\"; fwd=miss;ttl=1\n", fields);
    status = cache_status_of(fields, count, false, reason, sizeof reason);
    assert_true(slice_equals(status.word, slice_of_string("\"B\"; fwd=miss;ttl=1")));
    count = answer_fields("Server: x\n", fields);
    status = cache_status_of(fields, count, false, reason, sizeof reason);
    assert_null(status.field.start);
    assert_null(status.word.start);
}

static void test_small_buffers(void **state)
{
    struct http_field fields[ANSWER_FIELDS_MAX];
    const char *whole = "CF-Cache-Status: DYNAMIC";
    size_t count = answer_fields("CF-Cache-Status: DYNAMIC\n", fields);
    for (size_t bytes = 0; bytes < 40; bytes++) {
        char reason[48];
        memset(reason, '#', sizeof reason);
        cache_status_of(fields, count, false, reason, bytes);
        size_t kept = bytes == 0 ? 0 : bytes > strlen(whole) ? strlen(whole) : bytes - 1;
        assert_memory_equal(reason, whole, kept);
        assert_int_equal(reason[kept], bytes ? '\0' : '#');
        assert_int_equal(reason[bytes], '#');
    }
    cache_status_of(fields, count, false, NULL, 0);
}

/* What a structured field may hold (RFC 9651, section 3.3), in the place of a parameter. */
static void test_structured_values(void **state)
{
    static const char *const fine[] = {"1",       "-15",      "0.5",    "123456789012.125",
                                       "tok/en:", "*a",       ":YQ==:", "?0",
                                       "\"\"",    "\"\\\\\"", "@-5",    "%\"a%c3\""};
    static const char *const broken[] = {"-",  "1.", "1.2345",  "1234567890123.1",
                                         "?2", ":a", "\"\\a\"", "@1.5",
                                         "%a", "\"", "(1)",     "\"\t\""};
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        char line[64];
        snprintf(line, sizeof line, "Cache-Status: A; hit; x=%s;y, B\n", fine[i]);
        check_row(&(struct row){line, "hit", "rfc9211"}, false);
    }
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        char line[64];
        snprintf(line, sizeof line, "Cache-Status: A; hit; x=%s;y, B\n", broken[i]);
        check_row(&(struct row){line, "none", NULL}, false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cloudflare),
        cmocka_unit_test(test_cloudfront),
        cmocka_unit_test(test_fastly),
        cmocka_unit_test(test_akamai_and_edgio),
        cmocka_unit_test(test_other_cdns),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_servers),
        cmocka_unit_test(test_cache_status_field),
        cmocka_unit_test(test_what_forbids),
        cmocka_unit_test(test_authorization),
        cmocka_unit_test(test_every_word),
        cmocka_unit_test(test_who_decides),
        cmocka_unit_test(test_field_and_word),
        cmocka_unit_test(test_small_buffers),
        cmocka_unit_test(test_structured_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
