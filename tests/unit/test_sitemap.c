/*
 * Sitemaps of many makers, whole and broken, fed in pieces of every kind; limits; files that are
 * made to hurt. The files lie in tests/fuzz/corpus/sitemap, where they are the fuzzer's seeds too.
 */
#include "executors/crawl/sitemap.c"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <zlib.h>

#include <cmocka.h>

static const struct sitemap_limits protocol_limits = {SITEMAP_URLS_MAX, SITEMAP_BYTES_MAX,
                                                      SITEMAP_LOC_BYTES_MAX};

enum { MEMORY_BYTES_MAX = 1 << 20, MEMORY_BYTES_MAX_NAMES = 4 << 20, PIECE_BYTES = 65536 };

/* What was told, a URL a line; and how many URLs are wanted. */
struct listener {
    struct text told;
    uint64_t urls, wanted;
};

static bool on_url(void *context, struct slice loc, bool is_index_entry)
{
    struct listener *listener = context;
    text_append_string(&listener->told, is_index_entry ? "index " : "");
    text_append_slice(&listener->told, loc);
    text_append_char(&listener->told, '\n');
    return ++listener->urls != listener->wanted;
}

/* What was told and how it ended, in one text. */
struct reading {
    struct text told, error;
    struct sitemap_summary summary;
};

static void reading_finish(struct reading *reading)
{
    text_finish(&reading->told);
    text_finish(&reading->error);
}

/* A piece is at most so long: always so long, or of a random length. */
struct cut {
    size_t length;
    unsigned *seed;
};

static size_t cut_length(struct cut cut, size_t left)
{
    size_t length = cut.seed ? 1 + (size_t)rand_r(cut.seed) % cut.length : cut.length;
    return length < left ? length : left;
}

/* Each piece in memory of its own, so that a sanitizer sees a look beyond it. */
static struct reading read_cut(struct slice file, const struct sitemap_limits *limits,
                               uint64_t wanted, struct cut cut)
{
    struct listener listener = {.wanted = wanted};
    struct reading reading = {0};
    struct sitemap *sitemap = sitemap_create(limits, on_url, &listener);
    for (size_t at = 0, length; at < file.length; at += length) {
        length = cut_length(cut, file.length - at);
        char *copy = memory_copy(file.start + at, length);
        copy = memory_resized(copy, length);
        enum sitemap_state state = sitemap_feed(sitemap, slice_of(copy, length));
        assert_int_equal(state, sitemap->summary.state);
        free(copy);
    }
    reading.summary = sitemap_end(sitemap);
    text_append_string(&reading.error, reading.summary.error ? reading.summary.error : "");
    reading.told = listener.told;
    assert_int_equal(reading.summary.urls, listener.urls);
    sitemap_destroy(sitemap);
    return reading;
}

static struct reading read_limited(struct slice file, struct sitemap_limits limits, uint64_t wanted)
{
    return read_cut(file, &limits, wanted, (struct cut){SIZE_MAX, NULL});
}

static struct reading read_whole(struct slice file)
{
    return read_limited(file, protocol_limits, 0);
}

struct file_case {
    const char *name;
    enum sitemap_state state;
    enum sitemap_form form;
    uint64_t left_out;
    const char *error; /* a part of it; NULL: none */
    const char *told;
};

static const struct file_case files[] = {
    {"yoast-index.xml", SITEMAP_MORE, SITEMAP_INDEX, 0, NULL,
     "index https://blog.example/post-sitemap.xml\n"
     "index https://blog.example/page-sitemap.xml\n"},
    {"yoast-posts.xml", SITEMAP_MORE, SITEMAP_URLSET, 0, NULL,
     "https://blog.example/\n"
     "https://blog.example/2024/05/m%C3%BCsli/\n"},
    {"shopify-index.xml", SITEMAP_MORE, SITEMAP_INDEX, 0, NULL,
     "index https://shop.example/sitemap_products_1.xml?from=1234567890&to=9876543210\n"
     "index https://shop.example/sitemap_pages_1.xml?from=22&to=33\n"},
    {"shopify-products.xml", SITEMAP_MORE, SITEMAP_URLSET, 0, NULL,
     "https://shop.example/\n"
     "https://shop.example/products/tea-pot\n"},
    {"next.xml", SITEMAP_MORE, SITEMAP_URLSET, 0, NULL,
     "https://app.example\n"
     "https://app.example/about\n"},
    {"hreflang.xml", SITEMAP_MORE, SITEMAP_URLSET, 0, NULL,
     "https://example.org/en/page\n"
     "https://example.org/de/page\n"},
    {"drupal.xml", SITEMAP_MORE, SITEMAP_URLSET, 0, NULL, "http://example.org/node/1\n"},
    {"news.xml", SITEMAP_MORE, SITEMAP_URLSET, 0, NULL,
     "http://paper.example/business/article55.html\n"},
    {"video.xml", SITEMAP_MORE, SITEMAP_URLSET, 0, NULL,
     "http://video.example/watch?v=1&t=2\n"
     "http://video.example/\n"},
    {"index-of-indexes.xml", SITEMAP_MORE, SITEMAP_INDEX, 0, NULL,
     "index http://example.org/sitemap-index-1.xml.gz\n"
     "index http://example.org/sitemap-index-2.xml.gz\n"},
    {"no-urls.xml", SITEMAP_MORE, SITEMAP_URLSET, 0, NULL, ""},
    {"no-urls-index.xml", SITEMAP_MORE, SITEMAP_INDEX, 0, NULL, ""},
    /* Where a URL counts. */
    {"places.xml", SITEMAP_MORE, SITEMAP_URLSET, 3, NULL,
     "http://example.org/yes/1\n"
     "http://example.org/yes/2\n"
     "/yes/3\n"},
    {"prefixed.xml", SITEMAP_MORE, SITEMAP_URLSET, 0, NULL,
     "http://example.org/a\n"
     "http://example.org/b\n"
     "http://example.org/c\n"},
    {"no-namespace.xml", SITEMAP_MORE, SITEMAP_URLSET, 0, NULL, "http://example.org/a\n"},
    {"old-namespace.xml", SITEMAP_MORE, SITEMAP_URLSET, 0, NULL, "http://example.org/a\n"},
    {"cdata.xml", SITEMAP_MORE, SITEMAP_URLSET, 0, NULL,
     "https://example.org/?a=1&b=2\n"
     "https://example.org/\n"
     "https://example.org/half&half\n"},
    /* Encodings. */
    {"latin1.xml", SITEMAP_MORE, SITEMAP_URLSET, 0, NULL,
     "http://example.org/K\u00E4se/caf\u00E9?m\u00FC=1\n"},
    {"windows1252.xml", SITEMAP_MORE, SITEMAP_URLSET, 0, NULL, "http://example.org/\u20AC\n"},
    {"utf16le.xml", SITEMAP_MORE, SITEMAP_URLSET, 0, NULL,
     "http://example.org/\u00FC\n"
     "http://example.org/\U0001F600\n"},
    {"utf16be-no-mark.xml", SITEMAP_MORE, SITEMAP_URLSET, 0, NULL, "http://example.org/be\n"},
    {"utf8-called-utf16.xml", SITEMAP_MORE, SITEMAP_URLSET, 0, NULL, "http://example.org/\u00FC\n"},
    {"mark-and-blank-lines.xml", SITEMAP_MORE, SITEMAP_URLSET, 0, NULL,
     "http://example.org/after-blank-lines\n"},
    {"mark-against-latin1.xml", SITEMAP_MORE, SITEMAP_URLSET, 0, NULL,
     "http://example.org/\u00FC\n"},
    {"latin1-called-utf8.xml", SITEMAP_BROKEN, SITEMAP_URLSET, 0,
     "line 1: Input is not proper UTF-8", "http://example.org/1\n"},
    {"unknown-encoding.xml", SITEMAP_BROKEN, SITEMAP_NONE, 0, "line 1: Unsupported encoding", ""},
    /* Entities. */
    {"doctype-entities.xml", SITEMAP_MORE, SITEMAP_URLSET, 2, "line 8: Entity 'base' not defined",
     "http://example.org/first\n"
     "http://example.org/fourth\n"},
    {"doctype-external.xml", SITEMAP_MORE, SITEMAP_URLSET, 1, "line 3: Entity 'nbsp' not defined",
     "http://example.org/1\n"},
    {"laughs.xml", SITEMAP_MORE, SITEMAP_URLSET, 1, "line 14: Entity 'j' not defined",
     "http://example.org/1\n"},
    /* Damage that costs a URL, and damage that ends it. */
    {"raw-ampersands.xml", SITEMAP_MORE, SITEMAP_URLSET, 2, "line 4: EntityRef: expecting ';'",
     "http://example.org/1\n"
     "http://example.org/?a=1&b=2\n"
     "http://example.org/5\n"},
    {"cache-comment.xml", SITEMAP_MORE, SITEMAP_URLSET, 0, "line 1: Double hyphen within comment",
     "http://example.org/1\n"},
    {"cut.xml", SITEMAP_BROKEN, SITEMAP_URLSET, 0, "line 5: the document ends too early",
     "http://example.org/1\n"
     "http://example.org/2\n"},
    {"mismatch.xml", SITEMAP_BROKEN, SITEMAP_URLSET, 0,
     "line 4: Opening and ending tag mismatch: loc line 4 and url", "http://example.org/1\n"},
    {"two-documents.xml", SITEMAP_BROKEN, SITEMAP_URLSET, 0, "line 3: XML declaration allowed only",
     "http://example.org/1\n"},
    /* No sitemaps. */
    {"php-warning.xml", SITEMAP_BROKEN, SITEMAP_NONE, 0, "the root element is not a sitemap's", ""},
    {"soft-404.html", SITEMAP_BROKEN, SITEMAP_NONE, 0, "it is an HTML page", ""},
    {"soft-404-old.html", SITEMAP_BROKEN, SITEMAP_NONE, 0, "it is an HTML page", ""},
    {"soft-404-xhtml.html", SITEMAP_BROKEN, SITEMAP_NONE, 0, "the root element is not a sitemap's",
     ""},
    {"no-such-thing.txt", SITEMAP_BROKEN, SITEMAP_NONE, 0, "neither XML nor a list of URLs", ""},
    {"answer.json", SITEMAP_BROKEN, SITEMAP_NONE, 0, "neither XML nor a list of URLs", ""},
    {"empty.xml", SITEMAP_BROKEN, SITEMAP_NONE, 0, "it is empty", ""},
    {"blank.xml", SITEMAP_BROKEN, SITEMAP_NONE, 0, "it is empty", ""},
    /* Plain text. */
    {"text.txt", SITEMAP_MORE, SITEMAP_TEXT, 0, NULL,
     "http://example.org/1\n"
     "http://example.org/2?a=1&b=2\n"
     "HTTPS://EXAMPLE.ORG/3\n"
     "http://example.org/4\n"
     "http://example.org/5\n"
     "http://example.org/no end\n"},
    {"text-with-mark.txt", SITEMAP_MORE, SITEMAP_TEXT, 0, NULL, "http://example.org/\u00FC\n"},
    {"text-with-rubbish.txt", SITEMAP_MORE, SITEMAP_TEXT, 5, NULL,
     "http://example.org/1\n"
     "http://example.org/\xFF"
     "6\n"},
    /* Feeds. */
    {"rss.xml", SITEMAP_MORE, SITEMAP_RSS, 0, NULL,
     "https://blog.example/one?a=1&b=2\n"
     "https://blog.example/two\n"},
    {"rss1.xml", SITEMAP_MORE, SITEMAP_RSS, 0, NULL, "http://example.org/one\n"},
    {"atom.xml", SITEMAP_MORE, SITEMAP_ATOM, 2, "line 7: EntityRef: expecting ';'",
     "https://blog.example/one?a=1&b=2&c=3\n"
     "https://blog.example/two\n"},
    /* gzip. */
    {"packed.xml", SITEMAP_MORE, SITEMAP_URLSET, 0, NULL, "http://example.org/1\n"},
    {"packed.txt", SITEMAP_MORE, SITEMAP_TEXT, 0, NULL,
     "http://example.org/1\n"
     "http://example.org/2\n"},
    {"packed-members.xml", SITEMAP_MORE, SITEMAP_URLSET, 0, NULL, "http://example.org/1\n"},
    {"packed-and-rubbish.xml", SITEMAP_MORE, SITEMAP_URLSET, 0, NULL, "http://example.org/1\n"},
    {"packed-twice.xml", SITEMAP_BROKEN, SITEMAP_NONE, 0, "neither XML nor a list of URLs", ""},
    {"packed-cut.txt", SITEMAP_BROKEN, SITEMAP_TEXT, 0, "the compressed file is cut off",
     "http://example.org/1\n"},
    {"packed-checksum.xml", SITEMAP_BROKEN, SITEMAP_URLSET, 0, "incorrect data check",
     "http://example.org/1\n"},
    {"packed-nothing.xml", SITEMAP_BROKEN, SITEMAP_NONE, 0, "it is empty", ""},
    {"packed-not.xml", SITEMAP_BROKEN, SITEMAP_NONE, 0, "incorrect header check", ""},
};

static struct text read_file(const char *name)
{
    char path[512];
    struct text bytes = {0};
    snprintf(path, sizeof path, "%s/%s", CORPUS, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("cannot open %s", path);
    text_reserve(&bytes, PIECE_BYTES);
    bytes.length = fread(bytes.start, 1, PIECE_BYTES, file);
    assert_true(bytes.length < PIECE_BYTES);
    fclose(file);
    return bytes;
}

static void check_case(const struct file_case *expected, const struct reading *got, const char *how)
{
    const struct sitemap_summary *summary = &got->summary;
    if (strcmp(text_string(&got->told), expected->told) != 0)
        fail_msg("%s, %s: told\n%s", expected->name, how, text_string(&got->told));
    if (summary->state != expected->state || summary->form != expected->form ||
        summary->left_out != expected->left_out)
        fail_msg("%s, %s: state %d, form %d, %zu left out (%s)", expected->name, how,
                 summary->state, summary->form, (size_t)summary->left_out,
                 text_string(&got->error));
    bool is_as_said = expected->error ? strstr(text_string(&got->error), expected->error) != NULL
                                      : !summary->error;
    if (!is_as_said)
        fail_msg("%s, %s: error %s", expected->name, how, text_string(&got->error));
}

static void check_cut(const struct file_case *expected, struct slice file, struct cut cut,
                      const char *how)
{
    struct reading reading = read_cut(file, &protocol_limits, 0, cut);
    check_case(expected, &reading, how);
    reading_finish(&reading);
}

static void test_files(void **state)
{
    unsigned seed = 1;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct text bytes = read_file(files[i].name);
        struct slice file = text_slice(&bytes);
        check_cut(&files[i], file, (struct cut){SIZE_MAX, NULL}, "whole");
        check_cut(&files[i], file, (struct cut){1, NULL}, "byte by byte");
        for (size_t most = 2; most < 300; most += most)
            for (int again = 0; again < 5; again++)
                check_cut(&files[i], file, (struct cut){most, &seed}, "in random pieces");
        text_finish(&bytes);
    }
}

/* The bytes as a gzip file of one member. */
static void append_packed(struct text *packed, struct slice bytes)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 16 + MAX_WBITS, 8, 0), Z_OK);
    size_t most = deflateBound(&stream, bytes.length);
    text_reserve(packed, most);
    stream.next_in = (Bytef *)(uintptr_t)bytes.start;
    stream.avail_in = (uInt)bytes.length;
    stream.next_out = (Bytef *)packed->start + packed->length;
    stream.avail_out = (uInt)most;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    packed->length += most - stream.avail_out;
    deflateEnd(&stream);
}

/* Every file that is not packed, packed: the same is found. */
static void test_files_packed(void **state)
{
    unsigned seed = 2;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (strncmp(files[i].name, "packed", 6) == 0)
            continue;
        struct text bytes = read_file(files[i].name), packed = {0};
        size_t half = bytes.length / 2;
        append_packed(&packed, slice_of(bytes.start, half));
        append_packed(&packed, slice_of(bytes.start + half, bytes.length - half));
        check_cut(&files[i], text_slice(&packed), (struct cut){SIZE_MAX, NULL}, "packed");
        check_cut(&files[i], text_slice(&packed), (struct cut){1, NULL}, "packed, byte by byte");
        check_cut(&files[i], text_slice(&packed), (struct cut){50, &seed}, "packed, cut");
        text_finish(&bytes);
        text_finish(&packed);
    }
}

/* Whatever is cut by the edge of a block: the parser gets the file in two parts at every place of
 * these lines. */
static void test_block_edges(void **state)
{
    static const char lines[] =
        "<url><loc>http://a/\u00FC\u20AC\U0001F600?a=1&amp;b=2&#252;</loc>\r\n"
        "<x:y a='\u20AC &lt;' b=\"'>\"><![CDATA[x ]] ]]&amp;<\u20AC]]]></x:y>\r\n"
        "<!-- c - > \u20AC --><?p - > \u20AC ?></url>\r\n"
        "<url><loc><![CDATA[http://b/?x=1&y=\u20AC]]></loc></url></urlset>";
    static const char *const paddings[][2] = {{"", ""}, {"<p>", "</p>"}, {"<!--", "-->"}};
    for (size_t padding = BLOCK_BYTES - 600; padding < BLOCK_BYTES; padding++)
        for (size_t kind = 0; kind < 3; kind++) {
            struct text file = {0};
            text_append_format(&file, "<?xml version=\"1.0\"?><urlset>%s%*s%s%s", paddings[kind][0],
                               (int)padding, "", paddings[kind][1], lines);
            struct reading reading = read_whole(text_slice(&file));
            assert_string_equal(text_string(&reading.told),
                                "http://a/\u00FC\u20AC\U0001F600?a=1&b=2"
                                "\u00FC\nhttp://b/?x=1&y=\u20AC\n");
            assert_null(reading.summary.error);
            reading_finish(&reading);
            text_finish(&file);
        }
}

/* # stands for the number. */
static void append_numbered(struct text *text, const char *unit, unsigned number)
{
    for (const char *at = unit; *at; at++)
        if (*at == '#')
            text_append_format(text, "%u", number);
        else
            text_append_char(text, *at);
}

/* count URLs /0, /1, ... in the form. */
static void append_urls(struct text *file, enum sitemap_form form, int count)
{
    bool is_text = form == SITEMAP_TEXT;
    text_append_string(file, is_text ? "" : "<urlset>");
    for (int i = 0; i < count; i++)
        text_append_format(file, is_text ? "http://a/%d\n" : "<url><loc>http://a/%d</loc></url>\n",
                           i);
    text_append_string(file, is_text ? "" : "</urlset>");
}

static const enum sitemap_form two_forms[] = {SITEMAP_URLSET, SITEMAP_TEXT};

static void test_limit_of_urls(void **state)
{
    for (size_t i = 0; i < 2; i++)
        for (int more = -1; more <= 1000; more += more < 1 ? 1 : 999) {
            struct text file = {0};
            append_urls(&file, two_forms[i], 1000 + more);
            struct sitemap_limits limits = protocol_limits;
            limits.urls = 1000;
            struct reading reading = read_limited(text_slice(&file), limits, 0);
            assert_int_equal(reading.summary.urls, more < 0 ? 999 : 1000);
            assert_int_equal(reading.summary.left_out, more > 0);
            assert_int_equal(reading.summary.state, more > 0 ? SITEMAP_FULL : SITEMAP_MORE);
            assert_null(reading.summary.error);
            reading_finish(&reading);
            text_finish(&file);
        }
}

static void test_who_listens_says_stop(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        struct text file = {0};
        append_urls(&file, two_forms[i], 1000);
        struct reading reading = read_limited(text_slice(&file), protocol_limits, 3);
        assert_string_equal(text_string(&reading.told), "http://a/0\nhttp://a/1\nhttp://a/2\n");
        assert_int_equal(reading.summary.state, SITEMAP_FULL);
        assert_int_equal(reading.summary.left_out, 0);
        assert_true(reading.summary.bytes <= BLOCK_BYTES);
        reading_finish(&reading);
        text_finish(&file);
    }
}

/* One by one at first, then in steps, the last being the file's length. */
static size_t next_limit(size_t limit, size_t length)
{
    size_t next = limit + (limit < 99 ? 1 : 97);
    return next < length || limit == length ? next : length;
}

/* At every limit from where the form shows: what is whole before it is told, nothing else. */
static void test_limit_of_bytes(void **state)
{
    for (size_t i = 0; i < 4; i++) {
        struct text file = {0}, packed = {0};
        append_urls(&file, two_forms[i % 2], 600);
        append_packed(&packed, text_slice(&file));
        const char *url_end = i % 2 ? "\n" : "</loc>";
        for (size_t most = 8; most <= file.length; most = next_limit(most, file.length)) {
            size_t whole = 0;
            const char *at = file.start;
            while ((at = memmem(at, most - (size_t)(at - file.start), url_end, strlen(url_end)))) {
                at += strlen(url_end);
                whole++;
            }
            struct sitemap_limits limits = {SITEMAP_URLS_MAX, most, SITEMAP_LOC_BYTES_MAX};
            struct reading reading = read_limited(text_slice(i < 2 ? &file : &packed), limits, 0);
            bool is_whole = most == file.length;
            assert_int_equal(reading.summary.state, is_whole ? SITEMAP_MORE : SITEMAP_FULL);
            assert_int_equal(reading.summary.bytes, most);
            assert_int_equal(reading.summary.urls, whole);
            assert_int_equal(reading.summary.left_out, 0);
            assert_null(reading.summary.error);
            reading_finish(&reading);
        }
        text_finish(&file);
        text_finish(&packed);
    }
}

/* Of the greatest length, and a byte more; white space around it does not count. */
static void test_limit_of_a_loc(void **state)
{
    static const char *const around[][2] = {
        {"<urlset><url><loc>\n", "</loc></url><url><loc>/b</loc></url></urlset>"},
        {"<urlset><url><loc> <![CDATA[", "]]> </loc></url><url><loc>/b</loc></url></urlset>"},
        {"<feed><entry><link href='  ", "'/><link href='/b'/></entry></feed>"},
        {"http://b\n  ", "\n"},
    };
    for (size_t i = 0; i < 4; i++)
        for (int more = 0; more < 2; more++) {
            struct text file = {0};
            text_append_string(&file, around[i][0]);
            text_append_string(&file, "http://a/");
            for (int at = 9; at < SITEMAP_LOC_BYTES_MAX + more; at++)
                text_append_char(&file, 'x');
            text_append_format(&file, "%20000s%s", "", around[i][1]);
            struct reading reading = read_whole(text_slice(&file));
            assert_int_equal(reading.summary.left_out, more);
            assert_int_equal(reading.summary.urls, 2 - more);
            assert_int_equal(reading.summary.state, SITEMAP_MORE);
            assert_int_equal(strlen(text_string(&reading.told)),
                             more ? i == 3 ? 9 : 3 : SITEMAP_LOC_BYTES_MAX + 1 + (i == 3 ? 9 : 3));
            reading_finish(&reading);
            text_finish(&file);
        }
}

/* As many as are allowed, and one more: of elements in one another, of what one of them has. */
static void test_limits_of_elements(void **state)
{
    static const struct {
        size_t most;
        const char *beginning, *each, *end, *error;
    } cases[] = {
        {SITEMAP_XML_ATTRIBUTES_MAX, "<a", " a#=''", "/>", "too many attributes"},
        {SITEMAP_XML_NAMESPACES_MAX, "<a", " xmlns:a#='a'", "/>", "too many namespaces"},
        {SITEMAP_XML_NAMESPACES_MAX, "", "<a xmlns:a#='a'>", NULL, "too many namespaces"},
        {SITEMAP_XML_NAMESPACES_MAX * 10, "", "<a xmlns:a#='a'/>", "", NULL},
        {SITEMAP_XML_DEPTH_MAX - 1, "", "<a>", NULL, "too many elements in one another"},
        {SITEMAP_XML_DEPTH_MAX * 10, "", "<a></a>", "", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t count = cases[i].most; count <= cases[i].most + 1; count++) {
            struct text file = {0};
            text_append_format(&file, "<urlset>%s", cases[i].beginning);
            for (unsigned number = 0; number < count; number++)
                append_numbered(&file, cases[i].each, number);
            for (size_t closed = cases[i].end ? count : 0; closed < count; closed++)
                text_append_string(&file, "</a>");
            text_append_format(&file, "%s<url><loc>/b</loc></url></urlset>",
                               cases[i].end ? cases[i].end : "");
            struct reading reading = read_whole(text_slice(&file));
            bool is_fine = count == cases[i].most || !cases[i].error;
            assert_string_equal(text_string(&reading.told), is_fine ? "/b\n" : "");
            assert_int_equal(reading.summary.state, is_fine ? SITEMAP_MORE : SITEMAP_BROKEN);
            if (!is_fine)
                assert_non_null(strstr(text_string(&reading.error), cases[i].error));
            reading_finish(&reading);
            text_finish(&file);
        }
}

static void test_blank_blocks_first(void **state)
{
    static const char *const beginnings[] = {"<urlset><url><loc>", ""};
    for (size_t i = 0; i < 2; i++)
        for (int blanks = BLOCK_BYTES - 2; blanks <= BLOCK_BYTES * 3; blanks += BLOCK_BYTES / 2) {
            struct text file = {0};
            text_append_format(&file, "%*s%shttp://a%s", blanks, "\n", beginnings[i],
                               i ? "" : "</loc></url></urlset>");
            struct reading reading = read_whole(text_slice(&file));
            assert_string_equal(text_string(&reading.told), "http://a\n");
            assert_null(reading.summary.error);
            reading_finish(&reading);
            text_finish(&file);
        }
}

/* A file without end: a beginning, and then always the same, or the same with growing numbers. */
struct endless {
    const char *name, *beginning, *unit;
    enum sitemap_state state; /* what it comes to */
    size_t memory_bytes_max;
};

static size_t memory_in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* The most memory that was in use after any piece of it, beyond what there was before. */
static size_t read_endless(const struct endless *endless, struct sitemap_summary *summary)
{
    struct listener listener = {0};
    struct text piece = {0};
    size_t most = 0;
    unsigned number = 0;
    enum sitemap_state state;
    text_reserve(&piece, 2 * PIECE_BYTES);
    text_reserve(&listener.told, 2 * PIECE_BYTES);
    size_t before = memory_in_use();
    struct sitemap *sitemap = sitemap_create(&protocol_limits, on_url, &listener);
    text_append_string(&piece, endless->beginning);
    do {
        while (piece.length < PIECE_BYTES)
            append_numbered(&piece, endless->unit, number++);
        state = sitemap_feed(sitemap, text_slice(&piece));
        size_t now = memory_in_use();
        most = now > before && now - before > most ? now - before : most;
        text_clear(&piece);
        text_clear(&listener.told);
    } while (state == SITEMAP_MORE);
    *summary = sitemap_end(sitemap);
    sitemap_destroy(sitemap);
    text_finish(&piece);
    text_finish(&listener.told);
    return most;
}

static const struct endless endless_files[] = {
    {"urls", "<urlset>", "<url><loc>http://a/#</loc></url>\n", SITEMAP_FULL, MEMORY_BYTES_MAX},
    {"latin1", "<?xml version='1.0' encoding='ISO-8859-1'?><urlset>", "<a>\xFC</a>", SITEMAP_FULL,
     MEMORY_BYTES_MAX},
    {"blank lines", "\n", "    \n", SITEMAP_FULL, MEMORY_BYTES_MAX},
    {"one line", "http://a/", "abcdef", SITEMAP_FULL, MEMORY_BYTES_MAX},
    {"lines that are no URLs", "http://a/\n", "# \n", SITEMAP_FULL, MEMORY_BYTES_MAX},
    {"one loc", "<urlset><url><loc>http://a/", "abcdef", SITEMAP_FULL, MEMORY_BYTES_MAX},
    {"one CDATA", "<urlset><url><loc><![CDATA[http://a/", "abcdef", SITEMAP_FULL, MEMORY_BYTES_MAX},
    {"white space in a loc", "<urlset><url><loc>", "   \n", SITEMAP_FULL, MEMORY_BYTES_MAX},
    {"references in a loc", "<urlset><url><loc>", "&#65;", SITEMAP_FULL, MEMORY_BYTES_MAX},
    {"nested", "<urlset>", "<a>", SITEMAP_BROKEN, MEMORY_BYTES_MAX},
    {"nested locs", "<urlset>", "<url><loc>", SITEMAP_BROKEN, MEMORY_BYTES_MAX},
    {"one comment", "<urlset><!--", "abc def ", SITEMAP_BROKEN, MEMORY_BYTES_MAX},
    {"one instruction", "<urlset><?a ", "abc def ", SITEMAP_BROKEN, MEMORY_BYTES_MAX},
    {"one tag", "<urlset><a ", "a#='' ", SITEMAP_BROKEN, MEMORY_BYTES_MAX},
    {"one attribute", "<feed><entry><link href='", "abcdef", SITEMAP_BROKEN, MEMORY_BYTES_MAX},
    {"one name", "<", "abcdef", SITEMAP_BROKEN, MEMORY_BYTES_MAX},
    {"one entity", "<urlset>&", "abcdef", SITEMAP_BROKEN, MEMORY_BYTES_MAX},
    {"one DTD", "<!DOCTYPE urlset [", "<!ENTITY a# 'x'>", SITEMAP_BROKEN, MEMORY_BYTES_MAX},
    {"names", "<urlset>", "<a#/>", SITEMAP_BROKEN, MEMORY_BYTES_MAX_NAMES},
    {"names of attributes", "<urlset>", "<a a#=''/>", SITEMAP_BROKEN, MEMORY_BYTES_MAX_NAMES},
    {"namespaces", "<urlset>", "<a xmlns='a#'/>", SITEMAP_BROKEN, MEMORY_BYTES_MAX_NAMES},
    {"nested namespaces", "<urlset>", "<a xmlns:a='a' xmlns:b='b'>", SITEMAP_BROKEN,
     MEMORY_BYTES_MAX},
    {"entities", "<!DOCTYPE urlset [<!ENTITY a 'aaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]><urlset>",
     "<a b='&b;'>&b;</a>", SITEMAP_BROKEN, MEMORY_BYTES_MAX},
    {"default attributes", "<!DOCTYPE urlset [<!ATTLIST a b (c|d) 'c'>]><urlset>", "<a/>",
     SITEMAP_BROKEN, MEMORY_BYTES_MAX},
};

static void test_memory_is_flat(void **state)
{
    for (size_t i = 0; i < sizeof endless_files / sizeof *endless_files; i++) {
        struct sitemap_summary summary;
        size_t most = read_endless(&endless_files[i], &summary);
        if (summary.state != endless_files[i].state)
            fail_msg("%s: state %d after %zu bytes", endless_files[i].name, summary.state,
                     (size_t)summary.bytes);
        if (most > endless_files[i].memory_bytes_max)
            fail_msg("%s: %zu bytes of memory", endless_files[i].name, most);
        if (summary.state == SITEMAP_FULL && summary.urls < SITEMAP_URLS_MAX)
            assert_int_equal(summary.bytes, SITEMAP_BYTES_MAX);
    }
}

/* 64 MiB of white space, in so many members. */
static void append_bomb(struct text *packed, size_t members)
{
    struct text blanks = {0};
    size_t length = (64 << 20) / members;
    text_reserve(&blanks, length);
    memset(blanks.start, ' ', length);
    size_t start = packed->length;
    append_packed(packed, slice_of(blanks.start, length));
    size_t end = packed->length;
    for (size_t member = 1; member < members; member++) {
        text_reserve(packed, end - start);
        text_append(packed, packed->start + start, end - start);
    }
    text_finish(&blanks);
}

static void test_bombs(void **state)
{
    static const char *const beginnings[] = {"<urlset>", "<urlset><url><loc>", "http://a/", " "};
    struct text bombs[2] = {{0}};
    append_bomb(&bombs[0], 1);
    append_bomb(&bombs[1], 1024);
    for (size_t i = 0; i < 8; i++) {
        struct listener listener = {0};
        struct text packed = {0};
        append_packed(&packed, slice_of_string(beginnings[i / 2]));
        text_append_slice(&packed, text_slice(&bombs[i % 2]));
        size_t before = memory_in_use();
        struct sitemap *sitemap = sitemap_create(&protocol_limits, on_url, &listener);
        assert_int_equal(sitemap_feed(sitemap, text_slice(&packed)), SITEMAP_FULL);
        assert_true(memory_in_use() - before < MEMORY_BYTES_MAX);
        struct sitemap_summary summary = sitemap_end(sitemap);
        assert_int_equal(summary.bytes, SITEMAP_BYTES_MAX);
        assert_null(summary.error);
        sitemap_destroy(sitemap);
        text_finish(&packed);
        text_finish(&listener.told);
    }
    text_finish(&bombs[0]);
    text_finish(&bombs[1]);
}

/* Cut off anywhere, a packed file is read to the last byte that can be unpacked: a byte may stand
 * for more than a block has room for. */
static void test_cut_off_while_packed(void **state)
{
    struct text file = {0}, packed = {0};
    char *room = memory_resized(NULL, 30000);
    text_append_format(&file, "<urlset>%20000s", "");
    append_packed(&packed, text_slice(&file));
    for (size_t length = 1; length < packed.length; length++) {
        struct slice cut = slice_of(packed.start, length);
        struct gunzip *gunzip = gunzip_create();
        size_t unpacked = gunzip_read(gunzip, &cut, room, 30000);
        gunzip_destroy(gunzip);
        for (size_t piece = 1; piece <= 64; piece += 63) {
            struct reading reading = read_cut(slice_of(packed.start, length), &protocol_limits, 0,
                                              (struct cut){piece, NULL});
            assert_int_equal(reading.summary.bytes, unpacked);
            assert_int_equal(reading.summary.state, SITEMAP_BROKEN);
            assert_string_equal(text_string(&reading.error), "the compressed file is cut off");
            reading_finish(&reading);
        }
    }
    free(room);
    text_finish(&packed);
    text_finish(&file);
}

/* After the end nothing is told, whatever comes. */
static void test_what_comes_after_the_end(void **state)
{
    struct listener listener = {.wanted = 1};
    struct text file = {0};
    append_urls(&file, SITEMAP_TEXT, 1000);
    struct sitemap *sitemap = sitemap_create(&protocol_limits, on_url, &listener);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sitemap_feed(sitemap, text_slice(&file)), SITEMAP_FULL);
    assert_int_equal(sitemap_feed(sitemap, slice_of(NULL, 0)), SITEMAP_FULL);
    assert_int_equal(sitemap_end(sitemap).urls, 1);
    sitemap_destroy(sitemap);
    sitemap_destroy(NULL);
    text_finish(&listener.told);
    text_finish(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_files_packed),
        cmocka_unit_test(test_block_edges),
        cmocka_unit_test(test_limit_of_urls),
        cmocka_unit_test(test_who_listens_says_stop),
        cmocka_unit_test(test_limit_of_bytes),
        cmocka_unit_test(test_limit_of_a_loc),
        cmocka_unit_test(test_limits_of_elements),
        cmocka_unit_test(test_blank_blocks_first),
        cmocka_unit_test(test_memory_is_flat),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_cut_off_while_packed),
        cmocka_unit_test(test_what_comes_after_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
