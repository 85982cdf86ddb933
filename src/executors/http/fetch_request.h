/*
 * The request of the form "fetch": the payload is a refresh of a data type, {"type", "key",
 * "path"}, and what is asked for is the kind's target with that path behind it. The path has been
 * made of the type's template and the key (pawl.define_data_type); here is seen to it once more
 * that no key leads elsewhere, since the request has the kind's secrets in it.
 */
#ifndef PAWL_EXECUTORS_HTTP_FETCH_REQUEST_H
#define PAWL_EXECUTORS_HTTP_FETCH_REQUEST_H

#include "executors/http/request.h"

/* Writes URL, method and time-out: a part of the time is kept for saving. False with the reason of
 * the request filled: the payload is none that can be sent. */
bool fetch_request_build(struct request *request, const struct target *target,
                         const struct task *task);

#endif
