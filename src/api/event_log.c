#include "api/event_log.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

static void forget_event(struct event *event)
{
    free(event->type);
    free(event->key);
    text_finish(&event->text);
    *event = (struct event){0};
}

static void write_event(struct text *text, const struct event_log *log,
                        const struct refreshed *refreshed, const char *key)
{
    json_t *document =
        key ? json_pack("{s:s, s:s, s:s}", "type", refreshed->type, "key", key, "at", refreshed->at)
            : json_pack("{s:s, s:n, s:I, s:s}", "type", refreshed->type, "key", "count",
                        (json_int_t)refreshed->count, "at", refreshed->at);
    char *data = json_dumps(document, JSON_COMPACT);
    CHECK(data); /* strings that were JSON are UTF-8 */
    text_append_string(text, "event: refreshed\n");
    event_log_write_id(log, text);
    text_append_format(text, "data: %s\n\n", data);
    free(data);
    json_decref(document);
}

/* -1: it is none of ours. */
static int64_t read_id(const struct event_log *log, const char *id)
{
    size_t length = strlen(log->epoch);
    if (strncmp(id, log->epoch, length) != 0 || id[length] != '-')
        return -1;
    const char *digits = id + length + 1;
    size_t count = strspn(digits, "0123456789");
    return count > 0 && count < 19 && !digits[count] ? strtoll(digits, NULL, 10) : -1;
}

void event_log_start(struct event_log *log, const char *epoch)
{
    snprintf(log->epoch, sizeof log->epoch, "%s", epoch);
}

void event_log_finish(struct event_log *log)
{
    for (int i = 0; i < EVENTS_KEPT; i++)
        forget_event(&log->events[i]);
}

const struct event *event_log_add(struct event_log *log, const struct refreshed *refreshed,
                                  const char *key)
{
    struct event *event = &log->events[++log->number % EVENTS_KEPT];
    forget_event(event);
    event->type = memory_copy_string(refreshed->type);
    event->key = key ? memory_copy_string(key) : NULL;
    write_event(&event->text, log, refreshed, key);
    if (log->kept < EVENTS_KEPT)
        log->kept++;
    return event;
}

void event_log_skip(struct event_log *log)
{
    log->number++;
    log->kept = 0;
}

void event_log_write_id(const struct event_log *log, struct text *text)
{
    text_append_format(text, "id: %s-%lld\n", log->epoch, (long long)log->number);
}

bool event_log_find(const struct event_log *log, const char *id, int64_t *number)
{
    *number = read_id(log, id);
    return *number >= 0 && *number <= log->number && log->number - *number <= log->kept;
}

const struct event *event_log_at(const struct event_log *log, int64_t number)
{
    return &log->events[number % EVENTS_KEPT];
}
