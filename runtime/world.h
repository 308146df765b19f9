/* SPDX-License-Identifier: Apache-2.0 */
/* world.h -- the only door to the outside, as a table that a world fills in.
 *
 * host/ does it with libuv and the kernel, sim/ with a seed. Actors do not see this table: they call
 * net.h, file.h, and the clock functions of actor.h, which lead here. All functions run on the
 * worker concerned unless said otherwise.
 */
#ifndef RUNTIME_WORLD_H
#define RUNTIME_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/net.h"
#include "runtime/signals.h"

struct disk_file;
struct file_request;
struct process_figures;
struct resolve_request;
struct system;
struct worker;
struct world_worker; /* what the world keeps for a worker */

struct world;

struct world_ops {
    const char *name;
    uint64_t (*clock_ns)(struct world *world); /* monotonic */
    int64_t (*wall_ns)(struct world *world);
    uint64_t (*ticks)(struct world *world); /* a cheap counter for busy time */
    double (*ns_per_tick)(struct world *world);
    void (*entropy)(struct world *world, void *at, size_t size);
    uint64_t (*replay_seed)(struct world *world); /* NULL: this world can not be replayed */
    void (*process_figures)(struct world *world, struct process_figures *ret_figures); /* or NULL */

    int (*worker_start)(struct world *world, struct worker *w); /* before the system runs */
    void (*worker_stop)(struct worker *w);                      /* after its last round */
    void (*worker_wake)(struct worker *w);                      /* from any thread */

    int (*listen)(struct actor *owner, const struct listen_options *options, accept_fn *on_accept,
                  struct listener **ret_listener);
    void (*listener_address)(const struct listener *listener, struct net_address *ret_address);
    void (*listener_close)(struct listener *listener);
    int (*conn_adopt)(struct actor *owner, const struct conn_events *events,
                      const struct accepted *accepted, struct conn **ret_conn);
    void (*accepted_refuse)(const struct accepted *accepted);
    int (*conn_dial)(struct actor *owner, const struct conn_events *events,
                     const struct net_address *address, struct conn **ret_conn);
    void (*read_start)(struct conn *conn);
    void (*read_stop)(struct conn *conn);
    ssize_t (*try_write)(struct conn *conn, const struct iovec *parts, unsigned count);
    int (*write)(struct conn *conn, const struct iovec *parts, unsigned count);
    void (*conn_close)(struct conn *conn);
    void (*local_address)(const struct conn *conn, struct net_address *ret_address);

    int (*signal_watch)(struct actor *owner, int number, signal_fn *on_signal);
    void (*signals_ignore)(struct actor *owner);

    /* Files (file.h). Each request ends once, by file_request_ended, before worker_stop returns. */
    void (*file_submit)(struct worker *w, struct file_request *request);
    struct disk_file *(*file_stderr)(struct world *world);
    void (*file_abandon)(struct disk_file *file); /* closes what nobody was told of */
    void (*file_give_up)(struct world *world);    /* file_give_up_stderr */
    /* Name look-ups (resolve.h), likewise by resolve_request_ended. */
    void (*resolve_submit)(struct worker *w, struct resolve_request *request);
};

struct world {
    const struct world_ops *ops;
};

#endif
