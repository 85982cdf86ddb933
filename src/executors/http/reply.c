#include "executors/http/reply.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json_text.h"
#include "base/memory.h"
#include "executors/http/reply_fields.h"
#include "executors/http/secret_mask.h"

enum {
    ERROR_EXCERPT_BYTES = 300,
    RETRY_AFTER_MS_MAX = 24 * 60 * 60 * 1000,
    EXPONENT_DIGITS_MAX = 3,
    NUMBER_DIGITS_MAX = 1000,
};

enum verdict { VERDICT_COMPLETED, VERDICT_RETRY, VERDICT_FAILED };

/* The first row that holds the status decides. */
static const struct {
    int first, last;
    enum verdict verdict;
} rules[] = {
    {200, 299, VERDICT_COMPLETED}, {408, 408, VERDICT_RETRY}, /* request timeout */
    {425, 425, VERDICT_RETRY},                                /* too early */
    {429, 429, VERDICT_RETRY},                                /* too many requests */
    {300, 499, VERDICT_FAILED},    {0, 999, VERDICT_RETRY},
};

static enum verdict judge(int status)
{
    size_t i = 0;
    while (status < rules[i].first || status > rules[i].last)
        i++;
    return rules[i].verdict;
}

void reply_feed(struct dispatch *dispatch, struct slice piece)
{
    size_t limit = dispatch->target->max_result_bytes;
    size_t room = dispatch->reply.length < limit ? limit - dispatch->reply.length : 0;
    text_append(&dispatch->reply, piece.start, piece.length < room ? piece.length : room);
}

/* ---- is it JSON that the database takes? ---- */

/* PostgreSQL's numbers end somewhere, and one that is over is an error for the whole result.
 * The text is JSON, so a quote is a string's begin or end. */
static bool has_wild_number(struct slice json)
{
    bool is_string = false, is_exponent = false;
    int digits = 0;
    for (size_t i = 0; i < json.length; i++) {
        char byte = json.start[i];
        if (is_string) {
            i += byte == '\\';
            is_string = byte != '"';
        } else if (isdigit((unsigned char)byte)) {
            if (++digits > (is_exponent ? EXPONENT_DIGITS_MAX : NUMBER_DIGITS_MAX))
                return true;
        } else {
            is_string = byte == '"';
            is_exponent = (byte == 'e' || byte == 'E') ||
                          (is_exponent && !digits && (byte == '-' || byte == '+'));
            digits = 0;
        }
    }
    return false;
}

static bool is_json(const struct http_head *head, struct slice body)
{
    struct slice start = slice_trimmed(body);
    bool looks_so = start.length && (start.start[0] == '{' || start.start[0] == '[');
    bool is_called_so = head->content_type && strcasestr(head->content_type, "json");
    if (!looks_so && !is_called_so)
        return false;
    json_t *json =
        json_loadb(body.start, body.length, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
    json_decref(json);
    return json && !has_wild_number(body);
}

/* ---- results ---- */

static void append_headers(struct text *text, const struct http_head *head)
{
    struct text value = {0};
    text_append_string(text, "\"headers\":{");
    for (size_t i = 0; i < head->field_count; i++) {
        if (!reply_field_is_first(head, i))
            continue;
        text_clear(&value);
        reply_field_append(head, i, &value);
        json_append_string(text, head->fields[i].name);
        text_append_char(text, ':');
        json_append_string(text, text_slice(&value));
        text_append_char(text, ',');
    }
    json_drop_comma(text);
    text_append_string(text, "},");
    text_finish(&value);
}

/* Without the begin of a character whose end was cut off. */
static struct slice whole_characters(struct slice bytes)
{
    size_t cut = 0;
    while (cut < 3 && cut < bytes.length &&
           ((unsigned char)bytes.start[bytes.length - 1 - cut] & 0xC0) == 0x80)
        cut++;
    if (cut < bytes.length) {
        unsigned char lead = (unsigned char)bytes.start[bytes.length - 1 - cut];
        size_t wanted = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
        if (wanted > cut)
            bytes.length -= cut + 1;
    }
    return bytes;
}

static bool is_truncated(const struct dispatch *dispatch, const struct http_result *result)
{
    return result->failure != HTTP_FAILURE_NONE || result->body_bytes > dispatch->reply.length;
}

static void append_content_type(struct text *text, const struct dispatch *dispatch,
                                const char *type)
{
    struct text masked = {0};
    if (!type)
        return;
    text_append_string(&masked, type);
    secret_mask_text(dispatch, &masked, false);
    json_append_string_member(text, "content_type", text_string(&masked));
    text_finish(&masked);
}

/* {"status", "content_type", "headers" in the form "request", "is_truncated", "body"} */
static char *describe(const struct dispatch *dispatch, const struct http_result *result)
{
    struct text text = {0};
    struct slice body = text_slice(&dispatch->reply);
    bool is_cut = is_truncated(dispatch, result);
    text_append_char(&text, '{');
    json_append_integer_member(&text, "status", result->head.status);
    append_content_type(&text, dispatch, result->head.content_type);
    if (dispatch->target->form == FORM_REQUEST)
        append_headers(&text, &result->head);
    if (is_cut) {
        text_append_string(&text, "\"is_truncated\":true,");
        json_append_integer_member(&text, "bytes", (int64_t)result->body_bytes);
    }
    text_append_string(&text, "\"body\":");
    json_append_string(&text, is_cut ? whole_characters(body) : body);
    text_append_char(&text, '}');
    return text.start;
}

static char *result_of(const struct dispatch *dispatch, const struct http_result *result)
{
    struct slice body = text_slice(&dispatch->reply);
    bool is_whole = !is_truncated(dispatch, result);
    if (dispatch->target->form == FORM_REQUEST)
        return describe(dispatch, result);
    if (is_whole && !body.length)
        return NULL;
    if (is_whole && is_json(&result->head, body))
        return memory_copy(body.start, body.length);
    return describe(dispatch, result);
}

/* ---- outcomes ---- */

static void append_excerpt(struct text *error, struct slice body)
{
    struct text clean = {0};
    body = slice_trimmed(body);
    if (body.length > ERROR_EXCERPT_BYTES)
        body = whole_characters(slice_of(body.start, ERROR_EXCERPT_BYTES));
    text_append_utf8(&clean, body);
    for (size_t i = 0; i < clean.length; i++)
        if (iscntrl((unsigned char)clean.start[i]))
            clean.start[i] = ' ';
    if (clean.length)
        text_append_string(error, ": ");
    text_append_slice(error, text_slice(&clean));
    text_finish(&clean);
}

static char *describe_status(const struct dispatch *dispatch, const struct http_result *result)
{
    struct text error = {0};
    int status = result->head.status;
    text_append_format(&error, "HTTP %d", status);
    if (status / 100 == 3 && result->head.location) {
        text_append_string(&error, ": it leads to ");
        text_append_utf8(&error, slice_of_string(result->head.location));
        text_append_string(&error, ", and redirects are not followed");
    } else {
        append_excerpt(&error, text_slice(&dispatch->reply));
    }
    secret_mask_text(dispatch, &error, false);
    return error.start;
}

struct outcome reply_failure_outcome(const struct http_result *result)
{
    struct text error = {0};
    bool is_guard = result->failure == HTTP_FAILURE_REFUSED;
    bool is_refused = is_guard || (result->is_permanent && !result->head.status &&
                                   result->failure == HTTP_FAILURE_PROTOCOL);
    text_append_utf8(&error, slice_of_string(result->message));
    if (is_guard)
        text_append_string(&error, "; the option allow_private of the kind allows it");
    return (struct outcome){
        .kind = OUTCOME_FAILED,
        .is_final = is_refused,
        .delay_ms = -1,
        .error_class = is_refused                                ? "refused"
                       : result->failure == HTTP_FAILURE_TIMEOUT ? "timeout"
                                                                 : "network",
        .error = error.start,
    };
}

/* 202 (RFC 9110, section 15.3.3): accepted, and not done; done by a function that can call back. */
static bool will_call_back(const struct dispatch *dispatch, const struct http_result *result)
{
    return result->head.status == 202 && dispatch->target->form == FORM_ENVELOPE &&
           dispatch->dispatcher->environment.installation->callback_url;
}

static struct outcome status_outcome(struct dispatch *dispatch, const struct http_result *result)
{
    enum verdict verdict = judge(result->head.status);
    int64_t retry_after_ms = result->retry_after_ms;
    struct outcome outcome = {.kind = OUTCOME_COMPLETED, .delay_ms = -1};
    if (will_call_back(dispatch, result)) {
        outcome.kind = OUTCOME_LEASED;
        outcome.delay_ms = dispatch->target->callback_ms;
        return outcome;
    }
    secret_mask_text(dispatch, &dispatch->reply, is_truncated(dispatch, result));
    if (verdict == VERDICT_COMPLETED || dispatch->target->form == FORM_REQUEST)
        outcome.result = result_of(dispatch, result);
    if (verdict == VERDICT_COMPLETED)
        return outcome;
    outcome.kind = OUTCOME_FAILED;
    outcome.is_final = verdict == VERDICT_FAILED;
    outcome.error_class = "status";
    outcome.error = describe_status(dispatch, result);
    outcome.delay_ms = retry_after_ms > RETRY_AFTER_MS_MAX ? RETRY_AFTER_MS_MAX : retry_after_ms;
    return outcome;
}

/* A part of what was fetched is of no use, and it would be too large again. */
static struct outcome excess_outcome(const struct dispatch *dispatch,
                                     const struct http_result *result)
{
    struct text error = {0};
    text_append_format(&error, "HTTP %d: the reply is over max_reply_bytes of the kind, %llu",
                       result->head.status, (unsigned long long)dispatch->target->max_reply_bytes);
    return (struct outcome){.kind = OUTCOME_FAILED,
                            .is_final = true,
                            .delay_ms = -1,
                            .error_class = "status",
                            .error = error.start};
}

/* Too large: the status is known, and it is what counts. */
struct outcome reply_outcome(struct dispatch *dispatch, const struct http_result *result)
{
    bool has_status = result->failure == HTTP_FAILURE_NONE ||
                      (result->failure == HTTP_FAILURE_TOO_LARGE && result->head.status >= 200);
    bool is_part = dispatch->target->form == FORM_FETCH && result->failure && has_status &&
                   result->head.status / 100 == 2;
    struct outcome outcome = is_part      ? excess_outcome(dispatch, result)
                             : has_status ? status_outcome(dispatch, result)
                                          : reply_failure_outcome(result);
    if (!has_status && result->failure == HTTP_FAILURE_TIMEOUT &&
        !dispatch->target->retry_timeouts && result->is_sent)
        outcome.is_final = true; /* the receiver may be at it */
    outcome.bytes = (int64_t)result->wire_bytes;
    return outcome;
}
