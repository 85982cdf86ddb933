#include "executors/crawl/url_idna.h"

#include <string.h>
#include <unicode/uidna.h>

#include "base/check.h"
#include "executors/crawl/url_bytes.h"

/* What the standard does not ask about: the DNS has the last word on lengths, and names with
 * hyphens in odd places are in use (r3---sn-x.example). */
static const uint32_t overlooked = UIDNA_ERROR_EMPTY_LABEL | UIDNA_ERROR_LABEL_TOO_LONG |
                                   UIDNA_ERROR_DOMAIN_NAME_TOO_LONG | UIDNA_ERROR_LEADING_HYPHEN |
                                   UIDNA_ERROR_TRAILING_HYPHEN | UIDNA_ERROR_HYPHEN_3_4;

static bool is_encoded(struct slice label)
{
    return label.length >= 4 && slice_equals_nocase(slice_of(label.start, 4), slice_of("xn--", 4));
}

/* Cuts the first label off. */
static struct slice next_label(struct slice *name)
{
    struct slice label = slice_of(name->start, url_find_any(*name, "."));
    *name = url_slice_from(*name, label.length + (label.length < name->length));
    return label;
}

bool url_idna_is_needed(struct slice name)
{
    if (!url_is_ascii(name))
        return true;
    while (name.length)
        if (is_encoded(next_label(&name)))
            return true;
    return false;
}

bool url_idna_to_ascii(struct slice name, char *ascii, size_t size)
{
    UErrorCode code = U_ZERO_ERROR;
    UIDNA *rules =
        uidna_openUTS46(UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ | UIDNA_NONTRANSITIONAL_TO_ASCII |
                            UIDNA_NONTRANSITIONAL_TO_UNICODE,
                        &code);
    CHECK(U_SUCCESS(code));
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    int32_t length = uidna_nameToASCII_UTF8(rules, name.start, (int32_t)name.length, ascii,
                                            (int32_t)size - 1, &info, &code);
    uidna_close(rules);
    if (U_FAILURE(code) || (info.errors & ~overlooked))
        return false;
    ascii[length] = '\0';
    return true;
}
