/* Where to listen: PORT (on 127.0.0.1), ADDRESS:PORT or [IPV6]:PORT; port 0 is any that is free. */
#ifndef PAWL_API_LISTEN_ADDRESS_H
#define PAWL_API_LISTEN_ADDRESS_H

#include "base/failure.h"

enum { LISTEN_HOST_BYTES = 256, LISTEN_PORT_BYTES = 6, LISTEN_ADDRESS_BYTES = 280 };

struct listen_address {
    char host[LISTEN_HOST_BYTES]; /* without brackets */
    char port[LISTEN_PORT_BYTES]; /* 0 to 65535 */
};

/* FAILURE_USAGE when it is none. */
bool listen_address_parse(const char *text, struct listen_address *address,
                          struct failure *failure);
/* FAILURE_USAGE unless only programs of this machine reach it. */
bool listen_address_check_loopback(const struct listen_address *address, struct failure *failure);
/* A socket that listens there, -1 with a FAILURE_ENVIRONMENT. *port is the one it got, `name` the
 * address as a URL has it. */
int listen_address_open(const struct listen_address *address, int *port,
                        char name[LISTEN_ADDRESS_BYTES], struct failure *failure);

#endif
