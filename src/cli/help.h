/* What `--help` prints, from the table of commands. */
#ifndef PAWL_CLI_HELP_H
#define PAWL_CLI_HELP_H

#include <stdio.h>

#include "cli/command.h"

/* All commands; noun: only those that begin with it, NULL for every one. */
void help_print_commands(FILE *file, const struct command *commands, const char *noun);
void help_print_command(FILE *file, const struct command *command);

#endif
