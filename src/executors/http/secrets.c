#include "executors/http/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash_table.h"
#include "base/list.h"
#include "base/memory.h"

enum {
    FRESH_MS = 2000,
    SERVES_MS = 6000, /* as long as the database is asked for a newer one */
    VALUE_BYTES_MAX = 64 << 10,
    /* References that are remembered, the last ones. The answer of a vault to one that is forgotten
     * by then is lost, so there must be room for all that kinds in use name (target.c). */
    ENTRIES_MAX = 4096,
};

struct entry {
    struct list link; /* the one that was read last stands last */
    struct hash_table_link link_by_reference;
    char *reference;
    uint64_t read_ms;
    bool is_found, is_asked;
    bool is_read;      /* else nothing is known of it yet */
    struct text value; /* or, not found, why */
};

struct secrets {
    char *folder;
    struct list entries;
    struct hash_table by_reference; /* the same ones */
    secrets_ask_fn *ask;
    void *context;
    bool is_awaited;
};

struct secrets *secrets_create(const char *folder)
{
    struct secrets *secrets = memory_zeroed(1, sizeof *secrets);
    secrets->folder = memory_copy_string(folder ? folder : "/run/secrets");
    list_init(&secrets->entries);
    return secrets;
}

static void wipe(struct text *value)
{
    if (value->start)
        explicit_bzero(value->start, value->capacity);
    text_finish(value);
}

static void drop(struct secrets *secrets, struct entry *entry)
{
    list_remove(&entry->link);
    hash_table_remove(&secrets->by_reference, &entry->link_by_reference);
    wipe(&entry->value);
    free(entry->reference);
    free(entry);
}

void secrets_destroy(struct secrets *secrets)
{
    struct list *first;
    while ((first = list_first(&secrets->entries)))
        drop(secrets, list_object(first, struct entry, link));
    hash_table_finish(&secrets->by_reference);
    free(secrets->folder);
    free(secrets);
}

/* pawl.is_secret_reference refuses the same: change both. */
static bool is_private_variable(const char *name)
{
    return strncmp(name, "PG", 2) == 0 || strncmp(name, "PAWL_", 5) == 0 ||
           strcmp(name, "DATABASE_URL") == 0;
}

static bool read_variable(const char *name, struct text *value)
{
    const char *found = is_private_variable(name) ? NULL : getenv(name);
    if (is_private_variable(name))
        text_append_format(value, "the variable %s is not for others", name);
    else if (!found)
        text_append_format(value, "there is no variable %s in the environment of the node", name);
    else
        text_append_string(value, found);
    return found;
}

/* A regular file's bytes; the value's memory is made at once, so that no copy is left behind. */
static bool read_bytes(int file, const char *path, struct text *value)
{
    struct stat about;
    char *bytes = NULL;
    ssize_t length = -1;
    if (fstat(file, &about) == 0 && S_ISREG(about.st_mode) && about.st_size <= VALUE_BYTES_MAX) {
        bytes = memory_zeroed(1, VALUE_BYTES_MAX);
        length = read(file, bytes, VALUE_BYTES_MAX);
    }
    if (length >= 0) {
        text_append(value, bytes, (size_t)length);
        explicit_bzero(bytes, VALUE_BYTES_MAX);
    } else {
        text_append_format(value, "the file %s is no file of %d bytes at most that can be read",
                           path, VALUE_BYTES_MAX);
    }
    free(bytes);
    return length >= 0;
}

/* What links lead to must be inside too: so both are resolved before they are compared. */
static bool find_inside(const char *folder, const char *path, char found[PATH_MAX])
{
    char whole[PATH_MAX], root[PATH_MAX];
    int length = path[0] == '/' ? snprintf(whole, sizeof whole, "%s", path)
                                : snprintf(whole, sizeof whole, "%s/%s", folder, path);
    if (length >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (!realpath(folder, root) || !realpath(whole, found))
        return false;
    size_t root_length = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (strncmp(found, root, root_length) == 0 && found[root_length] == '/')
        return true;
    errno = EXDEV;
    return false;
}

static bool read_file(const struct secrets *secrets, const char *path, struct text *value)
{
    char found[PATH_MAX];
    int file = -1;
    if (find_inside(secrets->folder, path, found))
        file = open(found, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0 && errno == EXDEV)
        text_append_format(value, "the file %s is not inside %s", path, secrets->folder);
    else if (file < 0)
        text_append_format(value, "could not read the file %s in %s: %s", path, secrets->folder,
                           strerror(errno));
    if (file < 0)
        return false;
    bool is_read = read_bytes(file, path, value);
    close(file);
    return is_read;
}

static void trim_line_end(struct text *value)
{
    while (value->length && strchr("\r\n", value->start[value->length - 1]))
        value->start[--value->length] = '\0';
}

static void judge_value(struct entry *entry)
{
    if (entry->is_found)
        trim_line_end(&entry->value);
    if (entry->is_found && !entry->value.length) {
        entry->is_found = false;
        text_append_string(&entry->value, "it is empty");
    }
}

static void read_again(const struct secrets *secrets, struct entry *entry)
{
    wipe(&entry->value);
    if (strncmp(entry->reference, "env:", 4) == 0) {
        entry->is_found = read_variable(entry->reference + 4, &entry->value);
    } else if (strncmp(entry->reference, "file:", 5) == 0) {
        entry->is_found = read_file(secrets, entry->reference + 5, &entry->value);
    } else {
        entry->is_found = false;
        text_append_string(&entry->value, "it is none of env:NAME, file:PATH and vault:NAME");
    }
    judge_value(entry);
}

static struct entry *find_entry(struct secrets *secrets, const char *reference)
{
    struct hash_table_link *link =
        hash_table_find(&secrets->by_reference, hash_table_hash_string(reference));
    for (; link; link = hash_table_find_next(link)) {
        struct entry *entry = hash_table_object(link, struct entry, link_by_reference);
        if (strcmp(entry->reference, reference) == 0)
            return entry;
    }
    return NULL;
}

static struct entry *add_entry(struct secrets *secrets, const char *reference)
{
    if (secrets->by_reference.count == ENTRIES_MAX)
        drop(secrets, list_object(list_first(&secrets->entries), struct entry, link));
    struct entry *entry = memory_zeroed(1, sizeof *entry);
    entry->reference = memory_copy_string(reference);
    list_init(&entry->link);
    list_append(&secrets->entries, &entry->link);
    hash_table_add(&secrets->by_reference, &entry->link_by_reference,
                   hash_table_hash_string(reference));
    return entry;
}

/* ---- the vault ---- */

static const char *vault_name(const char *reference)
{
    return strncmp(reference, "vault:", 6) == 0 ? reference + 6 : NULL;
}

void secrets_set_vault(struct secrets *secrets, secrets_ask_fn *ask, void *context)
{
    secrets->ask = ask;
    secrets->context = context;
}

void secrets_note_vault(struct secrets *secrets, const char *name, uint64_t now_ms,
                        struct slice value, const char *reason)
{
    struct text reference = {0};
    text_append_format(&reference, "vault:%s", name);
    struct entry *entry = find_entry(secrets, text_string(&reference));
    text_finish(&reference);
    if (!entry)
        return;
    wipe(&entry->value);
    list_move(&secrets->entries, &entry->link);
    entry->is_asked = false;
    entry->is_read = true;
    entry->read_ms = now_ms;
    entry->is_found = value.start && value.length <= VALUE_BYTES_MAX;
    if (entry->is_found)
        text_append_slice(&entry->value, value);
    else
        text_append_string(&entry->value, value.start ? "it is too long" : reason);
    judge_value(entry);
}

/* True when what is known of it still serves. */
static bool ask_again(struct secrets *secrets, struct entry *entry, uint64_t now_ms)
{
    uint64_t age_ms = now_ms - entry->read_ms;
    if (!entry->is_asked && (!entry->is_read || age_ms >= FRESH_MS)) {
        entry->is_asked = true;
        secrets->ask(secrets->context, vault_name(entry->reference));
    }
    return entry->is_read && age_ms < SERVES_MS;
}

/* ---- for all ---- */

bool secrets_are_awaited(const struct secrets *secrets)
{
    return secrets->is_awaited;
}

bool secrets_find(struct secrets *secrets, const char *reference, uint64_t now_ms,
                  struct slice *value, struct text *reason)
{
    struct entry *entry = find_entry(secrets, reference);
    bool is_in_vault = vault_name(reference) && secrets->ask;
    secrets->is_awaited = false;
    if (is_in_vault) {
        entry = entry ? entry : add_entry(secrets, reference);
        secrets->is_awaited = !ask_again(secrets, entry, now_ms);
    } else if (!entry || now_ms - entry->read_ms >= FRESH_MS) {
        entry = entry ? entry : add_entry(secrets, reference);
        entry->read_ms = now_ms;
        read_again(secrets, entry);
        list_move(&secrets->entries, &entry->link);
    }
    if (!entry->is_found || secrets->is_awaited) {
        text_append_format(reason, "secret %s: ", reference);
        if (secrets->is_awaited)
            text_append_string(reason, "the database has not answered yet");
        else
            text_append_slice(reason, text_slice(&entry->value));
        return false;
    }
    *value = text_slice(&entry->value);
    return true;
}
