/*
 * Which addresses are nobody's but ours: those that the world cannot reach and a stranger's URL
 * must not either (DESIGN: safety). Asked for every connection, about the address that it is made
 * to, so it does not matter what a name meant a moment ago.
 *
 * Source: IANA's special-purpose address registries for IPv4 and IPv6 (RFC 6890), and the addresses
 * at which clouds hand out credentials. Not known here: public addresses that are private to
 * somebody (a company's own NAT64 prefix, say); those are a firewall's work.
 */
#ifndef PAWL_HTTP_ADDRESS_GUARD_H
#define PAWL_HTTP_ADDRESS_GUARD_H

#include <sys/socket.h>

/* NULL: reachable by everybody. Otherwise what it is, with its article ("a loopback address"),
 * static. An IPv6 address that carries an IPv4 one (RFC 4291, 6052, 3056) is what that one is. */
const char *address_refusal(const struct sockaddr *address);

#endif
