#include "cli/crawl_summary.h"

#include "cli/document.h"
#include "cli/humanize.h"

static void begin(struct text *text, const char *subject)
{
    text_append_format(text, "%-9s  ", subject);
}

static void end(struct text *text)
{
    text_append_char(text, '\n');
}

static void append_count(struct text *text, const char *before, double count, const char *behind)
{
    char words[HUMAN_BYTES];
    human_write_count(count, words);
    text_append_format(text, "%s%s%s", before, words, behind);
}

static void append_ms(struct text *text, const char *before, double ms)
{
    char words[HUMAN_BYTES];
    human_write_duration(ms / 1000, words);
    text_append_format(text, "%s%s", before, words);
}

/* What came from elsewhere must not move the cursor. */
static void append_foreign(struct text *text, const char *words)
{
    for (; *words; words++)
        text_append_char(text, (unsigned char)*words < ' ' || *words == 0x7F ? ' ' : *words);
}

/* "12 this, 3 that": the elements' pages and names. */
static void append_counted(struct text *text, const json_t *elements, const char *name)
{
    size_t at;
    json_t *element;
    json_array_foreach(elements, at, element)
    {
        append_count(text, at ? ", " : "", document_number(element, "pages"), " ");
        append_foreign(text, document_string(element, name));
    }
}

static void append_pages(struct text *text, const json_t *report)
{
    char duration[HUMAN_BYTES], transfer[HUMAN_BYTES], body[HUMAN_BYTES];
    human_write_duration(document_number(report, "seconds"), duration);
    human_write_bytes(document_number(report, "transfer_bytes"), transfer);
    human_write_bytes(document_number(report, "body_bytes"), body);
    begin(text, "pages");
    append_count(text, "", document_number(report, "pages"), "");
    double per_second = document_number(report, "pages_per_second");
    text_append_format(text, per_second < 9.95 ? " in %s, %.1f/s" : " in %s, %.0f/s", duration,
                       per_second);
    text_append_format(text, ", %s received, %s unpacked", transfer, body);
    end(text);
}

static void append_errors(struct text *text, const json_t *report)
{
    static const char *const members[][2] = {{"start", "start_error"}, {"error", "error"}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (*document_string(report, members[i][1])) {
            begin(text, members[i][0]);
            append_foreign(text, document_string(report, members[i][1]));
            end(text);
        }
}

static void append_cache(struct text *text, const json_t *report)
{
    const json_t *cache = json_object_get(report, "cache");
    double cacheable = document_number(cache, "cacheable"),
           again = document_number(cache, "asked_again");
    char before[HUMAN_BYTES], after[HUMAN_BYTES];
    if (document_number(cache, "pages") == 0)
        return;
    begin(text, "cache");
    if (cacheable == 0) {
        text_append_string(text, "holds none of the pages");
    } else {
        human_write_share(document_number(cache, "held_before"), cacheable, before);
        human_write_share(document_number(cache, "held_after"), cacheable, after);
        text_append_format(text, "hit ratio %s", before);
        if (again > 0)
            text_append_format(text, " before, %s after", after);
        append_count(text, ", of ", cacheable, " cacheable pages");
    }
    end(text);
    if (again == 0)
        return;
    begin(text, "warmed");
    append_count(text, "", document_number(cache, "became_held"), "");
    append_count(text, " of ", again, " pages asked again");
    append_count(text, " with ", document_number(cache, "requests"), " requests");
    if (json_is_number(json_object_get(json_object_get(cache, "saved_ms"), "median"))) {
        append_ms(text, "; saved ", document_number(json_object_get(cache, "saved_ms"), "median"));
        append_ms(text, " (median), ", document_number(json_object_get(cache, "saved_ms"), "p95"));
        text_append_string(text, " (p95)");
    }
    end(text);
}

static void append_uncached(struct text *text, const json_t *report)
{
    const json_t *cache = json_object_get(report, "cache");
    if (document_number(cache, "not_held") == 0)
        return;
    begin(text, "uncached");
    append_count(text, "", document_number(cache, "not_held"), ": ");
    append_counted(text, json_object_get(cache, "reasons"), "reason");
    end(text);
}

static void append_redirects(struct text *text, const json_t *report)
{
    const json_t *redirects = json_object_get(report, "redirects");
    if (document_number(redirects, "chains") == 0)
        return;
    begin(text, "redirects");
    append_count(text, "", document_number(redirects, "chains"), "");
    append_count(text, ", ", document_number(redirects, "longest"), " in a row at most");
    if (document_number(redirects, "circles") > 0)
        append_count(text, ", ", document_number(redirects, "circles"), " in a circle");
    end(text);
}

static void append_sitemaps(struct text *text, const json_t *report)
{
    const json_t *sitemaps = json_object_get(report, "sitemaps");
    const json_t *pages = json_object_get(sitemaps, "pages");
    double broken = document_number(sitemaps, "broken");
    if (document_number(sitemaps, "read") == 0 && broken == 0)
        return;
    begin(text, "sitemaps");
    append_count(text, "", document_number(sitemaps, "read"), " read");
    if (broken > 0)
        append_count(text, ", ", broken, " broken");
    if (json_is_object(pages)) {
        append_count(text, "; pages: ", document_number(pages, "in_both"), " in them and linked, ");
        append_count(text, "", document_number(pages, "only_in_sitemap"), " only in them, ");
        append_count(text, "", document_number(pages, "only_linked"), " only linked");
        if (document_number(pages, "in_neither") > 0)
            append_count(text, ", ", document_number(pages, "in_neither"), " neither");
    }
    end(text);
}

static void append_external(struct text *text, const json_t *report)
{
    const json_t *external = json_object_get(report, "external");
    if (document_number(external, "checked") == 0)
        return;
    begin(text, "external");
    append_count(text, "", document_number(external, "checked"), " links checked, ");
    append_count(text, "", document_number(external, "broken"), " broken");
    if (document_number(external, "refused") > 0)
        append_count(text, ", ", document_number(external, "refused"), " refuse crawlers");
    end(text);
}

static void append_blocks(struct text *text, const json_t *report)
{
    const json_t *blocks = json_object_get(report, "blocks");
    if (!json_array_size(blocks))
        return;
    begin(text, "blocked");
    append_counted(text, blocks, "block");
    end(text);
}

static void append_skipped(struct text *text, const json_t *report)
{
    if (document_number(report, "skipped_links") == 0)
        return;
    begin(text, "skipped");
    append_count(text, "", document_number(report, "skipped_links"),
                 " links: robots.txt, nofollow, or left out on request");
    end(text);
}

static void append_raised(struct text *text, const json_t *report)
{
    const json_t *raised = json_object_get(report, "raised");
    double high = document_number(raised, "high"), medium = document_number(raised, "medium"),
           low = document_number(raised, "low"), avoided = document_number(raised, "avoided");
    if (high + medium + low + avoided == 0)
        return;
    begin(text, "raised");
    append_count(text, "", high, " priorities at once, ");
    append_count(text, "", medium, " within 10 s, ");
    append_count(text, "", low, " within 60 s; ");
    append_count(text, "", avoided, " would have changed nothing");
    end(text);
}

static void append_weights(struct text *text, const json_t *report)
{
    const json_t *weights = json_object_get(report, "weights");
    if (!json_is_object(weights))
        return;
    begin(text, "weights");
    append_count(text, "", document_number(weights, "matched"), " of ");
    append_count(text, "", document_number(weights, "given"), " are of pages that were visited");
    end(text);
}

void crawl_summary_append(struct text *text, const json_t *report)
{
    append_pages(text, report);
    append_errors(text, report);
    append_cache(text, report);
    append_uncached(text, report);
    append_redirects(text, report);
    append_sitemaps(text, report);
    append_external(text, report);
    append_blocks(text, report);
    append_skipped(text, report);
    append_raised(text, report);
    append_weights(text, report);
}
