#include "executors/http/fetch.h"

#include <ctype.h>

#include "base/json_text.h"
#include "executors/http/health.h"
#include "executors/http/reply_fields.h"
#include "executors/http/secret_mask.h"

enum { HEADERS_MAX = 100, HEADERS_BYTES_MAX = 32768 };

/* The answer is that there is none, or none that is new; pawl.fetch_outcome says the same. */
static bool has_no_data(int status)
{
    return status == 204 || status == 304 || status == 404 || status == 410;
}

bool fetch_is_to_be_saved(const struct dispatch *dispatch, const struct http_result *result)
{
    int status = result->head.status;
    if (dispatch->target->form != FORM_FETCH || dispatch->is_self_test)
        return false;
    if (result->failure == HTTP_FAILURE_TOO_LARGE)
        return has_no_data(status);
    return result->failure == HTTP_FAILURE_NONE && (status / 100 == 2 || has_no_data(status));
}

/* A cookie is a secret between the target and us, and commas do not divide several. */
static bool is_told(const struct http_head *head, size_t place)
{
    return !slice_equals_nocase(head->fields[place].name, slice_of_string("set-cookie")) &&
           reply_field_is_first(head, place);
}

/* "content-type":"...", */
static void append_field(const struct dispatch *dispatch, const struct http_head *head,
                         size_t place, struct text *text)
{
    struct slice field = head->fields[place].name;
    struct text name = {0}, value = {0};
    for (size_t i = 0; i < field.length; i++)
        text_append_char(&name, (char)tolower((unsigned char)field.start[i]));
    reply_field_append(head, place, &value);
    secret_mask_text(dispatch, &value, false);
    json_append_string(text, text_slice(&name));
    text_append_char(text, ':');
    json_append_string(text, text_slice(&value));
    text_append_char(text, ',');
    text_finish(&name);
    text_finish(&value);
}

/* As a JSON object; what is beyond the limits is left out. */
static void write_headers(const struct dispatch *dispatch, const struct http_head *head,
                          struct text *headers)
{
    struct text field = {0};
    text_append_char(headers, '{');
    for (size_t i = 0, count = 0; i < head->field_count && count < HEADERS_MAX; i++) {
        if (!is_told(head, i))
            continue;
        text_clear(&field);
        append_field(dispatch, head, i, &field);
        if (headers->length + field.length > HEADERS_BYTES_MAX)
            continue;
        text_append_slice(headers, text_slice(&field));
        count++;
    }
    json_drop_comma(headers);
    text_append_char(headers, '}');
    text_finish(&field);
}

static void on_saved(void *context, struct outcome *outcome)
{
    struct dispatch *dispatch = context;
    dispatch->save = NULL;
    outcome->bytes = dispatch->bytes;
    dispatch_end(dispatch, outcome);
}

void fetch_save(struct dispatch *dispatch, const struct http_result *result)
{
    struct outcome outcome = {.kind = OUTCOME_RETURNED};
    struct dispatcher *dispatcher = dispatch->dispatcher;
    if (dispatcher->is_destroyed) {
        dispatch_end(dispatch, &outcome);
        return;
    }
    health_note(dispatch, result, &outcome); /* the target is well, whatever saving comes to */
    struct fetched fetched = {
        .task = dispatch->task,
        .status = result->head.status,
        .bytes = (int64_t)result->wire_bytes,
        .deadline_ms = dispatch->started_ms + (uint64_t)dispatch->task->job->timeout_ms,
    };
    dispatch->bytes = fetched.bytes;
    write_headers(dispatch, &result->head, &fetched.headers);
    if (!has_no_data(fetched.status)) {
        secret_mask_text(dispatch, &dispatch->reply, false);
        fetched.body = dispatch->reply;
        dispatch->reply = (struct text){0};
    }
    dispatch->save = saves_add(dispatcher->saves, &fetched, on_saved, dispatch);
}
