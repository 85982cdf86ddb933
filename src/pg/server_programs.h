/*
 * Where PostgreSQL's server programs are on this machine, and how new they are.
 */
#ifndef PAWL_PG_SERVER_PROGRAMS_H
#define PAWL_PG_SERVER_PROGRAMS_H

#include "base/failure.h"
#include "base/text.h"

enum { SERVER_OLDEST_MAJOR = 13 };

/* All zero before server_programs_find(). */
struct server_programs {
    struct text folder; /* absolute; holds initdb and postgres */
    int major;          /* 15 for PostgreSQL 15.4 */
};

/*
 * Looks into $PAWL_PG_BINDIR when that is set and nowhere else; else into `pg_config --bindir`,
 * /usr/lib/postgresql/<version>/bin from the newest down (Debian's layout), and the folders of
 * PATH. wanted_major: the version that a data folder was made by, 0 when any will do.
 *
 * Failures: FAILURE_ENVIRONMENT when there is none, FAILURE_SCHEMA when none is new enough or of
 * the wanted version. Blocks for some milliseconds: it asks each program for its version.
 */
bool server_programs_find(struct server_programs *programs, int wanted_major,
                          struct failure *failure);
void server_programs_finish(struct server_programs *programs);

#endif
