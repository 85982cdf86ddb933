/*
 * The states of the HTML tokenizer (HTML standard, section 13.2.5), by the standard's names, as a
 * table: state and class of byte give the next state. A part of tokenizer.c, which walks it.
 *
 * Two things are left out because they change no tag: what a comment or a doctype says, and parse
 * errors.
 */
#ifndef PAWL_EXECUTORS_CRAWL_TOKENIZER_STATES_H
#define PAWL_EXECUTORS_CRAWL_TOKENIZER_STATES_H

#include <stdbool.h>

enum byte_class {
    OTHER,
    SPACE,
    SLASH,
    GREATER,
    EQUALS,
    DOUBLE_QUOTE,
    SINGLE_QUOTE,
    LESS,
    BANG,
    DASH,
    QUESTION,
    LETTER,
    BYTE_CLASSES,
};

enum state {
    NONE, /* in the table: as `otherwise` says */
    DATA,
    TAG_OPEN,
    END_TAG_OPEN,
    TAG_NAME,
    BEFORE_ATTRIBUTE, /* and after a quoted value, which goes on the same way */
    SELF_CLOSING,
    ATTRIBUTE_NAME,
    AFTER_ATTRIBUTE_NAME,
    BEFORE_VALUE,
    VALUE_DOUBLE_QUOTED,
    VALUE_SINGLE_QUOTED,
    VALUE_UNQUOTED,
    MARKUP_DECLARATION,
    MARKUP_DASH,
    COMMENT_START,
    COMMENT_START_DASH,
    COMMENT,
    COMMENT_END_DASH,
    COMMENT_END,
    COMMENT_END_BANG,
    BOGUS_COMMENT, /* and a doctype, which ends at its first `>` as well */
    PLAINTEXT,
    RAW_TEXT, /* RCDATA and RAWTEXT */
    RAW_TEXT_LESS,
    SCRIPT,
    SCRIPT_LESS,
    SCRIPT_ESCAPE_START,
    SCRIPT_ESCAPE_START_DASH,
    ESCAPED,
    ESCAPED_DASH,
    ESCAPED_DASH_DASH,
    ESCAPED_LESS,
    DOUBLE_ESCAPE_START,
    DOUBLE_ESCAPED,
    DOUBLE_ESCAPED_DASH,
    DOUBLE_ESCAPED_DASH_DASH,
    DOUBLE_ESCAPED_LESS,
    DOUBLE_ESCAPE_END,
    RAW_END_TAG_NAME, /* in raw text, a script or an escaped script: `home` says which */
    STATES,

    TAG_END = STATES,
    FIRST_OPENING,
    START_TAG = FIRST_OPENING,
    END_TAG,
    MAYBE_END_OF_RAW_TEXT,
    MAYBE_END_OF_SCRIPT,
    MAYBE_END_OF_ESCAPED,
    MAYBE_DOUBLE_ESCAPE,
    MAYBE_DOUBLE_ESCAPE_END,
    OPENINGS_END,

    AGAIN = 0x80, /* the next state looks at the same byte */
};

extern const unsigned char byte_classes[256];

struct state_row {
    unsigned char otherwise, on[BYTE_CLASSES];
};
extern const struct state_row state_table[STATES];

/* What an opening leads to: a name is read next. home: where it goes on when the name is not the
 * one that counts. */
struct name_opening {
    enum state state, home;
    bool is_end_tag;
};
extern const struct name_opening name_openings[OPENINGS_END - FIRST_OPENING];

/* The byte that alone leads out of a state; 0 where there are several. */
extern const char awaited_bytes[STATES];

#endif
