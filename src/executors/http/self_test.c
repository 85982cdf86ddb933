#include "executors/http/self_test.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_text.h"
#include "base/memory.h"
#include "executors/http/reply.h"

/* Statuses after which dispatches would fail too. That OPTIONS is not answered (400, 405, 501)
 * says nothing about them; nor, where more is to come behind the target's URL, that nothing is at
 * it. */
static const struct {
    int first, last;
    const char *meaning;
    bool is_of_url;
} refusals[] = {
    {501, 501, NULL},
    {300, 399, "it leads elsewhere, and redirects are not followed"},
    {401, 401, "the target wants other credentials: see the options authorization and headers"},
    {403, 403, "the target refuses us: see the options authorization and headers"},
    {404, 404, "there is nothing at this URL", true},
    {410, 410, "there is nothing at this URL any more", true},
    {407, 407, "a proxy in front of the target wants credentials"},
    {500, 599, "the target, or what stands in front of it, is not well"},
};

bool self_test_is_wanted(const struct job_facts *job)
{
    if (!strstr(job->params, "\"self_test\""))
        return false;
    json_t *params = json_loads(job->params, 0, NULL);
    bool is_wanted = json_is_true(json_object_get(params, "self_test"));
    json_decref(params);
    return is_wanted;
}

static const char *meaning_of(int status, enum target_form form)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (status >= refusals[i].first && status <= refusals[i].last)
            return refusals[i].is_of_url && form == FORM_FETCH ? NULL : refusals[i].meaning;
    return NULL;
}

static const char *phase_of(enum http_failure failure)
{
    switch (failure) {
    case HTTP_FAILURE_DNS:
        return "the name";
    case HTTP_FAILURE_TLS:
        return "TLS";
    case HTTP_FAILURE_TIMEOUT:
        return "time";
    case HTTP_FAILURE_REFUSED:
        return "the guard";
    case HTTP_FAILURE_PROTOCOL:
        return "HTTP";
    default:
        return "the connection";
    }
}

static struct outcome failed_outcome(const struct http_result *result)
{
    struct text error = {0};
    struct outcome outcome = reply_failure_outcome(result);
    text_append_format(&error, "%s: %s", phase_of(result->failure), outcome.error);
    free(outcome.error);
    outcome.error = error.start;
    outcome.is_final = true;
    return outcome;
}

struct outcome self_test_outcome(const struct dispatch *dispatch, const struct http_result *result)
{
    int status = result->head.status;
    if (result->failure && result->failure != HTTP_FAILURE_TOO_LARGE)
        return failed_outcome(result);
    struct text text = {0};
    const char *meaning = meaning_of(status, dispatch->target->form);
    if (meaning) {
        text_append_format(&text, "status: HTTP %d: %s", status, meaning);
        return (struct outcome){.kind = OUTCOME_FAILED,
                                .is_final = true,
                                .delay_ms = -1,
                                .error_class = "status",
                                .error = text.start};
    }
    text_append_char(&text, '{');
    json_append_integer_member(&text, "status", status);
    json_append_string_member(&text, "address", *result->address ? result->address : NULL);
    json_append_ms_member(&text, "dns_ms", result->dns_ms);
    json_append_ms_member(&text, "connect_ms", result->connect_ms);
    json_append_ms_member(&text, "tls_ms", result->tls_ms);
    json_drop_comma(&text);
    text_append_char(&text, '}');
    return (struct outcome){.kind = OUTCOME_COMPLETED, .delay_ms = -1, .result = text.start};
}
