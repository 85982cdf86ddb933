#include "access_log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

enum { FLUSH_MS = 50, FLUSH_BYTES = 1 << 18 };

struct access_log {
    int file;
    uv_timer_t timer;
    struct text lines;
};

void access_log_flush(struct access_log *log)
{
    size_t done = 0;
    while (log && done < log->lines.length) {
        ssize_t written = write(log->file, log->lines.start + done, log->lines.length - done);
        CHECK(written > 0); /* a test cannot be judged without its log */
        done += (size_t)written;
    }
    if (log)
        text_clear(&log->lines);
}

static void on_time(uv_timer_t *timer)
{
    access_log_flush(timer->data);
}

struct access_log *access_log_create(uv_loop_t *loop, const char *path)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
    if (file < 0)
        return NULL;
    struct access_log *log = memory_zeroed(1, sizeof *log);
    log->file = file;
    uv_timer_init(loop, &log->timer);
    log->timer.data = log;
    return log;
}

static void on_closed(uv_handle_t *handle)
{
    struct access_log *log = handle->data;
    text_finish(&log->lines);
    close(log->file);
    free(log);
}

void access_log_destroy(struct access_log *log)
{
    if (!log)
        return;
    access_log_flush(log);
    uv_close((uv_handle_t *)&log->timer, on_closed);
}

static void append_clean(struct text *line, struct slice bytes)
{
    text_append_slice(line, bytes);
    for (size_t i = line->length - bytes.length; i < line->length; i++)
        if ((unsigned char)line->start[i] < ' ')
            line->start[i] = '?';
    text_append_char(line, '\t');
}

static void append_number(struct text *line, int64_t number, char end)
{
    text_append_integer(line, number);
    text_append_char(line, end);
}

void access_log_add(struct access_log *log, const struct exchange *exchange, int64_t ended_us)
{
    if (!log)
        return;
    struct text *lines = &log->lines;
    append_number(lines, exchange->arrived_us, '\t');
    append_number(lines, exchange->arrived_real_us, '\t');
    append_clean(lines, slice_of_string(exchange->host->name));
    append_clean(lines, exchange->request.method);
    append_clean(lines, exchange->request.target);
    append_number(lines, exchange->sent_bytes ? exchange->answer.status : 0, '\t');
    append_clean(lines, exchange->request.user_agent);
    append_number(lines, (int64_t)exchange->sent_bytes, '\t');
    append_number(lines, ended_us - exchange->arrived_us, '\n');
    if (lines->length > FLUSH_BYTES)
        access_log_flush(log);
    else if (!uv_is_active((uv_handle_t *)&log->timer))
        uv_timer_start(&log->timer, on_time, FLUSH_MS, 0);
}
