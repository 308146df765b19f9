/* SPDX-License-Identifier: Apache-2.0 */
/* sim.h -- the simulated world: virtual time, virtual workers, a network that misbehaves; one thread.
 *
 * Idea        A simulation holds hosts. A host runs a server (a world with a system of several virtual
 *             workers) or clients (drivers of virtual sockets). sim_step draws what happens next from
 *             the seed: which worker or client, which of its sockets' events, which ready actor, how
 *             many messages it may handle. When nothing can happen, time jumps to the next event.
 *             Everything that happens is a record; the digest is the hash of all records.
 * Invariants  1 the same seed and the same calls give the same records
 *             2 whatever a worker may meet here it may meet on a host: a step is a turn or a phase of
 *               the loop, and the loop's phases come in their order
 *             3 a connection's bytes arrive in order, once, or the connection ends
 * Bounds      a direction of a connection holds send_buffer + receive_buffer bytes; what a client has
 *             queued besides is its scenario's to bound.
 */
#ifndef RUNTIME_SIM_SIM_H
#define RUNTIME_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "runtime/base/bytes.h"
#include "runtime/base/prng.h"
#include "runtime/net.h"

struct actor;
struct msg;
struct sim;
struct sim_client;
struct sim_disk;
struct sim_hosts;
struct world;

/* How links are. One in 0: never. */
struct sim_net {
    uint64_t latency_min_ns;
    uint64_t latency_max_ns;
    uint64_t bytes_per_s; /* 0: as fast as latency lets it */
    uint32_t send_buffer;
    uint32_t receive_buffer;
    uint32_t segment_max;
    uint32_t short_in;       /* one read or segment in so many is short */
    uint32_t short_write_in; /* one write in so many, though there is room: kernels rarely do */
    uint32_t reset_in;       /* one segment in so many ends its connection */
};

/* How workers are driven. */
struct sim_schedule {
    uint32_t step_ns_max;    /* a step takes up to this */
    uint32_t reorder_in;     /* one turn in so many is not the first ready actor's */
    uint32_t turn_limit_max; /* messages a turn, drawn from 1 on */
    uint32_t epoch_in;       /* one round in so many looks for memory that may go */
    uint32_t stall_in;       /* one step in so many takes its worker off the processor, */
    uint64_t stall_ns_max;   /* for up to this */
    uint32_t events_max;     /* sockets' events between two rounds */
};

/* Adds what a message says, besides kind and size, to the digest: sim_digest_u64, sim_digest_bytes. */
typedef void sim_payload_fn(struct sim *sim, const struct msg *m);

struct sim_options {
    struct sim_net net;
    struct sim_schedule schedule;
    sim_payload_fn *payload; /* optional */
    bool record;             /* keep all records: sim_compare needs them of the first run */
    int poison;              /* debug builds: the byte in free and fresh memory; -1: none */
};

/* Calm: nothing is cut, slow or reordered. */
void sim_options_init(struct sim_options *options);
/* Draws how rough it gets, without resets. */
void sim_options_draw(struct sim_options *options, struct prng *prng);

struct sim *sim_new(uint64_t seed, const struct sim_options *options);
/* All worlds and clients are freed before. */
void sim_free(struct sim **sim);

/* How links are from here on: may be changed between steps. */
struct sim_net *sim_net(struct sim *sim);
/* Ends resets, stalls and partitions from here on. */
void sim_heal(struct sim *sim);
/* A scenario's own generator, split from the seed. */
struct prng *sim_prng(struct sim *sim);
uint64_t sim_now_ns(const struct sim *sim);

/* --- going on ----------------------------------------------------------------------------------- */

/* Does one thing. False: nothing is left to happen before until_ns; the clock stands there. */
bool sim_step(struct sim *sim, uint64_t until_ns);

/* Nothing is left to happen without the clock moving on. */
bool sim_idle(struct sim *sim);

/* Steps until done says so (true), or for limit_ns of virtual time (false). */
typedef bool sim_done_fn(void *context);
bool sim_run_until(struct sim *sim, sim_done_fn *done, void *context, uint64_t limit_ns);
void sim_run_for(struct sim *sim, uint64_t ns);

/* --- hosts and servers -------------------------------------------------------------------------- */

/* A number for a machine; addresses are 10.0.0.1 and on. */
unsigned sim_host(struct sim *sim);
void sim_host_address(unsigned host, uint16_t port, struct net_address *ret_address);
/* A host's disk outlives the servers on it; faults are told to it (sim_disk.h). */
struct sim_disk *sim_host_disk(struct sim *sim, unsigned host);
/* What its servers have written to standard error. Borrowed until the next step. */
struct bytes sim_host_output(const struct sim *sim, unsigned host);
struct sim_hosts *sim_names(struct sim *sim); /* of the whole network: sim_hosts.h */
void sim_partition(struct sim *sim, unsigned a, unsigned b, bool apart);

/* A world on a host, for one system. Life: sim_world_new, system_new, ..., the system's last actor
 * exits, sim_world_end, system_free, sim_world_free. */
struct world *sim_world_new(struct sim *sim, unsigned host);
void sim_world_end(struct world *world);
void sim_world_free(struct world **world);
bool sim_world_stopped(const struct world *world); /* its last actor has exited */

/* Runs on one of its workers soon, as if its loop had been told to. */
typedef void sim_call_fn(void *context);
void sim_call(struct world *world, unsigned worker, sim_call_fn *call, void *context);

void sim_signal(struct world *world, int number);
void sim_stall(struct world *world, unsigned worker, uint64_t ns);
void sim_wall_jump(struct world *world, int64_t ns);

/* --- clients ------------------------------------------------------------------------------------ */

struct sim_client_events {
    void (*on_connected)(void *context, int status);
    void (*on_bytes)(void *context, struct bytes bytes); /* borrowed for the call */
    void (*on_closed)(void *context, int status); /* the peer's end or a reset; not our close */
    void (*on_timer)(void *context);
};

/* Connects at once. Events come from sim_step. */
struct sim_client *sim_client_new(struct sim *sim, unsigned host,
                                  const struct sim_client_events *events, void *context);
void sim_client_free(struct sim_client **client); /* closes */
void sim_client_connect(struct sim_client *client, const struct net_address *to);
/* Behind all that was sent before; nothing is lost while the connection stands. */
void sim_client_send(struct sim_client *client, struct bytes bytes);
void sim_client_hold(struct sim_client *client, bool held); /* does not read while held */
/* What was sent arrives still, as far as the kernel's buffer has room for it. */
void sim_client_close(struct sim_client *client);
void sim_client_reset(struct sim_client *client); /* both sides meet ECONNRESET */
void sim_client_timer(struct sim_client *client, uint64_t delay_ns);
bool sim_client_open(const struct sim_client *client);
/* Sent, and not read by the peer's owner yet. */
size_t sim_client_unread(const struct sim_client *client);

/* --- what happened ------------------------------------------------------------------------------ */

uint64_t sim_digest(const struct sim *sim);
uint64_t sim_steps(const struct sim *sim);
void sim_digest_u64(struct sim *sim, uint64_t value);
void sim_digest_bytes(struct sim *sim, const void *at, size_t size);

/* Compares with another run as it goes: the first difference is kept. `first` was recorded and stays
 * until this one is freed. */
void sim_compare(struct sim *sim, const struct sim *first);
bool sim_diverged(const struct sim *sim);

/* The last records, or the first difference with what came before it in both. */
void sim_print_records(const struct sim *sim, FILE *to, unsigned count);

#endif
