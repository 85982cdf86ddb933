#include "engine/kinds.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void kinds_init(struct kinds *kinds)
{
    *kinds = (struct kinds){0};
    list_init(&kinds->crowded);
}

void kinds_finish(struct kinds *kinds)
{
    hash_table_finish(&kinds->by_name);
}

static struct kind *find(const struct kinds *kinds, const char *name, uint64_t hash)
{
    struct hash_table_link *link = hash_table_find(&kinds->by_name, hash);
    for (; link; link = hash_table_find_next(link)) {
        struct kind *kind = hash_table_object(link, struct kind, link_by_name);
        if (strcmp(kind->name, name) == 0)
            return kind;
    }
    return NULL;
}

struct kind *kinds_join(struct kinds *kinds, const char *name)
{
    uint64_t hash = hash_table_hash_string(name);
    struct kind *kind = find(kinds, name, hash);
    if (!kind) {
        kind = memory_zeroed(1, sizeof *kind);
        kind->name = memory_copy_string(name);
        list_init(&kind->link);
        list_init(&kind->crowded);
        hash_table_add(&kinds->by_name, &kind->link_by_name, hash);
    }
    kind->jobs++;
    return kind;
}

void kinds_leave(struct kinds *kinds, struct kind *kind)
{
    if (--kind->jobs > 0)
        return;
    hash_table_remove(&kinds->by_name, &kind->link_by_name);
    list_remove(&kind->link);
    free(kind->name);
    free(kind);
}
