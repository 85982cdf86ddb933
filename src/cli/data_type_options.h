/* The options of pawl data-type set that are members of the type's budget (pawl.define_data_type).
 */
#ifndef PAWL_CLI_DATA_TYPE_OPTIONS_H
#define PAWL_CLI_DATA_TYPE_OPTIONS_H

#include "base/text.h"
#include "cli/command.h"

extern const struct option data_type_budget_options[];

/* A JSON object into `text`, which stays empty when none of them was given; what is given on its
 * own goes before what --budget says of it. False with failure set: one of them cannot be read.
 * What they mean, the database checks. */
bool data_type_budget_write(const struct call *call, struct text *text, struct failure *failure);

#endif
