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

/* Tasks that ended a second, smoothed: what happened 5 s ago counts about a third. */
struct progress_rate {
    bool has_begun;
    int64_t last_us, last_ended;
    double per_second; /* negative until it is known */
};

int64_t progress_sample_ended(const struct progress_sample *sample);
void progress_rate_add(struct progress_rate *rate, const struct progress_sample *sample);

/* "[####----]  45%  450/1000  2 failed  123/s  4 s left", at most `width` characters. */
void progress_write_bar(const struct progress_sample *sample, const struct progress_rate *rate,
                        int width, struct text *line);
/* "450/1000 (45%), 2 failed, 123/s, 4 s left" */
void progress_write_words(const struct progress_sample *sample, const struct progress_rate *rate,
                          struct text *line);

#endif
