#include "executors/crawl/cache_members.h"

#include "executors/crawl/cache_words.h"
#include "executors/crawl/structured_field.h"

/* A member's parameters; key and detail are for people, who are shown the whole member. */
struct member {
    struct slice name, whole, forward;
    bool has_hit, is_hit, is_not_stored, is_stored, is_collapsed;
    int64_t forward_status, ttl;
};

static bool is_true(const struct structured_item *value)
{
    return value->type == STRUCTURED_BOOLEAN && value->integer == 1;
}

static bool is_words(const struct structured_item *value)
{
    return value->type == STRUCTURED_TOKEN || value->type == STRUCTURED_STRING;
}

/* One of another type than the RFC gives it says nothing, as does one that it does not know. */
static void read_parameter(struct slice key, const struct structured_item *value,
                           struct member *member)
{
    if (slice_is(key, "hit")) {
        member->has_hit = value->type == STRUCTURED_BOOLEAN;
        member->is_hit = is_true(value);
    } else if (slice_is(key, "fwd") && is_words(value)) {
        member->forward = value->text;
    } else if (slice_is(key, "fwd-status") && value->type == STRUCTURED_INTEGER) {
        member->forward_status = value->integer;
    } else if (slice_is(key, "ttl") && value->type == STRUCTURED_INTEGER) {
        member->ttl = value->integer;
    } else if (slice_is(key, "stored") && value->type == STRUCTURED_BOOLEAN) {
        member->is_stored = is_true(value);
        member->is_not_stored = !member->is_stored;
    } else if (slice_is(key, "collapsed")) {
        member->is_collapsed = is_true(value);
    }
}

static bool read_member(struct structured_reader *reader, struct member *member)
{
    struct structured_item item, value;
    struct slice key;
    *member = (struct member){0};
    if (!structured_next_member(reader, &item))
        return false;
    if (!is_words(&item)) {
        reader->is_broken = true;
        return false;
    }
    member->name = item.text;
    while (structured_next_parameter(reader, &key, &value))
        read_parameter(key, &value, member);
    member->whole = slice_of(item.text.start, (size_t)(reader->at - item.text.start));
    if (item.type == STRUCTURED_STRING)
        member->whole.start--, member->whole.length++; /* the quote */
    return !reader->is_broken;
}

static enum cache_state state_of_forward(const struct member *member)
{
    static const struct {
        const char *forward;
        enum cache_state state;
    } forwards[] = {
        {"bypass", CACHE_BYPASS}, {"method", CACHE_BYPASS}, {"request", CACHE_BYPASS},
        {"uri-miss", CACHE_MISS}, {"miss", CACHE_MISS},     {"vary-miss", CACHE_MISS},
        {"partial", CACHE_MISS},  {"stale", CACHE_EXPIRED},
    };
    for (size_t i = 0; i < sizeof forwards / sizeof *forwards; i++) {
        if (!slice_is(member->forward, forwards[i].forward))
            continue;
        bool is_confirmed = forwards[i].state == CACHE_EXPIRED && member->forward_status == 304;
        return is_confirmed ? CACHE_REVALIDATED : forwards[i].state;
    }
    return CACHE_MISS; /* the RFC lets reasons be added; forwarded it was */
}

/* Some servers write the word of another field here: "Cache-Status: HIT". */
static enum cache_state state_of_member(const struct member *member)
{
    bool is_stale = member->ttl < 0 || slice_is(member->forward, "stale");
    if (member->is_hit)
        return is_stale ? CACHE_STALE : CACHE_HIT;
    if (!member->forward.start)
        return member->has_hit ? CACHE_MISS : cache_words_read(member->name, "rfc9211");
    enum cache_state state = state_of_forward(member);
    bool is_fetched = state == CACHE_MISS || state == CACHE_EXPIRED;
    /* What another's request fetched may be stored on that one's account. */
    return is_fetched && member->is_not_stored && !member->is_collapsed ? CACHE_UNCACHEABLE : state;
}

static bool read_line(const struct http_field *field, struct cache_member *last, bool *is_heard)
{
    struct structured_reader reader;
    struct member member;
    structured_start(&reader, field->value);
    while (read_member(&reader, &member)) {
        enum cache_state state = state_of_member(&member);
        if (state == CACHE_NONE)
            continue;
        *last = (struct cache_member){state, cache_name_of_member(member.name), field->name,
                                      member.whole, member.is_stored};
        *is_heard = true;
    }
    return !reader.is_broken;
}

bool cache_members_read(struct fields fields, struct cache_member *last)
{
    bool is_heard = false;
    for (size_t i = 0; i < fields.count; i++)
        if (field_is(&fields.list[i], "Cache-Status") &&
            !read_line(&fields.list[i], last, &is_heard))
            return false;
    return is_heard;
}
