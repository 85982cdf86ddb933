/*
 * How it works: a table of kinds by the hash of their name. A kind that has changed gets a new
 * target, and the table lets go of the old one. pawl.check_http_options has refused what cannot be
 * understood; should something else stand there all the same, the target has a fault.
 */
#include "executors/http/target.h"

#include <ctype.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

enum { KINDS_MAX = 1000 };

/* ---- reading the options ---- */

static char *read_string(const json_t *options, const char *name)
{
    const char *value = json_string_value(json_object_get(options, name));
    return value ? memory_copy_string(value) : NULL;
}

/* A whole number may be written as 100.0, which is none to jansson. */
static int64_t read_integer(const json_t *options, const char *name, int64_t otherwise)
{
    const json_t *value = json_object_get(options, name);
    return json_is_number(value) && json_number_value(value) >= 0
               ? (int64_t)json_number_value(value)
               : otherwise;
}

static void read_kind_headers(struct target *target, const json_t *headers)
{
    const char *name;
    json_t *value;
    target->headers = memory_zeroed(json_object_size(headers) + 1, sizeof *target->headers);
    void *at = json_object_iter((json_t *)(uintptr_t)headers);
    for (; at; at = json_object_iter_next((json_t *)(uintptr_t)headers, at)) {
        name = json_object_iter_key(at);
        value = json_object_iter_value(at);
        const char *secret = json_string_value(json_object_get(value, "secret"));
        const char *text = secret ? secret : json_string_value(value);
        if (!text)
            continue;
        target->headers[target->header_count++] = (struct target_header){
            memory_copy_string(name), memory_copy_string(text), secret != NULL};
    }
}

static enum target_form form_of(const char *name)
{
    static const char *const names[] = {
        [FORM_ENVELOPE] = "envelope", [FORM_REQUEST] = "request", [FORM_FETCH] = "fetch"};
    for (size_t i = 0; name && i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum target_form)i;
    return FORM_ENVELOPE;
}

static void read_options(struct target *target, const json_t *options)
{
    int64_t connect_ms = read_integer(options, "connect_timeout_ms", 10000);
    target->form = form_of(json_string_value(json_object_get(options, "form")));
    target->method = read_string(options, "method");
    target->authorization = read_string(options, "authorization");
    target->signing_secret = read_string(options, "signing_secret");
    target->previous_signing_secret = read_string(options, "previous_signing_secret");
    target->max_reply_bytes = (uint64_t)read_integer(options, "max_reply_bytes", 1048576);
    target->max_result_bytes = target->form == FORM_FETCH
                                   ? (size_t)target->max_reply_bytes
                                   : (size_t)read_integer(options, "max_result_bytes", 65536);
    target->connect_timeout_ms = connect_ms < INT_MAX ? (int)connect_ms : INT_MAX;
    target->callback_ms = read_integer(options, "heartbeat_timeout_ms",
                                       read_integer(options, "callback_timeout_ms", 3600000));
    target->allow_private = json_is_true(json_object_get(options, "allow_private"));
    target->retry_timeouts = !json_is_false(json_object_get(options, "retry_timeouts"));
    target->breaker_failures = (int)read_integer(options, "breaker_failures", 5);
    target->breaker_pause_ms = (int)read_integer(options, "breaker_pause_ms", 5000);
    read_kind_headers(target, json_object_get(options, "headers"));
}

/* scheme://host:port, in lower case; the column pawl.kinds.origin says the same: change both. */
static char *origin_of(const char *url)
{
    const char *host = strstr(url, "://");
    if (!host)
        return NULL;
    host += 3;
    size_t length = strcspn(host, "/?");
    const char *colon = memrchr(host, ':', length);
    bool has_port = colon && strspn(colon + 1, "0123456789") == length - (size_t)(colon + 1 - host);
    struct text origin = {0};
    text_append(&origin, url, (size_t)(host - url) + length);
    if (!has_port)
        text_append_string(&origin, strncasecmp(url, "https:", 6) == 0 ? ":443" : ":80");
    for (size_t i = 0; i < origin.length; i++)
        origin.start[i] = (char)tolower((unsigned char)origin.start[i]);
    return origin.start;
}

static struct target *create(const struct job_facts *job)
{
    struct target *target = memory_zeroed(1, sizeof *target);
    json_t *options = json_loads(job->options, 0, NULL);
    target->kind = memory_copy_string(job->kind);
    target->url = memory_copy_string(job->target);
    target->options = memory_copy_string(job->options);
    target->holds = 1; /* the table's */
    read_options(target, options);
    if (!json_is_object(options))
        target->fault = memory_copy_string("the options of the kind are no JSON object");
    else if (target->form != FORM_REQUEST && !*target->url)
        target->fault = memory_copy_string("the kind has no target");
    if (target->form != FORM_REQUEST)
        target->origin = origin_of(target->url);
    json_decref(options);
    return target;
}

void target_release(struct target *target)
{
    if (--target->holds > 0)
        return;
    for (size_t i = 0; i < target->header_count; i++) {
        free(target->headers[i].name);
        free(target->headers[i].value);
    }
    char *const owned[] = {target->kind,
                           target->url,
                           target->options,
                           target->fault,
                           target->method,
                           target->authorization,
                           target->signing_secret,
                           target->previous_signing_secret,
                           (char *)target->headers,
                           target->origin,
                           target->lacking};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        free(owned[i]);
    free(target);
}

bool target_has_header(const struct target *target, const char *name)
{
    for (size_t i = 0; i < target->header_count; i++)
        if (strcasecmp(target->headers[i].name, name) == 0)
            return true;
    return false;
}

bool target_has_secrets(const struct target *target, struct secrets *secrets, uint64_t now_ms,
                        struct text *reason)
{
    const char *const references[] = {target->authorization, target->signing_secret,
                                      target->previous_signing_secret};
    struct slice value;
    for (size_t i = 0; i < sizeof references / sizeof *references; i++)
        if (references[i] && !secrets_find(secrets, references[i], now_ms, &value, reason))
            return false;
    for (size_t i = 0; i < target->header_count; i++)
        if (target->headers[i].is_secret &&
            !secrets_find(secrets, target->headers[i].value, now_ms, &value, reason))
            return false;
    return true;
}

/* ---- the table ---- */

static void let_go(struct targets *targets, struct target *target)
{
    hash_table_remove(&targets->by_kind, &target->link);
    target_release(target);
}

static struct target *find(struct targets *targets, const char *kind, uint64_t hash)
{
    struct hash_table_link *link = hash_table_find(&targets->by_kind, hash);
    for (; link; link = hash_table_find_next(link)) {
        struct target *target = hash_table_object(link, struct target, link);
        if (strcmp(target->kind, kind) == 0)
            return target;
    }
    return NULL;
}

void targets_finish(struct targets *targets)
{
    struct hash_table_link *link;
    while ((link = hash_table_walk(&targets->by_kind, NULL)))
        let_go(targets, hash_table_object(link, struct target, link));
    hash_table_finish(&targets->by_kind);
    targets->by_kind = (struct hash_table){0};
}

struct target *targets_take(struct targets *targets, const struct job_facts *job)
{
    uint64_t hash = hash_table_hash_string(job->kind);
    struct target *target = find(targets, job->kind, hash);
    int lacking_node_id = target ? target->lacking_node_id : 0;
    if (target &&
        (strcmp(target->url, job->target) != 0 || strcmp(target->options, job->options) != 0)) {
        let_go(targets, target);
        target = NULL;
    }
    if (!target) {
        if (targets->by_kind.count >= KINDS_MAX)
            targets_finish(targets); /* read anew, those that are used */
        target = create(job);
        target->lacking_node_id = lacking_node_id;
        hash_table_add(&targets->by_kind, &target->link, hash);
    }
    target->holds++;
    return target;
}
