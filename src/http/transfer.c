#include "http/transfer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/memory.h"
#include "http/address_guard.h"
#include "http/transfer_failure.h"

struct http_transfer *transfer_create(struct http_client *client)
{
    struct http_transfer *transfer = memory_zeroed(1, sizeof *transfer);
    list_init(&transfer->link);
    transfer->client = client;
    CHECK((transfer->easy = curl_easy_init()));
    return transfer;
}

void transfer_destroy(struct http_transfer *transfer)
{
    transfer_clear(transfer);
    curl_easy_cleanup(transfer->easy);
    response_head_finish(&transfer->head);
    text_finish(&transfer->message);
    free(transfer);
}

void transfer_clear(struct http_transfer *transfer)
{
    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
}

static size_t refuse_rest(struct http_transfer *transfer, const char *message)
{
    transfer->own_failure = HTTP_FAILURE_TOO_LARGE;
    transfer->own_message = message;
    return 0;
}

static void refuse_body(struct http_transfer *transfer, uint64_t limit, const char *where)
{
    text_clear(&transfer->message);
    text_append_format(&transfer->message, "the body is too large: more than %llu bytes%s",
                       (unsigned long long)limit, where);
    refuse_rest(transfer, text_string(&transfer->message));
}

static void refuse_expanded_body(struct http_transfer *transfer)
{
    struct http_head head = response_head_view(&transfer->head);
    refuse_body(transfer, transfer->max_body_bytes,
                head.content_encoding ? " after decompression" : "");
}

/* The guard. Every connection begins here, with the address that it will be made to. */
static curl_socket_t on_open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *peer)
{
    struct http_transfer *transfer = context;
    const char *refusal = transfer->allow_private ? NULL : address_refusal(&peer->addr);
    char address[64] = "?";
    if (!refusal) {
        transfer->has_socket = true;
        return socket(peer->family, peer->socktype | SOCK_CLOEXEC, peer->protocol);
    }
    uv_ip_name(&peer->addr, address, sizeof address);
    if (!transfer->refused_address[0])
        snprintf(transfer->refused_address, sizeof transfer->refused_address, "refused: %s is %s",
                 address, refusal);
    return CURL_SOCKET_BAD;
}

static size_t on_header_line(char *start, size_t size, size_t count, void *context)
{
    struct http_transfer *transfer = context;
    if (transfer->own_failure)
        return 0;
    switch (response_head_feed(&transfer->head, slice_of(start, size * count))) {
    case HEAD_IS_TOO_LARGE:
        return refuse_rest(transfer, "the headers are too large");
    case HEAD_IS_WHOLE:
        if (transfer->callbacks.on_head) {
            struct http_head head = response_head_view(&transfer->head);
            transfer->callbacks.on_head(transfer->context, &head);
        }
        break;
    case HEAD_GOES_ON:
        break;
    }
    return transfer->own_failure ? 0 : size * count;
}

static size_t on_body_bytes(char *start, size_t size, size_t count, void *context)
{
    struct http_transfer *transfer = context;
    size_t bytes = size * count;
    if (transfer->own_failure)
        return 0;
    if (!transfer->head.is_whole) { /* libcurl takes an upgrade that nobody wanted for the answer */
        transfer->own_failure = HTTP_FAILURE_PROTOCOL;
        transfer->own_message = "a body came behind an interim answer";
        return 0;
    }
    if (transfer->is_paused) {
        transfer->is_held = true;
        return CURL_WRITEFUNC_PAUSE; /* the same bytes come again */
    }
    if (transfer->max_body_bytes && bytes > transfer->max_body_bytes - transfer->body_bytes) {
        refuse_expanded_body(transfer);
        return 0;
    }
    transfer->body_bytes += bytes;
    if (transfer->callbacks.on_body)
        transfer->callbacks.on_body(transfer->context, slice_of(start, bytes));
    return transfer->own_failure ? 0 : bytes;
}

/* Holds the limit on the wire, where compressed bytes may come without end and give none. */
static int on_progress(void *context, curl_off_t total, curl_off_t bytes, curl_off_t upload_total,
                       curl_off_t upload)
{
    struct http_transfer *transfer = context;
    if (!transfer->own_failure && transfer->max_transfer_bytes &&
        (uint64_t)bytes > transfer->max_transfer_bytes)
        refuse_body(transfer, transfer->max_transfer_bytes, " on the wire");
    return transfer->own_failure != HTTP_FAILURE_NONE;
}

static void set_callbacks(struct http_transfer *transfer)
{
    CURL *easy = transfer->easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header_line);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body_bytes);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, transfer);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
}

static void set_rules(CURL *easy, bool is_tls)
{
    const char *authorities = getenv("SSL_CERT_FILE");
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* else libcurl takes the environment's */
    curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L); /* signals are the loop's */
    /* else the end of a request whose name is not resolved yet stops the loop until it is */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    /* A second request to a host waits to see whether the first one's connection is HTTP/2; without
     * TLS it is not, and waiting would cost an answer's time. */
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, is_tls ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip, deflate, br");
    if (authorities && *authorities)
        curl_easy_setopt(easy, CURLOPT_CAINFO, authorities);
}

static void set_method(CURL *easy, const struct http_request *request)
{
    const char *method = request->method ? request->method : "GET";
    if (strcmp(method, "HEAD") == 0) { /* with a body libcurl would wait for that of the answer */
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (request->body.start || strcmp(method, "POST") == 0) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.length);
        curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS,
                         request->body.start ? request->body.start : "");
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}

static void append_header(struct http_transfer *transfer, const char *line)
{
    struct curl_slist *longer = curl_slist_append(transfer->headers, line);
    CHECK(longer);
    transfer->headers = longer;
}

/* What could end a line would let its owner write the rest of the request. */
static bool is_clean(const char *string)
{
    for (; string && *string; string++)
        if (((unsigned char)*string < ' ' && *string != '\t') || *string == 0x7F)
            return false;
    return true;
}

static void set_headers(struct http_transfer *transfer, const struct http_request *request)
{
    bool are_clean =
        is_clean(request->user_agent) && is_clean(request->method) && is_clean(request->url);
    for (const char *const *line = request->headers; line && *line; line++) {
        are_clean = are_clean && is_clean(*line);
        append_header(transfer, *line);
    }
    if (!are_clean) {
        transfer->own_failure = HTTP_FAILURE_PROTOCOL;
        transfer->own_message = "the request has a control character in its URL or headers";
    }
    append_header(transfer, "Expect:"); /* no round trip of its own before a body */
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
    curl_easy_setopt(transfer->easy, CURLOPT_USERAGENT, request->user_agent);
}

static void forget_answer(struct http_transfer *transfer)
{
    transfer->body_bytes = 0;
    transfer->is_paused = transfer->is_held = false;
    transfer->has_socket = false;
    transfer->refused_address[0] = '\0';
    transfer->own_failure = HTTP_FAILURE_NONE;
    transfer->own_message = NULL;
    transfer->is_unknown_host = false;
    transfer->error[0] = '\0';
}

/* An announced length over the limit need not be waited for. That of an answer without a body (to
 * HEAD) is none of its bytes. */
static void set_limits(struct http_transfer *transfer, const struct http_request *request)
{
    bool has_body = !request->method || strcmp(request->method, "HEAD") != 0;
    transfer->max_body_bytes = request->max_body_bytes;
    transfer->max_transfer_bytes =
        request->max_transfer_bytes ? request->max_transfer_bytes : request->max_body_bytes;
    if (has_body && transfer->max_transfer_bytes <= INT64_MAX)
        curl_easy_setopt(transfer->easy, CURLOPT_MAXFILESIZE_LARGE,
                         (curl_off_t)transfer->max_transfer_bytes);
}

void transfer_prepare(struct http_transfer *transfer, const struct http_request *request,
                      const struct http_callbacks *callbacks, void *context)
{
    CHECK(request->timeout_ms > 0 && callbacks->on_done);
    CURL *easy = transfer->easy;
    int connect_ms =
        request->connect_timeout_ms ? request->connect_timeout_ms : request->timeout_ms;
    transfer->callbacks = *callbacks;
    transfer->context = context;
    transfer->allow_private = request->allow_private;
    forget_answer(transfer);
    response_head_start(&transfer->head, request->max_header_bytes);

    curl_easy_reset(easy);
    set_callbacks(transfer);
    set_rules(easy, strncasecmp(request->url, "https:", 6) == 0);
    set_method(easy, request);
    set_headers(transfer, request);
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->is_alone ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, request->is_alone ? 1L : 0L);
    set_limits(transfer, request);
}

CURLcode transfer_resume(struct http_transfer *transfer)
{
    transfer->is_held = false;
    return curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
}

/* The moment that libcurl noted, in milliseconds since the start; 0: it was not reached. */
static double moment_ms(CURL *easy, CURLINFO which)
{
    curl_off_t us = 0;
    curl_easy_getinfo(easy, which, &us);
    return (double)us / 1000;
}

static void read_times(CURL *easy, struct http_result *result)
{
    double dns = moment_ms(easy, CURLINFO_NAMELOOKUP_TIME_T);
    double connect = moment_ms(easy, CURLINFO_CONNECT_TIME_T);
    double tls = moment_ms(easy, CURLINFO_APPCONNECT_TIME_T);
    char *scheme = NULL;
    long connections = 0;
    curl_easy_getinfo(easy, CURLINFO_SCHEME, &scheme);
    curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connections);
    bool is_tls = scheme && strcasecmp(scheme, "https") == 0;
    bool is_reused = result->is_sent && connections == 0;

    result->total_ms = moment_ms(easy, CURLINFO_TOTAL_TIME_T);
    result->first_byte_ms =
        result->head.status ? moment_ms(easy, CURLINFO_STARTTRANSFER_TIME_T) : -1;
    if (is_reused)
        return;
    result->dns_ms = dns > 0 ? dns : -1;
    result->connect_ms = connect > 0 ? connect - dns : -1;
    result->tls_ms = is_tls ? (tls > 0 ? tls - connect : -1) : (connect > 0 ? 0 : -1);
}

/* Heads as HTTP/1.1 has them. libcurl counts with the head of a request as much of its body as goes
 * out together with it: all of a small one. */
static uint64_t read_wire_bytes(CURL *easy)
{
    curl_off_t uploaded = 0, downloaded = 0;
    long request = 0, head = 0;
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &request);
    curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
    curl_easy_getinfo(easy, CURLINFO_HEADER_SIZE, &head);
    curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &downloaded);
    return (uint64_t)(request + (request > uploaded ? 0 : uploaded) + head + downloaded);
}

void transfer_read_result(struct http_transfer *transfer, CURLcode code, struct http_result *result)
{
    CURL *easy = transfer->easy;
    curl_off_t transfer_bytes = 0, retry_after_s = 0;
    const char *address = NULL;
    long request_bytes = 0;
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &transfer_bytes);
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address);
    *result = (struct http_result){
        .head = response_head_view(&transfer->head),
        .address = address ? address : "",
        .is_sent = request_bytes > 0,
        .transfer_bytes = (uint64_t)transfer_bytes,
        .wire_bytes = read_wire_bytes(easy),
        .body_bytes = transfer->body_bytes,
        .retry_after_ms =
            retry_after_s > 0 && retry_after_s < INT32_MAX ? retry_after_s * 1000 : -1,
    };
    read_times(easy, result);
    transfer_failure_describe(transfer, code, result);
}
