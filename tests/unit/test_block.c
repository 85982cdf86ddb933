#include "executors/crawl/block.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "answer_fields.h"

#define HTML "Content-Type: text/html; charset=UTF-8\n"

struct row {
    int status;
    const char *fields, *body, *kind;
};

static void check_row(const struct row *row)
{
    struct http_field fields[ANSWER_FIELDS_MAX];
    size_t count = answer_fields(row->fields, fields);
    enum block_kind kind = block_kind_of(row->status, fields, count, slice_of_string(row->body));
    if (strcmp(block_kind_name(kind), row->kind) != 0)
        fail_msg("%d %s%s became %s", row->status, row->fields, row->body, block_kind_name(kind));
}

#define CHECK_ROWS(rows)                                                                           \
    for (size_t i = 0; i < sizeof(rows) / sizeof *(rows); i++)                                     \
    check_row(&(rows)[i])

static void test_status(void **state)
{
    static const struct row rows[] = {
        {200, HTML, "<title>Home</title>", "none"},
        {304, "", "", "none"},
        {404, HTML, "<title>Not Found</title>", "none"},
        {500, "", "", "none"},
        {429, "", "", "rate_limit"},
        {429, "Retry-After: 60\n", "", "rate_limit"},
        {503, "retry-after: 5\n", "", "rate_limit"},
        {503, "", "", "unavailable"},
        {403, HTML, "<title>403 Forbidden</title><center>nginx</center>", "forbidden"},
        {401, "WWW-Authenticate: Basic realm=\"x\"\n", "", "none"},
        {401, "", "", "forbidden"},
        {200, "Retry-After: 60\n", "", "none"},
    };
    CHECK_ROWS(rows);
}

static void test_fields(void **state)
{
    static const struct row rows[] = {
        {403, "cf-mitigated: challenge\n", "", "challenge"},
        {200, "CF-Mitigated: Challenge\nContent-Type: image/png\n", "", "challenge"},
        {503, "cf-mitigated: challenge\nRetry-After: 5\n", "", "challenge"},
        {202, "x-amzn-waf-action: challenge\n", "", "challenge"},
        {405, "x-amzn-waf-action: captcha\n", "", "challenge"},
        {429, "x-vercel-mitigated: challenge\n", "", "challenge"},
        {403, "x-vercel-mitigated: deny\n", "", "forbidden"},
        {202, "sg-captcha: challenge\n", "", "challenge"},
        {403, "X-DataDome: protected\nServer: DataDome\n", "{\"url\":\"\"}", "challenge"},
        {429, "X-KPSDK-CT: 0a\n", "", "challenge"},
        {403, "X-Sucuri-Block: BAD.BOT\n", "", "challenge"},
        /* They stand on every page that is served through these. */
        {200, "X-DataDome: protected\n" HTML, "<title>Shop</title>", "none"},
        {200, "X-KPSDK-CT: 0a\n" HTML, "<title>Shop</title>", "none"},
        {404, "X-DataDome: protected\n" HTML, "<title>Not found</title>", "none"},
        {200, "CF-RAY: 1\nServer: cloudflare\nCF-Mitigated:\n" HTML, "<title>Shop</title>", "none"},
        {200, "x-amzn-waf-action: allow\n", "", "none"},
    };
    CHECK_ROWS(rows);
}

static void test_challenges(void **state)
{
    static const struct row rows[] = {
        {403, HTML,
         "<!DOCTYPE html><html lang=\"en-US\"><head><title>Just a moment...</title><meta "
         "name=\"robots\" content=\"noindex,nofollow\"></head><body><script>window._cf_chl_opt = "
         "{cvId:'3'};</script>",
         "challenge"},
        {200, HTML,
         "<title>Just a moment...</title><script src=\"/cdn-cgi/challenge-platform/h/g/"
         "orchestrate/chl_page/v1\"></script>",
         "challenge"},
        {503, HTML "Retry-After: 9\n",
         "<TITLE>\n Just a Moment... </TITLE><form id=\"challenge-form\" class=\"cf-chl-x\">",
         "challenge"},
        {200, HTML,
         "<title>Einen Moment, bitte</title><meta name=\"robots\" content=\"noindex,nofollow\">"
         "<script>window._cf_chl_opt={};a.src='/cdn-cgi/challenge-platform/h/b/x'</script>",
         "challenge"},
        {503, HTML, "<title>Just a moment...</title><div class=\"cf-browser-verification\">",
         "challenge"},
        {403, HTML, "<title>Attention Required! | Cloudflare</title><div class=\"cf-wrapper\">",
         "challenge"},
        {403, "Content-Type: text/html\nServer: AkamaiGHost\n",
         "<HTML><HEAD>\n<TITLE>Access Denied</TITLE>\n</HEAD><BODY>\n<H1>Access Denied</H1>\nYou "
         "don't have permission to access \"http&#58;&#47;&#47;a&#46;b\" on this server.<P>\n"
         "Reference&#32;&#35;18&#46;5f\n</BODY></HTML>",
         "challenge"},
        {403, HTML,
         "<TITLE>Access Denied</TITLE>You don't have permission to access \"/\"<P>Reference #18.5f",
         "challenge"},
        {200, HTML,
         "<!DOCTYPE html><html><head><meta http-equiv=\"refresh\" content=\"5; "
         "URL='/?bm-verify=AAQ'\" /><title>&nbsp;</title><script>var i = 1;</script>",
         "challenge"},
        {200, HTML, "<div id=\"sec-if-cpt-container\">", "challenge"},
        {200, "",
         "<html><head><META NAME=\"robots\" CONTENT=\"noindex,nofollow\"><script "
         "src=\"/_Incapsula_Resource?SWJIYLWA=5074\"></script></head><body></body></html>",
         "challenge"},
        {403, HTML,
         "<html><body><iframe id=\"main-iframe\" src=\"/_Incapsula_Resource?CWUDNSAI=9\" "
         "frameborder=0>Request unsuccessful. Incapsula incident ID: 1</iframe>",
         "challenge"},
        {200, HTML, "<title>Pardon Our Interruption</title>", "challenge"},
        {403, HTML,
         "<html><head><title>shop.example</title></head><body><p id=\"cmsg\">Please enable JS</p>"
         "<script data-cfasync=\"false\">var dd={'rt':'c','host':'geo.captcha-delivery.com'}",
         "challenge"},
        {403, HTML,
         "<title>Access to this page has been denied</title><script>window._pxUuid='1';</script>",
         "challenge"},
        {403, HTML, "<title>Access to this page has been denied.</title><script>_pxVid=''</script>",
         "challenge"},
        {200, HTML, "<script>window._pxAppId='PX1'</script><div id=\"px-captcha\"></div>",
         "challenge"},
        {200, HTML, "<title>Robot or human?</title><div class=\"px-captcha-container\">",
         "challenge"},
        {202, HTML,
         "<script>window.awsWafCookieDomainList = [];window.gokuProps = {\"key\":\"A\"};</script>"
         "<div id=\"challenge-container\"></div>",
         "challenge"},
        {405, HTML, "<script>window.gokuProps = {};</script><div id=\"captcha-container\"></div>",
         "challenge"},
        {200, HTML,
         "<html><title>You are being redirected...</title><noscript>Javascript is required."
         "</noscript><script>var s={},u,sucuri_cloudproxy_js='',S='YT0'</script></html>",
         "challenge"},
        {403, HTML, "<title>Sucuri WebSite Firewall - Access Denied</title>", "challenge"},
        {403, HTML, "<title>Access Denied - Sucuri Website Firewall</title>", "challenge"},
        {403, HTML, "<script src=\"/.well-known/ddos-guard/ddg-captcha-page/index.js\">",
         "challenge"},
        {403, HTML,
         "<title>DDoS-Guard</title><script src=\"/.well-known/ddos-guard/js-challenge/index.js\">",
         "challenge"},
        {200, HTML, "<title>DDOS-GUARD</title><script>s='//check.ddos-guard.net/check.js'",
         "challenge"},
        {429, HTML,
         "<form id=\"captcha-form\" action=\"index\" method=\"post\"></form>Our systems have "
         "detected unusual traffic from your computer network.",
         "challenge"},
        {200, HTML, "<title>Vercel Security Checkpoint</title>", "challenge"},
        {200, HTML, "<script id=\"anubis_challenge\" type=\"application/json\">", "challenge"},
        {202, HTML,
         "<html><head><meta http-equiv=\"refresh\" content=\"0;/.well-known/sgcaptcha/?r=%2F\">",
         "challenge"},
        {429, HTML, "<script>window.KPSDK={};</script><script src=\"/149e/ips.js?x=1\">",
         "challenge"},
        {200, HTML,
         "<title>Request Rejected</title>The requested URL was rejected. Please consult with your "
         "administrator.<br>Your support ID is: 1",
         "forbidden"},
        {503, HTML,
         "<title>Your access to this site has been limited</title>Generated by Wordfence",
         "forbidden"},
        {200, HTML, "<title>Are you a robot?</title><form><div class=\"g-recaptcha\"></div></form>",
         "challenge"},
        {403, HTML,
         "<title>Security check</title><script src=\"https://js.hcaptcha.com/1/api.js\">",
         "challenge"},
    };
    CHECK_ROWS(rows);
}

/* Ordinary pages that have to do with all this. */
static void test_no_false_alarm(void **state)
{
    static const struct row rows[] = {
        {200, HTML, "", "none"},
        {200, HTML, "<title", "none"},
        {200, HTML, "<title>", "none"},
        {200, HTML, "<title>Just a moment...</title><p>A poem.", "none"},
        {200, HTML, "<p>Cloudflare says: Just a moment... and sets _cf_chl_opt, cf-chl", "none"},
        {200, HTML,
         "<title>Just a moment... - Questions</title><p>window._cf_chl_opt, "
         "/cdn-cgi/challenge-platform/",
         "none"},
        {200, HTML,
         "<title>Shop</title><script>window.__CF$cv$params={r:'8'};a.src="
         "'/cdn-cgi/challenge-platform/scripts/jsd/main.js'</script>",
         "none"},
        {200, HTML, "<title>What \"Access Denied\" means</title>Reference #18.5f", "none"},
        {200, HTML, "<title>Access Denied</title><p>A film of 2001. Reference [1]", "none"},
        {200, HTML,
         "<title>Request unsuccessful. Incapsula incident ID - Questions</title><meta "
         "content=\"&lt;iframe id=&quot;main-iframe&quot; src=&quot;/_Incapsula_Resource\">",
         "none"},
        {200, HTML,
         "<meta name=\"robots\" content=\"noindex,nofollow\"><title>Shop</title><script "
         "src=\"/_Incapsula_Resource?SWJIYLWA=719d\"></script>",
         "none"},
        {200, HTML, "<title>DataDome</title><script src=\"https://js.datadome.co/tags.js\">",
         "none"},
        {200, HTML, "<title>x</title><p>geo.captcha-delivery.com and &gt;var dd={", "none"},
        {200, HTML, "<title>Shop</title><script>window._pxAppId='PX1'</script>", "none"},
        {200, HTML,
         "<title>Shop</title><script src=\"https://1.edge.sdk.awswaf.com/a/challenge.js\">",
         "none"},
        {200, HTML, "<title>How to pass gokuProps</title><code>window.gokuProps", "none"},
        {200, "Server: ddos-guard\n" HTML, "<title>Forum</title>", "none"},
        {200, HTML,
         "<title>Contact</title><form><textarea></textarea><div class=\"g-recaptcha\"></div>",
         "none"},
        {200, HTML,
         "<title>Login - security check</title><input type=\"password\"><div "
         "class=\"h-captcha\"></div>",
         "none"},
        {200, HTML, "<title>Captcha: a history</title><article>How CAPTCHAs work</article>",
         "none"},
        {200, HTML, "<title>reCAPTCHA demo</title><nav></nav><div class=\"g-recaptcha\"></div>",
         "none"},
        {200, HTML, "<title>Register</title><div class=\"cf-turnstile\"></div>", "none"},
        {200, HTML, "<svg><titles>Are you a robot</titles></svg><div class=\"g-recaptcha\">",
         "none"},
        {200, "Content-Type: application/javascript\n",
         "window.gokuProps; id=\"challenge-container\"", "none"},
        {404, HTML, "<title>Request Rejected</title>", "none"},
    };
    CHECK_ROWS(rows);
}

/* A captcha alone must be seen to be alone; and nothing behind the limit is looked at. */
static void test_long_body(void **state)
{
    static char body[2 * BLOCK_BODY_BYTES];
    const char *start = "<title>Captcha</title><div class=\"g-recaptcha\">";
    memset(body, ' ', sizeof body);
    memcpy(body, start, strlen(start));
    struct slice whole = slice_of(body, BLOCK_BODY_BYTES - 1);
    assert_int_equal(block_kind_of(200, NULL, 0, whole), BLOCK_CHALLENGE);
    whole.length = sizeof body;
    assert_int_equal(block_kind_of(200, NULL, 0, whole), BLOCK_NONE);
    assert_int_equal(block_kind_of(403, NULL, 0, whole), BLOCK_CHALLENGE);
    const char *mark = "id=\"anubis_challenge\"";
    memcpy(body + BLOCK_BODY_BYTES, mark, strlen(mark));
    assert_int_equal(block_kind_of(200, NULL, 0, whole), BLOCK_NONE);
    assert_int_equal(block_kind_of(200, NULL, 0, slice_of(NULL, 0)), BLOCK_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status),     cmocka_unit_test(test_fields),
        cmocka_unit_test(test_challenges), cmocka_unit_test(test_no_false_alarm),
        cmocka_unit_test(test_long_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
