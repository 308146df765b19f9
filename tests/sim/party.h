/* SPDX-License-Identifier: Apache-2.0 */
/* party.h -- a NATS client in a simulation: speaks the protocol, and tells the model what it does. */
#ifndef TESTS_SIM_PARTY_H
#define TESTS_SIM_PARTY_H

#include "tests/sim/model.h"

#define PINGS_MAX 64u

struct party;
typedef void party_message_fn(struct party *party, struct model_sub *sub, struct model_pub *pub);
typedef void party_act_fn(struct party *party);

struct party_ping {
    uint64_t op;
    uint64_t at;
};

struct party {
    struct model *model;
    struct sim_client *client;
    struct net_address server;
    unsigned number;
    bool echo;
    bool headers;
    bool no_responders;
    bool may_be_closed;           /* by the server or the network: else it is a failure */
    bool may_err;                 /* -ERR may come */
    void *context;                /* the scenario's */
    party_message_fn *on_message; /* optional, for subscriptions that respond */
    party_act_fn *on_timer;       /* optional */
    party_act_fn *on_over;        /* optional: its connection is over, whoever closed it */

    bool wanted;    /* connect was called and close was not */
    bool connected; /* CONNECT was sent */
    uint32_t connection;
    uint64_t op; /* operations sent on this connection */
    struct party_ping pings[PINGS_MAX];
    unsigned ping_first;
    unsigned ping_count;
    uint64_t in_force_op; /* operations up to this are known to be in force */
    uint32_t next_sid;
    uint64_t last_op[PARTIES_MAX]; /* O1: of each publisher's connection */
    uint32_t last_connection[PARTIES_MAX];
    uint64_t errors;
    uint64_t frames;
    char *input;
    size_t input_size;
    size_t input_capacity;
};

struct party *party_new(struct model *model, unsigned host, const struct net_address *server);
void party_free(struct party **party);

void party_connect(struct party *party);
void party_close(struct party *party);
bool party_ready(const struct party *party); /* CONNECT was sent, and it is not over */

/* queue: NO_QUEUE, or below QUEUES_MAX. */
struct model_sub *party_subscribe(struct party *party, const char *pattern, uint32_t queue);
void party_unsubscribe(struct party *party, struct model_sub *sub, uint32_t max);
struct model_pub *party_publish(struct party *party, const char *subject, const char *reply,
                                uint32_t size, bool header);
void party_ping(struct party *party);
/* Behind the model's back: what it says must not concern what the model knows. */
void party_say(struct party *party, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool party_flushed(const struct party *party); /* no PONG is missing */

#endif
