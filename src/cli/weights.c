#include "cli/weights.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "executors/crawl/url.h"

struct reader {
    FILE *file;
    const char *path;
    struct arena *arena, *scratch; /* of the start URL, of a line's */
    struct url start;
    json_t *weights;
    int line;
    struct failure *failure;
};

/* The next field into text; returns the byte that ends it: a comma, a line feed or EOF. In quotes a
 * field may hold both, and a quote as two (RFC 4180, section 2). */
static int read_field(struct reader *reader, struct text *text)
{
    bool is_quoted = false;
    int byte;
    text_clear(text);
    while ((byte = getc(reader->file)) != EOF) {
        if (byte == '"' && !is_quoted && text->length == 0) {
            is_quoted = true;
        } else if (byte == '"' && is_quoted) {
            int next = getc(reader->file);
            is_quoted = next == '"';
            if (is_quoted)
                text_append_char(text, '"');
            else
                ungetc(next, reader->file);
        } else if (!is_quoted && (byte == ',' || byte == '\n')) {
            break;
        } else if (is_quoted || byte != '\r') {
            text_append_char(text, (char)byte);
        }
    }
    return byte;
}

static bool refuse(const struct reader *reader, const char *message, const char *what)
{
    failure_set(reader->failure, FAILURE_INPUT, "%s, line %d: %s: \"%.100s\"", reader->path,
                reader->line, message, what);
    return failure_hint(reader->failure, "A line is a path and a number: /shop,1200");
}

static bool add(struct reader *reader, const char *page, const char *number)
{
    struct url url;
    char *end;
    double weight = strtod(number, &end);
    if (end == number || *end)
        return reader->line == 1 || refuse(reader, "that is no number", number);
    if (!isfinite(weight) || weight < 0)
        return refuse(reader, "a weight is 0 or more", number);
    arena_reset(reader->scratch);
    if (!url_parse(slice_of_string(page), &reader->start, reader->scratch, &url, NULL))
        return refuse(reader, "that is no path and no URL", page);
    double before = json_number_value(json_object_get(reader->weights, url.whole.start));
    json_object_set_new(reader->weights, url.whole.start, json_real(before + weight));
    return true;
}

static bool read_lines(struct reader *reader)
{
    struct text page = {0}, number = {0}, rest = {0};
    bool is_fine = true;
    int end = '\n';
    while (is_fine && end != EOF) {
        reader->line++;
        text_clear(&number);
        end = read_field(reader, &page);
        if (end == ',')
            end = read_field(reader, &number);
        while (end == ',')
            end = read_field(reader, &rest);
        if (page.length || number.length)
            is_fine = add(reader, text_string(&page), text_string(&number));
    }
    if (is_fine && ferror(reader->file))
        is_fine = failure_set(reader->failure, FAILURE_INPUT, "could not read %s: %s", reader->path,
                              strerror(errno));
    text_finish(&page);
    text_finish(&number);
    text_finish(&rest);
    return is_fine;
}

char *weights_read(const char *path, const char *start_url, struct failure *failure)
{
    struct reader reader = {.file = fopen(path, "r"), .path = path, .failure = failure};
    char *json = NULL;
    if (!reader.file) {
        failure_set(failure, FAILURE_INPUT, "could not open %s: %s", path, strerror(errno));
        return NULL;
    }
    reader.arena = arena_create(URL_BYTES_MAX + 64);
    reader.scratch = arena_create(URL_BYTES_MAX + 64);
    reader.weights = json_object();
    if (url_parse(slice_of_string(start_url), NULL, reader.arena, &reader.start, failure) &&
        read_lines(&reader))
        json = json_dumps(reader.weights, JSON_COMPACT);
    json_decref(reader.weights);
    arena_destroy(reader.arena);
    arena_destroy(reader.scratch);
    fclose(reader.file);
    return json;
}
