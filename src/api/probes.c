/* What a probe or a person asks of the node and of the whole engine. */
#include <microhttpd.h>

#include "api/route.h"
#include "store/migrate.h"

int answer_livez(struct session_pool *pool, const struct api_request *request, struct text *body)
{
    text_append_string(body, "{\"status\":\"ok\"}");
    return MHD_HTTP_OK;
}

static bool ask_ready(struct session *session, const struct api_request *request, struct text *body,
                      struct failure *failure)
{
    return migrate_check(session, failure);
}

int answer_readyz(struct session_pool *pool, const struct api_request *request, struct text *body)
{
    struct failure failure;
    if (!ask(pool, ask_ready, request, body, &failure)) {
        answer_error(body, failure.message, failure.hint);
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    }
    text_append_string(body, "{\"status\":\"ok\"}");
    return MHD_HTTP_OK;
}

static bool ask_status(struct session *session, const struct api_request *request,
                       struct text *body, struct failure *failure)
{
    return ask_value(session, "select pawl.status()", 0, NULL, body, failure);
}

int answer_status(struct session_pool *pool, const struct api_request *request, struct text *body)
{
    struct failure failure;
    return ask(pool, ask_status, request, body, &failure) ? MHD_HTTP_OK
                                                          : answer_failure(body, &failure);
}
