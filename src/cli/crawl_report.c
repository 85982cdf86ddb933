#include "cli/crawl_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/crawl_summary.h"
#include "cli/document.h"
#include "cli/histogram.h"
#include "cli/humanize.h"
#include "cli/table.h"
#include "cli/terminal.h"

/* More stand in the report's JSON, and all of them in pawl report. */
enum { BROKEN_SHOWN = 10, REFERRERS_SHOWN = 3 };

static void append_by_status(struct text *text, const json_t *report)
{
    static const struct table_column columns[] = {
        {"STATUS", "status"},
        {"ERROR", "error_class"},
        {"PAGES", "pages", FORMAT_NUMBER},
        {"MEAN", "mean_ms", FORMAT_MILLISECONDS},
        {NULL},
    };
    text_append_string(text, "\npages by status\n");
    table_append(text, columns, json_object_get(report, "by_status"));
}

/* The percentiles as two rows, and the histogram of the first. */
static void append_times(struct text *text, const json_t *report, bool has_blocks)
{
    static const struct table_column columns[] = {
        {"TIME", "time"},
        {"P50", "p50", FORMAT_MILLISECONDS},
        {"P75", "p75", FORMAT_MILLISECONDS},
        {"P90", "p90", FORMAT_MILLISECONDS},
        {"P95", "p95", FORMAT_MILLISECONDS},
        {"P99", "p99", FORMAT_MILLISECONDS},
        {NULL},
    };
    const json_t *times = json_object_get(report, "times");
    json_t *total = json_deep_copy(json_object_get(times, "total_ms"));
    json_t *first_byte = json_deep_copy(json_object_get(times, "first_byte_ms"));
    if (json_is_number(json_object_get(total, "p50"))) {
        json_object_set_new(total, "time", json_string("total"));
        json_object_set_new(first_byte, "time", json_string("first byte"));
        json_t *rows = json_pack("[O, O]", total, first_byte);
        text_append_char(text, '\n');
        table_append(text, columns, rows);
        text_append_char(text, '\n');
        histogram_append(text, json_object_get(times, "histogram"), has_blocks);
        json_decref(rows);
    }
    json_decref(total);
    json_decref(first_byte);
}

static void append_slowest(struct text *text, const json_t *report)
{
    static const struct table_column columns[] = {
        {"TOTAL", "total_ms", FORMAT_MILLISECONDS},
        {"FIRST BYTE", "first_byte_ms", FORMAT_MILLISECONDS},
        {"SIZE", "body_bytes", FORMAT_BYTES},
        {"URL", "url"},
        {NULL},
    };
    const json_t *rows = json_object_get(report, "slowest");
    if (!json_array_size(rows))
        return;
    text_append_string(text, "\nslowest pages\n");
    table_append(text, columns, rows);
}

/* A member as it may stand in a line, or a dash. */
static void append_member(struct text *text, const json_t *object, const char *key)
{
    char *value = table_write_value(json_object_get(object, key), FORMAT_TEXT);
    text_append_string(text, value);
    free(value);
}

/* "404" or "connect: Connection refused". */
static void append_reason(struct text *text, const json_t *page)
{
    const char *class = document_string(page, "error_class");
    if (json_is_number(json_object_get(page, "status")) &&
        (!*class || strcmp(class, "status") == 0)) {
        append_member(text, page, "status");
        return;
    }
    text_append_format(text, "%s: ", class);
    append_member(text, page, "error");
}

static void append_broken_page(struct text *text, const json_t *page)
{
    const json_t *referrers = json_object_get(page, "referrers");
    double count = document_number(page, "referrer_count");
    size_t shown = json_array_size(referrers);
    char more[HUMAN_BYTES];
    shown = shown < REFERRERS_SHOWN ? shown : REFERRERS_SHOWN;
    text_append_string(text, "  ");
    append_reason(text, page);
    text_append_format(text, "  %s\n", document_string(page, "url"));
    for (size_t at = 0; at < shown; at++)
        text_append_format(text, "       linked from %s\n",
                           json_string_value(json_array_get(referrers, at)));
    human_write_count(count - (double)shown, more);
    if (count > (double)shown)
        text_append_format(text, "       and from %s more\n", more);
}

static void append_broken(struct text *text, const json_t *report)
{
    size_t at;
    json_t *page;
    double count = document_number(report, "broken_count");
    char words[HUMAN_BYTES];
    if (count == 0) {
        text_append_string(text, "\nno broken pages\n");
        return;
    }
    human_write_count(count, words);
    text_append_format(text, "\nbroken pages: %s\n", words);
    json_array_foreach(json_object_get(report, "broken"), at, page)
    {
        if (at < BROKEN_SHOWN)
            append_broken_page(text, page);
    }
    human_write_count(count - BROKEN_SHOWN, words);
    if (count > BROKEN_SHOWN)
        text_append_format(text, "  and %s more: pawl report %s --kind broken\n", words,
                           document_string(report, "job"));
}

void crawl_report_append(struct text *text, const json_t *report, bool has_blocks)
{
    crawl_summary_append(text, report);
    if (document_number(report, "pages") == 0)
        return;
    append_by_status(text, report);
    append_times(text, report, has_blocks);
    append_slowest(text, report);
    append_broken(text, report);
    text_append_format(text,
                       "\nall of them: pawl report %s --kind broken, slow, redirects, uncached, "
                       "orphans, unlisted or all\n",
                       document_string(report, "job"));
}

void crawl_report_print(const json_t *report)
{
    struct text text = {0};
    crawl_report_append(&text, report, terminal_has_blocks());
    fwrite(text_string(&text), 1, text.length, stdout);
    text_finish(&text);
}

/* The page that broke, when it is the only one that was visited. */
static const json_t *only_page(const json_t *report)
{
    size_t at;
    json_t *page;
    json_array_foreach(json_object_get(report, "broken"), at, page)
    {
        if (document_number(report, "pages") == 1 &&
            strcmp(document_string(page, "role"), "page") == 0)
            return page;
    }
    return NULL;
}

bool crawl_report_is_unreachable(const json_t *report, struct failure *failure)
{
    static const char *const classes[] = {"dns", "connect", "tls", "timeout", "guard"};
    const json_t *page = only_page(report);
    if (!page || json_is_number(json_object_get(page, "status")))
        return false;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strcmp(document_string(page, "error_class"), classes[i]) == 0) {
            failure_set(failure, FAILURE_NETWORK, "could not reach %s: %s",
                        document_string(page, "url"), document_string(page, "error"));
            if (strcmp(classes[i], "guard") == 0)
                failure_hint(failure, "--allow-private allows addresses that are not public.");
            return true;
        }
    return false;
}
