#include "cli/histogram.h"

#include "cli/document.h"
#include "cli/humanize.h"
#include "cli/table.h"

enum { BAR_CELLS = 40, EIGHTHS = 8 };

/* "< 25 ms", ">= 5 s" */
static void write_bounds(const json_t *bucket, char text[HUMAN_BYTES + 4])
{
    bool is_last = json_is_null(json_object_get(bucket, "to_ms"));
    char duration[HUMAN_BYTES];
    human_write_duration(document_number(bucket, is_last ? "from_ms" : "to_ms") / 1000, duration);
    snprintf(text, HUMAN_BYTES + 4, "%s %s", is_last ? ">=" : "<", duration);
}

static void append_bar(struct text *text, double share, bool has_blocks)
{
    static const char *const parts[EIGHTHS] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int eighths = (int)(share * BAR_CELLS * EIGHTHS + 0.5);
    if (!has_blocks)
        eighths = (eighths + EIGHTHS / 2) / EIGHTHS * EIGHTHS;
    if (eighths == 0 && share > 0)
        eighths = has_blocks ? 1 : EIGHTHS;
    for (int i = 0; i < eighths / EIGHTHS; i++)
        text_append_string(text, has_blocks ? "█" : "#");
    text_append_string(text, parts[eighths % EIGHTHS]);
}

/* The buckets from the first to behind the last that has something; the most that one has. */
static double find_ends(const json_t *buckets, size_t *from, size_t *to)
{
    size_t at;
    json_t *bucket;
    double most = 0;
    *from = *to = 0;
    json_array_foreach(buckets, at, bucket)
    {
        double pages = document_number(bucket, "pages");
        if (pages > 0 && *to == 0)
            *from = at;
        if (pages > 0)
            *to = at + 1;
        most = pages > most ? pages : most;
    }
    return most;
}

void histogram_append(struct text *text, const json_t *buckets, bool has_blocks)
{
    size_t from, to;
    double most = find_ends(buckets, &from, &to);
    char bounds[HUMAN_BYTES + 4], pages[HUMAN_BYTES];
    human_write_count(most, pages);
    int width = table_width_of(pages);
    for (size_t at = from; at < to; at++) {
        const json_t *bucket = json_array_get(buckets, at);
        double count = document_number(bucket, "pages");
        write_bounds(bucket, bounds);
        human_write_count(count, pages);
        text_append_format(text, "%9s  %*s", bounds, width, pages);
        text_append_string(text, count > 0 ? "  " : "");
        append_bar(text, count / most, has_blocks);
        text_append_char(text, '\n');
    }
}
