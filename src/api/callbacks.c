/*
 * POST /v1/callbacks/JOB/TASK/ATTEMPT: a function that answered 202 says what became of its task,
 * or how far it is. All of it is pawl.callback's: any node can be told, and being told twice is as
 * good as once.
 */
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "api/route.h"
#include "base/log.h"
#include "base/memory.h"

enum { IDS = 3, ID_BYTES = 20 };

/* JOB/TASK/ATTEMPT, each from 1 to so many digits that its type can hold it. */
static bool split_ids(const char *rest, char ids[IDS][ID_BYTES])
{
    static const size_t digits_max[IDS] = {18, 18, 9};
    for (int i = 0; i < IDS; i++) {
        size_t digits = strspn(rest, "0123456789");
        if (digits == 0 || digits > digits_max[i] || rest[digits] != (i < IDS - 1 ? '/' : '\0'))
            return false;
        memcpy(ids[i], rest, digits);
        ids[i][digits] = '\0';
        rest += digits + 1;
    }
    return true;
}

static bool ask_callback(struct session *session, const struct api_request *request,
                         struct text *body, struct failure *failure)
{
    char ids[IDS][ID_BYTES];
    split_ids(request->rest, ids);
    char *message = memory_copy(request->body.start, request->body.length);
    const char *const values[] = {ids[0], ids[1], ids[2], request->bearer, message};
    bool is_fine =
        ask_value(session, "select pawl.callback($1, $2, $3, $4, $5)", 5, values, body, failure);
    free(message);
    return is_fine;
}

/* Who calls back stands outside: where the database is, and as whom we come to it, is for the log.
 */
static int refuse(struct text *body, const struct failure *failure)
{
    int status = answer_failure(body, failure);
    if (status != MHD_HTTP_SERVICE_UNAVAILABLE)
        return status;
    log_warning("a call back was told to come again: %s", failure->message);
    text_clear(body);
    answer_error(body, "the database is away", "Say it again later.");
    return status;
}

int answer_callback(struct session_pool *pool, const struct api_request *request, struct text *body)
{
    char ids[IDS][ID_BYTES];
    struct failure failure;
    if (!split_ids(request->rest, ids)) {
        answer_error(body, "nothing is here", "Call back under the \"url\" of the request.");
        return MHD_HTTP_NOT_FOUND;
    }
    if (!request->bearer) {
        answer_error(body, "there is no token",
                     "Send that of the request's \"callback\", as: Authorization: Bearer TOKEN.");
        return MHD_HTTP_UNAUTHORIZED;
    }
    if (request->body.length && memchr(request->body.start, '\0', request->body.length)) {
        answer_error(body, "the body is no JSON", "It has a NUL byte in it.");
        return MHD_HTTP_BAD_REQUEST;
    }
    return ask(pool, ask_callback, request, body, &failure) ? MHD_HTTP_OK : refuse(body, &failure);
}
