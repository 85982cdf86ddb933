/*
 * How a receiver knows that a request is ours, and that it has had it before: the headers of
 * Standard Webhooks 1.0.0 (github.com/standard-webhooks/standard-webhooks, "Webhook metadata",
 * "Signature scheme"), and a trace (W3C Trace Context, Recommendation of 2021, "traceparent").
 *
 * The id is the same for all attempts of a task, so it is the idempotency key too
 * (draft-ietf-httpapi-idempotency-key-header); so is the trace, in which each attempt is a span.
 */
#ifndef PAWL_EXECUTORS_HTTP_SIGNATURE_H
#define PAWL_EXECUTORS_HTTP_SIGNATURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "executors/executor.h"

/* "pawl_", 12 digits of the installation, job and task. */
void signature_append_id(struct text *text, const struct installation *installation,
                         const struct task *task);
/* Adds "v1,BASE64", behind a space if text is not empty: HMAC-SHA256 over "ID.TIMESTAMP.BODY". A
 * secret that begins with whsec_ is base64 behind that; another is the key as it is. False: what
 * stands behind whsec_ is no base64. */
bool signature_append(struct text *text, struct slice secret, const char *id, int64_t timestamp,
                      struct slice body);
/* What lets a function call back for this attempt, in hexadecimal digits; as pawl.callback_token.
 */
void signature_append_callback_token(struct text *text, const struct installation *installation,
                                     const struct task *task);
/* "00-TRACE-SPAN-01". */
void signature_append_trace(struct text *text, const struct installation *installation,
                            const struct task *task);

#endif
