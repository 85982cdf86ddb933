/*
 * The hosts that a connection string leads to, one at a time. libpq's own way round them knows no
 * time limit when it does not block: a host that says nothing would use up the time of all.
 */
#ifndef PAWL_PG_CONNECTION_HOSTS_H
#define PAWL_PG_CONNECTION_HOSTS_H

#include "base/memory.h"

/* What replaces the string's own settings; NULL: as the string says. */
struct connection_host {
    const char *name, *address, *port; /* host, hostaddr, port */
    const char *session;               /* target_session_attrs */
};

struct connection_hosts {
    struct connection_host *list; /* in the order in which they are to be tried */
    int count;                    /* at least one */
    int timeout_ms;               /* for each: connect_timeout, 10 s when there is none */
};

/*
 * Reads the string, and what the environment adds to it, into memory of the arena. With
 * target_session_attrs=prefer-standby every host is there twice: as a standby, then as anything.
 *
 * There is one entry, all NULL, for what only libpq can take apart: hosts that a service file
 * names, lists with an empty entry, and whatever it is going to refuse.
 */
void connection_hosts_read(struct connection_hosts *hosts, const char *url, struct arena *arena);

#endif
