#include "certificates.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/check.h"
#include "listeners.h"

enum { DAY_S = 86400, VERSION_3 = 2 };

static const struct kind {
    const char *name;
    bool is_self_signed, is_expired, is_wrong_name;
} kinds[] = {
    {"good"},
    {"expired", .is_expired = true},
    {"wrong-name", .is_wrong_name = true},
    {"self-signed", .is_self_signed = true},
};

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

static EVP_PKEY *make_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    CHECK(key != NULL);
    return key;
}

/* Valid from two days ago on; not yet signed. */
static X509 *make_certificate(const char *name, EVP_PKEY *key, long serial, long ends_in_s)
{
    X509 *certificate = X509_new();
    CHECK(certificate != NULL);
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_set_version(certificate, VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -2L * DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(certificate), ends_in_s);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_pubkey(certificate, key);
    return certificate;
}

static void add_extension(X509 *certificate, int number, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, number, value);
    CHECK(extension != NULL);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

static void sign(X509 *certificate, X509 *issuer, EVP_PKEY *key)
{
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
    CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
}

static void name_hosts(X509 *certificate, bool is_wrong_name, int addresses)
{
    struct text names = {0};
    char address[LISTENERS_ADDRESS_BYTES];
    text_append_string(&names,
                       is_wrong_name ? "DNS:elsewhere.test" : "DNS:localhost,DNS:*.farm.test");
    for (int i = 0; i < addresses && !is_wrong_name; i++) {
        listeners_address(i, address);
        text_append_format(&names, ",IP:%s", address);
    }
    add_extension(certificate, NID_subject_alt_name, text_string(&names));
    text_finish(&names);
}

static bool write_pem(const char *path, X509 *certificate)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return false;
    bool is_written = PEM_write_X509(file, certificate) == 1;
    return fclose(file) == 0 && is_written;
}

bool certificates_use(SSL_CTX *context, const char *kind_name, int addresses, const char *ca_path)
{
    const struct kind *kind = find_kind(kind_name);
    if (!kind)
        return false;
    EVP_PKEY *authority_key = make_key(), *key = make_key();
    X509 *authority = make_certificate("Farm authority", authority_key, 1, 30L * DAY_S);
    X509 *certificate = make_certificate("farm", key, 2, kind->is_expired ? -DAY_S : 30L * DAY_S);
    add_extension(authority, NID_basic_constraints, "critical,CA:TRUE");
    sign(authority, authority, authority_key);
    name_hosts(certificate, kind->is_wrong_name, addresses);
    if (kind->is_self_signed)
        sign(certificate, certificate, key);
    else
        sign(certificate, authority, authority_key);
    CHECK(SSL_CTX_use_certificate(context, certificate) == 1);
    CHECK(SSL_CTX_use_PrivateKey(context, key) == 1);
    bool is_written = !ca_path || write_pem(ca_path, authority);
    X509_free(authority);
    X509_free(certificate);
    EVP_PKEY_free(authority_key);
    EVP_PKEY_free(key);
    return is_written;
}
