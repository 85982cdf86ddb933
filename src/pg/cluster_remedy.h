/*
 * What a person can do when the folder of a private cluster cannot be used.
 */
#ifndef PAWL_PG_CLUSTER_REMEDY_H
#define PAWL_PG_CLUSTER_REMEDY_H

#include "base/failure.h"

/* Gives the failure its hint: path, the data folder or something in it, met that errno. Returns
 * false, as failure_hint() does. */
bool cluster_remedy_hint(const char *path, int error, struct failure *failure);

#endif
