/*
 * One request and its answer. The path is read from left to right: modifiers take their segments
 * off its front and change what the answer will be like; the last part says what is answered. So
 * /latency/50/cdn/fastly/1/page/3 is page 3, behind a CDN, 50 ms late.
 */
#ifndef PAWL_FARM_EXCHANGE_H
#define PAWL_FARM_EXCHANGE_H

#include "answer.h"
#include "farm.h"
#include "host.h"
#include "request.h"

struct exchange {
    struct farm *farm;
    struct host *host;
    struct request request;
    struct slice base; /* of the path, what modifiers took; links of the page begin with it */
    struct slice rest; /* of the path, what is still to be read: empty, or from a slash on */
    struct answer answer;
    int64_t arrived_us, arrived_real_us;
    uint64_t sent_bytes;
    bool is_counted; /* in the statistics and the log; false for /farm/ */
    bool is_tls;
};

/* Takes the first segment of the rest; empty when there is none. */
struct slice exchange_take(struct exchange *exchange);
/* Takes it only if it is this word. */
bool exchange_take_word(struct exchange *exchange, const char *word);
/* Takes it only if it is a number, else says `otherwise`. At most 9,999,999,999. */
int64_t exchange_take_number(struct exchange *exchange, int64_t otherwise);
/* http://host:port, as the client said it, and the base. */
void exchange_site(const struct exchange *exchange, struct text *url);

#endif
