/* SPDX-License-Identifier: Apache-2.0 */
/* monitor.h -- the monitoring port, and what starts it. */
#ifndef ACTORS_MONITOR_MONITOR_H
#define ACTORS_MONITOR_MONITOR_H

#include <stdint.h>

#include "protocols/monitor/varz.h"
#include "runtime/msg.h"
#include "runtime/net.h"

struct log;

struct monitor_account {
    const char *name;
    struct actor_ref actor;
};

/* Fills in what the server has counted so far: all of traffic but connections, and the two by kind. */
typedef void monitor_traffic_fn(const void *context, struct varz *varz);

/* What the pages go by: an immutable snapshot, filled in before the system runs, that outlives the
 * monitor and its connections. */
struct monitor_settings {
    struct varz varz;                  /* all that stays as it is */
    monitor_traffic_fn *traffic;       /* called from turns of any worker */
    const void *traffic_context;       /* of counters that are atomic */
    const struct actor_ref *listeners; /* by worker */
    const struct actor_ref *probes;    /* by worker */
    uint16_t worker_count;
    const struct monitor_account *accounts;
    uint32_t account_count;
    const struct log *log;
    const char *version; /* as the index has it */
    struct bytes base_path;
};

/* On worker 0, before the system runs; listens from here on. 0 or a negative errno. */
int monitor_spawn(const struct monitor_settings *settings, const struct net_address *address,
                  struct actor_ref *ret_monitor, struct net_address *ret_address)
    __attribute__((warn_unused_result));

/* On each worker, before the system runs. The monitor stops them. */
struct actor_ref monitor_probe_spawn(void);

#endif
