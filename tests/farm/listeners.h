/* Sockets that listen on one port of many loopback addresses. Nothing else can be reached. */
#ifndef PAWL_FARM_LISTENERS_H
#define PAWL_FARM_LISTENERS_H

#include "farm.h"

enum { LISTENERS_MAX = 60000, LISTENERS_ADDRESS_BYTES = 16 };

struct listeners;

/* Address number i: 127.0.0.1, 127.0.0.2, ... 127.0.0.250, 127.0.1.1, ... */
void listeners_address(int number, char address[LISTENERS_ADDRESS_BYTES]);
/* port: 0 for one that is free on all of them; it is set to the one it is. NULL with errno when it
 * cannot be had. */
struct listeners *listeners_create(struct farm *farm, int count, int *port, bool is_tls);
/* The handles are closed as the loop turns. NULL: nothing. */
void listeners_destroy(struct listeners *listeners);

#endif
