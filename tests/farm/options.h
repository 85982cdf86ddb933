/* What the farm is told on its command line: one table, from which --help is printed too. */
#ifndef PAWL_FARM_OPTIONS_H
#define PAWL_FARM_OPTIONS_H

#include <stdbool.h>

struct options {
    int port;       /* 0: any that is free */
    int hosts;      /* addresses from 127.0.0.1 on; names in Host are hosts as well, unbidden */
    int pages;      /* of the tree of each host */
    int orphans;    /* pages that only the sitemap names */
    int children;   /* of a page */
    int page_bytes; /* of the words that fill a page */
    int latency_ms; /* before each answer */
    int miss_latency_ms; /* more, where a CDN has to ask its origin */
    const char *behind;  /* modifiers in front of every path, such as /rl/2; "" for none */
    const char *rate;    /* requests a second and host, beyond which it answers 429; NULL: any */
    const char *robots;  /* see robots.h */
    bool has_sitemap;
    const char *log_path; /* NULL: no log */
    const char *tls;      /* see certificates.h; NULL: no TLS */
    const char *tls_ca_path;
};

/* Fills in what was not said. Ends the program for --help (code 0) and for what it does not
 * understand (code 2). Strings are the command line's. */
void options_read(struct options *options, int count, char **words);

#endif
