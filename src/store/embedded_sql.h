/*
 * The folder sql/ inside the program: written as C by sql/embed.py at build time, in the order of
 * sql/contents.txt. Applied by migrate.h; not for statements that the program runs by itself.
 */
#ifndef PAWL_STORE_EMBEDDED_SQL_H
#define PAWL_STORE_EMBEDDED_SQL_H

/* number: of a migration, 0 for everything that is applied again whenever it changed.
 * compat: what it stands in for (compat/NAME/...), applied only where that was asked for; else
 * NULL. name: path below sql/. checksum: 16 hex digits of the SHA-256 of sql. */
struct embedded_sql {
    int number;
    const char *compat;
    const char *name, *checksum, *sql;
};

extern const char *const embedded_sql_bootstrap; /* what comes before any migration */
extern const struct embedded_sql embedded_sql[];
extern const int embedded_sql_count;
extern const char *const embedded_sql_checksum; /* of all files that are no migration */

#endif
