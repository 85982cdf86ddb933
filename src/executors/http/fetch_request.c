#include "executors/http/fetch_request.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

enum { PATH_BYTES_MAX = 8000, SAVING_PART = 5, SAVING_MS_MAX = 5000 };

static int hex_value(char digit)
{
    return isdigit((unsigned char)digit) ? digit - '0' : (digit | 32) - 'a' + 10;
}

/* The next character, what is percent-encoded decoded; the end stays the end. */
static char next_character(const char **at)
{
    char character = *(*at)++;
    if (character == '%' && isxdigit((unsigned char)(*at)[0]) &&
        isxdigit((unsigned char)(*at)[1])) {
        character = (char)(hex_value((*at)[0]) << 4 | hex_value((*at)[1]));
        *at += 2;
    }
    return character;
}

/* "." or ".." among the segments, also as servers read them that decode before they look: whoever
 * chooses the key would leave its place (RFC 3986, section 5.2.4). */
static bool has_dot_segment(const char *path)
{
    size_t length = 0, dots = 0;
    const char *end = path + strcspn(path, "?");
    while (path < end) {
        char character = next_character(&path);
        if (character == '/' || character == '\\') {
            if (length && length == dots && length <= 2)
                return true;
            length = dots = 0;
            continue;
        }
        length++;
        dots += character == '.';
    }
    return length && length == dots && length <= 2;
}

/* What is wrong with it; NULL: nothing. */
static const char *fault_of_path(const char *path)
{
    if (*path != '/' && *path != '?')
        return "does not begin with / or ?";
    if (strlen(path) > PATH_BYTES_MAX)
        return "is too long";
    for (const char *at = path; *at; at++)
        if (*at <= ' ' || *at > '~' || strchr("<>\"{}|\\^`#", *at))
            return "has a character in it that must be percent-encoded";
    return has_dot_segment(path) ? "has . or .. as a segment, which would lead elsewhere" : NULL;
}

/* "/" at its end and at the path's begin are one. */
static void write_url(struct text *url, const char *target, const char *path)
{
    size_t length = strlen(target);
    if (path && *path == '/' && length && target[length - 1] == '/')
        length--;
    text_append(url, target, length);
    text_append_string(url, path ? path : "");
}

bool fetch_request_build(struct request *request, const struct target *target,
                         const struct task *task)
{
    json_t *payload = json_loadb(task->payload, task->payload_bytes, JSON_DECODE_ANY, NULL);
    const json_t *path = json_object_get(payload, "path");
    const char *fault = NULL;
    int saving_ms = request->timeout_ms / SAVING_PART;
    if (!json_is_string(json_object_get(payload, "type")))
        text_append_format(&request->reason,
                           "kind \"%s\" has the form \"fetch\", and its tasks are refreshes of a "
                           "data type (pawl.define_data_type)",
                           task->job->kind);
    else if (path && !json_is_null(path) && !json_is_string(path))
        fault = "is no text";
    else if (json_is_string(path))
        fault = fault_of_path(json_string_value(path));
    if (fault)
        text_append_format(&request->reason, "\"path\" of the payload %s", fault);
    bool is_fine = !request->reason.length;
    if (is_fine)
        write_url(&request->url, target->url, json_string_value(path));
    text_append_string(&request->method, "GET");
    request->timeout_ms -= saving_ms < SAVING_MS_MAX ? saving_ms : SAVING_MS_MAX;
    json_decref(payload);
    return is_fine;
}
