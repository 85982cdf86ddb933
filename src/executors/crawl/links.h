/*
 * The links of one page, gathered while its HTML arrives: <a> and <area> href, <link
 * rel=canonical>, <iframe> and <frame> src, resolved against the page or its <base>. A link stands
 * once however often the page has it, in the order of first appearance, with what all its
 * occurrences say together.
 *
 * A page is in UTF-8 unless it begins with no byte order mark and its answer's Content-Type or,
 * after that, a <meta> says otherwise; the <meta> holds for what comes behind it. What is no
 * character in the page's encoding is percent-encoded as it is. Links that are no http or https URL
 * (mailto:, javascript:) are counted and left out; those to other sites are given like all others:
 * which ones a crawl follows is url_is_on_site()'s to say.
 */
#ifndef PAWL_EXECUTORS_CRAWL_LINKS_H
#define PAWL_EXECUTORS_CRAWL_LINKS_H

#include "executors/crawl/url.h"

/* Of one page; what is beyond either is counted as `left_out`. */
#define LINKS_MAX 10000
#define LINKS_BYTES_MAX (4 << 20)
/* Of memory that a page's links may take whatever those of others take: about a thousand links. */
#define LINKS_OWN_BYTES (256 << 10)

enum link_flag {
    LINK_NOFOLLOW = 1,   /* rel=nofollow on every occurrence */
    LINK_FRAME = 2,      /* an <iframe> or <frame> and nothing else */
    LINK_CANONICAL = 4,  /* the page calls it its canonical URL */
    LINK_IN_HEADER = 8,  /* somewhere in <header> or <nav>, but not in <main> or <article> */
    LINK_IN_FOOTER = 16, /* somewhere in <footer>, likewise */
    LINK_UGC = 32,       /* rel=ugc, written by a visitor, on every occurrence */
    LINK_SPONSORED = 64  /* rel=sponsored, paid for, on every occurrence */
};

struct link_counts {
    size_t links;        /* different ones, as links_report() gives them */
    size_t occurrences;  /* all that were resolved */
    size_t refused;      /* no http or https URL */
    size_t left_out;     /* over the limits, or the budget */
    size_t dropped_tags; /* see tokenizer.h */
};

/* The URL is valid until links_start(), links_clear() or links_destroy(). */
typedef void (*link_fn)(void *context, const struct url *url, unsigned flags);

struct links;

/* What the links of all pages at once may take beyond LINKS_OWN_BYTES each; what would go over it
 * is left out too. The owner's, who sets bytes_max. */
struct links_budget {
    size_t bytes, bytes_max;
};

struct links *links_create(void);
void links_destroy(struct links *links);
/* Before the first links_start(); it must outlive them. Without one there is no such limit. */
void links_set_budget(struct links *links, struct links_budget *budget);
/* Forgets the page and lets go of its memory, until links_start(). */
void links_clear(struct links *links);
/* A new page, whose URL is copied; whatever was gathered of another is forgotten. Comes before the
 * first links_feed(). */
void links_start(struct links *links, const struct url *page);
/* What the answer's Content-Type says of the page's encoding; NULL is allowed. Comes, if at all,
 * between links_start() and the first links_feed(). */
void links_set_content_type(struct links *links, const char *content_type);
/* The next piece of the page, of any size. A <base> holds for what comes behind it. */
void links_feed(struct links *links, struct slice chunk);
/* Every link once. May be called at any time after links_start(). */
void links_report(const struct links *links, link_fn on_link, void *context);
struct link_counts links_counts(const struct links *links);

#endif
