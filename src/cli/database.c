#include "cli/database.h"

#include <stdlib.h>
#include <string.h>

#include "pg/cluster_url.h"
#include "store/migrate.h"

static const char *environment_url(void)
{
    const char *url = getenv("DATABASE_URL");
    return url && *url ? url : NULL;
}

bool database_is_private(const struct call *call)
{
    return !call_has(call, "--db") && (call_has(call, "--data") || !environment_url());
}

void database_find_folder(const struct call *call, struct text *folder)
{
    const char *data = call_text(call, "--data");
    if (data)
        text_append_string(folder, data);
    else
        cluster_default_folder(folder);
}

static bool find_private(const struct call *call, struct text *url, struct failure *failure)
{
    struct text folder = {0};
    database_find_folder(call, &folder);
    bool is_found = cluster_url(text_string(&folder), url, failure);
    if (!is_found && failure && failure->class == FAILURE_DATABASE)
        failure_hint(failure,
                     "Start it with: pawl up%s%s; or name another database with --db URL "
                     "or DATABASE_URL.",
                     call_has(call, "--data") ? " --data " : "",
                     call_has(call, "--data") ? text_string(&folder) : "");
    text_finish(&folder);
    return is_found;
}

bool database_find(const struct call *call, struct text *url, struct failure *failure)
{
    if (call_has(call, "--db") && call_has(call, "--data"))
        return failure_set(failure, FAILURE_USAGE, "--db and --data name two databases");
    if (database_is_private(call))
        return find_private(call, url, failure);
    const char *db = call_text(call, "--db");
    text_append_string(url, db ? db : environment_url());
    return session_check_url(text_string(url), failure);
}

/* A refused connection has no SQLSTATE: libpq's words are all there is. */
static void explain_refusal(struct failure *failure)
{
    static const struct {
        const char *words, *hint;
    } hints[] = {
        {"password", "Check the user and the password in the connection string."},
        {"pg_hba.conf", "The server's pg_hba.conf does not let that user in from here."},
        {"permission denied for database", "Grant it: grant connect on database NAME to ROLE."},
        {"role \"", "Check the user in the connection string."},
        {"database \"", "Create the database, or name another in the connection string."},
        {"too many clients", "Raise max_connections, or end connections that nobody needs."},
        {"starting up", "Try again in a moment."},
        {"translate host name", "Check the host in the connection string."},
        {"Connection refused", "Check host and port, and that PostgreSQL runs there."},
        {"No such file", "Check the socket folder and the port, and that PostgreSQL runs there."},
        {"certificate", "Check sslmode and sslrootcert in the connection string."},
        {"SSL", "Check sslmode in the connection string, and that the server offers TLS."},
        {"timeout", "Check host and port, and that no firewall stands between."},
        {"invalid", "Write it as postgresql://user:password@host:5432/database."},
    };
    for (size_t i = 0; i < sizeof hints / sizeof *hints && !failure->hint[0]; i++)
        if (strstr(failure->message, hints[i].words))
            failure_hint(failure, "%s", hints[i].hint);
}

struct session *database_open(const struct call *call, struct failure *failure)
{
    struct text url = {0};
    struct session *session = NULL;
    if (database_find(call, &url, failure))
        session = session_open(text_string(&url), call->command->words, failure);
    if (!session && failure && failure->class == FAILURE_DATABASE)
        explain_refusal(failure);
    text_finish(&url);
    return session;
}

struct session *database_open_checked(const struct call *call, struct failure *failure)
{
    struct session *session = database_open(call, failure);
    if (!session || migrate_check(session, failure))
        return session;
    session_close(session);
    return NULL;
}
