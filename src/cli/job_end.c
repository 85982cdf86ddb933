#include "cli/job_end.h"

#include <stdio.h>
#include <string.h>

#include "cli/output.h"

bool job_end_detach(const struct call *call, const char *job)
{
    if (call_has(call, "--json"))
        return output_json(json_pack("{s:s, s:b}", "job", job, "detached", true));
    const char *data = call_text(call, "--data");
    return output_line("job %s is not cancelled; come back with: pawl job show %s --follow%s%s",
                       job, job, data ? " --data " : "", data ? data : "");
}

bool job_end_judge(const struct progress_watch *watch, struct failure *failure)
{
    if (strcmp(watch->status, "completed") == 0)
        return true;
    if (strcmp(watch->status, "cancelled") == 0)
        return failure_set(failure, FAILURE_WORK, "job %s was cancelled", watch->job);
    failure_set(failure, FAILURE_WORK, "job %s failed", watch->job);
    return failure_hint(failure,
                        "pawl task list %s --status failed shows its failed tasks; pawl job "
                        "retry %s runs them again.",
                        watch->job, watch->job);
}
