/* pawl up, pawl serve. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/api.h"
#include "api/listen_address.h"
#include "base/log.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/database.h"
#include "cli/doorbell_check.h"
#include "cli/output.h"
#include "engine/serve.h"
#include "pg/cluster.h"
#include "store/migrate.h"

#define DEFAULT_LISTEN "127.0.0.1:8787"

const struct option command_up_options[] = {
    {"--listen", "ADDR:PORT", VALUE_TEXT,
     .help = "address of the HTTP API (default " DEFAULT_LISTEN "), or none"},
    {"--slots", "N", VALUE_INTEGER, 1, 100000, "tasks in flight at most (default 256)"},
    {"--callback-url", "URL", VALUE_TEXT,
     .help = "where functions find this API from outside, to call back after a 202"},
    {"--secret-files", "DIR", VALUE_TEXT,
     .help = "folder of secrets that kinds name as file:PATH (default /run/secrets)"},
    {"--events", NULL, VALUE_FLAG,
     .help = "tell whose data has come at /v1/events, on a loopback address only"},
    {NULL},
};

const struct option command_serve_options[] = {
    {"--listen", "ADDR:PORT", VALUE_TEXT, .help = "address of the HTTP API (default none)"},
    {"--slots", "N", VALUE_INTEGER, 1, 100000, "tasks in flight at most (default 256)"},
    {"--callback-url", "URL", VALUE_TEXT,
     .help = "where functions find this API from outside, to call back after a 202"},
    {"--secret-files", "DIR", VALUE_TEXT,
     .help = "folder of secrets that kinds name as file:PATH (default /run/secrets)"},
    {"--events", NULL, VALUE_FLAG,
     .help = "tell whose data has come at /v1/events, on a loopback address only"},
    {NULL},
};

/* What on_ready and on_database_lost need. */
struct service {
    const struct call *call;
    const char *url;
    char *callback_url;      /* NULL: none */
    struct api *api;         /* NULL: does not listen */
    struct cluster *cluster; /* NULL: somebody else's database */
    bool was_ready;          /* it registers again when the database was away */
};

static void say_ready(const struct service *service)
{
    char address[300] = "";
    if (service->api)
        snprintf(address, sizeof address, "http://%s", api_address(service->api));
    if (call_has(service->call, "--json")) {
        output_json(json_pack("{s:s, s:s*, s:s*}", "status", "ready", "listen",
                              *address ? address : NULL, "database",
                              service->cluster ? service->url : NULL));
    } else {
        output_line("pawl %s is ready", PAWL_VERSION);
        if (*address)
            output_line("  API       %s", address);
        if (service->cluster) {
            const char *data = call_text(service->call, "--data");
            output_line("  database  %s", service->url);
            output_line("  next      pawl crawl https://example.com%s%s", data ? " --data " : "",
                        data ? data : "");
        }
    }
    fflush(stdout);
}

static void on_ready(void *context)
{
    struct service *service = context;
    if (!service->was_ready)
        say_ready(service);
    service->was_ready = true;
}

/* From the loop, each time that a connection is lost or refused: must not block. */
static void on_database_lost(void *context)
{
    struct service *service = context;
    struct failure failure;
    if (!service->cluster || cluster_is_running(service->cluster))
        return;
    log_warning("the private PostgreSQL has ended: starting it again");
    if (cluster_restart_in_background(service->cluster, &failure) < 0)
        log_error("%s", failure.message);
}

static bool is_listening(const char *listen)
{
    return listen && strcmp(listen, "none") != 0;
}

/* http or https, a host, and no more than a path behind it; *url is allocated, without a slash at
 * its end, or NULL when none was given. */
static bool read_callback_url(const struct call *call, char **url, struct failure *failure)
{
    const char *given = call_text(call, "--callback-url");
    *url = NULL;
    if (!given)
        return true;
    const char *host = strncasecmp(given, "http://", 7) == 0    ? given + 7
                       : strncasecmp(given, "https://", 8) == 0 ? given + 8
                                                                : "";
    if (!*host || *host == '/' || *host == ':' || strpbrk(host, "?#@ \t\r\n\"<>\\^`{}|")) {
        failure_set(failure, FAILURE_USAGE, "\"%s\" is no URL at which functions could call back",
                    given);
        return failure_hint(failure, "Write it as https://HOST or https://HOST/PATH.");
    }
    size_t length = strlen(given);
    while (given[length - 1] == '/')
        length--;
    *url = memory_copy(given, length);
    return true;
}

/* Before anything is begun. */
static bool check_listen(const struct call *call, const char *listen, struct failure *failure)
{
    struct listen_address address;
    bool has_events = call_has(call, "--events");
    if (is_listening(listen))
        return listen_address_parse(listen, &address, failure) &&
               (!has_events || listen_address_check_loopback(&address, failure));
    if (!has_events)
        return true;
    failure_set(failure, FAILURE_USAGE, "--events are of the HTTP API, and there is none");
    return failure_hint(failure, "Add --listen 127.0.0.1:8787.");
}

static bool run(struct service *service, const char *listen, struct failure *failure)
{
    bool has_events = call_has(service->call, "--events");
    const struct serve_options options = {.database_url = service->url,
                                          .slots = (int)call_integer(service->call, "--slots", 0),
                                          .callback_url = service->callback_url,
                                          .other_files = has_events ? API_EVENT_FILES : 0,
                                          .secret_files =
                                              call_text(service->call, "--secret-files"),
                                          .on_database_lost = on_database_lost,
                                          .on_ready = on_ready,
                                          .context = service};
    if (is_listening(listen) &&
        !(service->api = api_start(listen, service->url, has_events, failure)))
        return false;
    bool is_fine = serve_run(&options, failure);
    api_stop(service->api);
    return is_fine;
}

bool command_serve(const struct call *call, struct failure *failure)
{
    struct text url = {0};
    char *callback_url;
    if (!check_listen(call, call_text(call, "--listen"), failure) ||
        !read_callback_url(call, &callback_url, failure))
        return false;
    struct session *session = database_open_checked(call, failure);
    if (!session) {
        free(callback_url);
        return false;
    }
    bool is_fine = database_find(call, &url, failure);
    if (is_fine)
        doorbell_check(session, text_string(&url));
    session_close(session);
    if (is_fine) {
        struct service service = {
            .call = call, .url = text_string(&url), .callback_url = callback_url};
        is_fine = run(&service, call_text(call, "--listen"), failure);
    }
    text_finish(&url);
    free(callback_url);
    return is_fine;
}

static bool migrate(const char *url, struct failure *failure)
{
    struct migrate_report report;
    struct session *session = session_open(url, "up", failure);
    bool is_fine = session && migrate_ask_for(&report, NULL, failure) &&
                   migrate_apply(session, &report, failure);
    session_close(session);
    return is_fine;
}

/* Until the loop reads signals, they wait: a server that has just been started is not left behind.
 */
static void hold_signals(bool is_held)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(is_held ? SIG_BLOCK : SIG_UNBLOCK, &signals, NULL);
}

static bool is_signal_waiting(void)
{
    sigset_t signals;
    sigpending(&signals);
    return sigismember(&signals, SIGINT) || sigismember(&signals, SIGTERM);
}

static bool run_on_cluster(const struct call *call, struct cluster *cluster, char *callback_url,
                           struct failure *failure)
{
    struct text url = {0};
    const char *listen = call_text(call, "--listen");
    bool is_fine = cluster_url(text_string(&cluster->folder.path), &url, failure) &&
                   migrate(text_string(&url), failure);
    if (is_fine && !is_signal_waiting()) {
        struct service service = {.call = call,
                                  .url = text_string(&url),
                                  .callback_url = callback_url,
                                  .cluster = cluster};
        hold_signals(false);
        is_fine = run(&service, listen ? listen : DEFAULT_LISTEN, failure);
        hold_signals(true);
    }
    text_finish(&url);
    return is_fine;
}

bool command_up(const struct call *call, struct failure *failure)
{
    struct text folder = {0};
    struct cluster cluster;
    if (call_has(call, "--db")) {
        failure_set(failure, FAILURE_USAGE,
                    "pawl up runs a database of its own, so it takes no --db");
        return failure_hint(failure, "Work on another database with: pawl serve --db URL");
    }
    /* Before a cluster is made that nobody then serves. */
    const char *listen = call_text(call, "--listen");
    char *callback_url = NULL;
    if (!check_listen(call, listen ? listen : DEFAULT_LISTEN, failure) ||
        !read_callback_url(call, &callback_url, failure))
        return false;
    database_find_folder(call, &folder);
    hold_signals(true);
    bool is_fine = cluster_prepare(&cluster, text_string(&folder), failure);
    text_finish(&folder);
    if (!is_fine) {
        free(callback_url);
        return false;
    }
    is_fine = cluster_start(&cluster, failure);
    if (is_fine) {
        struct failure stop_failure;
        is_fine = run_on_cluster(call, &cluster, callback_url, failure);
        bool is_stopped = cluster_stop(&cluster, &stop_failure);
        if (is_fine && !is_stopped)
            *failure = stop_failure;
        is_fine = is_fine && is_stopped;
    }
    cluster_finish(&cluster);
    free(callback_url);
    return is_fine;
}
