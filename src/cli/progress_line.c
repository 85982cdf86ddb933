#include "cli/progress_line.h"

#include <math.h>
#include <string.h>

#include "cli/humanize.h"

enum { BAR_WIDTH = 24 };

int64_t progress_sample_ended(const struct progress_sample *sample)
{
    return sample->completed + sample->failed + sample->cancelled;
}

void progress_rate_add(struct progress_rate *rate, const struct progress_sample *sample)
{
    int last = rate->count - 1, old = 0;
    if (last >= 0 && sample->time_us - rate->samples[last].time_us < 100 * 1000)
        return;
    while (old < last && (rate->count - old == PROGRESS_RATE_SAMPLES ||
                          sample->time_us - rate->samples[old].time_us > PROGRESS_RATE_WINDOW_US))
        old++;
    rate->count -= old;
    memmove(rate->samples, rate->samples + old, (size_t)rate->count * sizeof *rate->samples);
    rate->samples[rate->count].time_us = sample->time_us;
    rate->samples[rate->count].ended = progress_sample_ended(sample);
    last = rate->count++;
    int64_t ended = rate->samples[last].ended - rate->samples[0].ended;
    int64_t us = rate->samples[last].time_us - rate->samples[0].time_us;
    rate->per_second = !us ? -1 : ended < 0 ? 0 : (double)ended * 1e6 / (double)us;
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
