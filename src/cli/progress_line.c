#include "cli/progress_line.h"

#include <math.h>

#include "cli/humanize.h"

enum { BAR_WIDTH = 24 };

int64_t progress_sample_ended(const struct progress_sample *sample)
{
    return sample->completed + sample->failed + sample->cancelled;
}

void progress_rate_add(struct progress_rate *rate, const struct progress_sample *sample)
{
    int64_t ended = progress_sample_ended(sample);
    double seconds = (double)(sample->time_us - rate->last_us) / 1e6;
    if (!rate->has_begun) {
        *rate = (struct progress_rate){true, sample->time_us, ended, -1};
        return;
    }
    if (seconds < 0.05)
        return; /* too short to divide by */
    double now = (double)(ended - rate->last_ended) / seconds;
    double weight = 1 - exp(-seconds / 5);
    if (now < 0)
        now = 0; /* a task was retried */
    rate->per_second =
        rate->per_second < 0 ? now : rate->per_second + weight * (now - rate->per_second);
    rate->last_us = sample->time_us;
    rate->last_ended = ended;
}

/* Rounded down: 100 % is said when all has ended, and not before. */
static int percent_of(const struct progress_sample *sample)
{
    return sample->total > 0 ? (int)(progress_sample_ended(sample) * 100 / sample->total) : 0;
}

/* What stands behind the counts, each part after the separator. */
static void append_rest(const struct progress_sample *sample, const struct progress_rate *rate,
                        const char *separator, struct text *line)
{
    char left[HUMAN_BYTES];
    int64_t open = sample->total - progress_sample_ended(sample);
    if (sample->failed)
        text_append_format(line, "%s%lld failed", separator, (long long)sample->failed);
    if (sample->cancelled)
        text_append_format(line, "%s%lld cancelled", separator, (long long)sample->cancelled);
    if (rate->per_second < 0)
        return;
    text_append_format(line, rate->per_second < 9.95 ? "%s%.1f/s" : "%s%.0f/s", separator,
                       rate->per_second);
    if (open > 0 && rate->per_second > 0.01) {
        human_write_duration(ceil((double)open / rate->per_second), left);
        text_append_format(line, "%s%s left", separator, left);
    }
}

void progress_write_bar(const struct progress_sample *sample, const struct progress_rate *rate,
                        int width, struct text *line)
{
    int percent = percent_of(sample);
    size_t begin = line->length;
    text_append_char(line, '[');
    for (int i = 0; i < BAR_WIDTH; i++)
        text_append_char(line, i < percent * BAR_WIDTH / 100 ? '#' : '-');
    text_append_format(line, "] %3d%%  %lld/%lld", percent,
                       (long long)progress_sample_ended(sample), (long long)sample->total);
    append_rest(sample, rate, "  ", line);
    if (line->length - begin > (size_t)width) {
        line->length = begin + (size_t)width;
        line->start[line->length] = '\0';
    }
}

void progress_write_words(const struct progress_sample *sample, const struct progress_rate *rate,
                          struct text *line)
{
    text_append_format(line, "%lld/%lld (%d%%)", (long long)progress_sample_ended(sample),
                       (long long)sample->total, percent_of(sample));
    append_rest(sample, rate, ", ", line);
}
