#include "cli/commands.h"

#include <stddef.h>

const struct command commands[] = {
    {"migrate", "database", "create Pawl's schema, or bring it up to date",
     "Applies the migrations that the database lacks, then functions, triggers, views and grants\n"
     "when they differ, in one transaction: it happens as a whole or not at all. Needs no "
     "extension\n"
     "and no superuser, only the right to create a schema. Nodes may go on running.",
     "  pawl migrate --db postgresql://localhost/app\n"
     "  pawl migrate --sql | psql app          for a person who reads it first",
     .options = command_migrate_options, .run = command_migrate},
    {"migrate status", NULL, "show which migrations the database has", NULL,
     "  pawl migrate status --db postgresql://localhost/app", .run = command_migrate_status},
    {"url", NULL, "print the connection string of the database in use", NULL,
     "  psql \"$(pawl url)\"                     look into the private database",
     .run = command_url},
    {"status", NULL, "show nodes, jobs and tasks at a glance", NULL,
     "  pawl status\n  pawl status --json | jq .tasks", .run = command_status},
    {NULL},
};
