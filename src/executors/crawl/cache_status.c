#include "executors/crawl/cache_status.h"

#include "executors/crawl/cache_control.h"
#include "executors/crawl/cache_members.h"
#include "executors/crawl/cache_words.h"

/* What one source has to say. */
struct voice {
    enum cache_state state;
    const char *cache;
    struct slice field, word;
    bool is_stored; /* the cache said that it holds it from now on */
};

struct source;

/* False when the source is not there, or says nothing that can be understood. */
typedef bool (*hear_fn)(const struct source *source, struct fields fields, struct voice *voice);

struct source {
    const char *field;
    const char *cache; /* NULL: it is seen by marks */
    hear_fn hear;
};

/* --- Fields of words: X-Cache and its cousins --- */

static struct cache_name owner_of(const struct source *source, struct fields fields)
{
    return source->cache ? (struct cache_name){source->cache, true} : cache_name_of(fields);
}

/* The last entry that says anything, in the last line that has one. */
static bool hear_entries(const struct source *source, struct fields fields, bool must_be_cdn,
                         struct voice *voice)
{
    bool is_heard = false;
    if (!fields_find(fields, source->field))
        return false; /* the common case: whose it is need not be found out */
    struct cache_name owner = owner_of(source, fields);
    for (size_t i = 0; i < fields.count; i++) {
        struct slice rest = fields.list[i].value, entry;
        if (!field_is(&fields.list[i], source->field))
            continue;
        while (fields_next_part(&rest, ',', &entry)) {
            const char *named = source->cache ? NULL : cache_name_in(entry);
            const char *cache = named ? named : owner.text;
            enum cache_state state = cache_words_read(entry, cache);
            if (state == CACHE_NONE || (must_be_cdn && !named && !owner.is_cdn))
                continue;
            *voice = (struct voice){state, cache, fields.list[i].name, entry};
            is_heard = true;
        }
    }
    return is_heard;
}

static bool hear_words(const struct source *source, struct fields fields, struct voice *voice)
{
    return hear_entries(source, fields, false, voice);
}

static bool hear_words_of_cdn(const struct source *source, struct fields fields,
                              struct voice *voice)
{
    return hear_entries(source, fields, true, voice);
}

/* --- Server-Timing (W3C): metrics by name, some with a word in "desc" --- */

static bool hear_metric(struct slice metric, const char **cache, enum cache_state *state)
{
    static const struct {
        const char *name, *cache;
        enum cache_state state; /* CACHE_NONE: "desc" says */
    } metrics[] = {
        {"cdn-cache", "akamai"},
        {"cfCacheStatus", "cloudflare"},
        {"cdn-cache-hit", "cloudfront", CACHE_HIT},
        {"cdn-cache-miss", "cloudfront", CACHE_MISS},
        {"cdn-cache-refresh", "cloudfront", CACHE_REVALIDATED},
    };
    struct slice rest = metric, name, part, key;
    if (!fields_next_part(&rest, ';', &name))
        return false;
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        if (!slice_is(name, metrics[i].name))
            continue;
        *cache = metrics[i].cache;
        *state = metrics[i].state;
        while (*state == CACHE_NONE && fields_next_part(&rest, ';', &part))
            if (fields_next_part(&part, '=', &key) && slice_is(key, "desc"))
                *state = cache_words_read(part, *cache);
    }
    return *state != CACHE_NONE;
}

static bool hear_server_timing(const struct source *source, struct fields fields,
                               struct voice *voice)
{
    bool is_heard = false;
    for (size_t i = 0; i < fields.count; i++) {
        struct slice rest = fields.list[i].value, metric;
        if (!field_is(&fields.list[i], source->field))
            continue;
        while (fields_next_part(&rest, ',', &metric)) {
            const char *cache = NULL;
            enum cache_state state = CACHE_NONE;
            if (!hear_metric(metric, &cache, &state))
                continue;
            *voice = (struct voice){state, cache, fields.list[i].name, metric};
            is_heard = true;
        }
    }
    return is_heard;
}

/* --- Cache-Status (RFC 9211): in a file of its own --- */

static bool hear_cache_status(const struct source *source, struct fields fields,
                              struct voice *voice)
{
    struct cache_member member;
    if (!cache_members_read(fields, &member))
        return false;
    *voice =
        (struct voice){member.state, member.cache, member.field, member.whole, member.is_stored};
    return true;
}

/* --- Fields of numbers --- */

static bool is_number(struct slice value)
{
    for (size_t i = 0; i < value.length; i++)
        if (value.start[i] < '0' || value.start[i] > '9')
            return false;
    return value.length > 0;
}

static bool is_positive(struct slice number)
{
    for (size_t i = 0; i < number.length; i++)
        if (number.start[i] != '0')
            return true;
    return false;
}

/* Of the last line. */
static bool last_entry(const struct source *source, struct fields fields, struct slice *name,
                       struct slice *entry)
{
    bool is_there = false;
    for (size_t i = 0; i < fields.count; i++) {
        struct slice rest = fields.list[i].value;
        while (field_is(&fields.list[i], source->field) && fields_next_part(&rest, ',', entry)) {
            *name = fields.list[i].name;
            is_there = true;
        }
    }
    return is_there;
}

static bool hear_number(const struct source *source, struct fields fields, struct voice *voice)
{
    if (!last_entry(source, fields, &voice->field, &voice->word) || !is_number(voice->word))
        return false;
    voice->cache = owner_of(source, fields).text;
    voice->state = is_positive(voice->word) ? CACHE_HIT : CACHE_MISS;
    return true;
}

/* Zero says nothing: many servers write it of an answer that they have just made. */
static bool hear_age(const struct source *source, struct fields fields, struct voice *voice)
{
    return hear_number(source, fields, voice) && voice->state == CACHE_HIT;
}

/* Varnish: this request's number; of a hit, the number of the request that fetched it as well. */
static bool hear_varnish(const struct source *source, struct fields fields, struct voice *voice)
{
    struct slice rest, number;
    size_t count = 0;
    if (!last_entry(source, fields, &voice->field, &voice->word))
        return false;
    for (rest = voice->word; fields_next_part(&rest, ' ', &number); count++)
        if (!is_number(number))
            return false;
    voice->cache = source->cache;
    voice->state = count == 2 ? CACHE_HIT : CACHE_MISS;
    return count == 1 || count == 2;
}

/* --- All of them, in the order of the header's comment --- */

static const struct source sources[] = {
    {"CF-Cache-Status", "cloudflare", hear_words},
    {"X-Cache", NULL, hear_words_of_cdn},
    {"EO-Cache-Status", "edgeone", hear_words},
    {"CDN-Cache", "bunny", hear_words},
    {"X-77-Cache", "cdn77", hear_words},
    {"X-EC-Cache", "edgio", hear_words},
    {"X-Sucuri-Cache", "sucuri", hear_words},
    {"X-QC-Cache", "quic.cloud", hear_words},
    {"cdn_cache_status", "google", hear_words},
    {"Server-Timing", NULL, hear_server_timing},
    {"mpulse_cdn_cache", "akamai", hear_words},

    {"X-Vercel-Cache", "vercel", hear_words},
    {"Fly-Cache-Status", "fly", hear_words},
    {"X-Platform-Cache", "platform.sh", hear_words},
    {"X-Kinsta-Cache", "kinsta", hear_words},
    {"X-AC", "wordpress.com", hear_words},

    {"Cache-Status", NULL, hear_cache_status},

    {"X-Cache", NULL, hear_words},
    {"X-CDN-Cache", NULL, hear_words},
    {"X-CDN-Cache-Status", NULL, hear_words},
    {"CDN-Cache-Status", NULL, hear_words},
    {"X-Cache-Hit", NULL, hear_words},
    {"X-Cache-Status", NULL, hear_words},
    {"X-Proxy-Cache", "nginx", hear_words},
    {"X-Proxy-Cache-Status", "nginx", hear_words},
    {"X-Nginx-Cache", "nginx", hear_words},
    {"X-Nginx-Cache-Status", "nginx", hear_words},
    {"X-Upstream-Cache-Status", "nginx", hear_words},
    {"X-Cache-Hits", NULL, hear_number},
    {"X-Varnish", "varnish", hear_varnish},
    {"X-Varnish-Cache", "varnish", hear_words},

    {"X-FastCGI-Cache", "nginx", hear_words},
    {"FastCGI-Cache", "nginx", hear_words},
    {"X-Rocket-Nginx-Serving-Static", "nginx", hear_words},
    {"X-RunCloud-Cache", "nginx", hear_words},
    {"X-LiteSpeed-Cache", "litespeed", hear_words},

    {"X-Magento-Cache-Debug", "magento", hear_words},
    {"X-Drupal-Cache", "drupal", hear_words},
    {"X-Drupal-Dynamic-Cache", "drupal", hear_words},
    {"X-Nextjs-Cache", "nextjs", hear_words},
    {"X-WP-SPC-Disk-Cache", "wordpress", hear_words},

    {"Age", NULL, hear_age},
};

static bool is_fetched(enum cache_state state)
{
    return state == CACHE_MISS || state == CACHE_EXPIRED;
}

/* A cache that is passed by may be so for what the answer says, even one that has a word for it. */
static bool is_forbidden(const struct voice *voice, struct fields fields, bool was_authorized,
                         struct cache_reason reason)
{
    struct cache_habits habits = *cache_habits_of(voice->cache);
    if (!is_fetched(voice->state))
        habits.flags &= ~(unsigned)CACHE_NAMES_REFUSALS;
    return cache_control_forbids(fields, &habits, was_authorized, reason);
}

/* The state in the end, and the reason for it. */
static enum cache_state judge(const struct voice *voice, const struct source *source,
                              struct fields fields, bool was_authorized, struct cache_reason reason)
{
    switch (voice->state) {
    case CACHE_MISS:
    case CACHE_EXPIRED:
        if (!voice->is_stored && is_forbidden(voice, fields, was_authorized, reason))
            return CACHE_UNCACHEABLE;
        break;
    case CACHE_BYPASS:
        if (!is_forbidden(voice, fields, was_authorized, reason))
            cache_reason_write(reason, source->field, voice->word);
        break;
    case CACHE_UNCACHEABLE:
        cache_reason_write(reason, source->field, voice->word);
        break;
    case CACHE_NONE:
        is_forbidden(voice, fields, was_authorized, reason);
        break;
    default:
        break;
    }
    return voice->state;
}

struct cache_status cache_status_of(const struct http_field *fields, size_t count,
                                    bool was_authorized, char *reason, size_t reason_bytes)
{
    struct fields all = {fields, count};
    struct voice voice = {0};
    const struct source *source = sources;
    const struct source *end = sources + sizeof sources / sizeof *sources;
    while (source < end && !source->hear(source, all, &voice)) {
        voice = (struct voice){0};
        source++;
    }
    if (reason_bytes)
        reason[0] = '\0';
    enum cache_state state =
        judge(&voice, source, all, was_authorized, (struct cache_reason){reason, reason_bytes});
    return (struct cache_status){state, voice.cache, voice.field, voice.word,
                                 is_fetched(state) || state == CACHE_STALE};
}

const char *cache_state_name(enum cache_state state)
{
    static const char *const names[] = {"none",  "hit",         "miss",   "expired",
                                        "stale", "revalidated", "bypass", "uncacheable"};
    return names[state];
}
