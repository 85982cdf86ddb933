/* One line that says how far a job is: a bar for a terminal, words for a pipe. */
#ifndef PAWL_CLI_PROGRESS_LINE_H
#define PAWL_CLI_PROGRESS_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

struct progress_sample {
    int64_t time_us; /* of clock_now_us() */
    int64_t total, waiting, running, completed, failed, cancelled;
};

enum { PROGRESS_RATE_SAMPLES = 32, PROGRESS_RATE_WINDOW_US = 5 * 1000 * 1000 };

/* Tasks that ended a second, over the last 5 s. */
struct progress_rate {
    struct {
        int64_t time_us, ended;
    } samples[PROGRESS_RATE_SAMPLES]; /* oldest first */
    int count;
    double per_second; /* negative until it is known */
};

int64_t progress_sample_ended(const struct progress_sample *sample);
/* Start with a rate that is all zero. Samples closer than 100 ms to the one before are left out. */
void progress_rate_add(struct progress_rate *rate, const struct progress_sample *sample);

/* "[####----]  45%  450/1000  2 failed  123/s  4 s left", at most `width` characters. */
void progress_write_bar(const struct progress_sample *sample, const struct progress_rate *rate,
                        int width, struct text *line);
/* "450/1000 (45%), 2 failed, 123/s, 4 s left" */
void progress_write_words(const struct progress_sample *sample, const struct progress_rate *rate,
                          struct text *line);

#endif
