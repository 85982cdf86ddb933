#include "cli/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/text.h"
#include "cli/humanize.h"

enum { SHORT_CHARACTERS = 60 };

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xC0) == 0x80;
}

int table_width_of(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += !is_continuation(*text);
    return width;
}

/* What could move the cursor or break a row becomes a blank; `most` characters at most. */
static char *write_text(const char *text, int most)
{
    struct text line = {0};
    int width = 0;
    bool is_cut = table_width_of(text) > most;
    for (; *text; text++) {
        width += !is_continuation(*text);
        if (is_cut && width > most - 3)
            break;
        text_append_char(&line, (unsigned char)*text < ' ' || *text == 0x7F ? ' ' : *text);
    }
    text_append_string(&line, is_cut ? "..." : "");
    return line.start;
}

static char *write_ago(const char *timestamp)
{
    double seconds;
    char text[HUMAN_BYTES];
    struct timespec now;
    if (!human_parse_time(timestamp, &seconds))
        return memory_copy_string(timestamp);
    clock_gettime(CLOCK_REALTIME, &now);
    human_write_ago((double)now.tv_sec + (double)now.tv_nsec / 1e9 - seconds, text);
    return memory_copy_string(text);
}

static char *write_number(double number, enum table_format format)
{
    char text[HUMAN_BYTES];
    if (format == FORMAT_BYTES)
        human_write_bytes(number, text);
    else if (format == FORMAT_MILLISECONDS)
        human_write_duration(number / 1000, text);
    else
        snprintf(text, sizeof text, "%.15g", number);
    return memory_copy_string(text);
}

char *table_write_value(const json_t *value, enum table_format format)
{
    if (!value || json_is_null(value))
        return memory_copy_string("-");
    if (json_is_number(value))
        return write_number(json_number_value(value), format);
    if (json_is_boolean(value))
        return memory_copy_string(json_is_true(value) ? "yes" : "no");
    if (json_is_string(value) && format == FORMAT_AGO)
        return write_ago(json_string_value(value));
    if (json_is_string(value))
        return write_text(json_string_value(value),
                          format == FORMAT_SHORT ? SHORT_CHARACTERS : 1 << 20);
    char *document = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    char *text = write_text(document, format == FORMAT_SHORT ? SHORT_CHARACTERS : 1 << 20);
    free(document);
    return text;
}

static bool is_right_aligned(enum table_format format)
{
    return format == FORMAT_NUMBER || format == FORMAT_BYTES || format == FORMAT_MILLISECONDS;
}

static void append_blanks(struct text *line, int count)
{
    for (; count > 0; count--)
        text_append_char(line, ' ');
}

void table_append_cell(struct text *line, const char *cell, int width, enum table_format format,
                       bool is_last)
{
    int blanks = width - table_width_of(cell);
    if (is_right_aligned(format))
        append_blanks(line, blanks);
    text_append_string(line, cell);
    if (!is_last && !is_right_aligned(format))
        append_blanks(line, blanks);
    text_append_string(line, is_last ? "\n" : "  ");
}

size_t table_count_columns(const struct table_column *columns)
{
    size_t count = 0;
    while (columns[count].title)
        count++;
    return count;
}

void table_append(struct text *text, const struct table_column *columns, const json_t *rows)
{
    size_t count = table_count_columns(columns), row_count = json_array_size(rows);
    if (!row_count)
        return;
    char **cells = memory_zeroed(count * row_count, sizeof *cells);
    int *widths = memory_zeroed(count, sizeof *widths);
    for (size_t column = 0; column < count; column++)
        widths[column] = table_width_of(columns[column].title);
    for (size_t at = 0; at < count * row_count; at++) {
        const struct table_column *column = &columns[at % count];
        const json_t *row = json_array_get(rows, at / count);
        cells[at] = table_write_value(json_object_get(row, column->key), column->format);
        if (table_width_of(cells[at]) > widths[at % count])
            widths[at % count] = table_width_of(cells[at]);
    }
    for (size_t column = 0; column < count; column++)
        table_append_cell(text, columns[column].title, widths[column], columns[column].format,
                          column + 1 == count);
    for (size_t at = 0; at < count * row_count; at++) {
        table_append_cell(text, cells[at], widths[at % count], columns[at % count].format,
                          at % count + 1 == count);
        free(cells[at]);
    }
    free(cells);
    free(widths);
}

void table_print(const struct table_column *columns, const json_t *rows)
{
    struct text text = {0};
    table_append(&text, columns, rows);
    fwrite(text_string(&text), 1, text.length, stdout);
    text_finish(&text);
}

void table_print_object(const struct table_column *columns, const json_t *object)
{
    int width = 0;
    for (const struct table_column *column = columns; column->title; column++)
        if (table_width_of(column->title) > width)
            width = table_width_of(column->title);
    for (const struct table_column *column = columns; column->title; column++) {
        const json_t *value = json_object_get(object, column->key);
        if (!value || json_is_null(value))
            continue;
        char *text = table_write_value(value, column->format);
        printf("%-*s  %s\n", width, column->title, text);
        free(text);
    }
}
