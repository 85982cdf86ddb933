/* Which database a command means, and a session with it. */
#ifndef PAWL_CLI_DATABASE_H
#define PAWL_CLI_DATABASE_H

#include "base/text.h"
#include "cli/command.h"
#include "pg/session.h"

/* --db, else --data, else DATABASE_URL, else the private database in the default folder: what is
 * typed goes before what stands in the environment. */
bool database_is_private(const struct call *call);
/* Appends the connection string. FAILURE_USAGE for --db with --data; FAILURE_INPUT when it is
 * none; those of cluster_url(). */
bool database_find(const struct call *call, struct text *url, struct failure *failure);
/* Appends the folder of the private database: --data or the default. */
void database_find_folder(const struct call *call, struct text *folder);
/* It is private and a pawl up has its folder, so what is not there yet may come by itself. */
bool database_is_held(const struct call *call);
/* A session with it; NULL with failure set, which for a private one that another program is still
 * setting up is a FAILURE_DATABASE that says so. The first asks nothing about the schema, the
 * second makes sure that it is this program's. */
struct session *database_open(const struct call *call, struct failure *failure);
struct session *database_open_checked(const struct call *call, struct failure *failure);
/* What a statement failed with that names a table of the person's: one that is not there is his
 * mistake, not a fault of Pawl's schema. */
void database_blame_table(struct failure *failure);

#endif
