/*
 * The engine measures itself: pawl bench drain | enqueue | pickup | storm, against the database
 * that is given, with jobs of their own that they delete again. bench/run compares the figures with
 * a bare loop and with other tools in one run.
 */
#ifndef PAWL_CLI_BENCH_H
#define PAWL_CLI_BENCH_H

#include "cli/command.h"

/* Options: --tasks N, --jobs N, --snapshot (another session holds a snapshot open meanwhile). */
command_run_fn bench_drain;
/* Options: --tasks N, --batch N. */
command_run_fn bench_enqueue;
/* Options: --samples N. */
command_run_fn bench_pickup;
/* Options: --clients N, --seconds N, --jobs N. */
command_run_fn bench_storm;

extern const struct option bench_drain_options[], bench_enqueue_options[], bench_pickup_options[],
    bench_storm_options[];

#endif
