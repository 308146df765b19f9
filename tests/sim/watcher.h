/* SPDX-License-Identifier: Apache-2.0 */
/* watcher.h -- somebody who looks at a server's monitoring pages, again and again. */
#ifndef TESTS_SIM_WATCHER_H
#define TESTS_SIM_WATCHER_H

#include "tests/sim/broker.h"

struct watcher {
    struct run *run;
    struct sim_client *client;
    struct net_address address;
    bool may_fail; /* answers may be cut off */
    bool over;     /* looks no more */
    char head[16]; /* the answer's first bytes */
    size_t received;
    unsigned answers;
};

/* The broker has a monitoring port. */
void watcher_start(struct watcher *watcher, const struct broker *broker, unsigned host);
void watcher_stop(struct watcher *watcher);

#endif
