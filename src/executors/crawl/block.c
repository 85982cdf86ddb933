#include "executors/crawl/block.h"

#include "executors/crawl/fields.h"

static const struct {
    const char *field, *value; /* NULL: whatever it says */
    enum block_kind kind;
    bool is_refusal_only; /* stands on ordinary answers too */
} field_marks[] = {
    {"CF-Mitigated", "challenge", BLOCK_CHALLENGE},
    {"X-Amzn-WAF-Action", "challenge", BLOCK_CHALLENGE},
    {"X-Amzn-WAF-Action", "captcha", BLOCK_CHALLENGE},
    {"X-Vercel-Mitigated", "challenge", BLOCK_CHALLENGE},
    {"X-Vercel-Mitigated", "deny", BLOCK_FORBIDDEN},
    {"SG-Captcha", "challenge", BLOCK_CHALLENGE},
    {"X-Sucuri-Block", NULL, BLOCK_CHALLENGE, true},
    {"X-DataDome", NULL, BLOCK_CHALLENGE, true},
    {"X-KPSDK-CT", NULL, BLOCK_CHALLENGE, true},
};

enum { MARKS_MAX = 3 };

/* Title and texts must all be there. Texts are raw markup where possible: what a page quotes is
 * escaped and does not match. */
static const struct body_mark {
    const char *title; /* the whole of it, without case; NULL: any */
    const char *texts[MARKS_MAX];
    enum block_kind kind;
} body_marks[] = {
    /* Cloudflare */
    {"Just a moment...", {"_cf_chl_opt"}, BLOCK_CHALLENGE},
    {"Just a moment...", {"/cdn-cgi/challenge-platform/"}, BLOCK_CHALLENGE},
    {"Just a moment...", {"cf-chl"}, BLOCK_CHALLENGE},
    {"Just a moment...", {"cf-browser-verification"}, BLOCK_CHALLENGE},
    {"Attention Required! | Cloudflare", {"cf-"}, BLOCK_CHALLENGE},
    {NULL,
     {"window._cf_chl_opt", "/cdn-cgi/challenge-platform/",
      "name=\"robots\" content=\"noindex,nofollow\""},
     BLOCK_CHALLENGE},
    /* Akamai */
    {"Access Denied", {"Reference&#32;&#35;"}, BLOCK_CHALLENGE},
    {"Access Denied", {"Reference #", "permission to access"}, BLOCK_CHALLENGE},
    {NULL, {"http-equiv=\"refresh\"", "bm-verify=", "<script"}, BLOCK_CHALLENGE},
    {NULL, {"id=\"sec-if-cpt-container\""}, BLOCK_CHALLENGE},
    /* Imperva: ordinary pages load /_Incapsula_Resource too, as their last script. */
    {NULL, {"id=\"main-iframe\" src=\"/_Incapsula_Resource"}, BLOCK_CHALLENGE},
    {NULL,
     {"<META NAME=\"robots\" CONTENT=\"noindex,nofollow\">", "src=\"/_Incapsula_Resource"},
     BLOCK_CHALLENGE},
    {"Pardon Our Interruption", {"<"}, BLOCK_CHALLENGE},
    /* DataDome */
    {NULL, {">var dd={", "captcha-delivery.com"}, BLOCK_CHALLENGE},
    /* HUMAN (PerimeterX) */
    {NULL, {"id=\"px-captcha\"", "_pxAppId"}, BLOCK_CHALLENGE},
    {"Access to this page has been denied", {"_px"}, BLOCK_CHALLENGE},
    {"Access to this page has been denied.", {"_px"}, BLOCK_CHALLENGE},
    {"Robot or human?", {"px-captcha"}, BLOCK_CHALLENGE},
    /* AWS WAF */
    {NULL, {"window.gokuProps", "id=\"challenge-container\""}, BLOCK_CHALLENGE},
    {NULL, {"window.gokuProps", "id=\"captcha-container\""}, BLOCK_CHALLENGE},
    /* Sucuri */
    {"You are being redirected...", {"sucuri_cloudproxy_js"}, BLOCK_CHALLENGE},
    {"Sucuri WebSite Firewall - Access Denied", {"<"}, BLOCK_CHALLENGE},
    {"Access Denied - Sucuri Website Firewall", {"<"}, BLOCK_CHALLENGE},
    /* DDoS-Guard */
    {NULL, {"src=\"/.well-known/ddos-guard/js-challenge/"}, BLOCK_CHALLENGE},
    {NULL, {"src=\"/.well-known/ddos-guard/ddg-captcha-page/"}, BLOCK_CHALLENGE},
    {"DDoS-Guard", {"check.ddos-guard.net"}, BLOCK_CHALLENGE},
    /* Google's own */
    {NULL, {"<form id=\"captcha-form\"", "unusual traffic"}, BLOCK_CHALLENGE},
    /* Others */
    {"Vercel Security Checkpoint", {"<"}, BLOCK_CHALLENGE},
    {NULL, {"id=\"anubis_challenge\""}, BLOCK_CHALLENGE},
    {NULL, {"http-equiv=\"refresh\" content=\"0;/.well-known/sgcaptcha/"}, BLOCK_CHALLENGE},
    {NULL, {"<script>window.KPSDK={}", "/ips.js?"}, BLOCK_CHALLENGE},
    {"Request Rejected", {"The requested URL was rejected"}, BLOCK_FORBIDDEN},
    {"Your access to this site has been limited", {"Wordfence"}, BLOCK_FORBIDDEN},
};

/* An interstitial of a captcha service and nothing else. */
static const char *const captcha_widgets[] = {
    "class=\"g-recaptcha\"",
    "src=\"https://www.google.com/recaptcha/",
    "src=\"https://www.recaptcha.net/recaptcha/",
    "class=\"h-captcha\"",
    "src=\"https://hcaptcha.com/1/api.js",
    "src=\"https://js.hcaptcha.com/1/api.js",
    "class=\"cf-turnstile\"",
};
static const char *const captcha_titles[] = {
    "captcha",         "are you a robot",  "not a robot",           "are you human",
    "you are a human", "robot check",      "human verification",    "verify you are human",
    "security check",  "bot verification", "checking your browser", "unusual traffic",
    "one more step",
};
/* What an interstitial has no use for. */
static const char *const page_parts[] = {"<nav",      "<article",          "<footer",
                                         "<textarea", "type=\"password\"", "type=\"email\""};

static bool has_text(struct slice body, const char *text)
{
    return body.length && memmem(body.start, body.length, text, strlen(text));
}

static bool has_any(struct slice body, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (has_text(body, texts[i]))
            return true;
    return false;
}

static struct slice from(struct slice slice, size_t at)
{
    return slice_of(slice.start + at, slice.length - at);
}

static size_t find_byte(struct slice slice, char byte)
{
    const char *found = slice.length ? memchr(slice.start, byte, slice.length) : NULL;
    return found ? (size_t)(found - slice.start) : slice.length;
}

static bool begins_title(struct slice rest)
{
    return rest.length > 6 && slice_is(slice_of(rest.start, 6), "<title") &&
           strchr("> \t\r\n\f", rest.start[6]) && rest.start[6];
}

/* What the first <title> says; empty when there is none. */
static struct slice title_of(struct slice body)
{
    struct slice rest = from(body, find_byte(body, '<'));
    while (rest.length && !begins_title(rest)) {
        rest = from(rest, 1);
        rest = from(rest, find_byte(rest, '<'));
    }
    rest = from(rest, find_byte(rest, '>'));
    if (rest.length == 0)
        return rest;
    rest = from(rest, 1);
    return slice_trimmed(slice_of(rest.start, find_byte(rest, '<')));
}

static bool is_marked(const struct body_mark *mark, struct slice body, struct slice title)
{
    if (mark->title && !slice_is(title, mark->title))
        return false;
    for (size_t i = 0; i < MARKS_MAX && mark->texts[i]; i++)
        if (!has_text(body, mark->texts[i]))
            return false;
    return true;
}

static bool is_refused(int status)
{
    return status == 401 || status == 403 || status == 405 || status == 429 || status == 503;
}

/* All there is of the page must have been seen, or the status say no. */
static bool is_captcha_alone(int status, struct slice body, struct slice title)
{
    bool is_titled = false;
    for (size_t i = 0; i < sizeof captcha_titles / sizeof *captcha_titles; i++)
        is_titled |= slice_contains_nocase(title, captcha_titles[i]);
    return is_titled && (is_refused(status) || body.length < BLOCK_BODY_BYTES) &&
           has_any(body, captcha_widgets, sizeof captcha_widgets / sizeof *captcha_widgets) &&
           !has_any(body, page_parts, sizeof page_parts / sizeof *page_parts);
}

static enum block_kind kind_of_fields(int status, struct fields fields)
{
    for (size_t i = 0; i < sizeof field_marks / sizeof *field_marks; i++) {
        const struct http_field *field = fields_find(fields, field_marks[i].field);
        if (!field || (field_marks[i].is_refusal_only && !is_refused(status)))
            continue;
        if (!field_marks[i].value || slice_is(field->value, field_marks[i].value))
            return field_marks[i].kind;
    }
    return BLOCK_NONE;
}

static bool is_html(struct fields fields)
{
    const struct http_field *type = fields_find(fields, "Content-Type");
    return !type || type->value.length == 0 || slice_contains_nocase(type->value, "html");
}

static enum block_kind kind_of_body(int status, struct slice body)
{
    struct slice title = title_of(body);
    for (size_t i = 0; i < sizeof body_marks / sizeof *body_marks; i++)
        if (is_marked(&body_marks[i], body, title))
            return body_marks[i].kind;
    return is_captcha_alone(status, body, title) ? BLOCK_CHALLENGE : BLOCK_NONE;
}

static enum block_kind kind_of_status(int status, struct fields fields)
{
    switch (status) {
    case 429:
        return BLOCK_RATE_LIMIT;
    case 503:
        return fields_find(fields, "Retry-After") ? BLOCK_RATE_LIMIT : BLOCK_UNAVAILABLE;
    case 403:
        return BLOCK_FORBIDDEN;
    case 401:
        return fields_find(fields, "WWW-Authenticate") ? BLOCK_NONE : BLOCK_FORBIDDEN;
    default:
        return BLOCK_NONE;
    }
}

enum block_kind block_kind_of(int status, const struct http_field *fields, size_t count,
                              struct slice body_start)
{
    struct fields all = {fields, count};
    if (body_start.length > BLOCK_BODY_BYTES)
        body_start.length = BLOCK_BODY_BYTES;
    enum block_kind kind = kind_of_fields(status, all);
    if (kind == BLOCK_NONE && is_html(all))
        kind = kind_of_body(status, body_start);
    return kind == BLOCK_NONE ? kind_of_status(status, all) : kind;
}

const char *block_kind_name(enum block_kind kind)
{
    static const char *const names[] = {"none", "rate_limit", "forbidden", "unavailable",
                                        "challenge"};
    return names[kind];
}
