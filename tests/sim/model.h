/* SPDX-License-Identifier: Apache-2.0 */
/* model.h -- what the clients of one server may receive, and what they must.
 *
 * Idea        Everything runs in one process and one order, so the model sees every action when it is
 *             taken and every frame when it comes. Each publication carries its number; the model knows
 *             who subscribed to what, since when everybody must know, and until when.
 *
 *               a subscription is in force   a PONG came for a PING after its SUB, or somebody has got
 *                                            a message that its client published after it (O2, O3)
 *               a publication is out         a PONG came for a PING after it (O4)
 *
 * Checked     at every frame: known sid, matching subject, bytes as sent, no second copy, in order of
 *             its publisher (O1), not after the PONG behind its UNSUB (O6), not over its maximum (O7),
 *             not to a subscription made after the publication was out (of a queue group it may: it can
             be handed on late).
 *             at every PONG: what was out before its PING was sent, and owed, has come (O5).
 *             at the end: of a queue group with a steady member exactly one got each message.
 */
#ifndef TESTS_SIM_MODEL_H
#define TESTS_SIM_MODEL_H

#include "tests/sim/scenario.h"

#define SUBJECT_MAX 64u
#define QUEUES_MAX 4u
#define PARTIES_MAX 64u
#define NO_QUEUE UINT32_MAX

struct party;

struct model_sub {
    struct party *party;
    uint32_t sid;
    uint32_t queue; /* "q0", "q1", ...; NO_QUEUE: plain */
    char pattern[SUBJECT_MAX];
    uint64_t op;          /* of its connection's operations */
    uint64_t sent_at;     /* in the model's order; likewise all _at */
    uint64_t in_force_at; /* 0: not yet */
    uint64_t unsub_op;
    uint64_t unsub_at; /* an UNSUB without a maximum, or one already reached, was sent; 0: none */
    bool unsub_confirmed;
    bool ended; /* its connection is over */
    uint64_t ended_ns;
    bool responds; /* its party answers requests that come here */
    uint32_t max;  /* 0: none */
    uint64_t max_op;
    bool max_confirmed; /* what was delivered before the maximum was in force has come */
    uint64_t received;
    uint8_t *seen; /* a bit a publication */
    size_t seen_size;
    uint32_t *owed; /* publications that must come */
    size_t owed_count;
    size_t owed_capacity;
};

struct model_pub {
    uint32_t id;
    struct party *party;
    uint32_t connection; /* which one of its party */
    uint64_t op;
    uint64_t sent_at;
    uint64_t out_at; /* 0: not known */
    uint32_t size;   /* of the payload */
    bool header;
    bool receivers; /* somebody in force must get it */
    char subject[SUBJECT_MAX];
    char reply[SUBJECT_MAX];           /* "": none */
    uint8_t group_owed[QUEUES_MAX];    /* a member in force matched */
    uint8_t group_excused[QUEUES_MAX]; /* a member's connection ended: its copy may be lost */
    uint8_t group_got[QUEUES_MAX];
};

struct model {
    struct run *run;
    uint64_t order; /* of all actions and frames */
    struct party *parties[PARTIES_MAX];
    unsigned party_count;
    struct model_sub **subs;
    size_t sub_count;
    size_t sub_capacity;
    struct model_pub **pubs;
    size_t pub_count;
    size_t pub_capacity;
    uint64_t delivered;
};

void model_init(struct model *model, struct run *run);
void model_done(struct model *model);

/* Actions, when they are sent. */
struct model_sub *model_subscribe(struct model *model, struct party *party, uint32_t sid,
                                  const char *pattern, uint32_t queue, uint64_t op);
void model_unsubscribe(struct model *model, struct model_sub *sub, uint32_t max, uint64_t op);
struct model_pub *model_publish(struct model *model, struct party *party, const char *subject,
                                const char *reply, uint32_t size, bool header, uint64_t op);
void model_connection_over(struct model *model, struct party *party);

/* What comes. A PONG for a PING with operation number op, sent at ping_at. */
void model_pong(struct model *model, struct party *party, uint64_t op, uint64_t ping_at);
void model_message(struct model *model, struct model_sub *sub, struct model_pub *pub);
void model_no_responders(struct model *model, struct party *party, struct model_pub *pub);

/* After all have flushed: queue groups. */
void model_check_groups(struct model *model);

bool model_matches(const char *pattern, const char *subject);
/* The payload of publication `id`: its number in text, then bytes that depend on number and place. */
void model_payload(uint32_t id, char *at, uint32_t size);
bool model_payload_is(uint32_t id, const char *at, size_t size);

#endif
