/* SPDX-License-Identifier: Apache-2.0 */
/* store_drain.h -- from the journal into segments: the drain of a store, from inside.
 *
 *     IDLE ──debt──► GROUPS ──all written──► FLUSH ──copies durable──► COMMIT ──durable──► IDLE
 *                      └── a disk that is full, or a failure ──► IDLE, and again later
 */
#ifndef STORE_STORE_DRAIN_H
#define STORE_STORE_DRAIN_H

#include "runtime/base/list.h"
#include "store/store_state.h"

enum drain_step { DRAIN_IDLE, DRAIN_GROUPS, DRAIN_FLUSH, DRAIN_COMMIT };

struct drain {
    struct store *store;
    enum drain_step step;
    uint64_t target;     /* position: nothing before it is needed afterwards */
    uint64_t release_to; /* position: the journal is to be drained up to it, whatever its debt */
    uint64_t copies_end; /* position behind what was carried forward; 0: nothing was */
    uint64_t carried;    /* bytes of it */
    struct link wanted;  /* groups that want a checkpoint whatever they need */
    struct link todo;    /* groups that need something before target, and those */
    struct link jobs;    /* groups whose chunks are being built and written */
    struct link written; /* and those that are ready for a checkpoint */
    unsigned building;   /* jobs that are not written */
    bool keeps;          /* some of it is of groups that can not be drained */
    uint64_t kept_end;   /* after a drain that carried such: the journal's end */
    int status;          /* the first failure */
    uint64_t retry_ms;   /* not before */
    bool all;            /* everything: the store is closing */
    struct commit_wait commit;
};

#endif
