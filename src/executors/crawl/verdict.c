#include "executors/crawl/verdict.h"

/* RFC 9110, section 15, and RFC 6585: HTTP/2 has no words, and servers write what they like. */
static const char *words_of(int status)
{
    static const struct {
        int status;
        const char *words;
    } known[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {407, "Proxy Authentication Required"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {425, "Too Early"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {451, "Unavailable For Legal Reasons"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].status == status)
            return known[i].words;
    return NULL;
}

/* "Not now" rather than "no". */
static bool is_passing(int status)
{
    return status == 408 || status == 425 || status == 429 || (status >= 500 && status <= 599);
}

static int64_t retry_after_ms(const struct http_result *result)
{
    return result->retry_after_ms < VERDICT_RETRY_AFTER_MAX_MS ? result->retry_after_ms
                                                               : VERDICT_RETRY_AFTER_MAX_MS;
}

static struct verdict of_status(const struct http_result *result)
{
    int status = result->head.status;
    if (status >= 200 && status <= 399)
        return (struct verdict){.is_completed = true, .delay_ms = -1};
    struct verdict verdict = {
        .is_final = !is_passing(status),
        .delay_ms = retry_after_ms(result),
        .task_class = "status",
        .page_class = "status",
    };
    text_append_integer(&verdict.error, status);
    if (words_of(status))
        text_append_format(&verdict.error, " %s", words_of(status));
    return verdict;
}

static const char *task_class_of(enum http_failure failure)
{
    switch (failure) {
    case HTTP_FAILURE_TIMEOUT:
        return "timeout";
    case HTTP_FAILURE_TOO_LARGE:
    case HTTP_FAILURE_REFUSED:
        return "refused";
    default:
        return "network";
    }
}

/* Whatever its status says, it is not the page. */
static struct verdict of_challenge(const struct http_result *result)
{
    struct verdict verdict = {
        .delay_ms = retry_after_ms(result),
        .task_class = "status",
        .page_class = "blocked",
    };
    text_append_format(&verdict.error, "a challenge for browsers instead of the page (status %d)",
                       result->head.status);
    return verdict;
}

struct verdict verdict_of(const struct http_result *result, enum block_kind block)
{
    if (!result->failure && block == BLOCK_CHALLENGE)
        return of_challenge(result);
    if (!result->failure)
        return of_status(result);
    struct verdict verdict = {
        .is_final = result->is_permanent,
        .delay_ms = -1,
        .task_class = task_class_of(result->failure),
        .page_class = http_failure_name(result->failure),
    };
    text_append_utf8(&verdict.error, slice_of_string(result->message));
    return verdict;
}

struct outcome verdict_outcome(struct verdict *verdict, char *page)
{
    struct outcome outcome = {
        .kind = verdict->is_completed ? OUTCOME_COMPLETED : OUTCOME_FAILED,
        .is_final = verdict->is_final,
        .delay_ms = verdict->delay_ms,
        .error_class = verdict->task_class,
        .error = verdict->error.start,
        .page = page,
    };
    verdict->error = (struct text){0};
    return outcome;
}
