#include "receiver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tool.h"

enum { REQUEST_BYTES = 16 * 1024, EVENTS = 64 };

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                             "Content-Length: 2\r\n\r\n{}";

struct client {
    int socket;
    size_t filled;
    char bytes[REQUEST_BYTES + 1];
};

struct receiver {
    int socket, port, epoll;
    uint64_t *keys; /* open addressing; 0 is an empty place */
    size_t places;  /* a power of two */
    pthread_mutex_t mutex;
    pthread_cond_t has_come;
    struct receiver_counts counts; /* under the mutex */
};

/* FNV-1a; 0 is taken for nothing. */
static uint64_t hash(const char *bytes, size_t count)
{
    uint64_t value = 14695981039346656037u;
    for (size_t i = 0; i < count; i++)
        value = (value ^ (unsigned char)bytes[i]) * 1099511628211u;
    return value ? value : 1;
}

static int is_new(struct receiver *receiver, uint64_t key)
{
    size_t place = key & (receiver->places - 1);
    while (receiver->keys[place] && receiver->keys[place] != key)
        place = (place + 1) & (receiver->places - 1);
    int was_empty = !receiver->keys[place];
    receiver->keys[place] = key;
    return was_empty;
}

/* The value of a header line, and its length; NULL when there is none. */
static const char *find_header(const char *head, const char *name, size_t *length)
{
    size_t name_length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, name_length) != 0 || line[name_length] != ':')
            continue;
        line += name_length + 1;
        line += strspn(line, " ");
        *length = strcspn(line, "\r");
        return line;
    }
    return NULL;
}

static void note(struct receiver *receiver, const char *head, int is_hanging)
{
    size_t length = 0;
    const char *key = find_header(head, "Idempotency-Key", &length);
    double now_s = tool_now_s();
    pthread_mutex_lock(&receiver->mutex);
    if (is_hanging) {
        receiver->counts.hanging++;
    } else {
        receiver->counts.requests++;
        if (key && is_new(receiver, hash(key, length))) {
            receiver->counts.tasks++;
            receiver->counts.last_s = now_s;
        }
    }
    pthread_cond_signal(&receiver->has_come);
    pthread_mutex_unlock(&receiver->mutex);
}

static void end_client(struct client *client)
{
    close(client->socket);
    free(client);
}

/* False when the client is gone. Answers are so small that the socket takes them whole. */
static int take_requests(struct receiver *receiver, struct client *client)
{
    for (;;) {
        client->bytes[client->filled] = '\0';
        char *end = strstr(client->bytes, "\r\n\r\n");
        if (!end)
            return client->filled < REQUEST_BYTES;
        char kept = end[2];
        size_t length = 0, head = (size_t)(end - client->bytes) + 4;
        end[2] = '\0';
        const char *said = find_header(client->bytes, "Content-Length", &length);
        size_t whole = head + (said ? strtoul(said, NULL, 10) : 0);
        int is_whole = client->filled >= whole;
        int is_hanging = strncmp(client->bytes, "POST /hang", 10) == 0;
        if (is_whole)
            note(receiver, client->bytes, is_hanging);
        end[2] = kept;
        if (!is_whole)
            return whole <= REQUEST_BYTES;
        if (!is_hanging && write(client->socket, answer, sizeof answer - 1) < 0)
            return 0;
        client->filled -= whole;
        memmove(client->bytes, client->bytes + whole, client->filled);
    }
}

static void serve(struct receiver *receiver, struct client *client)
{
    ssize_t count =
        read(client->socket, client->bytes + client->filled, REQUEST_BYTES - client->filled);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count > 0)
        client->filled += (size_t)count;
    if (count <= 0 || !take_requests(receiver, client))
        end_client(client);
}

static void accept_client(struct receiver *receiver)
{
    int socket = accept4(receiver->socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0)
        return;
    int one = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct client *client = calloc(1, sizeof *client);
    if (!client)
        tool_fail("out of memory", NULL);
    client->socket = socket;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    if (epoll_ctl(receiver->epoll, EPOLL_CTL_ADD, socket, &event) < 0)
        tool_fail("epoll_ctl failed", NULL);
    pthread_mutex_lock(&receiver->mutex);
    receiver->counts.connections++;
    pthread_mutex_unlock(&receiver->mutex);
}

static void *run(void *argument)
{
    struct receiver *receiver = argument;
    struct epoll_event events[EVENTS];
    for (;;) {
        int count = epoll_wait(receiver->epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr)
                serve(receiver, events[i].data.ptr);
            else
                accept_client(receiver);
        }
    }
    return NULL;
}

static void listen_on_free_port(struct receiver *receiver)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    receiver->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (receiver->socket < 0 ||
        bind(receiver->socket, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(receiver->socket, 1024) < 0 ||
        getsockname(receiver->socket, (struct sockaddr *)&address, &size) < 0)
        tool_fail("could not listen", NULL);
    receiver->port = ntohs(address.sin_port);
}

struct receiver *receiver_start(long tasks_max)
{
    struct receiver *receiver = calloc(1, sizeof *receiver);
    pthread_condattr_t monotonic;
    pthread_t thread;
    if (!receiver)
        tool_fail("out of memory", NULL);
    for (receiver->places = 64; receiver->places < (size_t)tasks_max * 2;)
        receiver->places *= 2;
    receiver->keys = calloc(receiver->places, sizeof *receiver->keys);
    pthread_mutex_init(&receiver->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&receiver->has_come, &monotonic);
    listen_on_free_port(receiver);
    receiver->epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    if (!receiver->keys || receiver->epoll < 0 ||
        epoll_ctl(receiver->epoll, EPOLL_CTL_ADD, receiver->socket, &event) < 0 ||
        pthread_create(&thread, NULL, run, receiver) != 0)
        tool_fail("could not start the receiver", NULL);
    pthread_detach(thread);
    return receiver;
}

int receiver_port(const struct receiver *receiver)
{
    return receiver->port;
}

struct receiver_counts receiver_counts(struct receiver *receiver)
{
    pthread_mutex_lock(&receiver->mutex);
    struct receiver_counts counts = receiver->counts;
    pthread_mutex_unlock(&receiver->mutex);
    return counts;
}

static struct receiver_counts wait_for(struct receiver *receiver, const long *count, long wanted,
                                       double deadline_s)
{
    struct timespec deadline = {.tv_sec = (time_t)deadline_s,
                                .tv_nsec = (long)((deadline_s - (double)(time_t)deadline_s) * 1e9)};
    pthread_mutex_lock(&receiver->mutex);
    while (*count < wanted &&
           pthread_cond_timedwait(&receiver->has_come, &receiver->mutex, &deadline) != ETIMEDOUT) {
    }
    struct receiver_counts counts = receiver->counts;
    pthread_mutex_unlock(&receiver->mutex);
    return counts;
}

struct receiver_counts receiver_wait_for_tasks(struct receiver *receiver, long tasks,
                                               double deadline_s)
{
    return wait_for(receiver, &receiver->counts.tasks, tasks, deadline_s);
}

struct receiver_counts receiver_wait_for_hanging(struct receiver *receiver, long hanging,
                                                 double deadline_s)
{
    return wait_for(receiver, &receiver->counts.hanging, hanging, deadline_s);
}
