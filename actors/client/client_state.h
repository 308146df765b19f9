/* SPDX-License-Identifier: Apache-2.0 */
/* client_state.h -- the state of a client connection, for the files of this folder. */
#ifndef ACTORS_CLIENT_CLIENT_STATE_H
#define ACTORS_CLIENT_CLIENT_STATE_H

#include "actors/client/client.h"
#include "actors/client/client_msg.h"
#include "actors/client/outgoing.h"
#include "actors/client/subs.h"
#include "delivery/publish.h"
#include "runtime/actor.h"
#include "runtime/net.h"

enum client_state {
    CLIENT_STATE_GREETED,
    CLIENT_STATE_OPEN,
    CLIENT_STATE_CLOSING,
    CLIENT_STATE_LINGERING
};

/* Why the connection's bytes are not being parsed. One at a time; each has its resumer. */
enum client_park {
    PARK_NOT,
    PARK_REGISTER, /* the account answers CLIENT_REGISTERED */
    PARK_CHANGE,   /* the account answers CLIENT_CHANGED: earlier SUBs are not in force yet */
    PARK_HOLD,     /* the timer: targets are under pressure */
};

/* Bytes that came and could not be used yet. */
struct client_input {
    struct slice kept;
    uint32_t need;    /* look again when this many are there; 0: at any more */
    uint32_t scanned; /* of kept: contains no end of line */
    bool traced;      /* the line that kept begins with is in the log */
};

/* What it told of itself in CONNECT, kept small. */
struct client_identity {
    uint16_t name_size;
    uint16_t lang_size;
    uint16_t version_size;
    uint16_t user_size;
    char texts[]; /* in this order */
};

/* The last control line of a PUB and what it says: an equal line needs no parsing. */
#define CLIENT_LINE_MAX 192
struct client_line_memory {
    uint32_t size;                  /* 0: none */
    struct publication publication; /* its texts lie in line */
    char line[CLIENT_LINE_MAX];
};

/* Operations for the account that were not sent yet. */
struct client_ops {
    struct account_op *ops;
    char *text;
    uint32_t count;
    uint32_t capacity;
    uint32_t text_size;
    uint32_t text_capacity;
};

struct client {
    struct actor actor;
    const struct client_settings *settings; /* borrowed; outlives all clients */
    struct client_counters *counters;       /* this worker's */
    struct conn *conn;                      /* NULL: closed */
    struct actor_ref keeper;
    struct actor_ref account;
    uint64_t cid;
    struct publisher publisher;
    struct client_input input;
    struct outgoing out;
    struct subs subs;
    struct client_ops *ops;            /* NULL: none */
    struct client_line_memory *memory; /* NULL: has not published */
    struct client_identity *identity;  /* NULL: no CONNECT yet */
    struct timer timer;                /* one for all that is due */
    uint64_t auth_due_ms;              /* 0: nothing due, as for the next three */
    uint64_t ping_due_ms;
    uint64_t hold_until_ms;
    uint64_t write_since_ms; /* when the kernel stopped taking bytes */
    uint64_t last_in_ms;     /* messages, subscriptions or a PING came */
    uint64_t last_out_ms;    /* messages went out */
    int64_t start_wall_ns;
    uint64_t ping_sent_ns;
    uint64_t rtt_ns; /* 0: not measured yet */
    uint64_t in_msgs;
    uint64_t in_bytes;
    uint64_t out_msgs;
    uint64_t out_bytes;
    uint32_t stalls;
    uint32_t unacked;     /* lists the account has not answered */
    uint32_t bury_cursor; /* CLOSING: records handed to the account so far */
    uint16_t pings_out;
    uint8_t state;
    uint8_t park;
    uint8_t close_reason;
    bool consuming; /* bytes are being parsed further up the stack */
    bool registered;
    bool connected;   /* CONNECT was accepted */
    bool token_given; /* CONNECT brought a token */
    bool first_pong_sent;
    bool verbose;
    bool pedantic;
    bool headers;
    bool no_responders;
    int8_t protocol;
    struct net_address peer;
};

/* client.c */
void client_close(struct client *c, enum closed_state reason);
void client_error(struct client *c, const char *text); /* -ERR 'text' */
void client_reply(struct client *c, struct bytes text);
void client_timer_update(struct client *c);
void client_register(struct client *c);
void client_expect_ping(struct client *c); /* CONNECT came: the first PING is soon due */
bool client_is_open(const struct client *c);

/* client_read.c */
extern const struct conn_events client_conn_events;
void client_resume(struct client *c); /* the reason for parking is over */
void client_park(struct client *c, enum client_park reason);
/* Sends what it has published and handles what was sent to it. False: it has been closed by that. */
bool client_catch_up(struct client *c);

/* client_connect.c */
void client_greet(struct client *c);
void client_on_connect(struct client *c, struct bytes argument);
void client_send_info(struct client *c, bool connect_info, bool lame_duck);
void client_auth_violation(struct client *c);

/* client_subscribe.c */
/* False: it names a subscription whose addition is on its way; to be tried again after the answer. */
bool client_on_sub(struct client *c, struct bytes argument);
bool client_on_unsub(struct client *c, struct bytes argument);
void client_ops_send(struct client *c);
void client_remove_sub(struct client *c, struct sub *sub);
void client_forget_subs(struct client *c); /* all of them; none is on its way to the account */
void client_on_changed(struct client *c, struct account_changed *m);
void client_bury_more(struct client *c); /* CLOSING: the next subscriptions go */

/* client_publish.c */
struct client_line;
/* Publishes the message whose line and payload (with its end) begin at `at`. */
void client_publish(struct client *c, const struct publication *m, const char *line,
                    uint32_t line_size, bool again);
bool client_pub_arguments(struct client *c, const struct client_line *line,
                          struct publication *ret_publication);
void client_publish_end(struct client *c);
void client_forget_line(struct client *c); /* the last line must be judged anew */

/* client_describe.c */
void client_on_describe(struct client *c, struct client_describe *m);
struct buf *client_last_record(const struct client *c, enum closed_state reason);

/* client_deliver.c */
void client_on_batch(struct client *c, struct batch *batch);
void client_pressure_update(struct client *c);

#endif
