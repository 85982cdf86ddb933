/*
 * Any bytes as the head of an answer: what is found in it lies in it, the reason is ASCII, and
 * nothing contradicts itself. The first byte says whether the request was authorized and how large
 * the buffer for the reason is.
 */
#include <stdint.h>

#include "executors/crawl/cache_status.h"
#include "fuzzed_fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_in(struct slice part, struct slice whole)
{
    return part.start >= whole.start && part.start + part.length <= whole.start + whole.length;
}

static void check_source(const struct cache_status *status, const struct fuzzed_fields *fields)
{
    bool is_found = false;
    for (size_t i = 0; i < fields->count; i++)
        is_found |= status->field.start == fields->list[i].name.start &&
                    is_in(status->word, fields->list[i].value);
    CHECK(is_found == (status->state != CACHE_NONE));
    CHECK(is_found == (status->cache != NULL));
}

static void check_reason(enum cache_state state, const char *reason, size_t bytes)
{
    size_t length = strnlen(reason, bytes);
    CHECK(length < bytes);
    for (size_t i = 0; i < length; i++)
        CHECK(reason[i] >= ' ' && reason[i] <= '~');
    bool has_reason = state == CACHE_BYPASS || state == CACHE_UNCACHEABLE;
    CHECK(state == CACHE_NONE || bytes == 1 || has_reason == (length > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct fuzzed_fields fields;
    size_t bytes = data[0] & 0x7F;
    char *reason = malloc(bytes ? bytes : 1);
    CHECK(reason);
    fuzzed_fields_start(&fields, slice_of((const char *)data + 1, size - 1));
    struct cache_status status =
        cache_status_of(fields.list, fields.count, data[0] & 0x80, reason, bytes);
    check_source(&status, &fields);
    if (bytes)
        check_reason(status.state, reason, bytes);
    CHECK(status.is_worth_asking_again ==
          (status.state == CACHE_MISS || status.state == CACHE_EXPIRED ||
           status.state == CACHE_STALE));
    free(reason);
    fuzzed_fields_finish(&fields);
    return 0;
}
