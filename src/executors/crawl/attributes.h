/*
 * The attributes of one start tag that is there as a whole (HTML standard, sections 13.2.5.32 to
 * 13.2.5.40). Finding where a tag ends is the tokenizer's work; this takes it apart.
 */
#ifndef PAWL_EXECUTORS_CRAWL_ATTRIBUTES_H
#define PAWL_EXECUTORS_CRAWL_ATTRIBUTES_H

#include "base/text.h"

#define ATTRIBUTES_MAX 256

struct attribute {
    struct slice name; /* ASCII letters lower case */
    /* Character references decoded, line ends as \n; empty when there is none. */
    struct slice value;
    struct slice raw; /* the value as it stands in the page */
};

/* An attribute that is there twice counts once, the first. */
struct attributes {
    size_t count;
    struct attribute list[ATTRIBUTES_MAX];
};

/* inside: what stands between the tag's name and its `>`. The slices lie in `inside` or in scratch,
 * whose former bytes are lost. False when there are more than ATTRIBUTES_MAX, doubles included. */
bool attributes_parse(struct slice inside, struct text *scratch, struct attributes *attributes);
/* NULL when there is none of that name. */
const struct attribute *attributes_find(const struct attributes *attributes, const char *name);

#endif
