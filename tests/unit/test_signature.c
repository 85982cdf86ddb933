/* Signatures against the vectors of Standard Webhooks and of RFC 4231; ids and traces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

#include "executors/http/signature.c"

static const struct installation installation = {.id = "0198aabb-ccdd-7eee-8fff-000102030405"};

static bool sign(struct text *text, const char *secret, const char *id, int64_t timestamp,
                 const char *body)
{
    return signature_append(text, slice_of_string(secret), id, timestamp, slice_of_string(body));
}

static void expect_signature(const char *secret, const char *id, int64_t timestamp,
                             const char *body, const char *wanted)
{
    struct text text = {0};
    assert_true(sign(&text, secret, id, timestamp, body));
    assert_string_equal(text_string(&text), wanted);
    text_finish(&text);
}

/* The one of the specification's own libraries (standard-webhooks/libraries, all languages). */
static void test_standard_webhooks(void **state)
{
    expect_signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
                     1614265330, "{\"test\": 2432232314}",
                     "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

static char hex_of(const unsigned char *bytes, int at)
{
    return "0123456789abcdef"[at % 2 ? bytes[at / 2] & 15 : bytes[at / 2] >> 4];
}

/* A key that is no whsec_ is taken as it is: RFC 4231, test case 2, whose data has to end with a
 * body, so only the key's handling is compared, with libcrypto's own answer. */
static void test_a_plain_key(void **state)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int length;
    static const char data[] = "what do ya want for nothing?";
    static const char wanted[] = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    HMAC(EVP_sha256(), "Jefe", 4, (const unsigned char *)data, strlen(data), mac, &length);
    for (int i = 0; i < 64; i++)
        assert_int_equal(hex_of(mac, i), wanted[i]);
    HMAC(EVP_sha256(), "Jefe", 4, (const unsigned char *)"a.7.body", 8, mac, &length);
    struct text text = {0};
    text_append_string(&text, "v1,");
    append_base64(&text, mac, length);
    expect_signature("Jefe", "a", 7, "body", text_string(&text));
    text_finish(&text);
}

static void test_two_signatures(void **state)
{
    struct text text = {0};
    assert_true(sign(&text, "new", "a", 1, ""));
    size_t first = text.length;
    assert_true(sign(&text, "old", "a", 1, ""));
    assert_int_equal(text.start[first], ' ');
    assert_memory_equal(text.start + first + 1, "v1,", 3);
    assert_int_equal(text.length, first * 2 + 1);
    assert_memory_not_equal(text.start, text.start + first + 1, first);
    text_finish(&text);
}

static void test_base64_with_padding(void **state)
{
    struct text padded = {0}, plain = {0};
    assert_true(sign(&padded, "whsec_SmVmZQ==", "a", 1, "b"));
    assert_true(sign(&plain, "Jefe", "a", 1, "b"));
    assert_string_equal(text_string(&padded), text_string(&plain));
    text_finish(&padded);
    text_finish(&plain);
}

static void test_what_is_no_base64(void **state)
{
    static const char *const secrets[] = {"whsec_",        "whsec_!!!!",     "whsec_SmVmZQ",
                                          "whsec_SmVm===", "whsec_Sm=mZQ==", "whsec_===="};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        struct text text = {0};
        assert_false(sign(&text, secrets[i], "a", 1, "b"));
        assert_int_equal(text.length, 0);
    }
}

static void test_the_id_is_of_the_task(void **state)
{
    struct text text = {0};
    const struct task first = {.job_id = 12, .id = 345, .attempt = 1},
                      again = {.job_id = 12, .id = 345, .attempt = 9};
    signature_append_id(&text, &installation, &first);
    assert_string_equal(text_string(&text), "pawl_0198aabbccdd_12_345");
    text_clear(&text);
    signature_append_id(&text, &installation, &again);
    assert_string_equal(text_string(&text), "pawl_0198aabbccdd_12_345");
    text_finish(&text);
}

static void trace(struct text *text, const struct installation *of, int64_t job, int64_t id,
                  int attempt)
{
    const struct task task = {.job_id = job, .id = id, .attempt = attempt};
    text_clear(text);
    signature_append_trace(text, of, &task);
    assert_int_equal(text->length, 55);
    assert_memory_equal(text->start, "00-", 3);
    assert_string_equal(text->start + 52, "-01");
    assert_int_equal(text->start[35], '-');
}

static void test_traces(void **state)
{
    static const struct installation other = {.id = "0198aabb-ccdd-7eee-8fff-000102030406"};
    struct text first = {0}, second = {0};
    trace(&first, &installation, 12, 345, 1);
    trace(&second, &installation, 12, 345, 2);
    assert_memory_equal(first.start, second.start, 35);               /* one trace a task */
    assert_memory_not_equal(first.start + 36, second.start + 36, 16); /* a span an attempt */
    trace(&second, &installation, 12, 346, 1);
    assert_memory_not_equal(first.start + 3, second.start + 3, 32);
    trace(&second, &installation, 13, 345, 1);
    assert_memory_not_equal(first.start + 3, second.start + 3, 32);
    trace(&second, &other, 12, 345, 1);
    assert_memory_not_equal(first.start + 3, second.start + 3, 32);
    text_finish(&first);
    text_finish(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_standard_webhooks),
        cmocka_unit_test(test_a_plain_key),
        cmocka_unit_test(test_two_signatures),
        cmocka_unit_test(test_base64_with_padding),
        cmocka_unit_test(test_what_is_no_base64),
        cmocka_unit_test(test_the_id_is_of_the_task),
        cmocka_unit_test(test_traces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
