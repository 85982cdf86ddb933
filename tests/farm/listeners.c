#include "listeners.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "connection.h"

enum { A_BLOCK = 250, BACKLOG = 4096, TRIES = 50 };

struct listeners {
    struct farm *farm;
    int count, open_handles;
    bool is_tls;
    uv_tcp_t sockets[];
};

void listeners_address(int number, char address[LISTENERS_ADDRESS_BYTES])
{
    snprintf(address, LISTENERS_ADDRESS_BYTES, "127.0.%d.%d", number / A_BLOCK % 256,
             number % A_BLOCK + 1);
}

/* A listening socket, or -1 with errno. */
static int listen_at(int number, int port)
{
    char text[LISTENERS_ADDRESS_BYTES];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    listeners_address(number, text);
    inet_pton(AF_INET, text, &address.sin_addr);
    int yes = 1;
    int file = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (file < 0)
        return -1;
    setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(file, (struct sockaddr *)&address, sizeof address) == 0 && listen(file, BACKLOG) == 0)
        return file;
    int reason = errno;
    close(file);
    errno = reason;
    return -1;
}

static int port_of(int file)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    CHECK(getsockname(file, (struct sockaddr *)&address, &length) == 0);
    return ntohs(address.sin_port);
}

/* All of them on one port, or none with errno. */
static bool listen_everywhere(int files[], int count, int *port)
{
    for (int i = 0; i < count; i++) {
        files[i] = listen_at(i, *port);
        if (files[i] < 0) {
            int reason = errno;
            while (i-- > 0)
                close(files[i]);
            errno = reason;
            return false;
        }
        *port = port_of(files[i]);
    }
    return true;
}

/* A port that the first address has free may be taken on another: then another is tried. */
static bool find_port(int files[], int count, int *port)
{
    int wish = *port;
    for (int i = 0; i < TRIES; i++) {
        *port = wish;
        if (listen_everywhere(files, count, port))
            return true;
        if (wish || errno != EADDRINUSE)
            return false;
    }
    return false;
}

static void on_connection(uv_stream_t *socket, int status)
{
    struct listeners *listeners = socket->data;
    if (status == 0)
        connection_accept(listeners->farm, socket, listeners->is_tls);
}

struct listeners *listeners_create(struct farm *farm, int count, int *port, bool is_tls)
{
    int *files = memory_zeroed((size_t)count, sizeof *files);
    if (!find_port(files, count, port)) {
        free(files);
        return NULL;
    }
    struct listeners *listeners =
        memory_zeroed(1, sizeof *listeners + (size_t)count * sizeof listeners->sockets[0]);
    *listeners =
        (struct listeners){.farm = farm, .count = count, .open_handles = count, .is_tls = is_tls};
    for (int i = 0; i < count; i++) {
        uv_tcp_t *socket = &listeners->sockets[i];
        uv_tcp_init(&farm->loop, socket);
        socket->data = listeners;
        CHECK(uv_tcp_open(socket, files[i]) == 0);
        CHECK(uv_listen((uv_stream_t *)socket, BACKLOG, on_connection) == 0);
    }
    free(files);
    return listeners;
}

static void on_closed(uv_handle_t *handle)
{
    struct listeners *listeners = handle->data;
    if (--listeners->open_handles == 0)
        free(listeners);
}

void listeners_destroy(struct listeners *listeners)
{
    int count = listeners ? listeners->count : 0;
    for (int i = 0; i < count; i++)
        uv_close((uv_handle_t *)&listeners->sockets[i], on_closed);
}
