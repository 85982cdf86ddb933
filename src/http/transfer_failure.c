#include "http/transfer_failure.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* What stands behind the words of a row. */
enum detail {
    DETAIL_NONE,
    DETAIL_LIBRARY, /* libcurl's own text */
    DETAIL_HOST,
    DETAIL_ADDRESS, /* host, port and the system's error */
    DETAIL_ELAPSED,
    DETAIL_WIRE_LIMIT,
};

struct reason {
    CURLcode code;
    enum http_failure failure;
    bool is_permanent;
    const char *words;
    enum detail detail;
};

static const struct reason reasons[] = {
    {CURLE_COULDNT_RESOLVE_HOST, HTTP_FAILURE_DNS, false, "could not resolve host: ", DETAIL_HOST},
    {CURLE_COULDNT_CONNECT, HTTP_FAILURE_CONNECT, false, "could not connect to ", DETAIL_ADDRESS},
    {CURLE_GOT_NOTHING, HTTP_FAILURE_CONNECT, false,
     "the server closed the connection without an answer", DETAIL_NONE},
    {CURLE_PARTIAL_FILE, HTTP_FAILURE_CONNECT, false, "the answer is not whole: ", DETAIL_LIBRARY},
    {CURLE_RECV_ERROR, HTTP_FAILURE_CONNECT, false, "connection lost: ", DETAIL_LIBRARY},
    {CURLE_SEND_ERROR, HTTP_FAILURE_CONNECT, false, "connection lost: ", DETAIL_LIBRARY},
    {CURLE_PEER_FAILED_VERIFICATION, HTTP_FAILURE_TLS, true, "certificate: ", DETAIL_LIBRARY},
    {CURLE_SSL_INVALIDCERTSTATUS, HTTP_FAILURE_TLS, true, "certificate: ", DETAIL_LIBRARY},
    {CURLE_SSL_CACERT_BADFILE, HTTP_FAILURE_TLS, false,
     "could not read the certificate authorities: ", DETAIL_LIBRARY},
    {CURLE_SSL_CONNECT_ERROR, HTTP_FAILURE_TLS, false, "TLS handshake: ", DETAIL_LIBRARY},
    {CURLE_SSL_CIPHER, HTTP_FAILURE_TLS, false, "TLS handshake: ", DETAIL_LIBRARY},
    {CURLE_OPERATION_TIMEDOUT, HTTP_FAILURE_TIMEOUT, false, "", DETAIL_ELAPSED},
    {CURLE_FILESIZE_EXCEEDED, HTTP_FAILURE_TOO_LARGE, true, "the body is too large: more than ",
     DETAIL_WIRE_LIMIT},
    /* libcurl's name for a header line over its own limit; of a body see find_reason() */
    {CURLE_OUT_OF_MEMORY, HTTP_FAILURE_TOO_LARGE, true, "a header line is too large", DETAIL_NONE},
    {CURLE_URL_MALFORMAT, HTTP_FAILURE_PROTOCOL, true, "the URL cannot be used: ", DETAIL_LIBRARY},
    {CURLE_UNSUPPORTED_PROTOCOL, HTTP_FAILURE_PROTOCOL, true,
     "the URL cannot be used: ", DETAIL_LIBRARY},
};

static char *url_part(const struct http_transfer *transfer, CURLUPart part)
{
    char *url = NULL, *found = NULL, *copy = NULL;
    curl_easy_getinfo(transfer->easy, CURLINFO_EFFECTIVE_URL, &url);
    CURLU *parts = curl_url();
    if (parts && url && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, part, &found, CURLU_DEFAULT_PORT) == CURLUE_OK)
        copy = memory_copy_string(found);
    curl_free(found);
    curl_url_cleanup(parts);
    return copy;
}

char *transfer_host(const struct http_transfer *transfer)
{
    char *host = url_part(transfer, CURLUPART_HOST);
    size_t length = host ? strlen(host) : 0;
    if (length > 2 && host[0] == '[') {
        memmove(host, host + 1, length - 2);
        host[length - 2] = '\0';
    }
    return host;
}

static void append_address(struct text *message, const struct http_transfer *transfer)
{
    char *host = url_part(transfer, CURLUPART_HOST), *port = url_part(transfer, CURLUPART_PORT);
    text_append_format(message, "%s:%s", host ? host : "?", port ? port : "?");
    free(host);
    free(port);
}

/* libcurl's text for this failure, in our style, without the words that we say ourselves. */
static void append_library(struct text *message, const struct http_transfer *transfer,
                           CURLcode code)
{
    static const char *const openings[] = {
        "SSL certificate problem: ", "SSL: ", "OpenSSL SSL_connect: "};
    const char *words = transfer->error[0] ? transfer->error : curl_easy_strerror(code);
    for (size_t i = 0; i < sizeof openings / sizeof *openings; i++)
        if (strncmp(words, openings[i], strlen(openings[i])) == 0)
            words += strlen(openings[i]);
    size_t length = strcspn(words, "\r\n");
    bool is_word = isupper((unsigned char)words[0]) && islower((unsigned char)words[1]);
    if (is_word)
        text_append_char(message, (char)tolower((unsigned char)*words));
    text_append(message, words + is_word, length - is_word);
}

static void append_detail(struct http_transfer *transfer, const struct reason *reason,
                          CURLcode code, const struct http_result *result)
{
    struct text *message = &transfer->message;
    char *host;
    long system_error = 0;
    switch (reason->detail) {
    case DETAIL_NONE:
        break;
    case DETAIL_LIBRARY:
        append_library(message, transfer, code);
        break;
    case DETAIL_HOST:
        host = transfer_host(transfer);
        text_append_string(message, host ? host : "?");
        free(host);
        break;
    case DETAIL_ADDRESS:
        append_address(message, transfer);
        curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &system_error);
        if (system_error)
            text_append_format(message, ": %s", strerror((int)system_error));
        break;
    case DETAIL_ELAPSED:
        text_append_string(message, result->connect_ms < 0 ? "no connection to "
                                    : result->head.status  ? "no whole answer from "
                                                           : "no answer from ");
        append_address(message, transfer);
        text_append_format(message, " after %.0f ms", result->total_ms);
        break;
    case DETAIL_WIRE_LIMIT:
        text_append_format(message, "%llu bytes on the wire",
                           (unsigned long long)transfer->max_transfer_bytes);
        break;
    }
}

static const struct reason *find_reason(const struct http_transfer *transfer, CURLcode code)
{
    static const struct reason other = {CURLE_OK, HTTP_FAILURE_PROTOCOL, false, "", DETAIL_LIBRARY};
    static const struct reason swollen = {
        CURLE_OUT_OF_MEMORY, HTTP_FAILURE_TOO_LARGE, true,
        "the body is too large: it expands to more than can be held in a pause", DETAIL_NONE};
    /* libcurl's name for an answer that is none, too, which it takes for one in HTTP/0.9 */
    static const struct reason nonsense = {CURLE_UNSUPPORTED_PROTOCOL, HTTP_FAILURE_PROTOCOL, false,
                                           "what came is no HTTP: ", DETAIL_LIBRARY};
    long sent_bytes = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &sent_bytes);
    if (code == CURLE_OUT_OF_MEMORY && transfer->head.is_whole)
        return &swollen;
    if (code == CURLE_UNSUPPORTED_PROTOCOL && sent_bytes > 0)
        return &nonsense;
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].code == code)
            return &reasons[i];
    return &other;
}

/* Where another address of the host was tried, it is that one's failure that counts. */
static bool is_refused(const struct http_transfer *transfer, CURLcode code)
{
    return code == CURLE_COULDNT_CONNECT && transfer->refused_address[0] && !transfer->has_socket;
}

void transfer_failure_describe(struct http_transfer *transfer, CURLcode code,
                               struct http_result *result)
{
    if (transfer->own_failure) {
        result->failure = transfer->own_failure;
        result->is_permanent = transfer->own_failure == HTTP_FAILURE_TOO_LARGE ||
                               transfer->own_failure == HTTP_FAILURE_PROTOCOL;
        result->message = transfer->own_message;
    } else if (is_refused(transfer, code)) {
        result->failure = HTTP_FAILURE_REFUSED;
        result->is_permanent = true;
        result->message = transfer->refused_address;
    } else if (code != CURLE_OK) {
        const struct reason *reason = find_reason(transfer, code);
        text_clear(&transfer->message);
        text_append_string(&transfer->message, reason->words);
        append_detail(transfer, reason, code, result);
        result->failure = reason->failure;
        result->is_permanent = reason->is_permanent || transfer->is_unknown_host;
        result->message = text_string(&transfer->message);
    }
}

const char *http_failure_name(enum http_failure failure)
{
    static const char *const names[] = {
        [HTTP_FAILURE_DNS] = "dns",
        [HTTP_FAILURE_CONNECT] = "connect",
        [HTTP_FAILURE_TLS] = "tls",
        [HTTP_FAILURE_TIMEOUT] = "timeout",
        [HTTP_FAILURE_TOO_LARGE] = "too_large",
        [HTTP_FAILURE_PROTOCOL] = "protocol",
        [HTTP_FAILURE_CANCELLED] = "cancelled",
        [HTTP_FAILURE_REFUSED] = "guard",
    };
    return names[failure];
}
