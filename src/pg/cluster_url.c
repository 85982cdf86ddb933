#include "pg/cluster_url.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pg/cluster_folder.h"

/* RFC 3986, section 2.1; all but the unreserved characters. */
static void append_percent_encoded(struct text *text, const char *bytes)
{
    for (; *bytes; bytes++) {
        unsigned char byte = (unsigned char)*bytes;
        bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                        (byte >= '0' && byte <= '9') || strchr("-._~", byte);
        if (is_plain)
            text_append_char(text, *bytes);
        else
            text_append_format(text, "%%%02X", byte);
    }
}

static bool report_not_running(const char *data_folder, struct failure *failure)
{
    failure_set(failure, FAILURE_DATABASE, "the private PostgreSQL in \"%s\" is not running",
                data_folder);
    return failure_hint(failure, "start it with: pawl up --data %s", data_folder);
}

/* The socket folder must be the server's own: anybody can make one in /tmp. */
static bool owns_socket(const struct cluster_folder *folder, pid_t server)
{
    char process[32];
    struct stat owner, socket;
    snprintf(process, sizeof process, "/proc/%d", server);
    return stat(process, &owner) == 0 && lstat(text_string(&folder->socket), &socket) == 0 &&
           S_ISDIR(socket.st_mode) && socket.st_uid == owner.st_uid && (socket.st_mode & 077) == 0;
}

bool cluster_url(const char *data_folder, struct text *url, struct failure *failure)
{
    struct cluster_folder folder;
    if (access(data_folder, F_OK) != 0 && errno == ENOENT)
        return report_not_running(data_folder, failure);
    if (!cluster_folder_open(&folder, data_folder, false, failure))
        return false;
    pid_t server = cluster_folder_find_server(&folder);
    bool is_found = server > 0 && owns_socket(&folder, server);
    if (is_found) {
        text_append_string(url, "postgresql:///pawl?host=");
        append_percent_encoded(url, text_string(&folder.socket));
        text_append_string(url, "&port=" CLUSTER_PORT "&user=pawl");
    }
    cluster_folder_finish(&folder);
    return is_found || report_not_running(data_folder, failure);
}

void cluster_default_folder(struct text *folder)
{
    const char *data_home = getenv("XDG_DATA_HOME");
    if (data_home && data_home[0] == '/') { /* a relative one is to be ignored */
        text_append_format(folder, "%s/pawl", data_home);
        return;
    }
    const char *home = getenv("HOME");
    const struct passwd *account = home && home[0] ? NULL : getpwuid(geteuid());
    text_append_format(folder, "%s/.local/share/pawl",
                       account ? account->pw_dir : (home ? home : ""));
}
