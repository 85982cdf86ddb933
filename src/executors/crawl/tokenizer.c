/*
 * Walks the table of tokenizer_states.c. A page's bytes are looked at one by one only inside tags
 * and where a script is "escaped". Where a state waits for one byte alone (the closing quote of a
 * value, the next `<` of a script), memchr() goes there; in text, tags that mean nothing and have a
 * plain shape are passed over without the table (skip_text()).
 *
 * The attributes of a tag are not looked at before its `>` is found, and only if the tag is wanted:
 * then they lie in one piece in the chunk or, if a chunk ended in them, in `carried`.
 */
#include "executors/crawl/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "executors/crawl/tokenizer_states.h"

/* Elements whose content is raw text, and how it is read. */
static const struct {
    const char *name;
    enum state content;
} raw_elements[] = {
    {"script", SCRIPT},    {"style", RAW_TEXT},    {"textarea", RAW_TEXT},
    {"title", RAW_TEXT},   {"xmp", RAW_TEXT},      {"iframe", RAW_TEXT},
    {"noembed", RAW_TEXT}, {"noframes", RAW_TEXT}, {"plaintext", PLAINTEXT},
};

enum { ELEMENT_NAME_MAX = 15, ELEMENTS_MAX = TOKENIZER_INTERESTS_MAX + 16 };

struct name {
    size_t length; /* ELEMENT_NAME_MAX + 1: longer than any known name */
    char bytes[ELEMENT_NAME_MAX + 1];
};

/* A name that means something, to the user or to the tokenizer. */
struct element {
    struct name name;
    int id;
    bool wants_start, wants_end, is_foreign;
    enum state content;
};

struct tokenizer {
    tokenizer_tag_fn on_tag;
    void *context;

    enum state state, home;
    struct name name;                    /* of the tag that is being read */
    const struct element *element, *raw; /* of that tag; the one whose raw text this is */
    bool is_end_tag, is_kept;            /* kept: its attributes will be wanted */
    const char *inside;                  /* where they begin in this chunk */
    struct text carried;                 /* what earlier chunks had of them */
    unsigned foreign_depth;              /* how many <svg> and <math> are open */
    uint64_t dropped_tags;

    struct text scratch;
    struct attributes attributes;
    size_t element_count;
    uint32_t lengths[32]; /* by first letter: bit n is set when a known name has n letters */
    struct element elements[ELEMENTS_MAX];
};

static void name_append(struct name *name, char byte)
{
    if (name->length <= ELEMENT_NAME_MAX)
        name->bytes[name->length++] = byte >= 'A' && byte <= 'Z' ? (char)(byte + 32) : byte;
}

static bool name_equals(const struct name *name, const char *other)
{
    return slice_equals(slice_of(name->bytes, name->length), slice_of_string(other));
}

static struct element *element_add(struct tokenizer *tokenizer, const char *name)
{
    for (size_t i = 0; i < tokenizer->element_count; i++)
        if (name_equals(&tokenizer->elements[i].name, name))
            return &tokenizer->elements[i];
    CHECK(tokenizer->element_count < ELEMENTS_MAX && strlen(name) <= ELEMENT_NAME_MAX);
    struct element *element = &tokenizer->elements[tokenizer->element_count++];
    *element = (struct element){.id = -1, .content = DATA};
    for (const char *byte = name; *byte; byte++)
        name_append(&element->name, *byte);
    tokenizer->lengths[name[0] & 31] |= 1u << element->name.length;
    return element;
}

/* other: of the same length; in any case. Element names have letters only. */
static bool is_same_word(const char *name, const char *other, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (name[i] != (other[i] | 0x20))
            return false;
    return true;
}

/* NULL for a name that means nothing. Nearly every name ends at the first line. */
static const struct element *element_find(const struct tokenizer *tokenizer, struct slice name)
{
    if (name.length > ELEMENT_NAME_MAX ||
        !(tokenizer->lengths[name.start[0] & 31] >> name.length & 1))
        return NULL;
    for (size_t i = 0; i < tokenizer->element_count; i++) {
        const struct element *element = &tokenizer->elements[i];
        if (element->name.length == name.length &&
            is_same_word(element->name.bytes, name.start, name.length))
            return element;
    }
    return NULL;
}

struct tokenizer *tokenizer_create(const struct tokenizer_interest *interests, size_t count,
                                   tokenizer_tag_fn on_tag, void *context)
{
    struct tokenizer *tokenizer = memory_zeroed(1, sizeof *tokenizer);
    tokenizer->on_tag = on_tag;
    tokenizer->context = context;
    tokenizer->state = DATA;
    CHECK(count <= TOKENIZER_INTERESTS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct element *element = element_add(tokenizer, interests[i].name);
        CHECK(element->id < 0 && interests[i].id >= 0);
        element->id = interests[i].id;
        element->wants_start = interests[i].wants_start;
        element->wants_end = interests[i].wants_end;
    }
    for (size_t i = 0; i < sizeof raw_elements / sizeof *raw_elements; i++)
        element_add(tokenizer, raw_elements[i].name)->content = raw_elements[i].content;
    element_add(tokenizer, "svg")->is_foreign = true;
    element_add(tokenizer, "math")->is_foreign = true;
    return tokenizer;
}

void tokenizer_destroy(struct tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    text_finish(&tokenizer->carried);
    text_finish(&tokenizer->scratch);
    free(tokenizer);
}

void tokenizer_reset(struct tokenizer *tokenizer)
{
    tokenizer->state = DATA;
    tokenizer->is_kept = false;
    tokenizer->foreign_depth = 0;
    tokenizer->dropped_tags = 0;
    text_clear(&tokenizer->carried);
}

uint64_t tokenizer_dropped_tags(const struct tokenizer *tokenizer)
{
    return tokenizer->dropped_tags;
}

/* The attributes up to `end` belong to the tag: they are carried over, or the tag is too large. */
static void carry(struct tokenizer *tokenizer, const char *end)
{
    size_t more = (size_t)(end - tokenizer->inside);
    if (tokenizer->carried.length + more > TOKENIZER_TAG_BYTES_MAX) {
        tokenizer->is_kept = false;
        tokenizer->dropped_tags++;
        text_clear(&tokenizer->carried);
        return;
    }
    text_append(&tokenizer->carried, tokenizer->inside, more);
}

/* A wanted start tag is complete; `end` is its `>`. */
static void tell_start_tag(struct tokenizer *tokenizer, const char *end, bool is_self_closing)
{
    struct slice inside = slice_of(tokenizer->inside, (size_t)(end - tokenizer->inside));
    if (tokenizer->carried.length || inside.length > TOKENIZER_TAG_BYTES_MAX) {
        carry(tokenizer, end);
        inside = text_slice(&tokenizer->carried);
    }
    if (!tokenizer->is_kept)
        return;
    tokenizer->is_kept = false;
    if (attributes_parse(inside, &tokenizer->scratch, &tokenizer->attributes))
        tokenizer->on_tag(tokenizer->context,
                          &(struct tokenizer_tag){.id = tokenizer->element->id,
                                                  .is_self_closing = is_self_closing,
                                                  .attributes = &tokenizer->attributes});
    else
        tokenizer->dropped_tags++;
    text_clear(&tokenizer->carried);
}

static void end_start_tag(struct tokenizer *tokenizer, const char *at, bool is_self_closing)
{
    const struct element *element = tokenizer->element;
    if (tokenizer->is_kept)
        tell_start_tag(tokenizer, at, is_self_closing);
    if (is_self_closing && (tokenizer->foreign_depth || element->is_foreign))
        return;
    tokenizer->foreign_depth += element->is_foreign;
    tokenizer->state = element->content;
    tokenizer->raw = element;
}

static void end_end_tag(struct tokenizer *tokenizer)
{
    const struct element *element = tokenizer->element;
    if (element->is_foreign && tokenizer->foreign_depth)
        tokenizer->foreign_depth--;
    if (!element->wants_end)
        return;
    tokenizer->attributes.count = 0;
    tokenizer->on_tag(tokenizer->context,
                      &(struct tokenizer_tag){
                          .id = element->id, .is_end = true, .attributes = &tokenizer->attributes});
}

/* at: the tag's `>`. */
static void end_tag(struct tokenizer *tokenizer, const char *at)
{
    bool is_self_closing = tokenizer->state == SELF_CLOSING;
    tokenizer->state = DATA;
    if (!tokenizer->element)
        return;
    if (tokenizer->is_end_tag)
        end_end_tag(tokenizer);
    else
        end_start_tag(tokenizer, at, is_self_closing);
}

static bool ends_name(char byte)
{
    unsigned char class = byte_classes[(unsigned char)byte];
    return class == SPACE || class == SLASH || class == GREATER;
}

/* Where the tag's `>` is if its attributes are of the shape that nearly all have (a space, letters,
 * `=`, a value in double quotes) and all there; else NULL: the table knows the rest. */
static const char *skip_plain_attributes(const char *at, const char *end)
{
    while (at < end && byte_classes[(unsigned char)*at] == SPACE) {
        const char *name = ++at;
        while (at < end && (byte_classes[(unsigned char)*at] == LETTER || *at == '-'))
            at++;
        if (at == name || end - at < 2 || at[0] != '=' || at[1] != '"')
            return NULL;
        at = memchr(at + 2, '"', (size_t)(end - at - 2));
        if (!at)
            return NULL;
        at++;
    }
    return at < end && *at == '>' ? at : NULL;
}

static const char *read_tag_name(struct tokenizer *tokenizer, const char *at, const char *end)
{
    while (at < end && !ends_name(*at))
        name_append(&tokenizer->name, *at++);
    if (at == end)
        return end;
    const struct element *element = tokenizer->element =
        element_find(tokenizer, slice_of(tokenizer->name.bytes, tokenizer->name.length));
    tokenizer->is_kept = element && element->wants_start && !tokenizer->is_end_tag;
    tokenizer->inside = at;
    tokenizer->state = BEFORE_ATTRIBUTE;
    const char *close = skip_plain_attributes(at, end);
    return close ? close : at;
}

static bool is_end_of_raw(const struct tokenizer *tokenizer)
{
    const struct name *name = &tokenizer->name, *raw = &tokenizer->raw->name;
    return name->length == raw->length && memcmp(name->bytes, raw->bytes, raw->length) == 0;
}

/* Names inside raw text have letters only. The byte behind one is looked at again in the state that
 * the name leads to, where it means nothing more than it says. */
static const char *read_raw_name(struct tokenizer *tokenizer, const char *at, const char *end)
{
    while (at < end && byte_classes[(unsigned char)*at] == LETTER)
        name_append(&tokenizer->name, *at++);
    if (at == end)
        return end;
    enum state state = tokenizer->state;
    tokenizer->state = tokenizer->home;
    if (!ends_name(*at))
        return at;
    if (state == RAW_END_TAG_NAME && is_end_of_raw(tokenizer)) {
        tokenizer->element = tokenizer->raw;
        tokenizer->state = BEFORE_ATTRIBUTE;
    } else if (state == DOUBLE_ESCAPE_START && name_equals(&tokenizer->name, "script")) {
        tokenizer->state = DOUBLE_ESCAPED;
    } else if (state == DOUBLE_ESCAPE_END && name_equals(&tokenizer->name, "script")) {
        tokenizer->state = ESCAPED;
    }
    return at;
}

static bool is_raw_name(enum state state)
{
    return state == RAW_END_TAG_NAME || state == DOUBLE_ESCAPE_START || state == DOUBLE_ESCAPE_END;
}

/* The transitions that do more than change the state. */
static void enter(struct tokenizer *tokenizer, unsigned next, const char *at)
{
    if (next == TAG_END) {
        end_tag(tokenizer, at);
        return;
    }
    tokenizer->state = name_openings[next - FIRST_OPENING].state;
    tokenizer->home = name_openings[next - FIRST_OPENING].home;
    tokenizer->is_end_tag = name_openings[next - FIRST_OPENING].is_end_tag;
    tokenizer->name.length = 0;
}

/* Goes through the table until a transition does more than change the state, or the chunk ends. */
static const char *follow_table(struct tokenizer *tokenizer, const char *at, const char *end)
{
    unsigned state = tokenizer->state;
    while (at < end) {
        if (awaited_bytes[state]) {
            at = memchr(at, awaited_bytes[state], (size_t)(end - at));
            if (!at) {
                at = end;
                break;
            }
        }
        unsigned next = state_table[state].on[byte_classes[(unsigned char)*at]];
        if (next == NONE)
            next = state_table[state].otherwise;
        unsigned step = next & AGAIN ? 0 : 1;
        next &= ~(unsigned)AGAIN;
        if (next >= STATES) {
            tokenizer->state = (enum state)state;
            enter(tokenizer, next, at);
            return at + step;
        }
        state = next;
        at += step;
    }
    tokenizer->state = (enum state)state;
    return at;
}

/* In text: to the first `<` that is more than a tag which means nothing, so that the table sees
 * only what matters. Changes no state. */
static const char *skip_text(const struct tokenizer *tokenizer, const char *at, const char *end)
{
    for (;;) {
        const char *open = memchr(at, '<', (size_t)(end - at));
        if (!open)
            return end;
        const char *name = open + 1;
        name += name < end && *name == '/';
        if (name == end || byte_classes[(unsigned char)*name] != LETTER)
            return open;
        const char *behind = name + 1;
        while (behind < end && !ends_name(*behind))
            behind++;
        if (element_find(tokenizer, slice_of(name, (size_t)(behind - name))))
            return open;
        const char *close = skip_plain_attributes(behind, end);
        if (!close)
            return open;
        at = close + 1;
    }
}

void tokenizer_feed(struct tokenizer *tokenizer, struct slice chunk)
{
    const char *at = chunk.start, *end = at + chunk.length;
    tokenizer->inside = at;
    while (at < end) {
        if (tokenizer->state == DATA)
            at = skip_text(tokenizer, at, end);
        if (tokenizer->state == TAG_NAME)
            at = read_tag_name(tokenizer, at, end);
        else if (is_raw_name(tokenizer->state))
            at = read_raw_name(tokenizer, at, end);
        else
            at = follow_table(tokenizer, at, end);
    }
    if (tokenizer->is_kept)
        carry(tokenizer, end);
}
