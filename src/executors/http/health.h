/*
 * What attempts tell of the health of their target, and what of it keeps others from starting:
 * breakers, and secrets that this node lacks.
 */
#ifndef PAWL_EXECUTORS_HTTP_HEALTH_H
#define PAWL_EXECUTORS_HTTP_HEALTH_H

#include "executors/http/dispatch.h"

void health_init(struct dispatcher *dispatcher);
void health_finish(struct dispatcher *dispatcher);
/* May the attempt begin? False: it has ended, put off for a moment, and nothing counts. */
bool health_lets_begin(struct dispatch *dispatch);
/* It has not become one, or was cut off: if it is a probe, it says nothing. */
void health_drop_probe(const struct dispatch *dispatch);
/* How an attempt went. The outcome of a probe that says nothing of its task becomes "returned". */
void health_note(struct dispatch *dispatch, const struct http_result *result,
                 struct outcome *outcome);
/* For struct executor. */
int health_leave_ms(struct dispatcher *dispatcher, const struct job_facts *job, int node_id);

#endif
