/* Times, sizes and durations as people read them. */
#ifndef PAWL_CLI_HUMANIZE_H
#define PAWL_CLI_HUMANIZE_H

#include <stdbool.h>
#include <stdint.h>

enum { HUMAN_BYTES = 32 };

/* Seconds since 1970 of a timestamp as PostgreSQL writes it in JSON: 2026-11-22T22:44:37.5+01:00.
 * False when it is none. */
bool human_parse_time(const char *timestamp, double *seconds);
/* "12 s ago", "in 3 min"; "now" within a second. */
void human_write_ago(double seconds_ago, char text[HUMAN_BYTES]);
/* Two units at most: "850 ms", "1.5 s", "12 s", "3 min 5 s", "2 h 10 min", "3 d 4 h". */
void human_write_duration(double seconds, char text[HUMAN_BYTES]);
/* "123/s", "4.5/s", "12/min", "3.0/h" */
void human_write_pace(double per_second, char text[HUMAN_BYTES]);
/* "512 B", "1.4 KiB", "20 MiB": powers of 1024 (IEC 80000-13). */
void human_write_bytes(double bytes, char text[HUMAN_BYTES]);
/* "1,234,567" */
void human_write_count(double count, char text[HUMAN_BYTES]);
/* "37%"; below 10 and above 90 to a tenth, and never 0% or 100% of what is not. "-" of nothing. */
void human_write_share(double part, double whole, char text[HUMAN_BYTES]);

#endif
