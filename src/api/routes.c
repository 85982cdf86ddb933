#include <microhttpd.h>
#include <string.h>

#include "api/route.h"

static const struct route {
    const char *path; /* with a slash at its end: what is behind it is the route's to read */
    bool is_post;
    route_fn *answer;
} routes[] = {
    {"/livez", false, answer_livez},
    {"/readyz", false, answer_readyz},
    {"/v1/status", false, answer_status},
    {"/v1/callbacks/", true, answer_callback},
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

int routes_answer(struct session_pool *pool, struct api_request *request, struct text *body,
                  const char **allowed)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        const struct route *route = &routes[i];
        if (!is_at(route, request->path))
            continue;
        if (!takes(route, request->method)) {
            *allowed = route->is_post ? "POST" : "GET, HEAD";
            answer_error(body, "method is not allowed", route->is_post ? "Use POST." : "Use GET.");
            return MHD_HTTP_METHOD_NOT_ALLOWED;
        }
        request->rest = request->path + strlen(route->path);
        return route->answer(pool, request, body);
    }
    answer_error(body, "nothing is here", "");
    return MHD_HTTP_NOT_FOUND;
}
