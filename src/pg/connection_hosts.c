#include "pg/connection_hosts.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { DEFAULT_TIMEOUT_S = 10, LONGEST_TIMEOUT_S = 3600 };

/* A setting that is a list: one for each host, or one for all. */
struct setting {
    const char **items;
    int count;
    bool has_gap;
};

static const char *find(const PQconninfoOption *options, const char *keyword)
{
    for (; options && options->keyword; options++)
        if (strcmp(options->keyword, keyword) == 0)
            return options->val && *options->val ? options->val : NULL;
    return NULL;
}

/* The string's, else what PGHOST and its like say, or libpq's default. */
static const char *choose(const PQconninfoOption *own, const PQconninfoOption *defaults,
                          const char *keyword)
{
    const char *value = find(own, keyword);
    return value ? value : find(defaults, keyword);
}

static struct setting split(const char *list, struct arena *arena)
{
    struct setting setting = {0};
    if (!list)
        return setting;
    setting.items = arena_allocate(arena, (strlen(list) + 1) * sizeof *setting.items);
    for (;;) {
        size_t length = strcspn(list, ",");
        setting.items[setting.count++] = arena_copy(arena, list, length);
        setting.has_gap = setting.has_gap || length == 0;
        if (!list[length])
            return setting;
        list += length + 1;
    }
}

static bool fits(const struct setting *setting, int count)
{
    return !setting->has_gap && (setting->count == 0 || setting->count == count);
}

static const char *item(const struct setting *setting, int place)
{
    if (setting->count == 0)
        return NULL;
    return setting->items[setting->count == 1 ? 0 : place];
}

static int read_timeout_ms(const char *seconds)
{
    long timeout_s = seconds ? strtol(seconds, NULL, 10) : 0;
    if (timeout_s <= 0)
        timeout_s = DEFAULT_TIMEOUT_S;
    return (int)(timeout_s < LONGEST_TIMEOUT_S ? timeout_s : LONGEST_TIMEOUT_S) * 1000;
}

static void take_apart(struct connection_hosts *hosts, const PQconninfoOption *own,
                       const PQconninfoOption *defaults, struct arena *arena)
{
    struct setting names = split(choose(own, defaults, "host"), arena);
    struct setting addresses = split(choose(own, defaults, "hostaddr"), arena);
    struct setting ports = split(choose(own, defaults, "port"), arena);
    int count = addresses.count ? addresses.count : names.count;
    if (find(own, "service") || count == 0 || !fits(&names, count) || !fits(&addresses, count) ||
        !fits(&ports, ports.count == 1 ? 1 : count))
        return;
    const char *session = choose(own, defaults, "target_session_attrs");
    bool is_twice = session && strcmp(session, "prefer-standby") == 0;
    hosts->count = is_twice ? 2 * count : count;
    hosts->list = arena_allocate(arena, (size_t)hosts->count * sizeof *hosts->list);
    for (int i = 0; i < hosts->count; i++)
        hosts->list[i] = (struct connection_host){
            .name = item(&names, i % count),
            .address = item(&addresses, i % count),
            .port = item(&ports, i % count),
            .session = !is_twice   ? NULL
                       : i < count ? "standby"
                                   : "any",
        };
}

void connection_hosts_read(struct connection_hosts *hosts, const char *url, struct arena *arena)
{
    bool is_name_of_database = !strchr(url, '=') && !strstr(url, "://");
    PQconninfoOption *own = PQconninfoParse(url, NULL), *defaults = PQconndefaults();
    *hosts = (struct connection_hosts){.count = 1};
    hosts->list = arena_allocate(arena, sizeof *hosts->list);
    hosts->timeout_ms = read_timeout_ms(choose(own, defaults, "connect_timeout"));
    if (own || is_name_of_database)
        take_apart(hosts, own, defaults, arena);
    PQconninfoFree(own);
    PQconninfoFree(defaults);
}
