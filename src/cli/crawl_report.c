#include "cli/crawl_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/humanize.h"
#include "cli/output.h"
#include "cli/table.h"

static double number_of(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static const char *string_of(const json_t *object, const char *key)
{
    const char *string = json_string_value(json_object_get(object, key));
    return string ? string : "";
}

static void print_summary(const json_t *report)
{
    char transfer[HUMAN_BYTES], body[HUMAN_BYTES], duration[HUMAN_BYTES];
    human_write_bytes(number_of(report, "transfer_bytes"), transfer);
    human_write_bytes(number_of(report, "body_bytes"), body);
    human_write_duration(number_of(report, "seconds"), duration);
    output_line("pages: %.0f in %s, %.1f/s, %s received, %s unpacked", number_of(report, "pages"),
                duration, number_of(report, "pages_per_second"), transfer, body);
}

static void print_by_status(const json_t *report)
{
    static const struct table_column columns[] = {
        {"STATUS", "status"},
        {"ERROR", "error_class"},
        {"PAGES", "pages", FORMAT_NUMBER},
        {"MEAN", "mean_ms", FORMAT_MILLISECONDS},
        {NULL},
    };
    const json_t *rows = json_object_get(report, "by_status");
    if (!json_array_size(rows))
        return;
    output_line("\npages by status");
    table_print(columns, rows);
}

static void print_slowest(const json_t *report)
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
    output_line("\nslowest pages");
    table_print(columns, rows);
}

/* "404" or "connect: Connection refused". */
static void print_reason(const json_t *page)
{
    char *status = table_write_value(json_object_get(page, "status"), FORMAT_NUMBER);
    char *error = table_write_value(json_object_get(page, "error"), FORMAT_TEXT);
    const char *class = string_of(page, "error_class");
    if (json_is_number(json_object_get(page, "status")) &&
        (!*class || strcmp(class, "status") == 0))
        printf("  %s", status);
    else
        printf("  %s: %s", class, error);
    free(status);
    free(error);
}

static void print_broken_page(const json_t *page)
{
    size_t at;
    json_t *url;
    const json_t *referrers = json_object_get(page, "referrers");
    double more = number_of(page, "referrer_count") - (double)json_array_size(referrers);
    print_reason(page);
    output_line("  %s", string_of(page, "url"));
    json_array_foreach(referrers, at, url)
    {
        output_line("       linked from %s", json_string_value(url));
    }
    if (more > 0)
        output_line("       and from %.0f more", more);
}

static void print_broken(const json_t *report)
{
    size_t at;
    json_t *page;
    const json_t *pages = json_object_get(report, "broken");
    double count = number_of(report, "broken_count");
    if (count == 0) {
        output_line("\nno broken pages");
        return;
    }
    output_line("\nbroken pages: %.0f", count);
    json_array_foreach(pages, at, page)
    {
        print_broken_page(page);
    }
    if (count > (double)json_array_size(pages))
        output_line("  and %.0f more", count - (double)json_array_size(pages));
}

void crawl_report_print(const json_t *report)
{
    print_summary(report);
    if (number_of(report, "pages") == 0)
        return;
    print_by_status(report);
    print_slowest(report);
    print_broken(report);
}

bool crawl_report_is_unreachable(const json_t *report, struct failure *failure)
{
    static const char *const classes[] = {"dns", "connect", "tls", "timeout"};
    const json_t *page = json_array_get(json_object_get(report, "broken"), 0);
    if (number_of(report, "pages") != 1 || !page || json_is_number(json_object_get(page, "status")))
        return false;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strcmp(string_of(page, "error_class"), classes[i]) == 0) {
            failure_set(failure, FAILURE_NETWORK, "could not reach %s: %s", string_of(page, "url"),
                        string_of(page, "error"));
            return true;
        }
    return false;
}
