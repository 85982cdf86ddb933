#include "executors/http/request.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/json_text.h"
#include "base/memory.h"
#include "executors/http/fetch_request.h"
#include "executors/http/header_lines.h"
#include "executors/http/payload_request.h"
#include "executors/http/signature.h"

enum { HEADER_BYTES_MAX = 65536 };

#define USER_AGENT "pawl/" PAWL_VERSION

static void clear(struct request *request)
{
    text_clear(&request->url);
    text_clear(&request->method);
    text_clear(&request->body);
    text_clear(&request->lines);
    text_clear(&request->sent_secrets);
    text_clear(&request->reason);
    request->has_body = false;
}

void request_finish(struct request *request)
{
    text_finish(&request->url);
    text_finish(&request->method);
    text_finish(&request->body);
    text_finish(&request->lines);
    text_finish(&request->sent_secrets);
    text_finish(&request->reason);
    free(request->headers);
    *request = (struct request){0};
}

/* ---- secrets and the kind's own header ---- */

static void note_secret(struct request *request, struct slice value)
{
    text_append_slice(&request->sent_secrets, value);
    text_append_char(&request->sent_secrets, '\0');
}

/* A value with a line break in it cannot be sent, and must not be taken for a bad request. */
static bool is_one_line(struct request *request, const char *reference, struct slice value)
{
    for (size_t i = 0; i < value.length; i++)
        if (iscntrl((unsigned char)value.start[i]) && value.start[i] != '\t') {
            text_append_format(&request->reason,
                               "secret %s: it has a line break or another control character",
                               reference);
            return false;
        }
    return true;
}

static bool add_secret_line(struct request *request, const char *name, const char *reference,
                            struct secrets *secrets, uint64_t now_ms)
{
    struct slice value;
    if (!secrets_find(secrets, reference, now_ms, &value, &request->reason) ||
        !is_one_line(request, reference, value))
        return false;
    bool is_authorization = strcmp(name, "Authorization") == 0;
    header_begin_line(request, name, false);
    if (is_authorization && !memchr(value.start, ' ', value.length))
        text_append(&request->lines, "Bearer ", 7);
    text_append_slice(&request->lines, value);
    header_end_line(request);
    note_secret(request, value);
    return true;
}

static bool add_own_headers(struct request *request, const struct target *target,
                            struct secrets *secrets, uint64_t now_ms)
{
    for (size_t i = 0; i < target->header_count; i++) {
        const struct target_header *header = &target->headers[i];
        if (!header->is_secret)
            header_add_line(request, header->name, header->value);
        else if (!add_secret_line(request, header->name, header->value, secrets, now_ms))
            return false;
    }
    return !target->authorization ||
           add_secret_line(request, "Authorization", target->authorization, secrets, now_ms);
}

/* ---- the envelope ---- */

/* Where to call back, should the answer be 202. The deadline is that of an answer at once. */
static void write_callback(struct text *body, const struct target *target, const struct task *task,
                           const struct installation *installation)
{
    struct tm fields;
    char deadline[32];
    struct text url = {0};
    time_t seconds = time(NULL) + (time_t)(target->callback_ms / 1000);
    strftime(deadline, sizeof deadline, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &fields));
    text_append_format(&url, "%s/v1/callbacks/%lld/%lld/%d", installation->callback_url,
                       (long long)task->job_id, (long long)task->id, task->attempt);
    text_append_string(body, ",\"callback\":{\"url\":");
    json_append_string(body, text_slice(&url));
    text_append_string(body, ",\"token\":\"");
    signature_append_callback_token(body, installation, task);
    text_append_format(body, "\",\"deadline\":\"%s\"}", deadline);
    text_finish(&url);
}

static void write_envelope(struct text *body, const struct target *target, const struct task *task,
                           const struct installation *installation)
{
    text_append(body, "{\"job\":\"", 8);
    text_append_integer(body, task->job_id);
    text_append(body, "\",\"task\":\"", 10);
    text_append_integer(body, task->id);
    text_append(body, "\",\"attempt\":", 12);
    text_append_integer(body, task->attempt);
    text_append(body, ",\"kind\":", 8);
    json_append_string(body, slice_of_string(task->job->kind));
    text_append(body, ",\"payload\":", 11);
    text_append(body, task->payload, task->payload_bytes);
    text_append(body, ",\"params\":", 10);
    text_append_string(body, task->job->params);
    if (installation->callback_url)
        write_callback(body, target, task, installation);
    text_append_char(body, '}');
}

static bool append_signature(struct request *request, struct text *signature, const char *reference,
                             const char *id, int64_t timestamp, struct secrets *secrets,
                             uint64_t now_ms)
{
    struct slice secret;
    if (!reference)
        return true;
    if (!secrets_find(secrets, reference, now_ms, &secret, &request->reason))
        return false;
    if (signature_append(signature, secret, id, timestamp, text_slice(&request->body)))
        return true;
    text_append_format(&request->reason, "secret %s: behind whsec_ stands no base64", reference);
    return false;
}

/* While a secret is replaced the old one signs too, until receivers know the new one. */
static bool sign(struct request *request, const struct target *target, const char *id,
                 struct secrets *secrets, uint64_t now_ms)
{
    struct text signature = {0};
    char digits[24];
    int64_t timestamp = time(NULL);
    snprintf(digits, sizeof digits, "%lld", (long long)timestamp);
    header_add_line(request, "Webhook-Id", id);
    header_add_line(request, "Webhook-Timestamp", digits);
    bool is_signed = append_signature(request, &signature, target->signing_secret, id, timestamp,
                                      secrets, now_ms) &&
                     append_signature(request, &signature, target->previous_signing_secret, id,
                                      timestamp, secrets, now_ms);
    if (is_signed && signature.length)
        header_add_line(request, "Webhook-Signature", text_string(&signature));
    text_finish(&signature);
    return is_signed;
}

static enum request_step build_envelope(struct request *request, const struct target *target,
                                        const struct task *task,
                                        const struct installation *installation,
                                        struct secrets *secrets, uint64_t now_ms)
{
    struct text id = {0}, trace = {0};
    signature_append_id(&id, installation, task);
    signature_append_trace(&trace, installation, task);
    text_append_string(&request->url, target->url);
    text_append_string(&request->method, target->method ? target->method : "POST");
    write_envelope(&request->body, target, task, installation);
    request->has_body = true;
    if (!target_has_header(target, "Content-Type"))
        header_add_line(request, "Content-Type", "application/json");
    header_add_line(request, "Idempotency-Key", text_string(&id));
    header_add_line(request, "Traceparent", text_string(&trace));
    bool is_ready = sign(request, target, text_string(&id), secrets, now_ms) &&
                    add_own_headers(request, target, secrets, now_ms);
    text_finish(&id);
    text_finish(&trace);
    return is_ready ? REQUEST_IS_READY : REQUEST_WAITS;
}

/* ---- for all ---- */

static enum request_step build_fetch(struct request *request, const struct target *target,
                                     const struct task *task, struct secrets *secrets,
                                     uint64_t now_ms)
{
    if (!fetch_request_build(request, target, task))
        return REQUEST_IS_REFUSED;
    return add_own_headers(request, target, secrets, now_ms) ? REQUEST_IS_READY : REQUEST_WAITS;
}

enum request_step request_build(struct request *request, const struct target *target,
                                const struct task *task, const struct installation *installation,
                                struct secrets *secrets, uint64_t now_ms)
{
    clear(request);
    request->timeout_ms = task->job->timeout_ms;
    switch (target->form) {
    case FORM_REQUEST:
        return payload_request_build(request, target, task);
    case FORM_FETCH:
        return build_fetch(request, target, task, secrets, now_ms);
    default:
        return build_envelope(request, target, task, installation, secrets, now_ms);
    }
}

enum request_step request_build_self_test(struct request *request, const struct target *target,
                                          const struct task *task, struct secrets *secrets,
                                          uint64_t now_ms)
{
    struct text unused = {0};
    clear(request);
    request->timeout_ms = task->job->timeout_ms;
    text_append_string(&request->url, target->url);
    text_append_string(&request->method, "OPTIONS");
    bool is_ready =
        append_signature(request, &unused, target->signing_secret, "", 0, secrets, now_ms) &&
        append_signature(request, &unused, target->previous_signing_secret, "", 0, secrets,
                         now_ms) &&
        add_own_headers(request, target, secrets, now_ms);
    text_finish(&unused);
    return is_ready ? REQUEST_IS_READY : REQUEST_WAITS;
}

/* The lines stand still only now. */
static const char *const *list_headers(struct request *request)
{
    size_t count = 0, at = 0;
    for (;;) {
        if (count == request->header_capacity) {
            request->header_capacity = count ? count * 2 : 16;
            request->headers = memory_resized(request->headers,
                                              request->header_capacity * sizeof *request->headers);
        }
        if (at == request->lines.length)
            break;
        request->headers[count++] = request->lines.start + at;
        at += strlen(request->lines.start + at) + 1;
    }
    request->headers[count] = NULL;
    return request->headers;
}

struct http_request request_view(struct request *request, const struct target *target)
{
    int connect_ms = target->connect_timeout_ms;
    const char *const *headers = list_headers(request);
    bool has_agent = false;
    for (size_t i = 0; headers[i]; i++)
        has_agent = has_agent || strncasecmp(headers[i], "User-Agent:", 11) == 0;
    return (struct http_request){
        .url = text_string(&request->url),
        .method = text_string(&request->method),
        .user_agent = has_agent ? NULL : USER_AGENT,
        .headers = headers,
        .body = request->has_body ? slice_of(text_string(&request->body), request->body.length)
                                  : (struct slice){NULL, 0},
        .allow_private = target->allow_private,
        .timeout_ms = request->timeout_ms,
        .connect_timeout_ms = connect_ms < request->timeout_ms ? connect_ms : request->timeout_ms,
        .max_body_bytes = target->max_reply_bytes,
        .max_header_bytes = HEADER_BYTES_MAX,
    };
}
