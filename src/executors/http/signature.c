#include "executors/http/signature.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

#define SECRET_PREFIX "whsec_"

void signature_append_id(struct text *text, const struct installation *installation,
                         const struct task *task)
{
    text_append(text, "pawl_", 5);
    for (int i = 0, digits = 0; digits < 12 && installation->id[i]; i++) {
        if (!isxdigit((unsigned char)installation->id[i]))
            continue;
        text_append_char(text, installation->id[i]);
        digits++;
    }
    text_append_char(text, '_');
    text_append_integer(text, task->job_id);
    text_append_char(text, '_');
    text_append_integer(text, task->id);
}

/* EVP_DecodeBlock() counts the padding's bytes, and says nothing of padding in the middle. */
static int decode_base64(struct slice digits, unsigned char *bytes)
{
    size_t padding = 0;
    while (padding < digits.length && digits.start[digits.length - 1 - padding] == '=')
        padding++;
    if (padding > 2 || digits.length % 4 || memchr(digits.start, '=', digits.length - padding))
        return -1;
    int length = EVP_DecodeBlock(bytes, (const unsigned char *)digits.start, (int)digits.length);
    return length < 0 ? -1 : length - (int)padding;
}

static void append_base64(struct text *text, const unsigned char *bytes, size_t length)
{
    char digits[EVP_MAX_MD_SIZE * 2];
    CHECK(length * 4 / 3 + 4 < sizeof digits);
    int count = EVP_EncodeBlock((unsigned char *)digits, bytes, (int)length);
    text_append(text, digits, (size_t)count);
}

static void append_hmac(struct text *text, const void *key, size_t key_bytes, const char *id,
                        int64_t timestamp, struct slice body)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int mac_bytes = 0;
    struct text content = {0};
    text_reserve(&content, strlen(id) + body.length + 32);
    text_append_string(&content, id);
    text_append_char(&content, '.');
    text_append_integer(&content, timestamp);
    text_append_char(&content, '.');
    text_append_slice(&content, body);
    CHECK(HMAC(EVP_sha256(), key, (int)key_bytes, (const unsigned char *)content.start,
               content.length, mac, &mac_bytes));
    text_finish(&content);
    if (text->length)
        text_append_char(text, ' ');
    text_append(text, "v1,", 3);
    append_base64(text, mac, mac_bytes);
}

bool signature_append(struct text *text, struct slice secret, const char *id, int64_t timestamp,
                      struct slice body)
{
    if (!slice_starts_with(secret, SECRET_PREFIX)) {
        append_hmac(text, secret.start, secret.length, id, timestamp, body);
        return true;
    }
    struct slice digits =
        slice_of(secret.start + strlen(SECRET_PREFIX), secret.length - strlen(SECRET_PREFIX));
    unsigned char *key = memory_zeroed(1, digits.length + 4);
    int key_bytes = decode_base64(digits, key);
    if (key_bytes > 0)
        append_hmac(text, key, (size_t)key_bytes, id, timestamp, body);
    explicit_bzero(key, digits.length + 4);
    free(key);
    return key_bytes > 0;
}

void signature_append_callback_token(struct text *text, const struct installation *installation,
                                     const struct task *task)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int mac_bytes = 0;
    struct text content = {0};
    text_append_format(&content, "callback\n%lld\n%lld\n%d", (long long)task->job_id,
                       (long long)task->id, task->attempt);
    CHECK(HMAC(EVP_sha256(), installation->callback_key, sizeof installation->callback_key,
               (const unsigned char *)content.start, content.length, mac, &mac_bytes));
    text_finish(&content);
    for (unsigned int i = 0; i < mac_bytes; i++)
        text_append_format(text, "%02x", mac[i]);
}

/* Spreads one number over all bits of another (Steele, Lea, Flood: "Fast splittable pseudorandom
 * number generators", 2014). */
static uint64_t mix(uint64_t number)
{
    number += 0x9E3779B97F4A7C15;
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9;
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB;
    return number ^ (number >> 31);
}

void signature_append_trace(struct text *text, const struct installation *installation,
                            const struct task *task)
{
    uint64_t seed = 0;
    for (const char *digit = installation->id; *digit; digit++)
        seed = mix(seed ^ (uint64_t)*digit);
    uint64_t high = mix(seed ^ (uint64_t)task->job_id), low = mix(high ^ (uint64_t)task->id);
    uint64_t span = mix(low ^ (uint64_t)task->attempt);
    text_append_format(text, "00-%016llx%016llx-%016llx-01", (unsigned long long)high,
                       (unsigned long long)low | 1, (unsigned long long)span | 1);
}
