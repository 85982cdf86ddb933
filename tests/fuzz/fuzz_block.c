/*
 * Any bytes as an answer: the first is the last digits of its status, a zero byte ends the head and
 * begins the body. What the kind is does not depend on the bytes behind the limit, and a challenge
 * hides no status that is a refusal.
 */
#include <stdint.h>

#include "executors/crawl/block.h"
#include "fuzzed_fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_kind(int status, enum block_kind kind)
{
    bool is_refusal = status == 403 || status == 429 || status == 503;
    CHECK(!is_refusal || kind != BLOCK_NONE);
    CHECK(kind != BLOCK_RATE_LIMIT || status == 429 || status == 503);
    CHECK(kind != BLOCK_UNAVAILABLE || status == 503);
    CHECK(strlen(block_kind_name(kind)) > 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 202, 401, 403, 404, 405, 429, 503};
    if (size == 0)
        return 0;
    struct fuzzed_fields fields;
    int status = statuses[data[0] % 8];
    struct slice rest = slice_of((const char *)data + 1, size - 1);
    const char *zero = rest.length ? memchr(rest.start, '\0', rest.length) : NULL;
    size_t head = zero ? (size_t)(zero - rest.start) : rest.length;
    size_t body = zero ? rest.length - head - 1 : 0;
    fuzzed_fields_start(&fields, slice_of(rest.start, head));
    char *copy = malloc(body ? body : 1);
    CHECK(copy);
    if (body)
        memcpy(copy, zero + 1, body);
    enum block_kind kind = block_kind_of(status, fields.list, fields.count, slice_of(copy, body));
    check_kind(status, kind);
    if (body > BLOCK_BODY_BYTES)
        CHECK(kind ==
              block_kind_of(status, fields.list, fields.count, slice_of(copy, BLOCK_BODY_BYTES)));
    free(copy);
    fuzzed_fields_finish(&fields);
    return 0;
}
