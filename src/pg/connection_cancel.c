#include "pg/connection_cancel.h"

#include <stdatomic.h>

#include "base/log.h"
#include "pg/connection_thread.h"

enum { CANCELS_LIMIT = 16 };

static atomic_int under_way;

static void cancel_in_thread(void *context)
{
    char reason[256];
    PQcancel(context, reason, sizeof reason);
    PQfreeCancel(context);
    atomic_fetch_sub(&under_way, 1);
}

void connection_cancel_send(PGconn *inner)
{
    PGcancel *cancel = PQgetCancel(inner);
    if (!cancel)
        return;
    if (atomic_fetch_add(&under_way, 1) < CANCELS_LIMIT &&
        connection_thread_start(cancel_in_thread, cancel))
        return;
    log_warning("could not ask the server to cancel a statement: it has not answered others");
    PQfreeCancel(cancel);
    atomic_fetch_sub(&under_way, 1);
}
