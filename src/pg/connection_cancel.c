#include "pg/connection_cancel.h"

#include <stdlib.h>

#include "base/memory.h"

struct cancellation {
    uv_work_t work;
    PGcancel *cancel;
};

static void cancel_in_thread(uv_work_t *work)
{
    char reason[256];
    PQcancel(((struct cancellation *)work->data)->cancel, reason, sizeof reason);
}

static void on_cancelled(uv_work_t *work, int status)
{
    struct cancellation *cancellation = work->data;
    PQfreeCancel(cancellation->cancel);
    free(cancellation);
}

void connection_cancel_send(uv_loop_t *loop, PGconn *inner)
{
    PGcancel *cancel = PQgetCancel(inner);
    if (!cancel)
        return;
    struct cancellation *cancellation = memory_zeroed(1, sizeof *cancellation);
    cancellation->cancel = cancel;
    cancellation->work.data = cancellation;
    uv_queue_work(loop, &cancellation->work, cancel_in_thread, on_cancelled);
}
