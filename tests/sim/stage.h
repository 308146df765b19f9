/* SPDX-License-Identifier: Apache-2.0 */
/* stage.h -- one server with its model and clients, for scenarios that tell a story step by step. */
#ifndef TESTS_SIM_STAGE_H
#define TESTS_SIM_STAGE_H

#include "tests/sim/broker.h"
#include "tests/sim/party.h"

struct stage {
    struct run *run;
    struct broker broker;
    struct model model;
    unsigned host; /* of the clients */
};

/* Options may be changed between the two. */
void stage_init(struct stage *stage, struct run *run);
void stage_start(struct stage *stage);

/* A client that is in: its CONNECT was sent. NULL after a failure. */
struct party *stage_party(struct stage *stage);
/* All clients that are in ping, and have their PONGs. False: a failure. */
bool stage_flush(struct stage *stage);

/* Stops the server, and frees all. */
void stage_end(struct stage *stage);

#endif
