/* SPDX-License-Identifier: Apache-2.0 */
/* client_parser.h -- what a client says: bytes to control lines, and control lines to their parts.
 *
 * Works in place on a contiguous run of bytes and keeps no state: whoever reads the socket keeps an
 * unfinished line in front of the next bytes. So every split of the input is right by construction,
 * as long as a prefix is refused exactly when every continuation of it would be.
 *
 * Verbs, separators, limits and quirks are those of nats-server 2.14 (parser.go, client.go): verbs in
 * any case; a line ends at LF; blanks and tabs separate.
 */
#ifndef PROTOCOLS_NATS_CLIENT_PARSER_H
#define PROTOCOLS_NATS_CLIENT_PARSER_H

#include <stdint.h>

#include "runtime/base/bytes.h"

enum client_op {
    CLIENT_OP_CONNECT,
    CLIENT_OP_INFO,
    CLIENT_OP_PUB,
    CLIENT_OP_HPUB,
    CLIENT_OP_HMSG, /* accepted from servers only: a client that sends it gets an error later */
    CLIENT_OP_SUB,
    CLIENT_OP_UNSUB,
    CLIENT_OP_PING,
    CLIENT_OP_PONG,
    CLIENT_OP_OK,
    CLIENT_OP_ERR,
};

enum client_parse {
    CLIENT_PARSE_MORE,     /* a whole line has not come yet; of ret_line only size is set */
    CLIENT_PARSE_LINE,     /* ret_line is set */
    CLIENT_PARSE_UNKNOWN,  /* no operation starts like this */
    CLIENT_PARSE_TOO_LONG, /* its argument is over the limit */
};

struct client_line {
    enum client_op op;
    uint32_t size;         /* of the whole line with its end; MORE: of what must be kept of it, as
                              ignored text and blanks without end may follow a verb */
    struct bytes argument; /* borrowed from the input; without the verb and the line's end */
};

/* Looks at the size bytes at `at`, where a line begins. The first `scanned` of them were looked at
 * before and contain no end of line. */
enum client_parse client_parse_line(const char *at, size_t size, size_t scanned,
                                    uint32_t argument_max, struct client_line *ret_line);

/* A publish: PUB <subject> [reply] <size>, HPUB <subject> [reply] <header size> <size>. */
struct client_publish {
    struct bytes subject;
    struct bytes reply;       /* size 0: none */
    int32_t header_size;      /* -1: PUB */
    int32_t payload_size;     /* with the header */
    struct bytes header_text; /* the sizes as they were written */
    struct bytes payload_text;
};

/* 0, or what is wrong with it as one of these. The size limit is the caller's to check. */
enum client_publish_error {
    CLIENT_PUBLISH_OK,
    CLIENT_PUBLISH_ARGUMENTS,
    CLIENT_PUBLISH_SIZE,
    CLIENT_PUBLISH_HEADER_SIZE,
    CLIENT_PUBLISH_HEADER_LARGER,
};
enum client_publish_error client_parse_pub(struct bytes argument, struct client_publish *ret);
enum client_publish_error client_parse_hpub(struct bytes argument, struct client_publish *ret);

struct client_subscribe {
    struct bytes subject;
    struct bytes queue; /* size 0: none */
    struct bytes sid;
};
bool client_parse_sub(struct bytes argument, struct client_subscribe *ret);

struct client_unsubscribe {
    struct bytes sid;
    int64_t max; /* <= 0: at once */
};
bool client_parse_unsub(struct bytes argument, struct client_unsubscribe *ret);

/* A decimal number of at most nine digits, or -1. */
int32_t client_parse_size(struct bytes text);

#endif
