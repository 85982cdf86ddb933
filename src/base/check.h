/*
 * Asserts that stay on and speak: a broken promise inside the program ends it at once, with the
 * place and the words. Leases and fencing recover the work (see docs/errors.md).
 *
 * Not for what the world does (network, database, input): that is a value, see failure.h.
 */
#ifndef PAWL_BASE_CHECK_H
#define PAWL_BASE_CHECK_H

/* Aborts with file, line and the claim when the claim is false. Always compiled in. */
#define CHECK(claim) ((claim) ? (void)0 : check_failed(__FILE__, __LINE__, #claim))

_Noreturn void check_failed(const char *file, int line, const char *claim) __attribute__((cold));

#endif
