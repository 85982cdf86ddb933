#include "executors/crawl/charset.h"

#include <stdio.h>
#include <stdlib.h>
#include <unicode/ucnv.h>
#include <unicode/ucnv_cb.h>

#include "base/check.h"
#include "base/memory.h"
#include "executors/crawl/url_bytes.h"

/* The library's name of an encoding, and the labels that mean it. Many an old label means a larger
 * encoding than it names, since pages always had more than they said. */
static const struct {
    const char *name, *labels;
} encodings[] = {
    {"UTF-8", "utf-8 utf8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8 "
              "utf-16 utf-16le utf-16be"}, /* who can read that label does not read UTF-16 */
    {"ibm866", "ibm866 866 cp866 csibm866"},
    {"iso-8859-2", "iso-8859-2 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 iso-ir-101 latin2 l2 "
                   "csisolatin2"},
    {"iso-8859-3", "iso-8859-3 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 iso-ir-109 latin3 l3 "
                   "csisolatin3"},
    {"iso-8859-4", "iso-8859-4 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 iso-ir-110 latin4 l4 "
                   "csisolatin4"},
    {"iso-8859-5", "iso-8859-5 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988 iso-ir-144 cyrillic "
                   "csisolatincyrillic"},
    {"iso-8859-6", "iso-8859-6 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987 iso-8859-6-e "
                   "iso-8859-6-i iso-ir-127 arabic asmo-708 ecma-114 csiso88596e csiso88596i "
                   "csisolatinarabic"},
    {"iso-8859-7", "iso-8859-7 iso8859-7 iso88597 iso_8859-7 iso_8859-7:1987 iso-ir-126 greek "
                   "greek8 ecma-118 elot_928 sun_eu_greek csisolatingreek"},
    {"iso-8859-8", "iso-8859-8 iso8859-8 iso88598 iso_8859-8 iso_8859-8:1988 iso-8859-8-e "
                   "iso-8859-8-i iso-ir-138 hebrew visual logical csiso88598e csiso88598i "
                   "csisolatinhebrew"},
    {"iso-8859-10", "iso-8859-10 iso8859-10 iso885910 iso-ir-157 latin6 l6 csisolatin6"},
    {"iso-8859-13", "iso-8859-13 iso8859-13 iso885913"},
    {"iso-8859-14", "iso-8859-14 iso8859-14 iso885914"},
    {"iso-8859-15", "iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9 csisolatin9"},
    {"koi8-r", "koi8-r koi8_r koi8 koi cskoi8r"},
    {"koi8-u", "koi8-u koi8-ru"},
    {"macintosh", "macintosh mac x-mac-roman csmacintosh"},
    {"windows-874", "windows-874 dos-874 tis-620 iso-8859-11 iso8859-11 iso885911"},
    {"windows-1250", "windows-1250 cp1250 x-cp1250"},
    {"windows-1251", "windows-1251 cp1251 x-cp1251"},
    {"windows-1252", "windows-1252 cp1252 x-cp1252 iso-8859-1 iso8859-1 iso88591 iso_8859-1 "
                     "iso_8859-1:1987 iso-ir-100 latin1 l1 csisolatin1 ascii us-ascii "
                     "ansi_x3.4-1968 cp819 ibm819 x-user-defined"},
    {"windows-1253", "windows-1253 cp1253 x-cp1253"},
    {"windows-1254", "windows-1254 cp1254 x-cp1254 iso-8859-9 iso8859-9 iso88599 iso_8859-9 "
                     "iso_8859-9:1989 iso-ir-148 latin5 l5 csisolatin5"},
    {"windows-1255", "windows-1255 cp1255 x-cp1255"},
    {"windows-1256", "windows-1256 cp1256 x-cp1256"},
    {"windows-1257", "windows-1257 cp1257 x-cp1257"},
    {"windows-1258", "windows-1258 cp1258 x-cp1258"},
    {"x-mac-cyrillic", "x-mac-cyrillic x-mac-ukrainian"},
    {"gbk", "gbk x-gbk gb2312 gb_2312 gb_2312-80 chinese iso-ir-58 csgb2312 csiso58gb231280"},
    {"gb18030", "gb18030"},
    {"big5-hkscs", "big5 big5-hkscs cn-big5 csbig5 x-x-big5"},
    {"euc-jp", "euc-jp x-euc-jp cseucpkdfmtjapanese"},
    {"windows-31j", "shift_jis shift-jis sjis x-sjis ms_kanji ms932 windows-31j csshiftjis"},
    {"windows-949", "euc-kr korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 windows-949 "
                    "iso-ir-149 cseuckr csksc56011987"},
};

struct charset {
    UConverter *converter;
};

static struct slice skip_spaces(struct slice text)
{
    while (text.length && text.start[0] && strchr(" \t\n\f\r", text.start[0]))
        text = url_slice_from(text, 1);
    return text;
}

/* What follows the first `word`, in any case; {NULL, 0} when it is not there. */
static struct slice behind_word(struct slice text, struct slice word)
{
    for (; text.length >= word.length; text = url_slice_from(text, 1))
        if (slice_equals_nocase(slice_of(text.start, word.length), word))
            return url_slice_from(text, word.length);
    return (struct slice){0};
}

static struct slice read_label(struct slice text)
{
    if (!text.length || (text.start[0] != '"' && text.start[0] != '\''))
        return slice_of(text.start, url_find_any(text, "; \t\n\f\r"));
    const char *close = memchr(text.start + 1, text.start[0], text.length - 1);
    return close ? slice_of(text.start + 1, (size_t)(close - text.start) - 1) : (struct slice){0};
}

struct slice charset_label(struct slice content_type)
{
    struct slice rest = content_type;
    while ((rest = behind_word(rest, slice_of("charset", 7))).start) {
        struct slice value = skip_spaces(rest);
        if (value.length && value.start[0] == '=')
            return read_label(skip_spaces(url_slice_from(value, 1)));
    }
    return (struct slice){0};
}

static bool has_label(const char *labels, struct slice label)
{
    for (struct slice rest = slice_of_string(labels); rest.length;) {
        size_t length = url_find_any(rest, " ");
        if (slice_equals_nocase(slice_of(rest.start, length), label))
            return true;
        rest = url_slice_from(rest, length + (length < rest.length));
    }
    return false;
}

/* Of a character that the encoding lacks. */
static void on_missing(const void *context, UConverterFromUnicodeArgs *arguments,
                       const UChar *units, int32_t length, UChar32 character,
                       UConverterCallbackReason reason, UErrorCode *code)
{
    if (reason > UCNV_IRREGULAR)
        return;
    char reference[32];
    int count = snprintf(reference, sizeof reference, "%%26%%23%d%%3B", (int)character);
    *code = U_ZERO_ERROR;
    ucnv_cbFromUWriteBytes(arguments, reference, count, 0, code);
}

bool charset_create(struct slice label, struct charset **charset)
{
    size_t i = 0, count = sizeof encodings / sizeof *encodings;
    label = slice_trimmed(label);
    *charset = NULL;
    if (!label.length)
        return false;
    while (i < count && !has_label(encodings[i].labels, label))
        i++;
    if (i == 0 || i == count)
        return i == 0;
    UErrorCode code = U_ZERO_ERROR;
    UConverter *converter = ucnv_open(encodings[i].name, &code);
    ucnv_setFromUCallBack(converter, on_missing, NULL, NULL, NULL, &code);
    CHECK(U_SUCCESS(code));
    *charset = memory_zeroed(1, sizeof **charset);
    (*charset)->converter = converter;
    return true;
}

void charset_destroy(struct charset *charset)
{
    if (charset)
        ucnv_close(charset->converter);
    free(charset);
}

/* Room for `length` more bytes, to be written at the text's end. */
static char *room(struct text *text, size_t length)
{
    text_reserve(text, length);
    return text->start + text->length;
}

/* A character of one byte takes three in UTF-8 at most, one of two or more bytes no more than twice
 * as many. */
void charset_append_decoded(struct charset *charset, struct slice bytes, struct text *text)
{
    size_t size = bytes.length * 3 + 1;
    UErrorCode code = U_ZERO_ERROR;
    int32_t length = ucnv_toAlgorithmic(UCNV_UTF8, charset->converter, room(text, size),
                                        (int32_t)size, bytes.start, (int32_t)bytes.length, &code);
    CHECK(U_SUCCESS(code));
    text->length += (size_t)length;
    text->start[text->length] = '\0';
}

/* The longest reference, %26%231114111%3B, stands for a character of four bytes; U+FFFD, of three,
 * for one byte that is no UTF-8. */
void charset_append_encoded(struct charset *charset, struct slice query, struct text *text)
{
    enum { GROWTH_MAX = 14 };
    size_t size = query.length * GROWTH_MAX + 1;
    UErrorCode code = U_ZERO_ERROR;
    int32_t length = ucnv_fromAlgorithmic(charset->converter, UCNV_UTF8, room(text, size),
                                          (int32_t)size, query.start, (int32_t)query.length, &code);
    CHECK(U_SUCCESS(code));
    text->length += (size_t)length;
    text->start[text->length] = '\0';
}
