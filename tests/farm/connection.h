/*
 * A client's connection: reads requests one after the other, has each answered, and sends the
 * answer in the way the answer says. What comes in while an answer goes out waits.
 */
#ifndef PAWL_FARM_CONNECTION_H
#define PAWL_FARM_CONNECTION_H

#include "farm.h"

/* Takes a connection that the listener has ready. */
void connection_accept(struct farm *farm, uv_stream_t *listener, bool is_tls);
/* Closes all of them; the handles are closed as the loop turns. Open answers are logged. */
void connection_close_all(struct farm *farm);

#endif
