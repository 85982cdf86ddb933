#include <jansson.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "api/route.h"

void answer_error(struct text *body, const char *message, const char *hint)
{
    json_t *document =
        json_pack("{s:{s:s, s:s*}}", "error", "message", message, "hint", *hint ? hint : NULL);
    char *string = document ? json_dumps(document, JSON_COMPACT) : NULL;
    text_append_string(body, string ? string : "{\"error\":{}}");
    free(string);
    json_decref(document);
}

/* docs/sql.md has the codes that begin with PW; the first row that fits decides. */
static const struct {
    const char *sqlstate; /* or its begin */
    int status;
} statuses[] = {
    {"PW002", MHD_HTTP_NOT_FOUND},         {"PW003", MHD_HTTP_GONE},
    {"PW004", MHD_HTTP_CONTENT_TOO_LARGE}, {"PW006", MHD_HTTP_BAD_REQUEST},
    {"PW008", MHD_HTTP_CONFLICT},          {"PW011", MHD_HTTP_FORBIDDEN},
    {"22", MHD_HTTP_BAD_REQUEST}, /* no JSON, bytes that are no text */
    {"54", MHD_HTTP_BAD_REQUEST}, /* too deep */
    {"", MHD_HTTP_SERVICE_UNAVAILABLE},
};

int answer_failure(struct text *body, const struct failure *failure)
{
    size_t row = 0;
    while (strncmp(failure->sqlstate, statuses[row].sqlstate, strlen(statuses[row].sqlstate)) != 0)
        row++;
    answer_error(body, failure->message, failure->hint);
    return statuses[row].status;
}

bool ask(struct session_pool *pool, ask_fn *question, const struct api_request *request,
         struct text *body, struct failure *failure)
{
    bool is_fine = false, is_lost = true;
    for (int attempts = 0; is_lost && attempts <= SESSIONS_MAX; attempts++) {
        struct session *session = session_pool_take(pool, failure);
        if (!session)
            return false;
        is_fine = question(session, request, body, failure);
        is_lost = !session_is_open(session);
        session_pool_give(pool, session);
    }
    return is_fine;
}

bool ask_value(struct session *session, const char *sql, int count, const char *const *values,
               struct text *body, struct failure *failure)
{
    struct pg_result *result = session_query(session, sql, count, values, failure);
    if (!result)
        return false;
    text_append_slice(body, pg_result_slice(result, 0, 0));
    pg_result_destroy(result);
    return true;
}
