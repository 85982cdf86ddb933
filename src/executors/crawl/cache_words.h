/*
 * What caches call themselves and what they say: the words of X-Cache and its many cousins, and the
 * marks by which a cache is known that does not give its name.
 */
#ifndef PAWL_EXECUTORS_CRAWL_CACHE_WORDS_H
#define PAWL_EXECUTORS_CRAWL_CACHE_WORDS_H

#include "executors/crawl/cache_status.h"
#include "executors/crawl/fields.h"

/* The first word that is known in an entry of such a field ("TCP_HIT from a23-1", "HIT: 5", "Hit
 * from cloudfront"); one that says "uncacheable" goes before. cache: whose field it is, since some
 * words are one cache's only. CACHE_NONE when no word is known. */
enum cache_state cache_words_read(struct slice entry, const char *cache);

struct cache_name {
    const char *text; /* static */
    bool is_cdn;
};

/* Whose a field is that many caches use, by an entry of it ("Hit from cloudfront"), which is always
 * a CDN's, or NULL; and by the answer's other fields, "unnamed" when nothing shows. */
const char *cache_name_in(struct slice entry);
struct cache_name cache_name_of(struct fields fields);
/* Whose a member of Cache-Status is, by its name; "rfc9211" when it is nobody we know. */
const char *cache_name_of_member(struct slice name);

#endif
