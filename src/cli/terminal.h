/* What the terminal that is written to can show. */
#ifndef PAWL_CLI_TERMINAL_H
#define PAWL_CLI_TERMINAL_H

#include <stdbool.h>

/* Standard output is a terminal, and the locale's encoding UTF-8: so it shows block elements. */
bool terminal_has_blocks(void);

#endif
