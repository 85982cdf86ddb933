/*
 * A streaming HTML tokenizer for somebody who looks for certain tags: it finds tags where a browser
 * finds them (HTML standard, section 13.2.5), in pages that arrive in pieces of any size, and
 * passes over everything else as fast as memory can be searched. Scripting counts as off, so what
 * stands in <noscript> is found.
 *
 * Not a parser: it builds no tree, repairs nothing and gives no text. Of the standard's tree it
 * knows only what changes the tokens: raw text (script, style, title, ...), and that a `<title/>`
 * inside <svg> or <math> has no content. <![CDATA[ is a comment to the next `>` everywhere.
 */
#ifndef PAWL_EXECUTORS_CRAWL_TOKENIZER_H
#define PAWL_EXECUTORS_CRAWL_TOKENIZER_H

#include <stdint.h>

#include "base/text.h"
#include "executors/crawl/attributes.h"

/* A tag whose attributes take more than this is passed over and counted. */
#define TOKENIZER_TAG_BYTES_MAX 65536
#define TOKENIZER_INTERESTS_MAX 32

/* A tag that is looked for. */
struct tokenizer_interest {
    const char *name; /* lower case, at most 15 letters */
    int id;           /* what the callback gets for it; not negative */
    bool wants_start, wants_end;
};

struct tokenizer_tag {
    int id;
    bool is_end;          /* an end tag: its attributes, if any, are not told */
    bool is_self_closing; /* a start tag that ends in "/>"; means something in <svg> and <math> */
    const struct attributes *attributes;
};

/* The tag is valid during the call. It must not feed the tokenizer. */
typedef void (*tokenizer_tag_fn)(void *context, const struct tokenizer_tag *tag);

struct tokenizer;

/* interests: count of them, at most TOKENIZER_INTERESTS_MAX, no name twice; they are copied. */
struct tokenizer *tokenizer_create(const struct tokenizer_interest *interests, size_t count,
                                   tokenizer_tag_fn on_tag, void *context);
void tokenizer_destroy(struct tokenizer *tokenizer);
/* As new: for the next page. */
void tokenizer_reset(struct tokenizer *tokenizer);
/* The next piece of the page. A tag is told once its `>` has come; a page's end needs no call. */
void tokenizer_feed(struct tokenizer *tokenizer, struct slice chunk);
/* Tags of interest that were passed over because they were larger than the limits. */
uint64_t tokenizer_dropped_tags(const struct tokenizer *tokenizer);

#endif
