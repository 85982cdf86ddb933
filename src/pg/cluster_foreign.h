/*
 * Whether a folder that is there already may become a private cluster's. Somebody types
 * `pawl up --data /etc`, as root: then nothing in /etc may change.
 *
 * Ours is a folder that holds pawl.lock or pgdata/PG_VERSION, so one that a pawl up worked in, or
 * a copy of one. Any other must be empty, but for a few plain files that are logs (*.log) or were
 * written within the last hour: a log that a shell has just opened there is no reason to refuse. A
 * folder, a link, a hidden file, an older file or many files are: that is how the folders of
 * systems, homes and programs look. lost+found is the file system's own.
 */
#ifndef PAWL_PG_CLUSTER_FOREIGN_H
#define PAWL_PG_CLUSTER_FOREIGN_H

#include "pg/cluster_folder.h"

/* False with FAILURE_ENVIRONMENT, and what gave it away, when DIR is somebody else's. Writes
 * nothing. */
bool cluster_foreign_check(const struct cluster_folder *folder, struct failure *failure);

#endif
