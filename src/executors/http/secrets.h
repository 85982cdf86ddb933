/*
 * Secrets by reference, as kinds name them: "env:NAME", a variable of this node's environment;
 * "file:PATH", a file inside one folder, by a relative path or a whole one; "vault:NAME", a row of
 * the view vault.decrypted_secrets in the database, as Supabase has it. The value is read again
 * when it is older than two seconds, so that a file or a row can be replaced while the node runs;
 * an environment is what it was at the start. The database is asked without waiting for it: until
 * it has answered a value serves on, for some seconds, and there is none before the first answer.
 *
 * Not to be had: the variables by which programs find their database (PG..., DATABASE_URL,
 * PAWL_...), since whoever may define a kind could have them sent to himself; files outside the
 * folder, wherever a link in it leads. Neither logged nor told in errors: the value.
 */
#ifndef PAWL_EXECUTORS_HTTP_SECRETS_H
#define PAWL_EXECUTORS_HTTP_SECRETS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

struct secrets;

/* folder: NULL for /run/secrets. It need not be there. */
struct secrets *secrets_create(const char *folder);
void secrets_destroy(struct secrets *secrets);
/* Who asks the database, and tells secrets_note_vault(), later, from the loop. Without it there is
 * no vault. */
typedef void secrets_ask_fn(void *context, const char *name);
void secrets_set_vault(struct secrets *secrets, secrets_ask_fn *ask, void *context);
/* The answer: the value, or {NULL, 0} and why there is none. */
void secrets_note_vault(struct secrets *secrets, const char *name, uint64_t now_ms,
                        struct slice value, const char *reason);
/* The value, without the line end behind it, until the next call; now_ms is the loop's time. False
 * with `reason` filled when it cannot be had now: missing, empty, too large, not allowed. */
bool secrets_find(struct secrets *secrets, const char *reference, uint64_t now_ms,
                  struct slice *value, struct text *reason);
/* The last secrets_find() found none only because the database has not answered yet. */
bool secrets_are_awaited(const struct secrets *secrets);

#endif
