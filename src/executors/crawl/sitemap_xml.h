/*
 * The XML of a sitemap: finds the elements that hold URLs, by libxml2's push parser, in a document
 * that arrives in blocks. Which elements those are stands in the table at the top of the .c.
 *
 * Element names count with any prefix and in any namespace, so long as they do not say that they
 * are of another vocabulary than the root element (<image:loc> in <url>). Entities that a DTD
 * declares are not expanded, external ones not loaded: what holds one is a URL that cannot be read.
 *
 * Not for pieces of any size: the parser finds the same in all of them, but not quite always the
 * same errors. sitemap.c cuts every file into the same blocks.
 */
#ifndef PAWL_EXECUTORS_CRAWL_SITEMAP_XML_H
#define PAWL_EXECUTORS_CRAWL_SITEMAP_XML_H

#include "executors/crawl/sitemap.h"
#include "executors/crawl/sitemap_loc.h"

/* What the parser may have to hold of the document at once: a tag, a comment, a DTD. */
#define SITEMAP_XML_PENDING_BYTES_MAX 65536
#define SITEMAP_XML_DEPTH_MAX 256
#define SITEMAP_XML_ATTRIBUTES_MAX 64 /* of one element */
#define SITEMAP_XML_NAMESPACES_MAX                                                                 \
    64 /* of all open elements: each prefix is looked up in them                                   \
        */

struct sitemap_xml;

/* is_utf8: it is, whatever it says of itself. on_loc gets none also where a URL holds an entity
 * that is not expanded, a broken reference, or elements. */
struct sitemap_xml *sitemap_xml_create(size_t loc_bytes_max, bool is_utf8, sitemap_loc_fn on_loc,
                                       void *context);
void sitemap_xml_destroy(struct sitemap_xml *xml);
/* The next block; the last one, which may be empty, says so. False when nothing that comes can be
 * read any more: broken beyond repair, or no sitemap. */
bool sitemap_xml_feed(struct sitemap_xml *xml, struct slice block, bool is_last);
/* By the root element; SITEMAP_NONE before it, and when it is not one that we know. */
enum sitemap_form sitemap_xml_form(const struct sitemap_xml *xml);
/* The first error, UTF-8, valid until the next call: there may be one though reading went on, when
 * no more than the text around it was lost. NULL when there is none. */
const char *sitemap_xml_error(const struct sitemap_xml *xml);

#endif
