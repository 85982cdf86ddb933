#include "executors/crawl/page_report.h"

#include <string.h>

#include "base/clock.h"
#include "base/json_text.h"
#include "executors/crawl/found.h"
#include "executors/crawl/hosts.h"

struct report {
    struct page *page;
    struct text found, hashes;
    const char *canonical; /* in the page's arena */
    int64_t links, skipped;
};

static struct verdict too_many_redirects(void)
{
    struct verdict verdict = {
        .is_final = true,
        .delay_ms = -1,
        .task_class = "status",
        .page_class = "redirects",
    };
    text_append_format(&verdict.error, "more than %d redirects in a row", PAGE_REDIRECTS_MAX);
    return verdict;
}

struct page_answer page_answer_of(const struct page *page, const struct http_result *result)
{
    const struct http_head *head = &result->head;
    struct page_answer answer = {
        .block =
            block_kind_of(head->status, head->fields, head->field_count, text_slice(&page->start)),
    };
    answer.verdict = verdict_of(result, answer.block);
    if (answer.verdict.is_completed && head->status / 100 == 3 &&
        page->redirects >= PAGE_REDIRECTS_MAX)
        answer.verdict = too_many_redirects();
    answer.cache = cache_status_of(head->fields, head->field_count, false, answer.cache_reason,
                                   sizeof answer.cache_reason);
    return answer;
}

/* ---- what it leads to ---- */

void page_propose(struct page *page, struct text *found, struct slice url, uint64_t hash,
                  double priority, int depth, const char *source, int redirects)
{
    struct site *site = page->site;
    enum known_answer answer = known_pages_find(&site->known, hash, (float)priority);
    if (answer == KNOWN_BETTER)
        raises_add(&site->raises, url, (float)priority, clock_now_us());
    else if (answer == KNOWN_SAME)
        raises_avoid(&site->raises, clock_now_us());
    /* what an earlier attempt found may never have been written */
    if (answer != KNOWN_NEW && !page_is_tried_again(page))
        return;
    found_append(found, &(struct found){.url = url,
                                        .priority = priority,
                                        .depth = depth,
                                        .source = source,
                                        .redirects = redirects});
}

static bool may_allow(struct page *page, const struct url *url)
{
    const struct host *host = host_find(page->site, url);
    return !host || host_may_allow(host, url, &page->robots_steps_left);
}

/* What was proposed has been looked at, which is dear where robots.txt has many rules. */
static bool is_proposed(const struct page *page, uint64_t hash)
{
    const struct known_page *known = known_pages_get(&page->site->known, hash);
    return known && known->priority >= 0;
}

static void add_hash(struct report *report, uint64_t hash)
{
    text_append_integer(&report->hashes, (int64_t)hash);
    text_append_char(&report->hashes, ',');
}

static void add_external(struct report *report, const struct url *url, uint64_t hash)
{
    struct site *site = report->page->site;
    if (!site->checks_external)
        return;
    add_hash(report, hash);
    if (known_pages_find(&site->known, hash, 0) == KNOWN_NEW || page_is_tried_again(report->page))
        found_append(&report->found, &(struct found){.url = url->whole,
                                                     .priority = FOUND_PRIORITY_OF_EXTERNAL,
                                                     .depth = report->page->depth + 1,
                                                     .source = "link",
                                                     .role = "external"});
}

static double priority_of(const struct page *page, unsigned flags)
{
    double own = page->task->priority < 1 ? (double)page->task->priority : 1;
    if (flags & LINK_IN_HEADER)
        return FOUND_PRIORITY_OF_HEADER;
    if (flags & LINK_IN_FOOTER)
        return FOUND_PRIORITY_OF_FOOTER;
    return own * FOUND_PRIORITY_STEP;
}

static void on_link(void *context, const struct url *url, unsigned flags)
{
    struct report *report = context;
    struct page *page = report->page;
    enum site_choice choice = site_choose(page->site, url);
    uint64_t hash = url_hash(url->whole);
    if (flags & LINK_CANONICAL && !slice_equals(url->whole, page->url.whole))
        report->canonical = arena_copy(page->arena, url->whole.start, url->whole.length);
    if (choice == SITE_EXTERNAL) {
        add_external(report, url, hash);
    } else if (choice == SITE_SKIPS || flags & LINK_NOFOLLOW ||
               !(is_proposed(page, hash) || may_allow(page, url))) {
        report->skipped++;
    } else {
        report->links++;
        add_hash(report, hash);
        page_propose(page, &report->found, url->whole, hash, priority_of(page, flags),
                     page->depth + 1, "link", 0);
    }
}

/* Where the answer points to, absolute if it can be understood; of redirects that were followed the
 * URL that gave the answer. The target is as many links away from the start as the page is. */
static void report_redirect(struct text *text, struct report *report, const struct http_head *head)
{
    struct page *page = report->page;
    struct url target;
    bool is_redirect = head->status / 100 == 3;
    if (!is_redirect) {
        json_append_string_member(
            text, "redirect_to",
            page->asked.whole.start != page->url.whole.start ? page->asked.whole.start : NULL);
    } else if (!head->location) {
        json_append_string_member(text, "redirect_to", NULL);
    } else if (!url_parse(slice_of_string(head->location), &page->asked, page->arena, &target,
                          NULL)) {
        json_append_string_member(text, "redirect_to", head->location);
    } else {
        json_append_string_member(text, "redirect_to", target.whole.start);
        if (site_choose(page->site, &target) == SITE_FOLLOWS && may_allow(page, &target) &&
            page->redirects < PAGE_REDIRECTS_MAX)
            page_propose(page, &report->found, target.whole, url_hash(target.whole),
                         (double)page->task->priority, page->depth, "redirect",
                         page->redirects + 1);
    }
}

/* ---- what came ---- */

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

static void report_identity(struct text *text, const struct page *page)
{
    json_append_string_member(text, "url", page->url.whole.start);
    json_append_integer_member(text, "url_hash", (int64_t)url_hash(page->url.whole));
    json_append_integer_member(text, "depth", page->depth);
    json_append_string_member(text, "role", page_role_name(page->role));
    json_append_string_member(text, "source", page->source);
    json_append_integer_member(text, "redirects", page->redirects);
    json_append_integer_member(text, "attempts",
                               page->task->attempt - page->task->uncounted_attempts);
}

static void report_list(struct text *text, const char *name, struct text *elements)
{
    json_drop_comma(elements);
    text_append_format(text, "\"%s\":[", name);
    text_append_slice(text, text_slice(elements));
    text_append_char(text, ']');
}

/* What the host says of our pace; another site's says nothing of this one's, and a file that was
 * only guessed may be forbidden to everybody. */
static void report_block(struct text *text, const struct page *page,
                         const struct http_result *result, enum block_kind block)
{
    const char *name = block == BLOCK_NONE ? NULL : block_kind_name(block);
    bool is_guess = block == BLOCK_FORBIDDEN && strcmp(page->source, "guess") == 0;
    if (page->role == PAGE_EXTERNAL || is_guess)
        return;
    if (name)
        text_append_format(text, ",\"block\":\"%s\"", name);
    if (name && result->retry_after_ms > 0)
        text_append_format(text, ",\"retry_after_ms\":%lld", (long long)result->retry_after_ms);
}

static const char *reason_of(const struct page_answer *answer)
{
    return answer->cache_reason[0] ? answer->cache_reason : NULL;
}

static void report_cache(struct text *text, const struct page_answer *answer)
{
    json_append_string_member(text, "cache", cache_state_name(answer->cache.state));
    json_append_string_member(text, "cache_name", answer->cache.cache);
    json_append_string_member(text, "cache_reason", reason_of(answer));
}

void page_report_write(struct text *text, struct page *page, const struct http_result *result,
                       const struct page_answer *answer, bool is_again)
{
    struct report report = {.page = page};
    const struct verdict *verdict = &answer->verdict;
    if (page->is_html && verdict->is_completed) {
        links_report(page->links, on_link, &report);
        report.skipped += (int64_t)links_counts(page->links).left_out;
    }
    text_append_string(text, "\"page\":{");
    report_identity(text, page);
    json_append_string_member(text, "error_class", verdict->page_class);
    json_append_string_member(text, "error",
                              verdict->error.length ? text_string(&verdict->error) : NULL);
    report_answer(text, result);
    report_redirect(text, &report, &result->head);
    json_append_string_member(text, "canonical", report.canonical);
    json_append_string_member(text, "block", answer->block ? block_kind_name(answer->block) : NULL);
    if (result->head.status)
        report_cache(text, answer);
    json_append_integer_member(text, "links", report.links);
    json_append_integer_member(text, "skipped_links", report.skipped);
    report_list(text, "link_hashes", &report.hashes);
    text_append_string(text, "},");
    report_list(text, "found", &report.found);
    report_block(text, page, result, answer->block);
    if (is_again)
        text_append_string(text, ",\"warm_step\":1");
    text_finish(&report.hashes);
    text_finish(&report.found);
}

void page_report_warm(struct text *text, const struct page *page, const struct http_result *result,
                      const struct page_answer *answer, bool is_again)
{
    text_append_string(text, "\"page\":null,\"found\":[],\"warm\":{");
    json_append_integer_member(text, "warm_requests", page->warm_requests);
    if (answer->verdict.is_completed) {
        json_append_string_member(text, "warm_cache", cache_state_name(answer->cache.state));
        json_append_ms_member(text, "warm_first_byte_ms", result->first_byte_ms);
        json_append_ms_member(text, "warm_total_ms", result->total_ms);
        json_append_string_member(text, "cache_reason", reason_of(answer));
    } else {
        struct text reason = {0};
        text_append_format(&reason, "asked again: %s", text_string(&answer->verdict.error));
        json_append_string_member(text, "cache_reason", text_string(&reason));
        text_finish(&reason);
    }
    json_drop_comma(text);
    text_append_char(text, '}');
    report_block(text, page, result, answer->block);
    if (is_again)
        text_append_format(text, ",\"warm_step\":%d", page->warm_requests + 1);
}

void page_report_unasked(struct text *text, const struct page *page,
                         const struct http_result *result, const char *error_class,
                         const char *error)
{
    text_append_string(text, "\"page\":{");
    report_identity(text, page);
    json_append_string_member(text, "error_class", error_class);
    json_append_string_member(text, "error", error);
    json_append_integer_member(text, "links", 0);
    text_append_string(text, "\"skipped_links\":0},\"found\":[]");
    if (result)
        report_block(text, page, result,
                     block_kind_of(result->head.status, result->head.fields,
                                   result->head.field_count, (struct slice){0}));
}

void page_report_sitemap(struct text *text, const struct page *page,
                         const struct http_result *result, int64_t links, int64_t skipped,
                         struct text *hashes, struct text *found, const char *error_class,
                         const char *error)
{
    text_append_string(text, "\"page\":{");
    report_identity(text, page);
    json_append_string_member(text, "error_class", error_class);
    json_append_string_member(text, "error", error);
    report_answer(text, result);
    json_append_integer_member(text, "links", links);
    json_append_integer_member(text, "skipped_links", skipped);
    report_list(text, "link_hashes", hashes);
    text_append_string(text, "},");
    report_list(text, "found", found);
    report_block(text, page, result,
                 block_kind_of(result->head.status, result->head.fields, result->head.field_count,
                               (struct slice){0}));
}
