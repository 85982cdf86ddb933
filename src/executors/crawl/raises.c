#include "executors/crawl/raises.h"

#include <stdio.h>

#include "executors/crawl/url.h"
#include "executors/crawl_database.h"

/* A batch is sent when it is so old, or so large. */
static const int64_t waits_us[RAISE_TIERS] = {0, 5000000, 30000000};
static const char *const names[RAISE_TIERS] = {"high", "medium", "low"};
enum { BATCH_MAX = 1000 };

void raises_finish(struct raises *raises)
{
    for (int tier = 0; tier < RAISE_TIERS; tier++) {
        text_finish(&raises->batches[tier].keys);
        text_finish(&raises->batches[tier].priorities);
    }
}

enum raise_tier raises_tier(float priority)
{
    return priority >= 0.9f ? RAISE_HIGH : priority >= 0.5f ? RAISE_MEDIUM : RAISE_LOW;
}

void raises_add(struct raises *raises, struct slice url, float priority, int64_t now_us)
{
    struct raise_batch *batch = &raises->batches[raises_tier(priority)];
    char key[URL_KEY_BYTES];
    url_key(url, key);
    if (!batch->count)
        batch->since_us = now_us;
    text_append_format(&batch->keys, "%c%s", batch->count ? ',' : '{', key);
    text_append_format(&batch->priorities, "%c%.7g", batch->count ? ',' : '{', (double)priority);
    batch->count++;
}

void raises_avoid(struct raises *raises, int64_t now_us)
{
    struct raise_batch *low = &raises->batches[RAISE_LOW];
    if (!low->count && !raises->avoided)
        low->since_us = now_us;
    raises->avoided++;
}

static void send_batch(struct raises *raises, enum raise_tier tier, struct crawl_database *database,
                       int64_t job_id)
{
    struct raise_batch *batch = &raises->batches[tier];
    text_append_string(&batch->keys, batch->count ? "}" : "{}");
    text_append_string(&batch->priorities, batch->count ? "}" : "{}");
    crawl_database_raise_priorities(database, job_id, text_string(&batch->keys),
                                    text_string(&batch->priorities), names[tier], raises->avoided);
    text_clear(&batch->keys);
    text_clear(&batch->priorities);
    batch->count = 0;
    raises->avoided = 0;
}

int64_t raises_send(struct raises *raises, struct crawl_database *database, int64_t job_id,
                    int64_t now_us, bool is_end)
{
    int64_t next_us = -1;
    for (int tier = 0; tier < RAISE_TIERS; tier++) {
        struct raise_batch *batch = &raises->batches[tier];
        bool has_news = batch->count || (tier == RAISE_LOW && raises->avoided);
        int64_t left_us = batch->since_us + waits_us[tier] - now_us;
        if (has_news && (is_end || left_us <= 0 || batch->count >= BATCH_MAX))
            send_batch(raises, tier, database, job_id);
        else if (has_news && (next_us < 0 || left_us < next_us))
            next_us = left_us;
    }
    return next_us;
}
