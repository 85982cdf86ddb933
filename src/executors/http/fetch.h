/*
 * The form "fetch": an answer that says something of the data (2xx, 304 not modified, 404 and 410
 * not there) is handed to the function of its data type, which saves it (save.h). What any other
 * answer means is no matter of the form (reply.h).
 */
#ifndef PAWL_EXECUTORS_HTTP_FETCH_H
#define PAWL_EXECUTORS_HTTP_FETCH_H

#include "executors/http/dispatch.h"

bool fetch_is_to_be_saved(const struct dispatch *dispatch, const struct http_result *result);
/* The dispatch ends with it. */
void fetch_save(struct dispatch *dispatch, const struct http_result *result);

#endif
