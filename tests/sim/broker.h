/* SPDX-License-Identifier: Apache-2.0 */
/* broker.h -- a server in a simulation. */
#ifndef TESTS_SIM_BROKER_H
#define TESTS_SIM_BROKER_H

#include "runtime/net.h"
#include "server/options.h"
#include "tests/sim/scenario.h"

struct broker {
    struct run *run;
    unsigned host;
    struct world *world;
    struct server *server;
    struct options options;
    struct net_address address; /* of its client listener */
};

/* Defaults, 2 to 4 workers. */
void broker_options(struct broker *broker, struct run *run);
/* After changes to broker->options: starts it on a host of its own. */
void broker_start(struct broker *broker);
/* Asks for an orderly end, as a signal or by its embedder. */
void broker_stop(struct broker *broker);
bool broker_stopped(const struct broker *broker);
/* Waits for its end and frees it: no leak, every token answered (checked by the runtime). */
void broker_end(struct broker *broker);

/* What the broker's messages say, for the digest. */
void broker_payload(struct sim *sim, const struct msg *m);

#endif
