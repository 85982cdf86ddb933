/* Whether notifications reach us, asked once before a node starts: behind a pooler in transaction
 * mode LISTEN succeeds, and then nothing ever comes. */
#ifndef PAWL_CLI_DOORBELL_CHECK_H
#define PAWL_CLI_DOORBELL_CHECK_H

#include "pg/session.h"

/* Logs a warning that says what follows and what to do when they do not. Blocks: a round trip or
 * two, or 3 s when none comes. What else goes wrong here will go wrong again where it matters, and
 * is told there. The session listens to a channel of its own afterwards: close it. */
void doorbell_check(struct session *session, const char *url);

#endif
