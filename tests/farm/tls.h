/* TLS between the socket's bytes and HTTP's, in memory: whoever owns the socket moves the bytes. */
#ifndef PAWL_FARM_TLS_H
#define PAWL_FARM_TLS_H

#include "base/text.h"

struct tls_server;
struct tls_session;

/* See certificates.h for what may fail: NULL then. */
struct tls_server *tls_server_create(const char *certificate, int addresses, const char *ca_path);
/* NULL: nothing. */
void tls_server_destroy(struct tls_server *server);

struct tls_session *tls_session_create(struct tls_server *server);
/* NULL: nothing. */
void tls_session_destroy(struct tls_session *session);
/* Takes bytes from the socket; appends what they say, and what is to be sent on account of them.
 * False: it is over. */
bool tls_session_feed(struct tls_session *session, struct slice bytes, struct text *plain,
                      struct text *to_send);
/* After the handshake. Appends what is to be sent. */
void tls_session_encrypt(struct tls_session *session, struct slice plain, struct text *to_send);

#endif
