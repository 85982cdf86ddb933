#include "cli/database.h"

#include <stdlib.h>
#include <string.h>

#include "pg/cluster_folder.h"
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

bool database_is_held(const struct call *call)
{
    struct text path = {0};
    struct cluster_folder folder;
    if (!database_is_private(call))
        return false;
    database_find_folder(call, &path);
    bool is_there = cluster_folder_open(&folder, text_string(&path), false, NULL);
    bool is_held = is_there && cluster_folder_is_held(&folder);
    if (is_there)
        cluster_folder_finish(&folder);
    text_finish(&path);
    return is_held;
}

static void hint_at_start(const struct call *call, const char *folder, struct failure *failure)
{
    bool has_data = call_has(call, "--data");
    if (database_is_held(call))
        failure_hint(failure, "Try again in a moment: a pawl up that has the folder is starting "
                              "or stopping it.");
    else
        failure_hint(failure,
                     "Start it with: pawl up%s%s; or name another database with --db URL "
                     "or DATABASE_URL.",
                     has_data ? " --data " : "", has_data ? folder : "");
}

static bool find_private(const struct call *call, struct text *url, struct failure *failure)
{
    struct text folder = {0};
    database_find_folder(call, &folder);
    bool is_found = cluster_url(text_string(&folder), url, failure);
    if (!is_found && failure && failure->class == FAILURE_DATABASE)
        hint_at_start(call, text_string(&folder), failure);
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

static void report_setting_up(const struct call *call, struct failure *failure)
{
    struct text folder = {0};
    database_find_folder(call, &folder);
    failure_set(failure, FAILURE_DATABASE, "the private database in \"%s\" is still being set up",
                text_string(&folder));
    failure_hint(failure, "Try again in a moment.");
    text_finish(&folder);
}

static void explain(const struct call *call, struct failure *failure)
{
    bool is_held = database_is_held(call);
    if (is_held && strstr(failure->message, "database \"pawl\" does not exist"))
        report_setting_up(call, failure);
    else if (is_held && strstr(failure->message, "No such file")) /* its socket comes last */
        failure_hint(failure, "Try again in a moment.");
    else
        explain_refusal(failure);
}

struct session *database_open(const struct call *call, struct failure *failure)
{
    struct text url = {0};
    struct session *session = NULL;
    if (database_find(call, &url, failure))
        session = session_open(text_string(&url), call->command->words, failure);
    if (!session && failure && failure->class == FAILURE_DATABASE)
        explain(call, failure);
    text_finish(&url);
    return session;
}

static bool lacks_schema(struct session *session)
{
    struct migrate_report report;
    return migrate_read(session, &report, NULL) && !report.has_schema;
}

struct session *database_open_checked(const struct call *call, struct failure *failure)
{
    struct session *session = database_open(call, failure);
    if (!session || migrate_check(session, failure))
        return session;
    if (lacks_schema(session) && database_is_held(call))
        report_setting_up(call, failure);
    session_close(session);
    return NULL;
}

void database_blame_table(struct failure *failure)
{
    if (strcmp(failure->sqlstate, "42P01") != 0 && strcmp(failure->sqlstate, "3F000") != 0)
        return;
    failure->class = FAILURE_INPUT;
    failure_hint(failure, "Name the table as SQL has it, with its schema: shop.orders.");
}
