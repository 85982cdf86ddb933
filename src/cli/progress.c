#include "cli/progress.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/database.h"
#include "cli/progress_line.h"

enum {
    REDRAW_US = 200 * 1000,
    LOOK_US = 20 * 1000,   /* how soon it is looked at again in the beginning */
    LINE_US = 2000 * 1000, /* between two lines in a pipe, and two ticks */
    RECONNECT_US = 60 * 1000 * 1000,
};

struct screen {
    bool is_terminal, is_drawn;
    int64_t next_line_us;
    struct text line, last_line;
};

static volatile sig_atomic_t is_interrupted;

static void on_interrupt(int number)
{
    is_interrupted = 1;
}

void progress_catch_interrupt(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
}

bool progress_is_interrupted(void)
{
    return is_interrupted;
}

static int terminal_width(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1 : 79;
}

/* The cursor stays at the line's begin; what was longer before is erased (ECMA-48, EL). */
static void draw_bar(struct screen *screen)
{
    printf("\r%s\033[K", text_string(&screen->line));
    fflush(stdout);
    screen->is_drawn = true;
}

/* A line when something changed, or at the end when the last one was another. */
static void print_line(struct screen *screen, const char *job)
{
    if (slice_equals(text_slice(&screen->line), text_slice(&screen->last_line)))
        return;
    printf("job %s: %s\n", job, text_string(&screen->line));
    fflush(stdout);
    text_clear(&screen->last_line);
    text_append_slice(&screen->last_line, text_slice(&screen->line));
}

static void show(struct screen *screen, const char *job, const struct progress_sample *sample,
                 bool is_last)
{
    text_clear(&screen->line);
    if (screen->is_terminal) {
        progress_write_bar(sample, terminal_width(), &screen->line);
        draw_bar(screen);
        return;
    }
    if (sample->time_us < screen->next_line_us && !is_last)
        return;
    screen->next_line_us = sample->time_us + LINE_US;
    progress_write_words(sample, &screen->line);
    print_line(screen, job);
}

static void screen_finish(struct screen *screen)
{
    if (screen->is_drawn)
        putchar('\n');
    text_finish(&screen->line);
    text_finish(&screen->last_line);
}

static bool read_sample(struct progress_watch *watch, struct progress_sample *sample,
                        struct failure *failure)
{
    const char *const values[] = {watch->job};
    struct pg_result *result =
        session_query(*watch->session,
                      "select p.status, p.total, p.waiting, p.running, p.completed, p.failed, "
                      "p.cancelled, coalesce(e.per_second, -1), "
                      "coalesce(extract(epoch from e.completes_at - pawl.now()), -1), "
                      "pawl.last_report(p.job_id) "
                      "from pawl.job_progress p "
                      "left join pawl.estimate_jobs(array[$1::bigint]) e on true "
                      "where p.job_id = $1",
                      1, values, failure);
    if (!result)
        return false;
    bool is_there = pg_result_rows(result) > 0;
    if (is_there) {
        snprintf(watch->status, sizeof watch->status, "%s", pg_result_text(result, 0, 0));
        *sample = (struct progress_sample){
            .time_us = clock_now_us(),
            .total = pg_result_integer(result, 0, 1),
            .waiting = pg_result_integer(result, 0, 2),
            .running = pg_result_integer(result, 0, 3),
            .completed = pg_result_integer(result, 0, 4),
            .failed = pg_result_integer(result, 0, 5),
            .cancelled = pg_result_integer(result, 0, 6),
            .per_second = pg_result_number(result, 0, 7),
            .seconds_left = pg_result_number(result, 0, 8),
        };
    }
    if (is_there)
        snprintf(sample->report, sizeof sample->report, "%s", pg_result_text(result, 0, 9));
    pg_result_destroy(result);
    return is_there || failure_set(failure, FAILURE_INPUT, "job %s is gone", watch->job);
}

static bool is_final(const char *status)
{
    return strcmp(status, "completed") == 0 || strcmp(status, "failed") == 0 ||
           strcmp(status, "cancelled") == 0;
}

/* A signal ends the pause early. */
static void pause_us(int64_t us)
{
    struct timespec pause = {us / 1000000, us % 1000000 * 1000};
    nanosleep(&pause, NULL);
}

/* A database that restarts or fails over comes back; only then has the job anything new to say. */
static bool reconnect(struct progress_watch *watch, struct failure *failure)
{
    int64_t deadline_us = clock_now_us() + RECONNECT_US;
    while (!is_interrupted) {
        session_close(*watch->session);
        *watch->session = NULL;
        if (watch->on_tick && !watch->on_tick(watch->context, failure) &&
            failure->class != FAILURE_DATABASE)
            return false;
        if (!*watch->session)
            *watch->session = database_open(watch->call, failure);
        if (*watch->session)
            return true;
        if (clock_now_us() > deadline_us)
            return false;
        pause_us(REDRAW_US);
    }
    return true;
}

static bool tick(struct progress_watch *watch, int64_t *next_us, struct failure *failure)
{
    int64_t now_us = clock_now_us();
    if (!watch->on_tick || now_us < *next_us)
        return true;
    *next_us = now_us + LINE_US;
    /* A database that is away is met again, and waited for, by the next question. */
    return watch->on_tick(watch->context, failure) || failure->class == FAILURE_DATABASE;
}

/* What takes a tenth of a second need not be waited for twice as long: at first an eighth of the
 * time that has passed. */
static void pause_since(int64_t start_us)
{
    int64_t us = (clock_now_us() - start_us) / 8;
    pause_us(us < LOOK_US ? LOOK_US : us > REDRAW_US ? REDRAW_US : us);
}

static enum progress_end run(struct progress_watch *watch, struct screen *screen,
                             struct failure *failure)
{
    struct progress_sample sample;
    int64_t start_us = clock_now_us(), next_tick_us = start_us + LINE_US;
    while (!is_interrupted) {
        if (!*watch->session || !read_sample(watch, &sample, failure)) {
            bool is_lost = !*watch->session || !session_is_open(*watch->session);
            if (!is_lost || !reconnect(watch, failure))
                return PROGRESS_LOST;
            continue;
        }
        bool has_ended = is_final(watch->status);
        if (!watch->is_silent)
            show(screen, watch->job, &sample, has_ended);
        if (has_ended)
            return PROGRESS_ENDED;
        if (!tick(watch, &next_tick_us, failure))
            return PROGRESS_LOST;
        pause_since(start_us);
    }
    return PROGRESS_DETACHED;
}

enum progress_end progress_watch(struct progress_watch *watch, struct failure *failure)
{
    struct screen screen = {.is_terminal = isatty(STDOUT_FILENO)};
    progress_catch_interrupt();
    enum progress_end end = run(watch, &screen, failure);
    screen_finish(&screen);
    return end;
}
