#include "executors/http/payload_request.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "executors/http/header_lines.h"

static bool is_token(const char *string)
{
    if (!*string)
        return false;
    for (; *string; string++)
        if (!isalnum((unsigned char)*string) && !strchr("!#$%&'*+-.^_`|~", *string))
            return false;
    return true;
}

static bool refuse(struct request *request, const char *why)
{
    text_append_string(&request->reason, why);
    return false;
}

/* These say where the request ends and whom it is for: not for a payload to choose. */
static bool is_framing(const char *name)
{
    static const char *const names[] = {"host",       "content-length", "transfer-encoding",
                                        "connection", "expect",         "upgrade",
                                        "te",         "trailer",        "keep-alive"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool read_headers(struct request *request, json_t *headers)
{
    const char *name;
    json_t *value;
    if (headers && !json_is_object(headers) && !json_is_null(headers))
        return refuse(request, "\"headers\" of the payload is no object");
    json_object_foreach(headers, name, value)
    {
        if (!is_token(name) || !json_is_string(value))
            return refuse(request, "\"headers\" of the payload has a name that is none, or a value "
                                   "that is no text");
        if (is_framing(name))
            return refuse(request,
                          "\"headers\" of the payload has one that the request itself makes");
        header_add_line(request, name, json_string_value(value));
    }
    return true;
}

static bool is_url(const char *url)
{
    return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

static bool read_body(struct request *request, const json_t *payload)
{
    const json_t *body = json_object_get(payload, "body");
    request->has_body = json_is_string(body);
    if (body && !json_is_string(body) && !json_is_null(body))
        return refuse(request, "\"body\" of the payload is no text");
    if (request->has_body)
        text_append(&request->body, json_string_value(body), json_string_length(body));
    return true;
}

static bool read_payload(struct request *request, const json_t *payload)
{
    const char *url = json_string_value(json_object_get(payload, "url"));
    const json_t *method = json_object_get(payload, "method");
    const json_t *timeout = json_object_get(payload, "timeout_ms");
    if (!url || !is_url(url))
        return refuse(request, "the payload has no \"url\" that begins with http:// or https://");
    if (method && (!json_is_string(method) || !is_token(json_string_value(method))))
        return refuse(request, "\"method\" of the payload is none");
    if (timeout && !json_is_null(timeout) &&
        (!json_is_integer(timeout) || json_integer_value(timeout) <= 0))
        return refuse(request, "\"timeout_ms\" of the payload is no whole number over 0");
    if (json_is_integer(timeout) && json_integer_value(timeout) < request->timeout_ms)
        request->timeout_ms = (int)json_integer_value(timeout);
    text_append_string(&request->url, url);
    text_append_string(&request->method, method ? json_string_value(method) : "GET");
    return read_body(request, payload) &&
           read_headers(request, json_object_get(payload, "headers"));
}

static bool payload_has_header(const json_t *payload, const char *wanted)
{
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(payload, "headers"), name, value)
    {
        if (strcasecmp(name, wanted) == 0)
            return true;
    }
    return false;
}

enum request_step payload_request_build(struct request *request, const struct target *target,
                                        const struct task *task)
{
    json_t *payload = json_loadb(task->payload, task->payload_bytes, JSON_DECODE_ANY, NULL);
    bool is_read = read_payload(request, payload);
    bool has_form = request->has_body || strcmp(text_string(&request->method), "POST") == 0;
    if (is_read && has_form && !payload_has_header(payload, "Content-Type") &&
        !target_has_header(target, "Content-Type")) { /* libcurl would call it a form */
        text_append_string(&request->lines, "Content-Type:");
        header_end_line(request);
    }
    for (size_t i = 0; is_read && i < target->header_count; i++)
        if (!target->headers[i].is_secret && !payload_has_header(payload, target->headers[i].name))
            header_add_line(request, target->headers[i].name, target->headers[i].value);
    json_decref(payload);
    return is_read ? REQUEST_IS_READY : REQUEST_IS_REFUSED;
}
