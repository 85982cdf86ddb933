#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *file, int line, const char *claim)
{
    fprintf(stderr, "pawl: bug: %s:%d: this does not hold: %s\n", file, line, claim);
    abort();
}
