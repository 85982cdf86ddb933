/*
 * The private cluster seen from outside, by a program that only wants to connect to it.
 */
#ifndef PAWL_PG_CLUSTER_URL_H
#define PAWL_PG_CLUSTER_URL_H

#include "base/failure.h"
#include "base/text.h"

/* Appends the connection string of the cluster that runs in the data folder, whoever runs it:
 * postgresql:///pawl?host=...&port=...&user=pawl, percent-encoded. FAILURE_DATABASE when none runs,
 * FAILURE_ENVIRONMENT when the folder may not be read. */
bool cluster_url(const char *data_folder, struct text *url, struct failure *failure);
/* Appends $XDG_DATA_HOME/pawl, or ~/.local/share/pawl (XDG base directories, 0.8). */
void cluster_default_folder(struct text *folder);

#endif
