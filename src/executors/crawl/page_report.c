#include "executors/crawl/page_report.h"

#include "base/json_text.h"

/* A page is worth a little less than the one that leads to it, so near ones come first. */
#define PRIORITY_STEP 0.9

struct report {
    const struct page *page;
    struct text found, hashes;
    int64_t links;
};

static void propose(struct report *report, const struct url *url, uint64_t hash, int depth)
{
    const struct page *page = report->page;
    bool is_new = hash_set_add(&page->site->known, hash);
    if (!is_new && page->task->attempt == 1)
        return;
    char key[URL_KEY_BYTES];
    url_key(url->whole, key);
    text_append_string(&report->found, "{\"url\":");
    json_append_string(&report->found, url->whole);
    text_append_format(&report->found, ",\"key\":\"%s\",\"priority\":%.7g,\"depth\":%d},", key,
                       (double)page->task->priority * PRIORITY_STEP, depth);
}

static void on_link(void *context, const struct url *url, unsigned flags)
{
    struct report *report = context;
    if (!url_is_same_site(url, &report->page->site->start))
        return;
    uint64_t hash = url_hash(url->whole);
    report->links++;
    text_append_integer(&report->hashes, (int64_t)hash);
    text_append_char(&report->hashes, ',');
    propose(report, url, hash, report->page->depth + 1);
}

/* Where the answer points to, absolute if it can be understood. The target is as many links away
 * from the start as the page is. */
static void report_redirect(struct text *text, struct report *report, const struct http_head *head)
{
    struct url target;
    bool is_redirect = head->status >= 300 && head->status <= 399 && head->location;
    if (!is_redirect) {
        json_append_string_member(text, "redirect_to", NULL);
    } else if (!url_parse(slice_of_string(head->location), &report->page->url, report->page->arena,
                          &target, NULL)) {
        json_append_string_member(text, "redirect_to", head->location);
    } else {
        json_append_string_member(text, "redirect_to", target.whole.start);
        if (url_is_same_site(&target, &report->page->site->start))
            propose(report, &target, url_hash(target.whole), report->page->depth);
    }
}

static void report_answer(struct text *text, const struct http_result *result)
{
    const struct http_head *head = &result->head;
    if (head->status)
        json_append_integer_member(text, "status", head->status);
    json_append_string_member(text, "content_type", head->content_type);
    json_append_string_member(text, "http_version", head->http_version);
    json_append_string_member(text, "encoding", head->content_encoding);
    json_append_integer_member(text, "transfer_bytes", (int64_t)result->transfer_bytes);
    json_append_integer_member(text, "body_bytes", (int64_t)result->body_bytes);
    json_append_ms_member(text, "dns_ms", result->dns_ms);
    json_append_ms_member(text, "connect_ms", result->connect_ms);
    json_append_ms_member(text, "tls_ms", result->tls_ms);
    json_append_ms_member(text, "first_byte_ms", result->first_byte_ms);
    json_append_ms_member(text, "total_ms", result->total_ms);
}

void page_report_write(struct text *text, const struct page *page, const struct http_result *result,
                       const struct verdict *verdict)
{
    struct report report = {.page = page};
    uint64_t hash = url_hash(page->url.whole);
    hash_set_add(&page->site->known, hash); /* there is a task for it: this one */
    if (page->is_html && verdict->is_completed)
        links_report(page->links, on_link, &report);
    text_append_string(text, "\"page\":{");
    json_append_string_member(text, "url", page->url.whole.start);
    json_append_integer_member(text, "url_hash", (int64_t)hash);
    json_append_integer_member(text, "depth", page->depth);
    json_append_string_member(text, "error_class", verdict->page_class);
    json_append_string_member(text, "error",
                              verdict->error.length ? text_string(&verdict->error) : NULL);
    report_answer(text, result);
    report_redirect(text, &report, &result->head);
    json_append_integer_member(text, "links", report.links);
    text_append_string(text, "\"link_hashes\":[");
    json_drop_comma(&report.hashes);
    text_append_slice(text, text_slice(&report.hashes));
    text_append_string(text, "]},\"found\":[");
    json_drop_comma(&report.found);
    text_append_slice(text, text_slice(&report.found));
    text_append_char(text, ']');
    text_finish(&report.hashes);
    text_finish(&report.found);
}
