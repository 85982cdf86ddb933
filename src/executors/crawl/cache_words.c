#include "executors/crawl/cache_words.h"

static const struct {
    const char *word;
    enum cache_state state;
    const char *cache; /* NULL: anybody's */
} words[] = {
    {"hit", CACHE_HIT},
    {"miss", CACHE_MISS},
    {"expired", CACHE_EXPIRED},
    {"stale", CACHE_STALE},
    {"updating", CACHE_STALE},
    {"revalidated", CACHE_REVALIDATED},
    {"revalidate", CACHE_REVALIDATED},
    {"refreshhit", CACHE_REVALIDATED},
    {"refresh_hit", CACHE_REVALIDATED},
    {"bypass", CACHE_BYPASS},
    {"pass", CACHE_BYPASS},
    {"disabled", CACHE_BYPASS},
    {"dynamic", CACHE_UNCACHEABLE},
    {"uncacheable", CACHE_UNCACHEABLE},
    {"uncached", CACHE_UNCACHEABLE},
    {"synth", CACHE_UNCACHEABLE},
    /* Cloudflare made the answer itself, before its cache. */
    {"none", CACHE_UNCACHEABLE, "cloudflare"},
    {"unknown", CACHE_UNCACHEABLE, "cloudflare"},
    {"none/unknown", CACHE_UNCACHEABLE, "cloudflare"},
    {"prerender", CACHE_HIT, "vercel"},
    {"originshieldhit", CACHE_HIT, "cloudfront"},
    {"error", CACHE_BYPASS, "cloudfront"},
    {"limitexceeded", CACHE_BYPASS, "cloudfront"},
    {"capacityexceeded", CACHE_BYPASS, "cloudfront"},
    {"redirect", CACHE_UNCACHEABLE, "cloudfront"},
    {"lambdageneratedresponse", CACHE_UNCACHEABLE, "cloudfront"},
    {"functiongeneratedresponse", CACHE_UNCACHEABLE, "cloudfront"},
    {"hit-stale", CACHE_STALE, "fastly"},
    {"hit-cluster", CACHE_HIT, "fastly"},
    {"hit-wait", CACHE_HIT, "fastly"},
    {"hit-synth", CACHE_UNCACHEABLE, "fastly"},
    {"miss-cluster", CACHE_MISS, "fastly"},
    {"config_nocache", CACHE_UNCACHEABLE},
    {"private_nostore", CACHE_UNCACHEABLE},
    {"n/a", CACHE_BYPASS, "azure"},
    {"none", CACHE_BYPASS, "edgio"},
    /* Of Squid's kin: Akamai, Azure, Edgio, Alibaba. */
    {"tcp_hit", CACHE_HIT},
    {"tcp_mem_hit", CACHE_HIT},
    {"tcp_ims_hit", CACHE_HIT},
    {"tcp_negative_hit", CACHE_HIT},
    {"tcp_partial_hit", CACHE_HIT},
    {"tcp_offline_hit", CACHE_HIT},
    {"tcp_remote_hit", CACHE_HIT},
    {"tcp_miss", CACHE_MISS},
    {"tcp_swapfail", CACHE_MISS},
    {"tcp_swapfail_miss", CACHE_MISS},
    {"tcp_refresh_hit", CACHE_REVALIDATED},
    {"tcp_refresh_unmodified", CACHE_REVALIDATED},
    {"tcp_expired_hit", CACHE_REVALIDATED}, /* asked the origin, which had nothing newer */
    {"tcp_refresh_miss", CACHE_EXPIRED},
    {"tcp_refresh_modified", CACHE_EXPIRED},
    {"tcp_expired_miss", CACHE_EXPIRED},
    {"tcp_client_refresh_miss", CACHE_EXPIRED},
    {"tcp_refresh_fail_hit", CACHE_STALE},
    {"tcp_nc_miss", CACHE_UNCACHEABLE},
    {"tcp_denied", CACHE_BYPASS},
    {"tcp_cookie_deny", CACHE_BYPASS},
};

/* In an entry itself. */
static const struct {
    const char *text, *cache;
} entry_marks[] = {
    {"cloudfront", "cloudfront"},
    {"akamai", "akamai"},
    {"from ECAcc", "edgio"},
    {"from ECS (", "edgio"},
};

/* In the other fields, the surest first. */
static const struct {
    const char *field, *text; /* NULL: that the field is there is enough */
    const char *cache;
    bool is_cdn;
} field_marks[] = {
    {"X-Served-By", "cache-", "fastly", true},
    {"X-Fastly-Request-ID", NULL, "fastly", true},
    {"X-Azure-Ref", NULL, "azure", true},
    {"X-MSEdge-Ref", NULL, "azure", true},
    {"Akamai-GRN", NULL, "akamai", true},
    {"X-Akamai-Request-ID", NULL, "akamai", true},
    {"Server", "AkamaiGHost", "akamai", true},
    {"Server", "AkamaiNetStorage", "akamai", true},
    {"EagleId", NULL, "alibaba", true},
    {"Server", "keycdn", "keycdn", true},
    {"Server", "BunnyCDN", "bunny", true},
    {"Server", "CDN77", "cdn77", true},
    {"Server", "ECAcc (", "edgio", true},
    {"Server", "ECS (", "edgio", true},
    {"X-Cache-Lookup", NULL, "squid", false},
    {"Via", "squid", "squid", false},
    {"X-Cache-Detail", NULL, "apache", false},
    {"X-Varnish", NULL, "varnish", false},
    {"Via", "varnish", "varnish", false},
    /* On the way only, and perhaps no cache at all. */
    {"Via", "(CloudFront)", "cloudfront", false},
    {"Via", "1.1 google", "google", false},
};

static const struct {
    const char *part, *cache;
} members[] = {
    {"netlify", "netlify"},     {"cloudflare", "cloudflare"}, {"cloudfront", "cloudfront"},
    {"fastly", "fastly"},       {"akamai", "akamai"},         {"vercel", "vercel"},
    {"google", "google"},       {"bunny", "bunny"},           {"next.js", "nextjs"},
    {"varnish", "varnish"},     {"nginx", "nginx"},           {"squid", "squid"},
    {"litespeed", "litespeed"},
};

static enum cache_state state_of_word(struct slice word, const char *cache)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (slice_is(word, words[i].word) &&
            (!words[i].cache || strcmp(words[i].cache, cache) == 0))
            return words[i].state;
    return CACHE_NONE;
}

static bool is_around_word(char byte)
{
    return byte == '"' || byte == ':' || byte == '(' || byte == ')';
}

static struct slice bare(struct slice word)
{
    while (word.length && is_around_word(word.start[0]))
        word.start++, word.length--;
    while (word.length && is_around_word(word.start[word.length - 1]))
        word.length--;
    return word;
}

enum cache_state cache_words_read(struct slice entry, const char *cache)
{
    struct slice rest = slice_trimmed(entry), word;
    enum cache_state found = CACHE_NONE;
    while (fields_next_part(&rest, ' ', &word)) {
        enum cache_state state = state_of_word(bare(word), cache);
        if (found == CACHE_NONE || state == CACHE_UNCACHEABLE)
            found = state;
    }
    return found;
}

const char *cache_name_in(struct slice entry)
{
    for (size_t i = 0; i < sizeof entry_marks / sizeof *entry_marks; i++)
        if (slice_contains_nocase(entry, entry_marks[i].text))
            return entry_marks[i].cache;
    return NULL;
}

static bool is_marked(struct fields fields, const char *name, const char *text)
{
    for (size_t i = 0; i < fields.count; i++)
        if (field_is(&fields.list[i], name) &&
            (!text || slice_contains_nocase(fields.list[i].value, text)))
            return true;
    return false;
}

struct cache_name cache_name_of(struct fields fields)
{
    for (size_t i = 0; i < sizeof field_marks / sizeof *field_marks; i++)
        if (is_marked(fields, field_marks[i].field, field_marks[i].text))
            return (struct cache_name){field_marks[i].cache, field_marks[i].is_cdn};
    return (struct cache_name){"unnamed", false};
}

const char *cache_name_of_member(struct slice name)
{
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (slice_contains_nocase(name, members[i].part))
            return members[i].cache;
    return "rfc9211";
}
