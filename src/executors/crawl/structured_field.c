#include "executors/crawl/structured_field.h"

/* RFC 9651, section 3.3.1 and 3.3.2. */
enum { INTEGER_DIGITS_MAX = 15, WHOLE_DIGITS_MAX = 12, FRACTION_DIGITS_MAX = 3 };

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_lower(char byte)
{
    return byte >= 'a' && byte <= 'z';
}

static bool is_letter(char byte)
{
    return is_lower((char)(byte | 0x20));
}

static bool is_key_byte(char byte)
{
    return is_lower(byte) || is_digit(byte) || (byte && strchr("_-.*", byte));
}

/* RFC 9110's token, and ":" and "/". */
static bool is_token_byte(char byte)
{
    return is_letter(byte) || is_digit(byte) || (byte && strchr("!#$%&'*+-.^_`|~:/", byte));
}

static bool is_base64_byte(char byte)
{
    return is_letter(byte) || is_digit(byte) || byte == '+' || byte == '/' || byte == '=';
}

static bool is_at(const struct structured_reader *reader, char byte)
{
    return reader->at < reader->end && *reader->at == byte;
}

static bool skip(struct structured_reader *reader, char byte)
{
    if (!is_at(reader, byte))
        return false;
    reader->at++;
    return true;
}

static bool break_off(struct structured_reader *reader)
{
    reader->is_broken = true;
    return false;
}

static struct slice read_while(struct structured_reader *reader, bool (*belongs)(char byte))
{
    const char *start = reader->at;
    while (reader->at < reader->end && belongs(*reader->at))
        reader->at++;
    return slice_of(start, (size_t)(reader->at - start));
}

static bool read_number(struct structured_reader *reader, struct structured_item *item)
{
    const char *start = reader->at;
    bool is_negative = skip(reader, '-');
    struct slice whole = read_while(reader, is_digit);
    item->type = STRUCTURED_INTEGER;
    if (skip(reader, '.')) {
        size_t fraction = read_while(reader, is_digit).length;
        item->type = STRUCTURED_DECIMAL;
        if (fraction < 1 || fraction > FRACTION_DIGITS_MAX)
            return break_off(reader);
    }
    size_t max = item->type == STRUCTURED_INTEGER ? INTEGER_DIGITS_MAX : WHOLE_DIGITS_MAX;
    if (whole.length < 1 || whole.length > max)
        return break_off(reader);
    item->text = slice_of(start, (size_t)(reader->at - start));
    for (size_t i = 0; item->type == STRUCTURED_INTEGER && i < whole.length; i++)
        item->integer = item->integer * 10 + (whole.start[i] - '0');
    if (is_negative)
        item->integer = -item->integer;
    return true;
}

/* Visible ASCII and spaces; in a string a backslash stands before a quote or itself alone. */
static bool read_quoted(struct structured_reader *reader, struct structured_item *item)
{
    const char *start = ++reader->at;
    for (; reader->at < reader->end; reader->at++) {
        char byte = *reader->at;
        if (byte == '"') {
            item->text = slice_of(start, (size_t)(reader->at++ - start));
            return true;
        }
        if (byte < ' ' || byte > '~')
            break;
        if (byte != '\\' || item->type != STRUCTURED_STRING)
            continue;
        reader->at++;
        if (!is_at(reader, '"') && !is_at(reader, '\\'))
            break;
    }
    return break_off(reader);
}

static bool read_string(struct structured_reader *reader, struct structured_item *item)
{
    item->type = STRUCTURED_STRING;
    return read_quoted(reader, item);
}

/* What its percent signs stand for is left to whoever needs it. */
static bool read_display_string(struct structured_reader *reader, struct structured_item *item)
{
    item->type = STRUCTURED_DISPLAY_STRING;
    reader->at++;
    return is_at(reader, '"') ? read_quoted(reader, item) : break_off(reader);
}

static bool read_token(struct structured_reader *reader, struct structured_item *item)
{
    item->type = STRUCTURED_TOKEN;
    item->text = read_while(reader, is_token_byte);
    return true;
}

static bool read_bytes(struct structured_reader *reader, struct structured_item *item)
{
    item->type = STRUCTURED_BYTES;
    reader->at++;
    item->text = read_while(reader, is_base64_byte);
    return skip(reader, ':') ? true : break_off(reader);
}

static bool read_boolean(struct structured_reader *reader, struct structured_item *item)
{
    item->type = STRUCTURED_BOOLEAN;
    reader->at++;
    if (!is_at(reader, '0') && !is_at(reader, '1'))
        return break_off(reader);
    item->text = slice_of(reader->at, 1);
    item->integer = *reader->at++ - '0';
    return true;
}

static bool read_date(struct structured_reader *reader, struct structured_item *item)
{
    reader->at++;
    if (!read_number(reader, item) || item->type != STRUCTURED_INTEGER)
        return break_off(reader);
    item->type = STRUCTURED_DATE;
    return true;
}

static bool read_item(struct structured_reader *reader, struct structured_item *item)
{
    *item = (struct structured_item){0};
    char first = reader->at < reader->end ? *reader->at : '\0';
    if (is_letter(first))
        return read_token(reader, item);
    if (is_digit(first))
        return read_number(reader, item);
    switch (first) {
    case '*':
        return read_token(reader, item);
    case '-':
        return read_number(reader, item);
    case '"':
        return read_string(reader, item);
    case ':':
        return read_bytes(reader, item);
    case '?':
        return read_boolean(reader, item);
    case '@':
        return read_date(reader, item);
    case '%':
        return read_display_string(reader, item);
    default:
        return break_off(reader);
    }
}

static void skip_spaces(struct structured_reader *reader)
{
    while (is_at(reader, ' ') || is_at(reader, '\t'))
        reader->at++;
}

void structured_start(struct structured_reader *reader, struct slice value)
{
    *reader = (struct structured_reader){.at = value.start, .end = value.start + value.length};
}

bool structured_next_member(struct structured_reader *reader, struct structured_item *member)
{
    struct slice key;
    struct structured_item value;
    while (structured_next_parameter(reader, &key, &value))
        continue;
    if (reader->is_broken)
        return false;
    skip_spaces(reader);
    if (reader->at == reader->end)
        return false;
    if (reader->has_begun && !skip(reader, ','))
        return break_off(reader);
    skip_spaces(reader);
    reader->has_begun = true;
    return read_item(reader, member);
}

bool structured_next_parameter(struct structured_reader *reader, struct slice *key,
                               struct structured_item *value)
{
    if (reader->is_broken || !reader->has_begun || !skip(reader, ';'))
        return false;
    while (skip(reader, ' '))
        continue;
    if (reader->at == reader->end || (!is_lower(*reader->at) && *reader->at != '*'))
        return break_off(reader);
    *key = read_while(reader, is_key_byte);
    *value = (struct structured_item){STRUCTURED_BOOLEAN, {NULL, 0}, 1};
    return skip(reader, '=') ? read_item(reader, value) : true;
}
