#include "cli/humanize.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* "+01:00", "+01" or "Z" as seconds east of Greenwich. */
static bool parse_offset(const char *text, int *offset)
{
    int hours = 0, minutes = 0;
    *offset = 0;
    if (strcmp(text, "Z") == 0)
        return true;
    if ((*text != '+' && *text != '-') || sscanf(text + 1, "%2d:%2d", &hours, &minutes) < 1)
        return false;
    *offset = (*text == '-' ? -60 : 60) * (hours * 60 + minutes);
    return true;
}

bool human_parse_time(const char *timestamp, double *seconds)
{
    struct tm broken_down = {0};
    const char *rest = strptime(timestamp, "%Y-%m-%dT%H:%M:%S", &broken_down);
    double fraction = 0;
    int length = 0, offset;
    if (!rest)
        return false;
    if (*rest == '.' && sscanf(rest, "%lf%n", &fraction, &length) == 1)
        rest += length;
    if (!parse_offset(rest, &offset))
        return false;
    *seconds = (double)timegm(&broken_down) - offset + fraction;
    return true;
}

/* From the smallest; each is worth `seconds` and ends where the next begins. */
static const struct unit {
    const char *name;
    double seconds;
} units[] = {{"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}};

void human_write_duration(double seconds, char text[HUMAN_BYTES])
{
    if (seconds < 0.9995) {
        snprintf(text, HUMAN_BYTES, "%.0f ms", (seconds > 0 ? seconds * 1000 : 0));
        return;
    }
    if (seconds < 59.5) {
        snprintf(text, HUMAN_BYTES, seconds < 9.95 ? "%.2g s" : "%.0f s", seconds);
        return;
    }
    seconds = round(seconds);
    size_t at = 3;
    while (at > 1 && seconds < units[at].seconds)
        at--;
    double whole = floor(seconds / units[at].seconds);
    double part = floor((seconds - whole * units[at].seconds) / units[at - 1].seconds);
    int length = snprintf(text, HUMAN_BYTES, "%.0f %s", whole, units[at].name);
    if (part > 0)
        snprintf(text + length, HUMAN_BYTES - (size_t)length, " %.0f %s", part, units[at - 1].name);
}

void human_write_ago(double seconds_ago, char text[HUMAN_BYTES])
{
    double distance = fabs(seconds_ago);
    size_t at = 3;
    while (at > 0 && distance < units[at].seconds)
        at--;
    if (distance < 1)
        snprintf(text, HUMAN_BYTES, "now");
    else
        snprintf(text, HUMAN_BYTES, seconds_ago > 0 ? "%.0f %s ago" : "in %.0f %s",
                 floor(distance / units[at].seconds), units[at].name);
}

void human_write_bytes(double bytes, char text[HUMAN_BYTES])
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t at = 0;
    while (bytes >= 1023.5 && at + 1 < sizeof names / sizeof *names) {
        bytes /= 1024;
        at++;
    }
    snprintf(text, HUMAN_BYTES, at && bytes < 9.95 ? "%.2g %s" : "%.0f %s", bytes, names[at]);
}

void human_write_pace(double per_second, char text[HUMAN_BYTES])
{
    const char *unit = per_second >= 1 ? "s" : per_second * 60 >= 1 ? "min" : "h";
    double pace = per_second >= 1 ? per_second : per_second * (*unit == 'm' ? 60 : 3600);
    snprintf(text, HUMAN_BYTES, pace < 9.95 ? "%.1f/%s" : "%.0f/%s", pace < 1e18 ? pace : 1e18,
             unit);
}

void human_write_count(double count, char text[HUMAN_BYTES])
{
    char digits[HUMAN_BYTES];
    int length = snprintf(digits, sizeof digits, "%.0f", count < 1e18 ? count : 1e18);
    int at = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
}

void human_write_share(double part, double whole, char text[HUMAN_BYTES])
{
    if (whole <= 0) {
        snprintf(text, HUMAN_BYTES, "-");
        return;
    }
    double percent = 100 * part / whole;
    if (percent >= 10 && percent <= 90)
        snprintf(text, HUMAN_BYTES, "%.0f%%", percent);
    else if (part <= 0 || part >= whole)
        snprintf(text, HUMAN_BYTES, part <= 0 ? "0%%" : "100%%");
    else
        snprintf(text, HUMAN_BYTES, "%.1f%%",
                 percent < 0.1    ? 0.1
                 : percent > 99.9 ? 99.9
                                  : percent);
}
