/*
 * The addresses of a host, asked for without waiting. The system's resolver only knows how to wait,
 * so it does so in a thread of its own: not in one of the loop's pool, since a resolver that does
 * not answer would hold up what else is done there, and the end of the program.
 */
#ifndef PAWL_PG_CONNECTION_LOOKUP_H
#define PAWL_PG_CONNECTION_LOOKUP_H

#include <netdb.h>
#include <uv.h>

struct connection_lookup;

/* found, in the order in which to try them, is the callee's, for freeaddrinfo(). It is NULL exactly
 * when error (gai_strerror()) is not 0. */
typedef void connection_lookup_fn(void *context, struct addrinfo *found, int error);

/* name is copied; it may be an address. on_found is called exactly once, from the loop, unless the
 * lookup is destroyed before. */
struct connection_lookup *connection_lookup_create(uv_loop_t *loop, const char *name,
                                                   connection_lookup_fn *on_found, void *context);
/* At any time, also from on_found. The thread ends when the resolver does, and tells nobody. NULL
 * is fine. */
void connection_lookup_destroy(struct connection_lookup *lookup);

#endif
