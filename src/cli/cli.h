/* The program from its command line to its exit code. */
#ifndef PAWL_CLI_CLI_H
#define PAWL_CLI_CLI_H

/* As main(): returns the exit code (docs/exit-codes.md). */
int cli_main(int count, char **words);

#endif
