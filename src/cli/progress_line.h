/* One line that says how far a job is: a bar for a terminal, words for a pipe. */
#ifndef PAWL_CLI_PROGRESS_LINE_H
#define PAWL_CLI_PROGRESS_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

struct progress_sample {
    int64_t time_us; /* of clock_now_us() */
    int64_t total, waiting, running, completed, failed, cancelled;
    char report[440];                /* what a running task has said last, or "" */
    double per_second, seconds_left; /* as pawl.estimate_jobs says; negative: not known */
};

int64_t progress_sample_ended(const struct progress_sample *sample);

/* "[####----]  45%  450/1000  2 failed  123/s  4 s left", at most `width` characters. */
void progress_write_bar(const struct progress_sample *sample, int width, struct text *line);
/* "450/1000 (45%), 2 failed, 123/s, 4 s left, task 7/12: 40% resizing" */
void progress_write_words(const struct progress_sample *sample, struct text *line);

#endif
