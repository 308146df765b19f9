/* SPDX-License-Identifier: Apache-2.0 */
/* locals.h -- who uses which of a worker's local states (worker_local in runtime/actor.h). */
#ifndef DELIVERY_LOCALS_H
#define DELIVERY_LOCALS_H

enum local_key { LOCAL_OUTBOX, LOCAL_MATCH_CACHE, LOCAL_COUNTERS };

#endif
