#include "tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "certificates.h"

struct tls_server {
    SSL_CTX *context;
};

/* The BIOs are the SSL's. */
struct tls_session {
    SSL *ssl;
    BIO *incoming, *outgoing;
};

struct tls_server *tls_server_create(const char *certificate, int addresses, const char *ca_path)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    CHECK(context != NULL);
    if (!certificates_use(context, certificate, addresses, ca_path)) {
        SSL_CTX_free(context);
        return NULL;
    }
    struct tls_server *server = memory_zeroed(1, sizeof *server);
    server->context = context;
    return server;
}

void tls_server_destroy(struct tls_server *server)
{
    if (server)
        SSL_CTX_free(server->context);
    free(server);
}

struct tls_session *tls_session_create(struct tls_server *server)
{
    struct tls_session *session = memory_zeroed(1, sizeof *session);
    session->ssl = SSL_new(server->context);
    session->incoming = BIO_new(BIO_s_mem());
    session->outgoing = BIO_new(BIO_s_mem());
    CHECK(session->ssl && session->incoming && session->outgoing);
    SSL_set_bio(session->ssl, session->incoming, session->outgoing);
    SSL_set_accept_state(session->ssl);
    return session;
}

void tls_session_destroy(struct tls_session *session)
{
    if (session)
        SSL_free(session->ssl);
    free(session);
}

static void take_outgoing(struct tls_session *session, struct text *to_send)
{
    char *start;
    long length = BIO_get_mem_data(session->outgoing, &start);
    if (length > 0)
        text_append(to_send, start, (size_t)length);
    BIO_reset(session->outgoing);
}

bool tls_session_feed(struct tls_session *session, struct slice bytes, struct text *plain,
                      struct text *to_send)
{
    char piece[1 << 14];
    int length;
    BIO_write(session->incoming, bytes.start, (int)bytes.length);
    ERR_clear_error();
    while ((length = SSL_read(session->ssl, piece, sizeof piece)) > 0)
        text_append(plain, piece, (size_t)length);
    int error = SSL_get_error(session->ssl, length);
    take_outgoing(session, to_send);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

void tls_session_encrypt(struct tls_session *session, struct slice plain, struct text *to_send)
{
    if (plain.length)
        CHECK(SSL_write(session->ssl, plain.start, (int)plain.length) == (int)plain.length);
    take_outgoing(session, to_send);
}
