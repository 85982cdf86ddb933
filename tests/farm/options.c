#include "options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "listeners.h"

enum kind { KIND_NUMBER, KIND_TEXT, KIND_FLAG };

static const struct option {
    const char *name;
    enum kind kind;
    size_t offset;
    long minimum, maximum;
    const char *help;
} table[] = {
    {"--port", KIND_NUMBER, offsetof(struct options, port), 0, 65535,
     "port on every address; 0: any that is free (0)"},
    {"--hosts", KIND_NUMBER, offsetof(struct options, hosts), 1, LISTENERS_MAX,
     "addresses from 127.0.0.1 on (1)"},
    {"--pages", KIND_NUMBER, offsetof(struct options, pages), 1, 1000000000,
     "pages of each host's tree (100)"},
    {"--orphans", KIND_NUMBER, offsetof(struct options, orphans), 0, 1000000000,
     "pages more that only the sitemap names (0)"},
    {"--children", KIND_NUMBER, offsetof(struct options, children), 1, 1000,
     "of each page in the tree (10)"},
    {"--page-bytes", KIND_NUMBER, offsetof(struct options, page_bytes), 0, 1 << 20,
     "of words in each page (2500)"},
    {"--latency", KIND_NUMBER, offsetof(struct options, latency_ms), 0, 600000,
     "milliseconds before each answer (0)"},
    {"--miss-latency", KIND_NUMBER, offsetof(struct options, miss_latency_ms), 0, 600000,
     "milliseconds more where a CDN asks its origin (0)"},
    {"--behind", KIND_TEXT, offsetof(struct options, behind), 0, 0,
     "modifiers in front of every path, such as /cdn/fastly/1"},
    {"--rate", KIND_TEXT, offsetof(struct options, rate), 0, 0,
     "requests a second of each host, 429 beyond"},
    {"--robots", KIND_TEXT, offsetof(struct options, robots), 0, 0,
     "what /robots.txt is like: none open closed partial delay broken huge silent redirect (none)"},
    {"--sitemap", KIND_FLAG, offsetof(struct options, has_sitemap), 0, 0,
     "there is a /sitemap.xml, and robots.txt names it"},
    {"--log", KIND_TEXT, offsetof(struct options, log_path), 0, 0, "file for the access log"},
    {"--tls", KIND_TEXT, offsetof(struct options, tls), 0, 0,
     "a port with TLS too; its certificate is: good self-signed expired wrong-name"},
    {"--tls-ca", KIND_TEXT, offsetof(struct options, tls_ca_path), 0, 0,
     "file to write the authority's certificate to"},
};

enum { OPTIONS = sizeof table / sizeof *table };

static void print_help(void)
{
    printf(
        "site_farm plays many web sites on loopback; tests/farm/README.md lists their paths.\n\n");
    for (int i = 0; i < OPTIONS; i++)
        printf("  %-15s %s\n", table[i].name, table[i].help);
}

_Noreturn static void refuse(const char *problem, const char *word)
{
    fprintf(stderr, "site_farm: %s: %s\n", problem, word);
    exit(2);
}

static const struct option *find_option(const char *word)
{
    for (int i = 0; i < OPTIONS; i++)
        if (strcmp(word, table[i].name) == 0)
            return &table[i];
    refuse("there is no such option", word);
}

static void set_number(const struct option *option, void *member, const char *word)
{
    char *end;
    long number = strtol(word, &end, 10);
    if (!*word || *end || number < option->minimum || number > option->maximum)
        refuse("not a number that this option takes", word);
    *(int *)member = (int)number;
}

void options_read(struct options *options, int count, char **words)
{
    *options = (struct options){.hosts = 1,
                                .pages = 100,
                                .children = 10,
                                .page_bytes = 2500,
                                .behind = "",
                                .robots = "none"};
    for (int i = 1; i < count; i++) {
        if (strcmp(words[i], "--help") == 0) {
            print_help();
            exit(0);
        }
        const struct option *option = find_option(words[i]);
        void *member = (char *)options + option->offset;
        if (option->kind == KIND_FLAG) {
            *(bool *)member = true;
            continue;
        }
        if (++i == count)
            refuse("a value is missing behind", option->name);
        if (option->kind == KIND_TEXT)
            *(const char **)member = words[i];
        else
            set_number(option, member, words[i]);
    }
}
