#include "executors/crawl/sitemap_xml.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

enum {
    PATH_MAX_LENGTH = 3,
    DICTIONARY_BYTES_MAX = 1 << 18, /* all different names together */
    PENDING_BYTES_USUAL = 1024,
    MESSAGE_BYTES_MAX = 200
};

/* Where URLs are: below which elements, down from the root, and in its text or in an attribute. */
static const struct shape {
    const char *root;
    enum sitemap_form form;
    size_t path_length;
    const char *path[PATH_MAX_LENGTH];
    const char *attribute; /* NULL: the text */
} shapes[] = {
    {"urlset", SITEMAP_URLSET, 2, {"url", "loc"}},
    {"sitemapindex", SITEMAP_INDEX, 2, {"sitemap", "loc"}},
    {"rss", SITEMAP_RSS, 3, {"channel", "item", "link"}},
    {"RDF", SITEMAP_RSS, 2, {"item", "link"}}, /* RSS 1.0 */
    {"feed", SITEMAP_ATOM, 2, {"entry", "link"}, "href"},
};

/* An attribute as libxml2's SAX2 tells it. */
struct sax_attribute {
    const xmlChar *name, *prefix, *uri, *start, *end;
};

struct sitemap_xml {
    xmlParserCtxtPtr parser;
    sitemap_loc_fn on_loc;
    void *context;
    const struct shape *shape; /* NULL before the root element */
    const xmlChar *prefix; /* the root's, and its namespace; NULL or in the parser's dictionary */
    const xmlChar *uri;
    size_t depth;   /* elements that are open */
    size_t matched; /* of these, from the root on, as many as stand where the shape has them */
    int namespaces; /* declared by the elements that are open, and by each of them */
    int namespaces_at[SITEMAP_XML_DEPTH_MAX];
    struct sitemap_loc loc;
    struct text error;
    bool is_broken;
};

static bool is_named(const xmlChar *name, const char *expected)
{
    return strcmp((const char *)name, expected) == 0;
}

/* Only the first counts; of a message its first line. */
static void note_error(struct sitemap_xml *xml, const char *message)
{
    if (xml->error.length)
        return;
    size_t length = strcspn(message, "\n");
    text_append_format(&xml->error, "line %d: ", xmlSAX2GetLineNumber(xml->parser));
    text_append_utf8(&xml->error,
                     slice_of(message, length < MESSAGE_BYTES_MAX ? length : MESSAGE_BYTES_MAX));
}

static void break_off(struct sitemap_xml *xml, const char *message)
{
    note_error(xml, message);
    xml->is_broken = true;
}

/* No prefix, or the root's prefix or namespace. Prefixes need not be declared. */
static bool is_of_root_vocabulary(const struct sitemap_xml *xml, const xmlChar *prefix,
                                  const xmlChar *uri)
{
    return !prefix || xmlStrEqual(prefix, xml->prefix) || (uri && xmlStrEqual(uri, xml->uri));
}

static bool is_in_loc(const struct sitemap_xml *xml)
{
    return xml->shape && xml->matched == 1 + xml->shape->path_length;
}

static void on_root(struct sitemap_xml *xml, const xmlChar *name, const xmlChar *prefix,
                    const xmlChar *uri)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (is_named(name, shapes[i].root))
            xml->shape = &shapes[i];
    xml->matched = 1;
    xml->prefix = prefix;
    xml->uri = uri;
    if (!xml->shape)
        break_off(xml, "the root element is not a sitemap's");
}

static struct slice attribute_value(const struct sax_attribute *attribute)
{
    return slice_of((const char *)attribute->start, (size_t)(attribute->end - attribute->start));
}

/* An ampersand in an attribute is told as &#38; and nothing else is left undecoded, unless entities
 * are substituted, which we do not want. */
static void append_attribute(struct sitemap_loc *loc, struct slice value)
{
    static const char ampersand[] = "&#38;";
    while (value.length) {
        const char *found = memmem(value.start, value.length, ampersand, sizeof ampersand - 1);
        size_t length = found ? (size_t)(found - value.start) + 1 : value.length;
        size_t used = found ? length + sizeof ampersand - 2 : length;
        sitemap_loc_append(loc, slice_of(value.start, length));
        value = slice_of(value.start + used, value.length - used);
    }
}

/* Atom's <link>: one of another relation than "alternate" is not the entry's page. */
static void on_link(struct sitemap_xml *xml, const struct sax_attribute *attributes, int count)
{
    const struct sax_attribute *reference = NULL;
    for (int i = 0; i < count; i++) {
        if (!attributes[i].prefix && is_named(attributes[i].name, xml->shape->attribute))
            reference = &attributes[i];
        if (!attributes[i].prefix && is_named(attributes[i].name, "rel") &&
            !slice_equals(attribute_value(&attributes[i]), slice_of_string("alternate")))
            return;
    }
    if (!reference)
        return;
    append_attribute(&xml->loc, attribute_value(reference));
    xml->on_loc(xml->context, sitemap_loc_slice(&xml->loc));
}

/* An element below the root whose parents are all where the shape has them. */
static void on_expected(struct sitemap_xml *xml, const xmlChar *name,
                        const struct sax_attribute *attributes, int count)
{
    if (!is_named(name, xml->shape->path[xml->depth - 2]))
        return;
    xml->matched++;
    if (is_in_loc(xml) && xml->shape->attribute)
        on_link(xml, attributes, count);
    sitemap_loc_clear(&xml->loc);
}

/* Whether the parser can hold it without becoming large or slow; notes that it is open. */
static bool open_element(struct sitemap_xml *xml, int namespaces, int attributes)
{
    if (xml->depth == SITEMAP_XML_DEPTH_MAX)
        break_off(xml, "too many elements in one another");
    else if (attributes > SITEMAP_XML_ATTRIBUTES_MAX)
        break_off(xml, "an element has too many attributes");
    else if (xml->namespaces + namespaces > SITEMAP_XML_NAMESPACES_MAX)
        break_off(xml, "too many namespaces");
    else {
        xml->namespaces += namespaces;
        xml->namespaces_at[xml->depth++] = namespaces;
    }
    return !xml->is_broken;
}

static void close_element(struct sitemap_xml *xml)
{
    CHECK(xml->depth > 0);
    xml->namespaces -= xml->namespaces_at[--xml->depth];
}

static void on_start(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int namespaces, const xmlChar **namespace_list, int attributes, int defaulted,
                     const xmlChar **attribute_list)
{
    struct sitemap_xml *xml = context;
    if (xml->is_broken || !open_element(xml, namespaces, attributes))
        return;
    xml->parser->wellFormed = 1; /* else it drops references (&amp;) behind an error, to the end */
    if (xml->depth == 1)
        on_root(xml, name, prefix, uri);
    else if (is_in_loc(xml))
        xml->loc.is_torn = true;
    else if (xml->matched == xml->depth - 1 && is_of_root_vocabulary(xml, prefix, uri))
        on_expected(xml, name, (const struct sax_attribute *)attribute_list, attributes);
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct sitemap_xml *xml = context;
    if (xml->is_broken)
        return;
    if (xml->depth == xml->matched) {
        if (is_in_loc(xml) && !xml->shape->attribute)
            xml->on_loc(xml->context, sitemap_loc_slice(&xml->loc));
        xml->matched--;
    }
    close_element(xml);
    if (!is_in_loc(xml))
        sitemap_loc_clear(&xml->loc);
}

/* The text of an element within is taken too, but then it is torn anyway. */
static void on_characters(void *context, const xmlChar *start, int length)
{
    struct sitemap_xml *xml = context;
    if (!xml->is_broken && is_in_loc(xml) && !xml->shape->attribute)
        sitemap_loc_append(&xml->loc, slice_of((const char *)start, (size_t)length));
}

/* An error that costs no more than the text it stands in. */
static bool is_slight(int code)
{
    static const int slight[] = {
        XML_ERR_NAME_REQUIRED,             /* & alone */
        XML_ERR_ENTITYREF_SEMICOL_MISSING, /* a URL with & where &amp; should be */
        XML_ERR_UNDECLARED_ENTITY,         /* HTML's, as &nbsp;; also those that are declared, */
        XML_WAR_UNDECLARED_ENTITY,         /* because we tell the parser of none */
        XML_ERR_ATTRIBUTE_REDEFINED,       /* a namespace declared twice */
        XML_ERR_HYPHEN_IN_COMMENT,         /* two, not at its end */
        XML_ERR_RESERVED_XML_NAME,         /* something before <?xml ... ?> */
    };
    for (size_t i = 0; i < sizeof slight / sizeof *slight; i++)
        if (slight[i] == code)
            return true;
    return false;
}

#if LIBXML_VERSION >= 21200
typedef const xmlError *xml_error_pointer;
#else
typedef xmlErrorPtr xml_error_pointer;
#endif

/* The parser's own words, except where they mislead. */
static const char *error_words(const struct sitemap_xml *xml, xml_error_pointer error)
{
    if (error->code == XML_ERR_NO_MEMORY) /* the dictionary's limit */
        return "too many different names";
    if (error->code == XML_ERR_DOCUMENT_END && xml->depth)
        return "the document ends too early";
    return error->message ? error->message : "it cannot be read";
}

/* The parser is never stopped from within: it goes on to the end of its block, and we do not
 * listen. Less than fatal is what does not matter here, as a prefix that is not declared. */
static void on_error(void *context, xml_error_pointer error)
{
    struct sitemap_xml *xml = context;
    if (xml->is_broken)
        return;
    if (is_slight(error->code)) {
        xml->loc.is_torn = true;
        note_error(xml, error_words(xml, error));
    } else if (error->level == XML_ERR_FATAL) {
        break_off(xml, error_words(xml, error));
    }
}

/* Attributes that a DTD gives to every element cost libxml2 their number's square, for each. */
static void on_attribute_declaration(void *context, const xmlChar *element, const xmlChar *name,
                                     int type, int presence, const xmlChar *value,
                                     xmlEnumerationPtr choices)
{
    struct sitemap_xml *xml = context;
    if (value && !xml->is_broken)
        break_off(xml, "a DTD with default attributes");
    xmlFreeEnumeration(choices);
}

/* Nobody to declare or look up an entity, to begin a DTD or to load one: what a file says about
 * entities stays without effect, those of XML itself aside, which the parser knows. */
static const xmlSAXHandler handler = {
    .initialized = XML_SAX2_MAGIC,
    .startElementNs = on_start,
    .endElementNs = on_end,
    .characters = on_characters,
    .ignorableWhitespace = on_characters,
    .cdataBlock = on_characters,
    .attributeDecl = on_attribute_declaration,
    .serror = on_error,
};

struct sitemap_xml *sitemap_xml_create(size_t loc_bytes_max, bool is_utf8, sitemap_loc_fn on_loc,
                                       void *context)
{
    struct sitemap_xml *xml = memory_zeroed(1, sizeof *xml);
    xmlSAXHandler copied = handler;
    xml->on_loc = on_loc;
    xml->context = context;
    xml->loc.bytes_max = loc_bytes_max;
    xml->parser = xmlCreatePushParserCtxt(&copied, xml, NULL, 0, NULL);
    CHECK(xml->parser != NULL);
    xmlCtxtUseOptions(xml->parser,
                      XML_PARSE_RECOVER | XML_PARSE_NONET | (is_utf8 ? XML_PARSE_IGNORE_ENC : 0));
    xmlDictSetLimit(xml->parser->dict, DICTIONARY_BYTES_MAX);
    return xml;
}

void sitemap_xml_destroy(struct sitemap_xml *xml)
{
    if (!xml)
        return;
    xmlFreeDoc(xml->parser->myDoc); /* the parser notes declared entities there, asked or not */
    xmlFreeParserCtxt(xml->parser);
    sitemap_loc_finish(&xml->loc);
    text_finish(&xml->error);
    free(xml);
}

/* What the parser holds because it waits for the end of it. */
static size_t pending_bytes(const struct sitemap_xml *xml)
{
    return (size_t)(xml->parser->input->end - xml->parser->input->cur);
}

/* Of a CDATA section it takes little at a time: it is asked again while that helps. */
static void parse(struct sitemap_xml *xml, struct slice block, bool is_last)
{
    size_t before;
    xmlParseChunk(xml->parser, block.start, (int)block.length, is_last);
    do {
        before = pending_bytes(xml);
        if (!is_last && !xml->is_broken && before > PENDING_BYTES_USUAL)
            xmlParseChunk(xml->parser, "", 0, 0);
    } while (pending_bytes(xml) < before);
}

bool sitemap_xml_feed(struct sitemap_xml *xml, struct slice block, bool is_last)
{
    if (xml->is_broken)
        return false;
    /* Encodings have errors that are the thread's, not the parser's. */
    xmlSetStructuredErrorFunc(xml, on_error);
    parse(xml, block, is_last);
    xmlSetStructuredErrorFunc(NULL, NULL);
    if (!xml->is_broken && xml->parser->disableSAX)
        break_off(xml, "it cannot be read");
    if (!xml->is_broken && pending_bytes(xml) > SITEMAP_XML_PENDING_BYTES_MAX)
        break_off(xml, "something has no end, or is too large");
    return !xml->is_broken;
}

enum sitemap_form sitemap_xml_form(const struct sitemap_xml *xml)
{
    return xml->shape ? xml->shape->form : SITEMAP_NONE;
}

const char *sitemap_xml_error(const struct sitemap_xml *xml)
{
    return xml->error.length ? text_string(&xml->error) : NULL;
}
