#include "executors/crawl/found.h"

#include <string.h>

#include "base/json_text.h"
#include "executors/crawl/url.h"

void found_append(struct text *text, const struct found *found)
{
    char key[URL_KEY_BYTES];
    bool is_sitemap = found->role && strcmp(found->role, "sitemap") == 0;
    url_key(found->url, key);
    text_append_string(text, "{\"url\":");
    json_append_string(text, found->url);
    text_append_format(text, ",\"key\":\"%s%s\",\"priority\":%.7g,\"depth\":%d,\"source\":\"%s\"",
                       is_sitemap ? "sitemap:" : "", key, found->priority, found->depth,
                       found->source);
    if (found->role)
        text_append_format(text, ",\"role\":\"%s\"", found->role);
    if (found->redirects)
        text_append_format(text, ",\"redirects\":%d", found->redirects);
    text_append_string(text, "},");
}
