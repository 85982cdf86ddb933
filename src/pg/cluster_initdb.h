/*
 * How the cluster in DIR/pgdata comes into being: as a whole, or not at all.
 */
#ifndef PAWL_PG_CLUSTER_INITDB_H
#define PAWL_PG_CLUSTER_INITDB_H

#include "base/failure.h"
#include "pg/cluster_folder.h"

struct cluster;

/* The major version of the PostgreSQL that made the cluster; 0 when there is no cluster. */
int cluster_initdb_version(const struct cluster_folder *folder);
/* Makes DIR/pgdata with superuser `pawl`, UTF-8, the C locale and checksums. What a cut-off attempt
 * left is removed first; a pgdata that is there must be empty. initdb speaks to the descriptor log.
 * Blocks for a second or two; FAILURE_ENVIRONMENT. */
bool cluster_initdb_run(struct cluster *cluster, int log, struct failure *failure);

#endif
