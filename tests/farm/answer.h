/* An answer before it is sent: status, fields, a body or a stream, and in which way it is wrong. */
#ifndef PAWL_FARM_ANSWER_H
#define PAWL_FARM_ANSWER_H

#include <stdint.h>

#include "stream.h"

enum answer_end {
    END_AS_ASKED, /* the connection stays if the request wants that */
    END_CLOSED,
    END_RESET, /* RST */
    END_HANGS, /* nothing more is said, and nothing is closed */
};

enum { LENGTH_TRUE = -1 };

struct answer {
    int status;
    const char *type;      /* NULL: no Content-Type */
    struct text fields;    /* further header lines, each with its line end */
    struct text body;      /* whole; or what the stream made last */
    struct stream *stream; /* NULL: the body is whole */
    int64_t length;        /* Content-Length as told; of a stream LENGTH_TRUE means in chunks */
    bool is_raw;           /* the body is all there is, status line included */
    bool is_gzipped;       /* to be compressed before it is sent */
    bool is_packed;        /* is compressed already: Content-Encoding is said, nothing is done */
    int delay_ms;
    enum answer_end end;
};

/* Ready for the next answer; keeps the memory of the texts. */
void answer_start(struct answer *answer);
void answer_finish(struct answer *answer);
/* Appends a header line, without its line end. */
void answer_field(struct answer *answer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Copies the body. type: lives as long as the answer. */
void answer_text(struct answer *answer, int status, const char *type, const char *body);
void answer_bytes(struct answer *answer, int status, const char *type, struct slice body);
/* A 200 whose body comes from the stream, which the answer owns from now on. */
void answer_stream(struct answer *answer, const char *type, struct stream *stream);
/* All bytes of the answer, and how it ends. */
void answer_raw(struct answer *answer, int status, struct slice bytes, enum answer_end end);
/* Compresses what is to be compressed, and leaves out a body where the status allows none. Call
 * once, when the answer is decided. */
void answer_complete(struct answer *answer);
/* Whether the body's pieces are framed as chunks (RFC 9112, section 7.1). */
bool answer_is_chunked(const struct answer *answer, bool is_old);
/* Appends status line and fields with the empty line behind them. */
void answer_head(const struct answer *answer, bool is_old, bool is_kept_alive, struct text *head);

#endif
