/*
 * site_farm: many web sites on loopback, for tests and benches of a crawler. README.md beside this
 * file lists what they serve. It says "ready PORT", with TLS "ready PORT TLS_PORT", once it
 * listens, and ends on SIGTERM, SIGINT, or when its parent dies.
 *
 * Read on in routes.c (which path means what), connection.c (how an answer is sent), answer.h.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "access_log.h"
#include "base/check.h"
#include "connection.h"
#include "host.h"
#include "listeners.h"
#include "pages.h"
#include "robots.h"
#include "tls.h"

enum { SIGNALS = 2 };

static struct farm farm;
static struct listeners *plain, *encrypted;
static uv_signal_t signals[SIGNALS];

_Noreturn static void refuse(const char *what, const char *which, const char *why)
{
    fprintf(stderr, "site_farm: %s \"%s\": %s\n", what, which, why);
    exit(1);
}

static void on_signal(uv_signal_t *handle, int number)
{
    connection_close_all(&farm);
    access_log_destroy(farm.log);
    listeners_destroy(plain);
    listeners_destroy(encrypted);
    for (int i = 0; i < SIGNALS; i++)
        uv_close((uv_handle_t *)&signals[i], NULL);
}

static void catch_signals(void)
{
    static const int numbers[SIGNALS] = {SIGTERM, SIGINT};
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    for (int i = 0; i < SIGNALS; i++) {
        uv_signal_init(&farm.loop, &signals[i]);
        uv_signal_start(&signals[i], on_signal, numbers[i]);
    }
}

static void allow_many_files(void)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void open_log(const char *path)
{
    farm.log = access_log_create(&farm.loop, path);
    if (!farm.log)
        refuse("could not write the log", path, strerror(errno));
}

static void open_tls(const struct options *options)
{
    farm.tls = tls_server_create(options->tls, options->hosts, options->tls_ca_path);
    if (!farm.tls)
        refuse("could not make a certificate", options->tls,
               "no such kind, or no file for its authority");
    encrypted = listeners_create(&farm, options->hosts, &farm.tls_port, true);
    if (!encrypted)
        refuse("could not listen with certificate", options->tls, strerror(errno));
}

static void open_doors(const struct options *options)
{
    char port[16];
    farm.port = options->port;
    plain = listeners_create(&farm, options->hosts, &farm.port, false);
    snprintf(port, sizeof port, "%d", options->port);
    if (!plain)
        refuse("could not listen on port", port, strerror(errno));
    if (options->log_path)
        open_log(options->log_path);
    if (options->tls)
        open_tls(options);
}

static void say_ready(void)
{
    if (farm.tls)
        printf("ready %d %d\n", farm.port, farm.tls_port);
    else
        printf("ready %d\n", farm.port);
    fflush(stdout);
}

int main(int count, char **words)
{
    options_read(&farm.options, count, words);
    if (!robots_mode(farm.options.robots))
        refuse("robots", farm.options.robots, "there is no such mode");
    allow_many_files();
    CHECK(uv_loop_init(&farm.loop) == 0);
    list_init(&farm.connections);
    farm.hosts = hosts_create();
    pages_make_words(&farm.words, farm.options.page_bytes);
    open_doors(&farm.options);
    catch_signals();
    say_ready();
    uv_run(&farm.loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&farm.loop) == 0);
    hosts_destroy(farm.hosts);
    tls_server_destroy(farm.tls);
    text_finish(&farm.words);
    return 0;
}
