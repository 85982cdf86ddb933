#include "base/hash_table.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

enum { CAPACITY_MIN = 16 };

uint64_t hash_table_hash_string(const char *string)
{
    uint64_t hash = 0xCBF29CE484222325;
    for (; *string; string++)
        hash = (hash ^ (unsigned char)*string) * 0x100000001B3;
    return hash;
}

void hash_table_finish(struct hash_table *table)
{
    free(table->buckets);
    *table = (struct hash_table){0};
}

static struct hash_table_link **bucket_of(const struct hash_table *table, uint64_t hash)
{
    return &table->buckets[hash & (table->capacity - 1)];
}

static void put(struct hash_table *table, struct hash_table_link *link)
{
    struct hash_table_link **bucket = bucket_of(table, link->hash);
    link->next = *bucket;
    *bucket = link;
}

/* One object a bucket at most, on average. */
static void grow(struct hash_table *table)
{
    struct hash_table larger = {.count = table->count,
                                .capacity = table->capacity ? table->capacity * 2 : CAPACITY_MIN};
    larger.buckets = memory_zeroed(larger.capacity, sizeof(struct hash_table_link *));
    for (size_t i = 0; i < table->capacity; i++)
        for (struct hash_table_link *link = table->buckets[i], *next; link; link = next) {
            next = link->next;
            put(&larger, link);
        }
    free(table->buckets);
    *table = larger;
}

void hash_table_add(struct hash_table *table, struct hash_table_link *link, uint64_t hash)
{
    if (table->count == table->capacity)
        grow(table);
    link->hash = hash;
    put(table, link);
    table->count++;
}

void hash_table_remove(struct hash_table *table, struct hash_table_link *link)
{
    CHECK(table->count > 0);
    struct hash_table_link **at = bucket_of(table, link->hash);
    while (*at && *at != link)
        at = &(*at)->next;
    CHECK(*at);
    *at = link->next;
    table->count--;
}

static struct hash_table_link *first_with(struct hash_table_link *link, uint64_t hash)
{
    while (link && link->hash != hash)
        link = link->next;
    return link;
}

struct hash_table_link *hash_table_find(const struct hash_table *table, uint64_t hash)
{
    return table->count ? first_with(*bucket_of(table, hash), hash) : NULL;
}

struct hash_table_link *hash_table_find_next(const struct hash_table_link *link)
{
    return first_with(link->next, link->hash);
}

struct hash_table_link *hash_table_walk(const struct hash_table *table,
                                        const struct hash_table_link *link)
{
    if (link && link->next)
        return link->next;
    size_t at = link ? (link->hash & (table->capacity - 1)) + 1 : 0;
    while (at < table->capacity && !table->buckets[at])
        at++;
    return at < table->capacity ? table->buckets[at] : NULL;
}
