#include <microhttpd.h>
#include <string.h>

#include "api/route.h"

static const struct route routes[] = {
    {"/livez", false, false, answer_livez},     {"/readyz", false, true, answer_readyz},
    {"/v1/status", false, true, answer_status}, {"/v1/callbacks/", true, true, answer_callback},
    {"/v1/events", false, false, NULL},
};

static bool is_at(const struct route *route, const char *path)
{
    size_t length = strlen(route->path);
    return route->path[length - 1] == '/' ? strncmp(path, route->path, length) == 0
                                          : strcmp(path, route->path) == 0;
}

static bool takes(const struct route *route, const char *method)
{
    if (route->is_post)
        return strcmp(method, "POST") == 0;
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

const struct route *routes_find(struct api_request *request, bool has_events, int *status,
                                struct text *body, const char **allowed)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        const struct route *route = &routes[i];
        if (!is_at(route, request->path) || (!route->answer && !has_events))
            continue;
        if (!takes(route, request->method)) {
            *allowed = route->is_post ? "POST" : "GET, HEAD";
            answer_error(body, "method is not allowed", route->is_post ? "Use POST." : "Use GET.");
            *status = MHD_HTTP_METHOD_NOT_ALLOWED;
            return NULL;
        }
        request->rest = request->path + strlen(route->path);
        return route;
    }
    answer_error(body, "nothing is here", "");
    *status = MHD_HTTP_NOT_FOUND;
    return NULL;
}
