/* SPDX-License-Identifier: Apache-2.0 */
/* session.h -- one run of one script: its servers and connections by name, its variables, its clock,
 * and what there is to say when it fails. run.c executes the steps with it. */
#ifndef TESTS_WIRE_SESSION_H
#define TESTS_WIRE_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/wire/backend.h"
#include "tests/wire/condition.h"
#include "tests/wire/frame.h"
#include "tests/wire/http.h"
#include "tests/wire/script.h"

#define SESSION_VARS_MAX 32u

struct session_conn {
    char *name; /* given; NULL when the slot is free */
    bool answers_pings;
    struct blob info;    /* JSON of the last INFO seen */
    struct blob payload; /* of the last message expected and met */
};

struct session_var {
    char *name; /* given */
    struct blob value;
};

struct session {
    const struct wire_ops *ops;
    struct wire_backend *backend;    /* borrowed */
    const struct script *script;     /* borrowed */
    const struct step *step;         /* the one that runs; borrowed */
    const char *config;              /* borrowed: struct run_world's */
    struct blob *report;             /* the caller's */
    int64_t patience_ns;             /* how long an expectation waits */
    unsigned split;                  /* where SEND_SPLIT cuts; 0: nowhere */
    bool unsupported;                /* a server refused its configuration as not supported yet */
    size_t split_size;               /* how many bytes SEND_SPLIT sends; known once it ran */
    char *servers[WIRE_SERVERS_MAX]; /* given; names */
    struct session_conn conns[WIRE_CONNS_MAX]; /* 0 is kept for HTTP */
    struct session_var vars[SESSION_VARS_MAX];
    struct condition_groups groups; /* of the last pattern that matched: %1% .. %9% */
    struct http_answer answer;      /* the last one */
};

void session_init(struct session *s, struct wire_backend *backend, const struct script *script,
                  struct blob *report);
void session_done(struct session *s);

/* Says where and what in the report, with the logs of the servers; returns false for `return`. */
__attribute__((format(printf, 2, 3))) bool session_fail(struct session *s, const char *format, ...);

/* Index of the name; -1 with a failure reported. */
int session_server(struct session *s, const char *name);
int session_conn(struct session *s, const char *name);
/* A new number for the name; an older connection of that name is closed. */
int session_server_add(struct session *s, const char *name);
int session_conn_add(struct session *s, const char *name);

bool session_var_set(struct session *s, const char *name, struct bytes value);

/* Appends written with its %variables% replaced. server is what %dir% is about, or -1. */
bool session_expand(struct session *s, struct bytes written, int server, struct blob *ret);
/* The same, and then the escapes. */
bool session_expand_bytes(struct session *s, struct bytes written, struct blob *ret);

/* When a wait that begins now is over. */
int64_t session_deadline(const struct session *s);
/* False once the deadline is reached. */
bool session_step(struct session *s, int64_t deadline);

/* What a look at a connection finds. */
enum session_look { LOOK_FRAME, LOOK_NOTHING, LOOK_END, LOOK_BROKEN };

/* Looks at the next frame of a connection, without waiting or consuming. A PING or an INFO is passed
 * over (answered, noted) unless strict or the wanted text, which may be NULL, begins with it. */
enum session_look session_look(struct session *s, int conn, const char *wanted, bool strict,
                               struct frame *ret_frame);
/* Consumes the frame that was looked at. */
void session_take(struct session *s, int conn, const struct frame *frame);

bool session_send(struct session *s, int conn, struct bytes bytes);
/* Sends and waits until the server has read it. */
bool session_send_drained(struct session *s, int conn, struct bytes bytes);

#endif
