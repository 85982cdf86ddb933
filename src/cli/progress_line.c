#include "cli/progress_line.h"

#include <math.h>
#include <string.h>

#include "cli/humanize.h"

enum { BAR_WIDTH = 24 };

int64_t progress_sample_ended(const struct progress_sample *sample)
{
    return sample->completed + sample->failed + sample->cancelled;
}

/* Rounded down: 100 % is said when all has ended, and not before. */
static int percent_of(const struct progress_sample *sample)
{
    return sample->total > 0 ? (int)(progress_sample_ended(sample) * 100 / sample->total) : 0;
}

/* What stands behind the counts, each part after the separator. */
static void append_rest(const struct progress_sample *sample, const char *separator,
                        struct text *line)
{
    char left[HUMAN_BYTES];
    if (sample->failed)
        text_append_format(line, "%s%lld failed", separator, (long long)sample->failed);
    if (sample->cancelled)
        text_append_format(line, "%s%lld cancelled", separator, (long long)sample->cancelled);
    if (sample->per_second >= 0)
        text_append_format(line, sample->per_second < 9.95 ? "%s%.1f/s" : "%s%.0f/s", separator,
                           sample->per_second);
    if (sample->seconds_left >= 0) {
        human_write_duration(ceil(sample->seconds_left), left);
        text_append_format(line, "%s%s left", separator, left);
    }
    if (sample->report[0])
        text_append_format(line, "%s%s", separator, sample->report);
}

void progress_write_bar(const struct progress_sample *sample, int width, struct text *line)
{
    int percent = percent_of(sample);
    size_t begin = line->length;
    text_append_char(line, '[');
    for (int i = 0; i < BAR_WIDTH; i++)
        text_append_char(line, i < percent * BAR_WIDTH / 100 ? '#' : '-');
    text_append_format(line, "] %3d%%  %lld/%lld", percent,
                       (long long)progress_sample_ended(sample), (long long)sample->total);
    append_rest(sample, "  ", line);
    if (line->length - begin > (size_t)width) {
        line->length = begin + (size_t)width;
        while (line->length > begin && (line->start[line->length] & 0xC0) == 0x80)
            line->length--; /* no half character (UTF-8) */
        line->start[line->length] = '\0';
    }
}

void progress_write_words(const struct progress_sample *sample, struct text *line)
{
    text_append_format(line, "%lld/%lld (%d%%)", (long long)progress_sample_ended(sample),
                       (long long)sample->total, percent_of(sample));
    append_rest(sample, ", ", line);
}
