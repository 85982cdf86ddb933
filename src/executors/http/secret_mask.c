#include "executors/http/secret_mask.h"

enum { SECRET_BYTES_MIN = 6 }; /* shorter ones stand in many a word by chance */

/* How many bytes of the text begin with the secret, as it is or as JSON may write it ("\/"); 0: it
 * does not. Of a text that was cut off the secret's begin counts at the end. */
static size_t match_secret(struct slice text, struct slice secret, bool is_cut)
{
    size_t at = 0;
    for (size_t i = 0; i < secret.length; i++, at++) {
        if (at + 1 < text.length && text.start[at] == '\\' && text.start[at + 1] == secret.start[i])
            at++;
        if (at == text.length)
            return is_cut && i >= SECRET_BYTES_MIN ? at : 0;
        if (text.start[at] != secret.start[i])
            return 0;
    }
    return at;
}

static void mask(struct text *text, struct slice secret, bool is_cut)
{
    size_t matched;
    if (secret.length < SECRET_BYTES_MIN)
        return;
    for (size_t at = 0; at < text->length; at += matched ? matched : 1) {
        struct slice rest = slice_of(text->start + at, text->length - at);
        if ((matched = match_secret(rest, secret, is_cut)))
            memset(text->start + at, '*', matched);
    }
}

void secret_mask_text(const struct dispatch *dispatch, struct text *text, bool is_cut)
{
    const char *start = text_string(&dispatch->sent_secrets);
    const char *end = start + dispatch->sent_secrets.length;
    for (; start < end; start += strlen(start) + 1) {
        struct slice secret = slice_trimmed(slice_of_string(start));
        mask(text, secret, is_cut);
        const char *space = memchr(secret.start, ' ', secret.length);
        if (space)
            mask(text, slice_of(space + 1, secret.length - (size_t)(space + 1 - secret.start)),
                 is_cut);
    }
}
