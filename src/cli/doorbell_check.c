#include "cli/doorbell_check.h"

#include "base/log.h"

enum { PATIENCE_MS = 3000 };

void doorbell_check(struct session *session, const char *url)
{
    /* Another session rings: a pooler may give one client's two transactions one server connection,
     * and the notification would come back with the statement that sent it. */
    struct session *other = session_open(url, "serve", NULL);
    bool is_rung = other && session_run(session, "listen pawl_check", NULL) &&
                   session_run(other, "notify pawl_check", NULL);
    bool is_heard = is_rung && session_wait_notify(session, PATIENCE_MS);
    session_close(other);
    if (is_rung && !is_heard)
        log_warning("notifications do not reach this node, as behind a pooler in transaction mode: "
                    "when idle it finds new work only by looking for it, every 30 s; connect it "
                    "directly or through a pooler in session mode");
}
