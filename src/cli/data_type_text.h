/* A data type (pawl.list_data_types) as people read it. */
#ifndef PAWL_CLI_DATA_TYPE_TEXT_H
#define PAWL_CLI_DATA_TYPE_TEXT_H

#include <jansson.h>

/* Replaces what people do not read so: parents and budget become lines, or null; and adds the times
 * without "_seconds", and "stale", which says when its data is. */
void data_type_describe(json_t *type);

#endif
