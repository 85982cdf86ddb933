/*
 * Do we find the links that another parser finds? Every HTML page below a folder is read by our
 * tokenizer and by libxml2's HTML SAX parser; the sets of <a href> and <area href>, decoded and not
 * yet resolved, must be the same. Prints each difference and, at the end, how many pages and links
 * there were; exits with 1 when anything differed, with 77 when there is no such folder.
 *
 *   compare_links [--speed] [FOLDER]
 *
 * FOLDER: the newest PostgreSQL manual below /usr/share/doc when there is none. --speed says also
 * how many megabytes a second each of the two went through, the pages being in memory.
 */
#include <ftw.h>
#include <glob.h>
#include <libxml/HTMLparser.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "executors/crawl/tokenizer.h"

enum { EXIT_SKIPPED = 77, CHUNK_BYTES = 16384, FILES_OPEN = 16, SPEED_PASSES = 20 };

struct references {
    size_t count, capacity;
    char **list;
};

struct page {
    char *path;
    struct text bytes;
};

static struct {
    size_t count, capacity;
    struct page *list;
} pages;

static void references_add(struct references *references, const char *start, size_t length)
{
    if (references->count == references->capacity) {
        references->capacity = references->capacity ? references->capacity * 2 : 64;
        references->list =
            memory_resized(references->list, references->capacity * sizeof *references->list);
    }
    references->list[references->count++] = memory_copy(start, length);
}

static void references_clear(struct references *references)
{
    for (size_t i = 0; i < references->count; i++)
        free(references->list[i]);
    references->count = 0;
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, each once. */
static void references_order(struct references *references)
{
    if (!references->count)
        return;
    qsort(references->list, references->count, sizeof *references->list, compare_strings);
    size_t kept = 1;
    for (size_t i = 1; i < references->count; i++) {
        if (strcmp(references->list[i], references->list[kept - 1]) == 0)
            free(references->list[i]);
        else
            references->list[kept++] = references->list[i];
    }
    references->count = kept;
}

static void on_tag(void *context, const struct tokenizer_tag *tag)
{
    const struct attribute *reference = attributes_find(tag->attributes, "href");
    if (reference)
        references_add(context, reference->value.start, reference->value.length);
}

static void read_with_tokenizer(struct references *references, struct slice bytes)
{
    static const struct tokenizer_interest interests[] = {{"a", 0, true, false},
                                                          {"area", 1, true, false}};
    struct tokenizer *tokenizer = tokenizer_create(interests, 2, on_tag, references);
    for (size_t at = 0; at < bytes.length; at += CHUNK_BYTES) {
        size_t left = bytes.length - at;
        tokenizer_feed(tokenizer,
                       slice_of(bytes.start + at, left < CHUNK_BYTES ? left : CHUNK_BYTES));
    }
    tokenizer_destroy(tokenizer);
}

static void on_element(void *context, const xmlChar *name, const xmlChar **attributes)
{
    if (strcmp((const char *)name, "a") != 0 && strcmp((const char *)name, "area") != 0)
        return;
    for (; attributes && attributes[0]; attributes += 2)
        if (strcmp((const char *)attributes[0], "href") == 0) {
            const char *value = attributes[1] ? (const char *)attributes[1] : "";
            references_add(context, value, strlen(value));
        }
}

static void on_nothing(void *context, const char *message, ...)
{
}

static void read_with_libxml2(struct references *references, struct slice bytes)
{
    htmlSAXHandler handler = {
        .startElement = on_element,
        .error = on_nothing,
        .warning = on_nothing,
        .fatalError = on_nothing,
    };
    htmlParserCtxtPtr parser =
        htmlCreatePushParserCtxt(&handler, references, NULL, 0, NULL, XML_CHAR_ENCODING_UTF8);
    CHECK(parser != NULL);
    for (size_t at = 0; at < bytes.length; at += CHUNK_BYTES) {
        size_t left = bytes.length - at;
        htmlParseChunk(parser, bytes.start + at, (int)(left < CHUNK_BYTES ? left : CHUNK_BYTES), 0);
    }
    htmlParseChunk(parser, NULL, 0, 1);
    htmlFreeParserCtxt(parser);
}

/* Both are in order; says what only one of them has. */
static size_t print_differences(const char *path, const struct references *ours,
                                const struct references *theirs)
{
    size_t differences = 0, i = 0, j = 0;
    while (i < ours->count || j < theirs->count) {
        int order = i == ours->count     ? 1
                    : j == theirs->count ? -1
                                         : strcmp(ours->list[i], theirs->list[j]);
        if (order)
            printf("%s: %s: %s\n", path, order < 0 ? "only ours" : "only libxml2",
                   order < 0 ? ours->list[i] : theirs->list[j]);
        differences += order != 0;
        i += order <= 0;
        j += order >= 0;
    }
    return differences;
}

static size_t compare_pages(void)
{
    struct references ours = {0}, theirs = {0};
    size_t links = 0, differences = 0;
    for (size_t i = 0; i < pages.count; i++) {
        references_clear(&ours);
        references_clear(&theirs);
        read_with_tokenizer(&ours, text_slice(&pages.list[i].bytes));
        read_with_libxml2(&theirs, text_slice(&pages.list[i].bytes));
        references_order(&ours);
        references_order(&theirs);
        links += theirs.count;
        differences += print_differences(pages.list[i].path, &ours, &theirs);
    }
    references_clear(&ours);
    references_clear(&theirs);
    free(ours.list);
    free(theirs.list);
    printf("%zu pages, %zu links, %zu differences\n", pages.count, links, differences);
    return differences;
}

/* Of the fastest pass over all pages: what else the machine does shows in the others. */
static void print_speed(const char *name, void (*read)(struct references *, struct slice))
{
    struct references references = {0};
    double best = 0;
    for (int pass = 0; pass < SPEED_PASSES; pass++) {
        size_t bytes = 0;
        int64_t start = clock_now_us();
        for (size_t i = 0; i < pages.count; i++) {
            read(&references, text_slice(&pages.list[i].bytes));
            references_clear(&references);
            bytes += pages.list[i].bytes.length;
        }
        double speed = (double)bytes / (double)(clock_now_us() - start);
        best = speed > best ? speed : best;
    }
    printf("%-10s %7.0f MB/s\n", name, best);
    free(references.list);
}

static int on_file(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    size_t length = strlen(path);
    bool is_page = length > 5 && (strcmp(path + length - 5, ".html") == 0 ||
                                  strcmp(path + length - 4, ".htm") == 0);
    if (type != FTW_F || !is_page || !status->st_size)
        return 0;
    if (pages.count == pages.capacity) {
        pages.capacity = pages.capacity ? pages.capacity * 2 : 256;
        pages.list = memory_resized(pages.list, pages.capacity * sizeof *pages.list);
    }
    struct page *page = &pages.list[pages.count++];
    *page = (struct page){.path = memory_copy_string(path)};
    text_reserve(&page->bytes, (size_t)status->st_size);
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    page->bytes.length = fread(page->bytes.start, 1, (size_t)status->st_size, file);
    fclose(file);
    return 0;
}

/* The manual with the highest version, or NULL. */
static char *find_manual(void)
{
    glob_t found;
    char *newest = NULL;
    if (glob("/usr/share/doc/postgresql-doc-*/html", 0, NULL, &found) != 0)
        return NULL;
    for (size_t i = 0; i < found.gl_pathc; i++)
        if (!newest || strverscmp(found.gl_pathv[i], newest) > 0)
            newest = found.gl_pathv[i];
    newest = newest ? memory_copy_string(newest) : NULL;
    globfree(&found);
    return newest;
}

int main(int count, char **arguments)
{
    bool is_speed = count > 1 && strcmp(arguments[1], "--speed") == 0;
    const char *named = count > 1 + is_speed ? arguments[1 + is_speed] : NULL;
    char *folder = named ? memory_copy_string(named) : find_manual();
    if (!folder || nftw(folder, on_file, FILES_OPEN, FTW_PHYS) != 0 || !pages.count) {
        fprintf(stderr, "compare_links: no pages in %s\n",
                folder ? folder : "/usr/share/doc/postgresql-doc-*/html");
        return EXIT_SKIPPED;
    }
    size_t differences = compare_pages();
    if (is_speed) {
        print_speed("ours", read_with_tokenizer);
        print_speed("libxml2", read_with_libxml2);
    }
    for (size_t i = 0; i < pages.count; i++) {
        free(pages.list[i].path);
        text_finish(&pages.list[i].bytes);
    }
    free(pages.list);
    free(folder);
    return differences ? EXIT_FAILURE : EXIT_SUCCESS;
}
