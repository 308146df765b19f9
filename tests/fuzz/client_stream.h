/* SPDX-License-Identifier: Apache-2.0 */
/* client_stream.h -- the parts of fuzz_client_stream.c: who reads what a server says, the client that
 * behaves, and the mutator's entry.
 */
#ifndef TESTS_FUZZ_CLIENT_STREAM_H
#define TESTS_FUZZ_CLIENT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/bytes.h"
#include "runtime/net.h"
#include "runtime/sim/sim.h"

#define STREAM_OPTIONS 10u /* bytes of an input in front of its script */
#define STREAM_ESCAPE '`'  /* in a script: the next byte is an act, or the escape itself */

/* Any login that a server of these inputs may ask for, in one short line. */
#define STREAM_LOGIN                                                                 \
    "CONNECT {\"user\":\"u\",\"pass\":\"p\",\"auth_token\":\"t\",\"verbose\":false," \
    "\"pedantic\":false,\"headers\":true}\r\n"
#define STREAM_TOKEN "t"
#define STREAM_USER "u"
#define STREAM_PASSWORD "p"

/* --- lines of a server --------------------------------------------------------------------------- */

struct frame {
    struct bytes subject;
    struct bytes sid;
    struct bytes reply; /* size 0: none */
    struct bytes header;
    struct bytes payload; /* without the header */
};

enum line_kind { LINE_INFO, LINE_PING, LINE_PONG, LINE_OK, LINE_ERR, LINE_FRAME };

typedef void line_fn(void *context, enum line_kind kind, const struct frame *frame);

/* What one connection has got and is no whole line yet. */
struct lines {
    line_fn *on_line; /* frame: of LINE_FRAME */
    void *context;
    char *at;
    size_t size;
    size_t capacity;
    uint64_t read;
};

void lines_init(struct lines *lines, line_fn *on_line, void *context);
void lines_done(struct lines *lines);
void lines_forget(struct lines *lines); /* a new connection begins */

/* Anything that is no line of the protocol fails a check. */
void lines_add(struct lines *lines, struct bytes bytes);

/* --- the client that behaves --------------------------------------------------------------------- */

struct good {
    struct sim_client *client;
    struct lines lines;
    char key[17];    /* in front of its payloads; nobody else can know it */
    uint32_t sent;   /* messages */
    uint32_t got[3]; /* of its subscriptions */
    bool everything; /* it subscribes to > */
    bool lossy;      /* a limit may drop messages to it */
    bool may_be_cut; /* a limit may end it */
    bool over;
    uint32_t pings;
    uint32_t pongs;
};

void good_init(struct good *good, struct sim *sim, unsigned host, uint64_t key, bool everything);
void good_done(struct good *good);
void good_connect(struct good *good, const struct net_address *to);
void good_publish(struct good *good);
void good_ping(struct good *good);
bool good_answered(const struct good *good); /* all its PINGs, or it is over */
/* After an answer: whether all came. */
void good_check(const struct good *good);

#endif
