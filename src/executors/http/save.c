/*
 * How it works: a save waits in `waiting` until a connection is free and ready. What is to be begun
 * after one has ended is begun by the timer, which stands outside of all callbacks: there a spent
 * connection may be replaced. The timer also ends those whose deadline has come.
 */
#include "executors/http/save.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/memory.h"
#include "executors/task_connection.h"

enum { CONNECTIONS = 4 };

struct saver {
    struct saves *saves;
    struct task_connection connection;
    struct save *save; /* that it is at; NULL: none */
};

struct save {
    struct list link;
    struct saves *saves;
    struct saver *saver; /* NULL: it waits */
    struct fetched fetched;
    save_done_fn *on_done;
    void *context;
};

struct saves {
    uv_loop_t *loop;
    uv_timer_t *timer;
    char *url;
    struct list waiting;
    struct text trouble; /* why there is no connection, as was said last; empty: there is */
    struct saver savers[CONNECTIONS];
};

static void on_timer(uv_timer_t *timer);

/* A data type has one, for as long as it is defined. */
static int64_t job_of(const struct save *save)
{
    return save->fetched.task->job_id;
}

/* ---- the end of one ---- */

static void end(struct save *save, struct outcome *outcome)
{
    list_remove(&save->link);
    if (save->saver)
        save->saver->save = NULL;
    save->on_done(save->context, outcome);
    text_finish(&save->fetched.headers);
    text_finish(&save->fetched.body);
    free(save);
}

static void end_as_returned(struct save *save)
{
    struct outcome outcome = {.kind = OUTCOME_RETURNED};
    end(save, &outcome);
}

static void end_as_late(struct save *save)
{
    const struct saves *saves = save->saves;
    struct text error = {0};
    text_append_format(&error, "HTTP %d came, and was not saved in time: ", save->fetched.status);
    if (saves->trouble.length)
        text_append_slice(&error, text_slice(&saves->trouble));
    else
        text_append_string(&error, "no connection for that was free");
    struct outcome outcome = {
        .kind = OUTCOME_FAILED,
        .delay_ms = -1,
        .error_class = saves->trouble.length ? "network" : "timeout",
        .error = error.start,
    };
    end(save, &outcome);
}

/* ---- a call ---- */

/* As bytea is written. */
static void append_hex(struct text *text, struct slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    text_append(text, "\\x", 2);
    text_reserve(text, 2 * bytes.length);
    char *at = text->start + text->length;
    for (size_t i = 0; i < bytes.length; i++) { /* a reply may have megabytes, and the loop waits */
        *at++ = digits[(unsigned char)bytes.start[i] >> 4];
        *at++ = digits[(unsigned char)bytes.start[i] & 15];
    }
    *at = '\0';
    text->length += 2 * bytes.length;
}

static void on_called(void *context, const struct pg_result *result, const struct failure *failure)
{
    struct saver *saver = context;
    struct save *save = saver->save;
    struct outcome outcome = {.kind = OUTCOME_ENDED};
    if (!save)
        return;
    if (failure) {
        outcome = task_connection_outcome(&saver->connection, failure);
        outcome.is_final = strcmp(failure->sqlstate, "PW006") == 0; /* it cannot be saved at all */
    }
    uv_timer_start(saver->saves->timer, on_timer, 0, 0);
    end(save, &outcome);
}

static void call(struct saver *saver, struct save *save)
{
    const struct fetched *fetched = &save->fetched;
    struct task_fence fence;
    struct text body = {0};
    char status[16], bytes[24];
    int64_t left_ms = (int64_t)(fetched->deadline_ms - uv_now(saver->saves->loop));
    list_remove(&save->link);
    save->saver = saver;
    saver->save = save;
    task_fence_write(&fence, fetched->task);
    snprintf(status, sizeof status, "%d", fetched->status);
    snprintf(bytes, sizeof bytes, "%lld", (long long)fetched->bytes);
    append_hex(&body, text_slice(&fetched->body));
    const char *const values[] = {fence.node,    fence.job, fence.id,
                                  fence.attempt, status,    text_string(&fetched->headers),
                                  body.start,    bytes};
    task_connection_limit(&saver->connection, left_ms > 0 ? left_ms : 1);
    pg_connection_query(saver->connection.inner,
                        "select pawl.save_fetched($1, $2, $3, $4, $5, $6, $7, $8)", 8, values,
                        on_called, saver);
    pg_connection_end_group(saver->connection.inner);
    text_finish(&body);
    text_finish(&save->fetched.body); /* libpq has it */
}

/* ---- who waits ---- */

static bool has_connection(const struct saves *saves, const struct save *save)
{
    for (int i = 0; i < CONNECTIONS; i++)
        if (saves->savers[i].save && job_of(saves->savers[i].save) == job_of(save))
            return true;
    return false;
}

/* NULL: nobody who may have a connection waits. */
static struct save *find_next(const struct saves *saves)
{
    int busy = 0;
    for (int i = 0; i < CONNECTIONS; i++)
        busy += saves->savers[i].save != NULL;
    for (struct list *link = saves->waiting.next; link != &saves->waiting; link = link->next) {
        struct save *save = list_object(link, struct save, link);
        if (busy < CONNECTIONS - 1 || !has_connection(saves, save))
            return save;
    }
    return NULL;
}

static void call_where_ready(struct saves *saves)
{
    struct save *next;
    for (int i = 0; i < CONNECTIONS; i++) {
        struct saver *saver = &saves->savers[i];
        if (!saver->save && !saver->connection.is_spent &&
            task_connection_is_ready(&saver->connection) && (next = find_next(saves)))
            call(saver, next);
    }
}

/* No more than there are connections. */
static int count_waiting(const struct saves *saves)
{
    int count = 0;
    for (struct list *link = saves->waiting.next; link != &saves->waiting && count < CONNECTIONS;
         link = link->next)
        count++;
    return count;
}

static bool is_connecting(const struct saver *saver)
{
    return !saver->save && saver->connection.inner && !saver->connection.is_spent;
}

/* As many as those that wait need, and no more. */
static void connect_for_waiting(struct saves *saves)
{
    int wanted = count_waiting(saves);
    for (int i = 0; i < CONNECTIONS; i++)
        wanted -= is_connecting(&saves->savers[i]);
    for (int i = 0; i < CONNECTIONS && wanted > 0 && find_next(saves); i++) {
        struct saver *saver = &saves->savers[i];
        if (saver->save || is_connecting(saver))
            continue;
        task_connection_take(&saver->connection);
        wanted--;
    }
}

static void wait_for_first_deadline(struct saves *saves)
{
    uint64_t now_ms = uv_now(saves->loop), first_ms = UINT64_MAX;
    for (struct list *link = saves->waiting.next; link != &saves->waiting; link = link->next) {
        uint64_t deadline_ms = list_object(link, struct save, link)->fetched.deadline_ms;
        first_ms = deadline_ms < first_ms ? deadline_ms : first_ms;
    }
    uv_timer_stop(saves->timer);
    if (first_ms < UINT64_MAX)
        uv_timer_start(saves->timer, on_timer, first_ms > now_ms ? first_ms - now_ms : 0, 0);
}

static struct save *find_late(const struct saves *saves)
{
    for (struct list *link = saves->waiting.next; link != &saves->waiting; link = link->next) {
        struct save *save = list_object(link, struct save, link);
        if (save->fetched.deadline_ms <= uv_now(saves->loop))
            return save;
    }
    return NULL;
}

static void serve_waiting(struct saves *saves)
{
    call_where_ready(saves);
    connect_for_waiting(saves);
    wait_for_first_deadline(saves);
}

static void on_timer(uv_timer_t *timer)
{
    struct saves *saves = timer->data;
    struct save *late;
    call_where_ready(saves);
    while ((late = find_late(saves)))
        end_as_late(late);
    serve_waiting(saves);
}

static void on_ready(void *context)
{
    struct saver *saver = context;
    text_clear(&saver->saves->trouble);
    uv_timer_start(saver->saves->timer, on_timer, 0, 0);
}

/* A call under way has been answered already; those that wait go on waiting. */
static void on_lost(void *context, const struct failure *failure)
{
    struct saver *saver = context;
    text_clear(&saver->saves->trouble);
    text_append_string(&saver->saves->trouble, failure->message);
}

struct save *saves_add(struct saves *saves, struct fetched *fetched, save_done_fn *on_done,
                       void *context)
{
    struct save *save = memory_zeroed(1, sizeof *save);
    *save =
        (struct save){.saves = saves, .fetched = *fetched, .on_done = on_done, .context = context};
    fetched->headers = fetched->body = (struct text){0};
    list_init(&save->link);
    list_append(&saves->waiting, &save->link);
    serve_waiting(saves);
    return save;
}

void save_cancel(struct save *save)
{
    if (save->saver)
        task_connection_cancel(&save->saver->connection); /* its own fence undoes the call */
    else
        end_as_returned(save);
}

/* ---- the object ---- */

struct saves *saves_create(uv_loop_t *loop, const char *url)
{
    static const struct pg_connection_events events = {on_ready, on_lost, NULL};
    struct saves *saves = memory_zeroed(1, sizeof *saves);
    saves->loop = loop;
    saves->url = memory_copy_string(url);
    list_init(&saves->waiting);
    saves->timer = memory_zeroed(1, sizeof *saves->timer);
    uv_timer_init(loop, saves->timer);
    saves->timer->data = saves;
    for (int i = 0; i < CONNECTIONS; i++) {
        struct saver *saver = &saves->savers[i];
        saver->saves = saves;
        task_connection_init(&saver->connection, loop, saves->url, "save", &events, saver);
    }
    return saves;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle);
}

void saves_destroy(struct saves *saves)
{
    struct list *first;
    while ((first = list_first(&saves->waiting)))
        end_as_returned(list_object(first, struct save, link));
    for (int i = 0; i < CONNECTIONS; i++) {
        struct saver *saver = &saves->savers[i];
        if (saver->save)
            end_as_returned(saver->save);
        task_connection_finish(&saver->connection);
    }
    uv_close((uv_handle_t *)saves->timer, on_timer_closed);
    text_finish(&saves->trouble);
    free(saves->url);
    free(saves);
}
