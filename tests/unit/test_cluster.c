/*
 * A real PostgreSQL, started and stopped in temporary folders. Run by root, the folders are closed
 * to the server's user, which is the hard case; run by anybody else, the plain one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <dirent.h>

#include "pg/cluster.c"

enum { PATIENCE_SECONDS = 30 };

static char temporary[] = "/tmp/pawl-test-XXXXXX";
static char shared_folder[64]; /* initdb takes a while, so most tests share one cluster */

static const char *inside(char *path, size_t size, const char *name)
{
    snprintf(path, size, "%s/%s", temporary, name);
    return path;
}

static void prepare(struct cluster *cluster, const char *data_folder)
{
    struct failure failure = {0};
    if (!cluster_prepare(cluster, data_folder, &failure))
        fail_msg("%s: %s", failure.message, failure.detail);
}

static void start(struct cluster *cluster)
{
    struct failure failure = {0};
    if (!cluster_start(cluster, &failure))
        fail_msg("%s: %s", failure.message, failure.detail);
    assert_true(cluster_is_running(cluster));
}

static void stop(struct cluster *cluster)
{
    assert_true(cluster_stop(cluster, NULL));
    assert_false(cluster_is_running(cluster));
    cluster_finish(cluster);
}

/* Connected to the database that cluster_url() names; its caller asks for its status. */
static PGconn *try_connect(const char *data_folder)
{
    struct text url = {0};
    struct failure failure = {0};
    if (!cluster_url(data_folder, &url, &failure))
        return NULL;
    PGconn *connection = PQconnectdb(text_string(&url));
    text_finish(&url);
    return connection;
}

static PGconn *connect_to(const char *data_folder)
{
    PGconn *connection = try_connect(data_folder);
    assert_non_null(connection);
    if (PQstatus(connection) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(connection));
    return connection;
}

static void expect(PGconn *connection, const char *query, const char *answer)
{
    PGresult *result = PQexec(connection, query);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s", PQerrorMessage(connection));
    assert_string_equal(PQgetvalue(result, 0, 0), answer);
    PQclear(result);
}

static void test_a_new_cluster_is_ready_for_use(void **state)
{
    struct cluster cluster;
    prepare(&cluster, shared_folder);
    start(&cluster);
    PGconn *connection = connect_to(shared_folder);
    expect(connection, "select current_database() || ' ' || current_user", "pawl pawl");
    expect(connection,
           "select pg_encoding_to_char(encoding) || ' ' || datcollate from pg_database "
           "where datname = 'pawl'",
           "UTF8 C");
    expect(connection, "show data_checksums", "on");
    expect(connection, "show listen_addresses", "");
    expect(connection, "show wal_compression", "pglz");
    expect(connection,
           "select count(*) from pg_file_settings where not applied and error is not null", "0");
    PQfinish(connection);
    stop(&cluster);
}

static void test_what_was_written_is_there_after_a_restart(void **state)
{
    struct cluster cluster;
    prepare(&cluster, shared_folder);
    start(&cluster);
    PGconn *connection = connect_to(shared_folder);
    PQclear(PQexec(connection, "create table kept as select 42 as answer"));
    PQfinish(connection);
    stop(&cluster);
    assert_null(try_connect(shared_folder));

    prepare(&cluster, shared_folder);
    start(&cluster);
    connection = connect_to(shared_folder);
    expect(connection, "select answer from kept", "42");
    PQfinish(connection);
    stop(&cluster);
}

static void test_a_second_pawl_up_is_refused(void **state)
{
    struct cluster first, second;
    struct failure failure = {0};
    char words[64];
    prepare(&first, shared_folder);
    assert_false(cluster_prepare(&second, shared_folder, &failure));
    assert_int_equal(failure.class, FAILURE_ENVIRONMENT);
    snprintf(words, sizeof words, "in use by another pawl up (pid %d)", getpid());
    assert_non_null(strstr(failure.message, words));
    snprintf(words, sizeof words, "kill %d", getpid());
    assert_non_null(strstr(failure.hint, words));
    assert_true(cluster_folder_is_held(&first.folder));
    cluster_finish(&first);
    prepare(&second, shared_folder);
    cluster_finish(&second);
}

static void test_a_server_left_by_a_killed_program_is_adopted(void **state)
{
    pid_t program = fork();
    if (program == 0) {
        struct cluster cluster;
        if (cluster_prepare(&cluster, shared_folder, NULL) && cluster_start(&cluster, NULL))
            raise(SIGKILL);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(program, &status, 0), program);
    assert_true(WIFSIGNALED(status));

    struct cluster cluster;
    prepare(&cluster, shared_folder);
    pid_t left = cluster_folder_find_server(&cluster.folder);
    assert_true(left > 0);
    start(&cluster);
    assert_int_equal(cluster.server, left);
    assert_false(cluster.is_child);
    stop(&cluster);
    assert_int_equal(kill(left, 0) == 0 && cluster_folder_is_server(&cluster.folder, left), 0);
}

/* A backend that computes does not notice for a while that its postmaster is dead. */
static PGconn *keep_a_backend_busy(const char *data_folder)
{
    PGconn *busy = connect_to(data_folder), *observer = connect_to(data_folder);
    assert_true(PQsendQuery(busy, "do $$ declare v_end timestamptz := clock_timestamp() + '1 s'; "
                                  "begin while clock_timestamp() < v_end loop end loop; end $$"));
    int64_t deadline = deadline_in_seconds(PATIENCE_SECONDS);
    for (bool is_busy = false; !is_busy;) {
        PGresult *result = PQexec(observer, "select from pg_stat_activity where state = 'active' "
                                            "and query like 'do %'");
        is_busy = PQntuples(result) == 1;
        PQclear(result);
        assert_true(clock_now_us() < deadline);
    }
    PQfinish(observer);
    return busy;
}

static void test_a_killed_postmaster_is_followed_by_a_new_one(void **state)
{
    struct cluster cluster;
    prepare(&cluster, shared_folder);
    start(&cluster);
    pid_t killed = cluster.server;
    PGconn *busy = keep_a_backend_busy(shared_folder);
    assert_int_equal(kill(killed, SIGKILL), 0);
    start(&cluster);
    assert_true(cluster.is_child);
    assert_int_not_equal(cluster.server, killed);
    /* Otherwise the busy backend was gone too early, and nothing was proved. */
    assert_true(cluster_folder_is_in_log(&cluster.folder, 0, "pre-existing shared memory block"));
    PQfinish(busy);
    stop(&cluster);
}

static void test_a_restart_in_the_background_returns_at_once(void **state)
{
    struct cluster cluster;
    prepare(&cluster, shared_folder);
    start(&cluster);
    assert_int_equal(cluster_restart_in_background(&cluster, NULL), cluster.server);
    kill(cluster.server, SIGKILL);
    int64_t deadline = deadline_in_seconds(PATIENCE_SECONDS);
    bool is_back = false;
    while (cluster_is_running(&cluster))
        assert_true(clock_now_us() < deadline);
    while (!is_back) {
        assert_true(cluster_restart_in_background(&cluster, NULL) > 0);
        PGconn *connection = try_connect(shared_folder);
        is_back = PQstatus(connection) == CONNECTION_OK;
        PQfinish(connection);
        assert_true(clock_now_us() < deadline);
        pause_shortly();
    }
    stop(&cluster);
}

/* A process of the server's user that has nothing to do with it, as after a reboot. */
static pid_t start_stranger(const struct cluster *cluster)
{
    const char *const arguments[] = {"/bin/sleep", "600", NULL};
    struct child_program program = {
        .arguments = arguments, .user = cluster->user, .output = 2, .folders = {-1, -1}};
    pid_t stranger = child_program_start(&program, NULL);
    struct stat facts = {0};
    char process[32];
    snprintf(process, sizeof process, "/proc/%d", stranger);
    int64_t deadline = deadline_in_seconds(PATIENCE_SECONDS);
    while (stat(process, &facts) != 0 || facts.st_uid != cluster->user.uid)
        assert_true(clock_now_us() < deadline);
    return stranger;
}

static void write_lock(const struct cluster *cluster, const char *name, pid_t pid)
{
    int file = openat(cluster->folder.descriptor, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(file >= 0);
    assert_int_equal(fchown(file, cluster->user.uid, cluster->user.gid), 0);
    assert_true(dprintf(file, "%d\n/elsewhere\n1\n5432\n\n\n\n", pid) > 0);
    close(file);
}

static void test_lock_files_with_a_strangers_pid_do_not_stop_us(void **state)
{
    struct cluster cluster;
    prepare(&cluster, shared_folder);
    pid_t stranger = start_stranger(&cluster);
    write_lock(&cluster, "pgdata/postmaster.pid", stranger);
    write_lock(&cluster, "socket/" CLUSTER_SOCKET ".lock", stranger);
    assert_int_equal(cluster_folder_find_server(&cluster.folder), 0);
    start(&cluster);
    kill(stranger, SIGKILL);
    waitpid(stranger, NULL, 0);
    stop(&cluster);
}

static void test_a_lock_file_of_a_dead_process_does_not_stop_us(void **state)
{
    struct cluster cluster;
    prepare(&cluster, shared_folder);
    pid_t dead = start_stranger(&cluster);
    kill(dead, SIGKILL);
    waitpid(dead, NULL, 0);
    write_lock(&cluster, "pgdata/postmaster.pid", dead);
    start(&cluster);
    stop(&cluster);
}

static void test_a_server_that_cannot_start_is_quoted(void **state)
{
    struct cluster cluster;
    struct failure failure = {0};
    prepare(&cluster, shared_folder);
    int file = openat(cluster.folder.descriptor, "pgdata/postgresql.auto.conf", O_RDWR | O_APPEND);
    off_t length = lseek(file, 0, SEEK_END);
    assert_true(dprintf(file, "no_such_setting = 1\n") > 0);
    assert_false(cluster_start(&cluster, &failure));
    assert_int_equal(ftruncate(file, length), 0);
    close(file);
    assert_int_equal(failure.class, FAILURE_ENVIRONMENT);
    assert_non_null(strstr(failure.detail, "no_such_setting"));
    assert_false(cluster_is_running(&cluster));
    cluster_finish(&cluster);
}

static void test_an_initdb_that_was_cut_off_is_done_again(void **state)
{
    char path[128];
    struct cluster cluster;
    struct cluster_folder folder;
    assert_true(cluster_folder_open(&folder, inside(path, sizeof path, "cut/off"), true, NULL));
    close(cluster_folder_lock(&folder, NULL));
    assert_int_equal(mkdirat(folder.descriptor, "pgdata.new", 0700), 0);
    assert_int_equal(mkdirat(folder.descriptor, "pgdata.new/base", 0700), 0);
    assert_int_equal(symlinkat(temporary, folder.descriptor, "pgdata.new/link"), 0);
    int half = openat(folder.descriptor, "pgdata.new/PG_VERSION", O_WRONLY | O_CREAT, 0600);
    close(half);
    cluster_folder_finish(&folder);

    prepare(&cluster, path);
    start(&cluster);
    assert_int_not_equal(faccessat(cluster.folder.descriptor, "pgdata.new", F_OK, 0), 0);
    stop(&cluster);
    assert_int_equal(access(shared_folder, F_OK), 0); /* the link was not followed */
}

/* A folder may be moved while no server uses it; here that spares us another initdb. */
static void move(const char *from, const char *to)
{
    if (rename(from, to) != 0)
        fail_msg("could not move \"%s\" to \"%s\": %s", from, to, strerror(errno));
}

static void expect_it_works_in(const char *path, bool needs_descriptors)
{
    struct cluster cluster;
    prepare(&cluster, path);
    assert_int_equal(cluster.needs_descriptors, needs_descriptors);
    start(&cluster);
    PGconn *connection = connect_to(path);
    expect(connection, "select 1", "1");
    PQfinish(connection);
    stop(&cluster);
}

static void test_a_long_path_has_its_socket_elsewhere(void **state)
{
    char name[240], path[320];
    struct cluster cluster;
    struct failure failure = {0};
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    move(shared_folder, inside(path, sizeof path, name));
    expect_it_works_in(path, geteuid() == 0);

    /* A socket folder that others can write to could hold a socket of theirs. */
    prepare(&cluster, path);
    const char *socket = text_string(&cluster.folder.socket);
    assert_true(cluster.folder.is_socket_outside);
    assert_int_equal(mkdir(socket, 0700), 0); /* the last stop took it away */
    assert_int_equal(chmod(socket, 0777), 0);
    assert_false(cluster_start(&cluster, &failure));
    assert_non_null(strstr(failure.message, socket));
    rmdir(socket);
    cluster_finish(&cluster);
    move(path, shared_folder);
}

/* The folder above is opened to the server's user, so that it is given the names themselves. */
static void test_names_of_folders_may_hold_anything(void **state)
{
    static const char *const names[] = {"a \"b\" %41&c=d'\\", "a,b", "\xc3\xa9"};
    assert_int_equal(chmod(temporary, 0711), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        move(shared_folder, inside(path, sizeof path, names[i]));
        expect_it_works_in(path, false);
        move(path, shared_folder);
    }
    assert_int_equal(chmod(temporary, 0700), 0);
}

static void test_a_folder_without_a_server_has_no_url(void **state)
{
    char path[128];
    struct text url = {0};
    struct failure failure = {0};
    assert_false(cluster_url(shared_folder, &url, &failure));
    assert_int_equal(failure.class, FAILURE_DATABASE);
    assert_non_null(strstr(failure.message, "is not running"));
    assert_non_null(strstr(failure.hint, "pawl up --data"));
    assert_false(cluster_url(inside(path, sizeof path, "nothing"), &url, &failure));
    assert_int_equal(failure.class, FAILURE_DATABASE);
    assert_string_equal(text_string(&url), "");
}

static void write_script(const char *folder, const char *name, const char *answer)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int script = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700);
    assert_true(dprintf(script, "#!/bin/sh\necho '%s'\n", answer) > 0);
    close(script);
}

static void expect_refusal(const char *data_folder, enum failure_class class, const char *words)
{
    struct cluster cluster;
    struct failure failure = {0};
    assert_false(cluster_prepare(&cluster, data_folder, &failure));
    assert_int_equal(failure.class, class);
    if (!strstr(failure.message, words))
        fail_msg("\"%s\" is not in: %s", words, failure.message);
}

/* A data folder as another PostgreSQL would have made it, its owner the server's user. */
static void make_old_folder(const char *folder, const char *version)
{
    char data[160], file[192];
    struct stat facts;
    snprintf(data, sizeof data, "%s/pgdata", shared_folder);
    assert_int_equal(stat(data, &facts), 0);
    snprintf(data, sizeof data, "%s/pgdata", folder);
    snprintf(file, sizeof file, "%s/PG_VERSION", data);
    assert_true(mkdir(folder, 0700) == 0 && mkdir(data, 0700) == 0);
    int made = open(file, O_WRONLY | O_CREAT, 0600);
    assert_true(write(made, version, strlen(version)) > 0);
    close(made);
    assert_int_equal(chown(data, facts.st_uid, facts.st_gid), 0);
}

static void test_programs_that_are_missing_or_do_not_fit_are_told(void **state)
{
    char path[128], programs[128], old[128];
    const char *new_folder = inside(path, sizeof path, "without-programs");
    setenv("PAWL_PG_BINDIR", "/nonexistent", 1);
    expect_refusal(new_folder, FAILURE_ENVIRONMENT, "could not find PostgreSQL's programs");
    assert_int_equal(mkdir(inside(programs, sizeof programs, "programs"), 0700), 0);
    write_script(programs, "initdb", "");
    write_script(programs, "postgres", "postgres (PostgreSQL) 12.22 (Debian 12.22-1)");
    setenv("PAWL_PG_BINDIR", programs, 1);
    expect_refusal(new_folder, FAILURE_SCHEMA, "PostgreSQL 12 is too old");
    make_old_folder(inside(old, sizeof old, "old"), "12\n");
    expect_refusal(old, FAILURE_SCHEMA, "was made by PostgreSQL 12, and pawl needs 13");
    write_script(programs, "postgres", "postgres (PostgreSQL) 99beta1");
    expect_refusal(shared_folder, FAILURE_SCHEMA, "but only PostgreSQL 99 was found");
    unsetenv("PAWL_PG_BINDIR");
}

static void test_folders_that_cannot_be_used_are_told(void **state)
{
    char file[128], path[160];
    int made = open(inside(file, sizeof file, "file"), O_WRONLY | O_CREAT, 0600);
    close(made);
    expect_refusal(file, FAILURE_ENVIRONMENT, "a file is in its way");
    snprintf(path, sizeof path, "%s/below", file);
    expect_refusal(path, FAILURE_ENVIRONMENT, "a file is in its way");
    struct cluster_folder folder;
    inside(path, sizeof path, "occupied");
    assert_true(cluster_folder_open(&folder, path, true, NULL));
    close(cluster_folder_lock(&folder, NULL));
    struct cluster cluster;
    prepare(&cluster, shared_folder);
    struct child_user user = cluster.user;
    cluster_finish(&cluster);
    assert_int_equal(mkdirat(folder.descriptor, "pgdata", 0700), 0);
    assert_int_equal(mkdirat(folder.descriptor, "pgdata/mine", 0700), 0);
    assert_int_equal(fchownat(folder.descriptor, "pgdata", user.uid, user.gid, 0), 0);
    cluster_folder_finish(&folder);
    expect_refusal(path, FAILURE_ENVIRONMENT, "Directory not empty");
}

static int make_entry(const char *folder, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (name[strlen(name) - 1] == '/')
        return mkdir(path, 0700);
    int file = open(path, O_WRONLY | O_CREAT, 0600);
    close(file);
    return file < 0 ? -1 : 0;
}

static size_t count_entries(const char *path)
{
    size_t count = 0;
    DIR *stream = opendir(path);
    while (readdir(stream))
        count++;
    closedir(stream);
    return count;
}

static void test_a_folder_of_somebody_else_is_left_alone(void **state)
{
    static const struct {
        const char *entries[4], *words; /* NULL: it is taken */
    } cases[] = {
        {{NULL}, NULL},
        {{"up.log", "log", "url", NULL}, NULL},
        {{"lost+found/", NULL}, NULL},
        {{"pawl.lock", "pgdata.new/", "socket/", NULL}, NULL},
        {{"pgdata/", "pgdata/PG_VERSION", NULL}, NULL}, /* a copy from a backup */
        {{"up.log", "apt/", NULL}, "the folder \"apt\""},
        {{"pgdata/", "pgdata/mine", NULL}, "the folder \"pgdata\""},
        {{"pawl.lock/", NULL}, "the folder \"pawl.lock\""},
        {{".profile", NULL}, "the hidden file \".profile\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[128], name[16];
        struct failure failure = {0};
        struct cluster_folder folder;
        snprintf(name, sizeof name, "foreign-%zu", i);
        assert_int_equal(mkdir(inside(path, sizeof path, name), 0700), 0);
        for (size_t j = 0; cases[i].entries[j]; j++)
            assert_int_equal(make_entry(path, cases[i].entries[j]), 0);
        assert_true(cluster_folder_open(&folder, path, false, NULL));
        assert_int_equal(cluster_foreign_check(&folder, &failure), !cases[i].words);
        cluster_folder_finish(&folder);
        if (!cases[i].words)
            continue;
        size_t count = count_entries(path);
        expect_refusal(path, FAILURE_ENVIRONMENT, cases[i].words);
        assert_int_equal(count_entries(path), count);
    }
}

/* As in /etc/cron.d, where there may be one file. */
static void test_an_older_file_tells_that_a_folder_is_somebody_elses(void **state)
{
    static const struct timespec long_ago[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    char path[128];
    struct cluster_folder folder;
    assert_int_equal(mkdir(inside(path, sizeof path, "older"), 0700), 0);
    assert_int_equal(make_entry(path, "up.log"), 0);
    assert_true(cluster_folder_open(&folder, path, false, NULL));
    assert_int_equal(utimensat(folder.descriptor, "up.log", long_ago, 0), 0);
    assert_true(cluster_foreign_check(&folder, NULL));
    assert_int_equal(make_entry(path, "job"), 0);
    assert_true(cluster_foreign_check(&folder, NULL));
    assert_int_equal(utimensat(folder.descriptor, "job", long_ago, 0), 0);
    cluster_folder_finish(&folder);
    expect_refusal(path, FAILURE_ENVIRONMENT, "the older file \"job\"");
}

static void test_a_folder_of_links_or_many_files_is_left_alone(void **state)
{
    char path[128], name[16];
    assert_int_equal(mkdir(inside(path, sizeof path, "links"), 0700), 0);
    int opened = open(path, O_RDONLY | O_DIRECTORY);
    assert_int_equal(symlinkat("/etc/passwd", opened, "link"), 0);
    close(opened);
    expect_refusal(path, FAILURE_ENVIRONMENT, "the link \"link\"");
    assert_int_equal(mkdir(inside(path, sizeof path, "files"), 0700), 0);
    for (int i = 0; i < 17; i++) {
        snprintf(name, sizeof name, "file-%d", i);
        assert_int_equal(make_entry(path, name), 0);
    }
    expect_refusal(path, FAILURE_ENVIRONMENT, "many files");
}

static void expect_hint(const char *data_folder, const char *words)
{
    struct cluster cluster;
    struct failure failure = {0};
    assert_false(cluster_prepare(&cluster, data_folder, &failure));
    assert_int_equal(failure.class, FAILURE_ENVIRONMENT);
    assert_non_null(strstr(failure.message, "Permission denied"));
    if (!strstr(failure.hint, words) || !strstr(failure.hint, "--data"))
        fail_msg("\"%s\" and --data are not in: %s", words, failure.hint);
}

/* Root meets no closed doors, so here it looks through the eyes of somebody else. */
static void test_a_folder_without_a_right_to_it_says_what_to_do(void **state)
{
    char closed[128], below[160];
    struct stat facts;
    const struct passwd *nobody = getpwnam("nobody");
    bool is_root = geteuid() == 0;
    assert_int_equal(mkdir(inside(closed, sizeof closed, "closed"), is_root ? 0755 : 0), 0);
    snprintf(below, sizeof below, "%s/below", closed);
    assert_int_equal(chmod(temporary, 0711), 0);
    if (is_root) {
        assert_int_equal(seteuid(nobody->pw_uid), 0);
        expect_hint(closed, "It belongs to user root");
        expect_hint(below, "no right to make it");
        assert_int_equal(seteuid(0), 0);
    } else {
        expect_hint(closed, "chmod u+rwx");
        expect_hint(below, "no right to enter");
    }
    assert_int_equal(chmod(temporary, 0700), 0);
    assert_true(stat(below, &facts) != 0);
    assert_int_equal(rmdir(closed), 0);
}

static void test_the_default_folder_follows_the_environment(void **state)
{
    static const struct {
        const char *data_home, *home, *expected;
    } cases[] = {
        {"/data", "/home/x", "/data/pawl"},
        {NULL, "/home/x", "/home/x/.local/share/pawl"},
        {"relative", "/home/x", "/home/x/.local/share/pawl"},
        {"", "/home/x", "/home/x/.local/share/pawl"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text folder = {0};
        if (cases[i].data_home)
            setenv("XDG_DATA_HOME", cases[i].data_home, 1);
        else
            unsetenv("XDG_DATA_HOME");
        setenv("HOME", cases[i].home, 1);
        cluster_default_folder(&folder);
        assert_string_equal(text_string(&folder), cases[i].expected);
        text_finish(&folder);
    }
}

static int make_temporary(void **state)
{
    unsetenv("PAWL_PG_BINDIR");
    if (!mkdtemp(temporary))
        return -1;
    inside(shared_folder, sizeof shared_folder, "shared");
    return 0;
}

/* A test that failed half way may have left its server running. */
static void end_server(const char *name)
{
    char path[128];
    struct cluster_folder folder;
    if (!cluster_folder_open(&folder, inside(path, sizeof path, name), false, NULL))
        return;
    pid_t server = cluster_folder_find_server(&folder);
    if (server > 0)
        kill(server, SIGQUIT);
    cluster_folder_finish(&folder);
}

static int remove_temporary(void **state)
{
    struct cluster_folder folder;
    end_server("shared");
    end_server("cut/off");
    if (!cluster_folder_open(&folder, "/tmp", false, NULL))
        return -1;
    bool is_removed = cluster_folder_remove(&folder, temporary + strlen("/tmp/"));
    cluster_folder_finish(&folder);
    return is_removed ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_new_cluster_is_ready_for_use),
        cmocka_unit_test(test_what_was_written_is_there_after_a_restart),
        cmocka_unit_test(test_a_second_pawl_up_is_refused),
        cmocka_unit_test(test_a_server_left_by_a_killed_program_is_adopted),
        cmocka_unit_test(test_a_killed_postmaster_is_followed_by_a_new_one),
        cmocka_unit_test(test_a_restart_in_the_background_returns_at_once),
        cmocka_unit_test(test_lock_files_with_a_strangers_pid_do_not_stop_us),
        cmocka_unit_test(test_a_lock_file_of_a_dead_process_does_not_stop_us),
        cmocka_unit_test(test_a_server_that_cannot_start_is_quoted),
        cmocka_unit_test(test_an_initdb_that_was_cut_off_is_done_again),
        cmocka_unit_test(test_a_long_path_has_its_socket_elsewhere),
        cmocka_unit_test(test_names_of_folders_may_hold_anything),
        cmocka_unit_test(test_a_folder_without_a_server_has_no_url),
        cmocka_unit_test(test_programs_that_are_missing_or_do_not_fit_are_told),
        cmocka_unit_test(test_folders_that_cannot_be_used_are_told),
        cmocka_unit_test(test_a_folder_of_somebody_else_is_left_alone),
        cmocka_unit_test(test_an_older_file_tells_that_a_folder_is_somebody_elses),
        cmocka_unit_test(test_a_folder_of_links_or_many_files_is_left_alone),
        cmocka_unit_test(test_a_folder_without_a_right_to_it_says_what_to_do),
        cmocka_unit_test(test_the_default_folder_follows_the_environment),
    };
    return cmocka_run_group_tests(tests, make_temporary, remove_temporary);
}
