/* SPDX-License-Identifier: Apache-2.0 */
/* monitor_conn.h -- one connection of the monitoring port: its state, for the files of this folder.
 *
 *   READING --request--> MAKING --page ends--> ENDING --all written--> READING, or closed
 *
 *   READING  bytes are read into `in`; page is NULL
 *   MAKING   page is there; nothing is read; chunks are written as the kernel takes them
 *   ENDING   the answer is complete in `out`; page is NULL, `answered` is set
 */
#ifndef ACTORS_MONITOR_MONITOR_CONN_H
#define ACTORS_MONITOR_MONITOR_CONN_H

#include "actors/monitor/page.h"

struct monitor_conn {
    struct actor actor;
    const struct monitor_settings *settings; /* borrowed; outlives it */
    struct actor_ref monitor;
    struct conn *conn;           /* NULL: not there, or closed */
    struct timer timer;          /* what is awaited of the peer */
    struct output in;            /* bytes of the next request */
    size_t scanned;              /* http_request_parse's */
    uint64_t skip;               /* bytes of a body still to come */
    struct http_request request; /* MAKING, ENDING: points into `in` */
    struct page *page;           /* given; MAKING */
    struct output out;           /* to be written */
    size_t sent;                 /* of out */
    uint64_t counted;            /* bytes of a body that nobody is sent: HEAD */
    bool writing;                /* a conn_write is under way */
    bool closing;
    bool answered;  /* ENDING */
    bool head_sent; /* of the answer; its body comes in chunks */
    bool last;      /* the connection is closed after this answer */
    bool going_on;  /* a MONITOR_CONN_GO_ON is on its way */
};

/* For the monitor, on its worker. */
struct actor_ref monitor_conn_spawn(const struct monitor_settings *settings,
                                    struct actor_ref monitor, const struct accepted *accepted);
void monitor_conn_end(struct actor_ref conn);

/* monitor_answer.c: puts into `out` what is to be written. */
void answer_refusal(struct monitor_conn *c, const struct http_refusal *refusal);
/* For what is no page: a redirect, a bad target and the like. */
void answer_plainly(struct monitor_conn *c, enum monitor_page which);
/* What the page has written so far, unless it is better kept. */
void answer_more(struct monitor_conn *c);
/* The rest of the page, and the end of the answer. */
void answer_end(struct monitor_conn *c);

#endif
