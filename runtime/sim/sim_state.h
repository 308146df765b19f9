/* SPDX-License-Identifier: Apache-2.0 */
/* sim_state.h -- what the files of sim/ share. */
#ifndef RUNTIME_SIM_SIM_STATE_H
#define RUNTIME_SIM_SIM_STATE_H

#include "runtime/base/list.h"
#include "runtime/sim/sim.h"
#include "runtime/sim/sim_record.h"
#include "runtime/worker.h"

#define SIM_HOSTS_MAX 64u
#define SIM_LISTENERS_MAX 64u

/* --- what is due later (sim_queue.c) ------------------------------------------------------------- */

enum sim_due { DUE_WORKER, DUE_CLIENT, DUE_SEGMENT, DUE_CONNECT, DUE_DISK, DUE_LOOK_UP };

struct sim_event {
    uint64_t time_ns;
    uint64_t number; /* in order of making: ties are decided */
    enum sim_due due;
    uint64_t of;     /* which worker, client or link, by number */
    uint64_t arming; /* of a worker's or client's timer: a later one makes this void */
};

struct sim_queue {
    struct sim_event *heap;
    size_t count;
    size_t capacity;
    uint64_t made;
};

void sim_queue_push(struct sim_queue *queue, struct sim_event event);
const struct sim_event *sim_queue_first(const struct sim_queue *queue);
void sim_queue_pop(struct sim_queue *queue);
void sim_queue_done(struct sim_queue *queue);

/* --- who can run (sim_queue.c) ------------------------------------------------------------------- */

/* An unordered set that is drawn from by position. Members know their place. */
struct sim_member {
    size_t place; /* 0: in no set; else place + 1 */
};

struct sim_set {
    struct sim_member **members;
    size_t count;
    size_t capacity;
};

void sim_set_add(struct sim_set *set, struct sim_member *member); /* nothing if it is in */
void sim_set_remove(struct sim_set *set, struct sim_member *member);
void sim_set_done(struct sim_set *set);

/* --- workers (sim_worker.c) ---------------------------------------------------------------------- */

struct sim_world;

enum sim_phase { PHASE_POLL, PHASE_RUN, PHASE_FLUSH, PHASE_BLOCK };

struct sim_watch {
    struct actor *owner; /* NULL: free */
    signal_fn *on_signal;
    int number;
};

struct sim_call {
    struct sim_call *next;
    sim_call_fn *call;
    void *context;
    int signal; /* 0: a call, else a signal for the watchers */
};

struct world_worker {
    struct sim_member runnable; /* of sim->workers_runnable */
    struct sim_world *world;
    struct worker *worker;
    uint64_t number;
    enum sim_phase phase;
    bool blocked;           /* in the poll, until something ends it */
    bool stalled;           /* off the processor */
    bool over;              /* its system has no actor left */
    uint64_t arming;        /* of the event that ends the stall or the poll */
    uint32_t budget;        /* events or turns left in this phase */
    struct sim_set ready;   /* struct sim_source: those with something to tell */
    struct sim_call *calls; /* oldest first */
    struct sim_watch watches[SIGNALS_MAX];
};

struct sim_world {
    struct world world; /* first */
    struct sim *sim;
    unsigned host;
    struct prng entropy;
    int64_t wall_offset_ns;
    struct system *system;
    struct world_worker **workers;
    unsigned worker_count;
};

/* Something happened that would end its poll. */
void sim_worker_touch(struct world_worker *io);
void sim_worker_step(struct world_worker *io);
void sim_worker_due(struct world_worker *io, uint64_t arming);

/* --- the network (sim_link.c, sim_net.c) --------------------------------------------------------- */

/* A connection or listener of a worker: is in its ready set while it has something to tell. */
struct sim_source {
    struct sim_member ready;
    bool is_listener;
};

enum sim_segment_kind { SEGMENT_BYTES, SEGMENT_FIN, SEGMENT_RESET };

struct sim_segment {
    struct link link;
    enum sim_segment_kind kind;
    size_t size;
};

/* Bytes on their way from one end to the other, oldest first, from at + first on: `arrived` wait at
 * the receiver, up to `sent` they are on the wire, up to `size` they wait at the sender. */
struct sim_pipe {
    char *at;
    size_t capacity;
    size_t first;
    size_t arrived;
    size_t sent;
    size_t size;
    uint64_t wire_free_ns;    /* when the wire takes the next segment */
    uint64_t last_arrival_ns; /* segments do not overtake */
    struct link segments;     /* struct sim_segment, on the wire */
    unsigned deferred;        /* segments that were due while the hosts were apart */
    bool fin_queued;          /* behind all bytes; no byte follows */
    bool fin_sent;
    bool reset_sent;
    bool fin_arrived;
};

enum sim_end_state {
    END_NONE,    /* the peer has not answered */
    END_QUEUED,  /* at a listener, or its token travels */
    END_OPEN,    /* somebody holds it */
    END_CLOSING, /* closed; its owner is to be told that it is over */
    END_CLOSED,  /* nobody holds it */
};

/* One end of a link: what a world calls a connection. */
struct conn {
    struct sim_source source; /* first */
    struct sim_link *link;
    unsigned side; /* 0: who dialled, 1: who accepted */
    enum sim_end_state state;
    int error;                 /* negative errno: a reset has reached it */
    struct sim_client *client; /* a client's end; NULL for a server's */
    /* of a server's end */
    struct world_worker *io;
    struct actor *owner;
    struct actor_ref owner_ref; /* the owner must be there for every event */
    const struct conn_events *events;
    bool reading;
    bool read_over; /* the end or an error was told */
    bool dialling;  /* on_written is to tell how that went */
    bool writing;
    struct iovec *parts; /* what is left of a write */
    unsigned part_count;
    unsigned part_at;
};

enum sim_connect { CONNECT_ASKED, CONNECT_ANSWERED, CONNECT_TOLD };

struct sim_link {
    uint64_t number;
    struct sim *sim;
    unsigned hosts[2];
    struct net_address addresses[2];
    struct listener *listener; /* in its queue */
    struct link waiting;
    enum sim_connect connect;
    int connect_status; /* the answer */
    unsigned tries;
    struct conn ends[2];
    struct sim_pipe pipes[2]; /* pipes[side]: what ends[side] wrote */
};

struct listener {
    struct sim_source source; /* first */
    struct world_worker *io;
    struct actor *owner;
    struct actor_ref owner_ref;
    accept_fn *on_accept;
    struct net_address address;
    uint32_t backlog;
    uint32_t waiting_count;
    struct link waiting; /* links that nobody has accepted yet */
};

/* Dials from a host; the link's end 0 is the caller's. */
struct sim_link *sim_link_new(struct sim *sim, unsigned host, const struct net_address *to);
void sim_link_connect_due(struct sim_link *link);
void sim_link_segment_due(struct sim_link *link, unsigned side);
void sim_link_resume(struct sim_link *link); /* the hosts are together again */
size_t sim_link_write(struct conn *end, const char *at, size_t size); /* bytes taken */
size_t sim_link_room(const struct conn *end);
size_t sim_link_read(struct conn *end, char *at, size_t size);
size_t sim_link_readable(const struct conn *end);
bool sim_link_at_end(const struct conn *end); /* all was read, and no more will come */
void sim_link_close(struct conn *end, enum sim_end_state state);
void sim_link_closed(struct conn *end);   /* nobody holds the end: may free the link */
void sim_link_cut(struct sim_link *link); /* both ends meet a reset */
void sim_end_update(
    struct conn *end); /* its holder may have something to do, or nothing any more */

void sim_source_event(struct world_worker *io, struct sim_source *source);
void sim_conn_update(struct conn *conn);
void sim_listener_update(struct listener *listener);
extern const struct world_ops sim_ops;

int sim_listen(struct actor *owner, const struct listen_options *options, accept_fn *on_accept,
               struct listener **ret_listener);
void sim_listener_address(const struct listener *listener, struct net_address *ret_address);
void sim_listener_close(struct listener *listener);
int sim_conn_adopt(struct actor *owner, const struct conn_events *events,
                   const struct accepted *accepted, struct conn **ret_conn);
void sim_accepted_refuse(const struct accepted *accepted);
int sim_conn_dial(struct actor *owner, const struct conn_events *events,
                  const struct net_address *address, struct conn **ret_conn);
void sim_read_start(struct conn *conn);
void sim_read_stop(struct conn *conn);
ssize_t sim_try_write(struct conn *conn, const struct iovec *parts, unsigned count);
int sim_write(struct conn *conn, const struct iovec *parts, unsigned count);
void sim_conn_close(struct conn *conn);
void sim_local_address(const struct conn *conn, struct net_address *ret_address);

/* --- clients (sim_client.c) ---------------------------------------------------------------------- */

void sim_client_touch(struct sim_client *client);
void sim_client_step(struct sim_client *client);
void sim_client_due(struct sim_client *client, uint64_t arming);

/* --- files and look-ups (sim_files.c) ------------------------------------------------------------ */

/* What a host has beside its servers. */
struct sim_machine {
    struct sim *sim;
    unsigned host;
    struct prng prng;
    struct sim_disk *disk;
    uint64_t arming;
    char *output; /* what its servers have written to standard error */
    size_t output_size;
    size_t output_capacity;
};

void sim_machine_init(struct sim_machine *machine, struct sim *sim, unsigned host);
void sim_machine_done(struct sim_machine *machine);
void sim_machine_due(struct sim_machine *machine, uint64_t arming);
void sim_look_up_due(struct sim *sim, uint64_t number);
void sim_files_end(struct sim_world *world); /* ends what is under way */
void sim_file_submit(struct worker *w, struct file_request *request);
struct disk_file *sim_file_stderr(struct world *world);
void sim_file_abandon(struct disk_file *file);
void sim_file_give_up(struct world *world);
void sim_resolve_submit(struct worker *w, struct resolve_request *request);

/* --- all of it ----------------------------------------------------------------------------------- */

/* Numbers to things that may be gone. */
struct sim_table {
    void **at;
    size_t count;
    size_t capacity;
};

uint64_t sim_table_add(struct sim_table *table, void *thing);
void *sim_table_get(const struct sim_table *table, uint64_t number);
void sim_table_remove(struct sim_table *table, uint64_t number);
void sim_table_done(struct sim_table *table);

struct sim {
    uint64_t seed;
    struct sim_options options;
    uint64_t now_ns;
    uint64_t steps;
    struct prng prng_scenario;
    struct prng prng_schedule;
    struct prng prng_net;
    struct prng prng_worlds;
    struct sim_queue queue;
    struct sim_set workers_runnable;
    struct sim_set clients_runnable;
    struct sim_table workers;
    struct sim_table clients;
    struct sim_table links;
    struct listener *listeners[SIM_LISTENERS_MAX];
    unsigned host_count;
    uint64_t apart[SIM_HOSTS_MAX]; /* bit b of apart[a] */
    uint16_t next_port;
    struct sim_machine machines[SIM_HOSTS_MAX];
    struct sim_hosts *names;
    struct sim_table look_ups; /* under way */
    struct sim_records records;
};

static inline bool sim_apart(const struct sim *sim, const struct sim_link *link)
{
    return (sim->apart[link->hosts[0]] >> link->hosts[1] & 1) != 0;
}

static inline bool sim_one_in(struct prng *prng, uint32_t in)
{
    return in != 0 && prng_one_in(prng, in);
}

#endif
