/* What somebody meant who typed a word that is none of those there are. */
#ifndef PAWL_CLI_SUGGEST_H
#define PAWL_CLI_SUGGEST_H

#include "base/text.h"

struct suggestion {
    const char *typed;
    struct slice nearest; /* of length 0 while nothing is near enough */
    int distance;
};

/* Takes the candidate when it is nearer to what was typed than what was considered before. */
void suggestion_consider(struct suggestion *suggestion, struct slice candidate);

#endif
