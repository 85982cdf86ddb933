/* The command line, understood by a table of commands. */
#ifndef PAWL_CLI_ARGUMENTS_H
#define PAWL_CLI_ARGUMENTS_H

#include "cli/command.h"

/*
 * `--name value` and `--name=value` anywhere, `--` ends the options, `-` alone is an argument.
 * FAILURE_USAGE: unknown words and options (the hint names the nearest), missing or superfluous
 * ones, an option's value that is none. FAILURE_INPUT: an argument that is no id.
 * `call` is filled as far as it was understood even then, so that a failure can be told as asked.
 */
bool arguments_parse(const struct command *commands, int count, char **words, struct call *call,
                     struct failure *failure);

/* "7/1234": both numbers, positive. False when it is not that. */
bool arguments_split_task(const char *text, char job[24], char task[24]);

#endif
