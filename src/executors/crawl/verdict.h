/* What an HTTP answer, or its absence, means for a crawled page and its task. */
#ifndef PAWL_EXECUTORS_CRAWL_VERDICT_H
#define PAWL_EXECUTORS_CRAWL_VERDICT_H

#include "executors/crawl/block.h"
#include "executors/executor.h"
#include "http/client.h"

/* A server that asks for a longer pause is asked again after this one. */
#define VERDICT_RETRY_AFTER_MAX_MS (10 * 60 * 1000)

struct verdict {
    bool is_completed;
    bool is_final;          /* failed: trying again is of no use */
    int64_t delay_ms;       /* failed: Retry-After, or -1 */
    const char *task_class; /* as struct outcome has it; NULL when completed */
    const char *page_class; /* as pawl.pages.error_class has it; NULL when completed */
    struct text error;      /* for people, UTF-8; empty when completed */
};

/* The error is the caller's to finish. */
struct verdict verdict_of(const struct http_result *result, enum block_kind block);
/* The task's outcome by it; takes the error, and page, which is as struct outcome has it. */
struct outcome verdict_outcome(struct verdict *verdict, char *page);

#endif
