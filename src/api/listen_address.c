#include "api/listen_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool refuse(const char *text, struct failure *failure)
{
    failure_set(failure, FAILURE_USAGE, "\"%s\" is not an address to listen on", text);
    return failure_hint(failure, "Write it as PORT, ADDRESS:PORT or [IPV6]:PORT.");
}

static bool is_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && digits < LISTEN_PORT_BYTES && !text[digits] && atoi(text) <= 65535;
}

/* What stands before the last colon; an IPv6 address must be in brackets. */
static bool take_host(const char *text, size_t length, struct listen_address *address)
{
    if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
        text++;
        length -= 2;
    } else if (memchr(text, ':', length)) {
        return false;
    }
    if (!length || length >= LISTEN_HOST_BYTES)
        return false;
    snprintf(address->host, sizeof address->host, "%.*s", (int)length, text);
    return true;
}

bool listen_address_parse(const char *text, struct listen_address *address, struct failure *failure)
{
    const char *colon = strrchr(text, ':');
    const char *port = colon ? colon + 1 : text;
    *address = (struct listen_address){.host = "127.0.0.1"};
    if (!is_port(port) || (colon && !take_host(text, (size_t)(colon - text), address)))
        return refuse(text, failure);
    snprintf(address->port, sizeof address->port, "%d", atoi(port));
    return true;
}

static bool is_loopback(const struct sockaddr *address)
{
    const struct sockaddr_in *four = (const void *)address;
    const struct sockaddr_in6 *six = (const void *)address;
    if (address->sa_family == AF_INET)
        return ntohl(four->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

bool listen_address_check_loopback(const struct listen_address *address, struct failure *failure)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *first = NULL;
    bool is_fine = true;
    if (getaddrinfo(address->host, address->port, &hints, &first) != 0)
        return true; /* listen_address_open() says it better */
    for (struct addrinfo *info = first; info; info = info->ai_next)
        is_fine = is_fine && is_loopback(info->ai_addr);
    freeaddrinfo(first);
    if (is_fine)
        return true;
    failure_set(failure, FAILURE_USAGE, "%s is no loopback address, so there can be no --events",
                address->host);
    return failure_hint(failure, "Whoever reaches /v1/events may read them: listen on 127.0.0.1, "
                                 "behind a server of yours that knows its users.");
}

static int listen_on(const struct addrinfo *info)
{
    int on = 1;
    int descriptor = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC, info->ai_protocol);
    if (descriptor < 0)
        return -1;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (info->ai_family == AF_INET6)
        setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(descriptor, info->ai_addr, info->ai_addrlen) == 0 && listen(descriptor, 128) == 0)
        return descriptor;
    int problem = errno;
    close(descriptor);
    errno = problem;
    return -1;
}

static void read_name(int descriptor, int *port, char name[LISTEN_ADDRESS_BYTES])
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    char host[INET6_ADDRSTRLEN + 16] = "", service[8] = "0";
    getsockname(descriptor, (struct sockaddr *)&address, &length);
    getnameinfo((struct sockaddr *)&address, length, host, sizeof host, service, sizeof service,
                NI_NUMERICHOST | NI_NUMERICSERV);
    *port = atoi(service);
    snprintf(name, LISTEN_ADDRESS_BYTES, address.ss_family == AF_INET6 ? "[%s]:%d" : "%s:%d", host,
             *port);
}

static int refuse_to_listen(const struct listen_address *address, int problem,
                            struct failure *failure)
{
    bool is_ipv6 = strchr(address->host, ':');
    failure_set(failure, FAILURE_ENVIRONMENT, "could not listen on %s%s%s:%s: %s",
                is_ipv6 ? "[" : "", address->host, is_ipv6 ? "]" : "", address->port,
                strerror(problem));
    if (problem == EADDRINUSE)
        failure_hint(failure, "Another program has that port: end it, or choose another port with "
                              "--listen.");
    else if (problem == EACCES)
        failure_hint(failure, "Ports below 1024 are for root: choose another with --listen.");
    else if (problem == EADDRNOTAVAIL)
        failure_hint(failure, "This machine does not have that address.");
    return -1;
}

int listen_address_open(const struct listen_address *address, int *port,
                        char name[LISTEN_ADDRESS_BYTES], struct failure *failure)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *first;
    int problem = getaddrinfo(address->host, address->port, &hints, &first);
    if (problem) {
        failure_set(failure, FAILURE_ENVIRONMENT, "could not listen on %s: %s", address->host,
                    gai_strerror(problem));
        return -1;
    }
    int descriptor = -1;
    for (struct addrinfo *info = first; info && descriptor < 0; info = info->ai_next)
        descriptor = listen_on(info);
    problem = errno;
    freeaddrinfo(first);
    if (descriptor < 0)
        return refuse_to_listen(address, problem, failure);
    read_name(descriptor, port, name);
    return descriptor;
}
