/* Certificates made at start, to be trusted and not to be. */
#ifndef PAWL_FARM_CERTIFICATES_H
#define PAWL_FARM_CERTIFICATES_H

#include <openssl/ssl.h>
#include <stdbool.h>

/*
 * Gives the context a key and a certificate of this kind:
 *
 *     good          signed by an authority, for 127.0.0.1 and so on, localhost and *.farm.test
 *     expired       the same, until yesterday
 *     wrong-name    the same, for another name only
 *     self-signed   signed by itself
 *
 * and writes the authority's certificate (PEM) to ca_path unless that is NULL. False: there is no
 * such kind, or the file cannot be written.
 */
bool certificates_use(SSL_CTX *context, const char *kind, int addresses, const char *ca_path);

#endif
