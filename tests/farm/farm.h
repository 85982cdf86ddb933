/* What all parts of the farm share. One process, one thread, one loop. */
#ifndef PAWL_FARM_FARM_H
#define PAWL_FARM_FARM_H

#include <uv.h>

#include "base/list.h"
#include "base/text.h"
#include "options.h"

struct farm {
    uv_loop_t loop;
    struct options options;
    struct hosts *hosts;
    struct access_log *log; /* NULL: none */
    struct tls_server *tls; /* NULL: none */
    int port, tls_port;
    struct list connections;
    uint64_t open_connections, accepted_connections;
    struct text words;    /* that pages are filled with */
    char buffer[1 << 16]; /* what is being read, by whichever connection reads */
};

#endif
