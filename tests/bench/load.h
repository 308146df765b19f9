/* SPDX-License-Identifier: Apache-2.0 */
/* load.h -- the load generator's inner parts: options, connections, the loop, the report.
 *
 * One process, one thread, one epoll. A workload (load_NAME.c) opens connections, gives each the
 * function that takes its bytes, and turns the loop until its work is done. Everything is bounded:
 * bytes in flight by `window`, time by `limit_s`.
 */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/bench/hist.h"

enum {
    LOAD_READ_SIZE = 256 * 1024,    /* asked of one recv */
    LOAD_PAYLOAD_MAX = 1024 * 1024, /* as the server's default max_payload */
    LOAD_FRAME_EXTRA = 4096,        /* a control line's bound, also of INFO */
    LOAD_CONNECTIONS_MAX = 19000,   /* under the 20,000 files of a usual hard limit */
    LOAD_EVENTS = 256,              /* of one epoll_wait */
    LOAD_OUTSTANDING_MAX = 4096,    /* requests in flight */
};

struct options {
    int port;
    pid_t server;  /* whose CPU and memory is read; 0: nobody's */
    int cpu;       /* to run on; -1: any */
    bool raw;      /* against the forwarder: bytes are counted, not read */
    bool spin;     /* poll instead of sleeping, for sharper pacing */
    size_t size;   /* of a payload */
    size_t window; /* bytes that may be on their way to subscribers; 0: by their number */
    int publishers;
    int subscribers;
    int connections;
    int subscriptions;
    int outstanding;
    int live; /* churn: subscriptions between a SUB and its UNSUB */
    int repeat;
    bool queue;      /* the subscribers are one queue group */
    bool pairs;      /* publisher i is heard by subscriber i alone */
    uint64_t count;  /* messages in the measured part at most; 0: as many as time allows */
    double seconds;  /* of the measured part */
    double warmup_s; /* before it, unmeasured */
    double limit_s;  /* for all: past it the run has failed */
    double rate;     /* messages a second; 0: as fast as it goes */
    char **command;  /* what `start` starts; borrowed from argv */
};

/* What a run found out; fields that a workload does not set are not printed. */
struct report {
    uint64_t units;     /* what CPU is divided by: deliveries, publishes, pairs, requests */
    uint64_t delivered; /* messages that arrived, were in order and whole, in all parts */
    uint64_t measure_ns;
    uint64_t server_cpu_ns;
    uint64_t load_cpu_ns;
    uint64_t rss_before;
    uint64_t rss_after;
    uint64_t rss_peak;
    uint64_t pending; /* bytes that waited inside the server at its fullest */
    uint64_t start_ns;
};

struct load;
struct conn;

/* Takes whole frames from the front of `at`; returns how many bytes it took. */
typedef size_t take_fn(struct load *l, struct conn *c, const char *at, size_t size);

struct conn {
    int fd;
    int index; /* the workload's number for it */
    take_fn *take;
    void *workload; /* borrowed: the workload's state */
    bool held;      /* its bytes are left in the kernel */
    int pings;      /* PINGs whose PONG is missing */
    char *rest;     /* the beginning of a frame that the last read ended in */
    size_t rest_size;
    size_t rest_max;
    const char *body; /* borrowed: frames being sent, ahead of `out` */
    size_t body_size;
    size_t body_sent;
    char *out; /* small things to send */
    size_t out_size;
    size_t out_sent;
    size_t out_max;
};

struct load {
    struct options o;
    struct report report;
    struct hist latency;
    int epoll;
    char *buffer; /* one read, after what was left of the one before */
    size_t buffer_size;
    char *pattern;
    struct conn **conns; /* all, in order of opening */
    int conn_count;
    int pings_open; /* PINGs of all connections whose PONG is missing */
    uint64_t start_ns;
    char failure[256]; /* the first thing that went wrong; "" so far nothing */
    struct {
        uint64_t now_ns, server_ns, load_ns;
    } mark;
};

uint64_t clock_ns(void);

void load_fail(struct load *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool load_failed(const struct load *l);

/* Opens a connection; NULL after load_fail. A narrow one lets the kernel buffer little of what it is
 * sent, on either side, as over a real network; loopback's buffers hold megabytes. */
struct conn *load_connect(struct load *l, take_fn *take, void *workload, bool narrow);
void load_disconnect(struct load *l);

/* One round: waits at most `wait_ns` (0: not at all), then takes and sends what there is. */
void load_turn(struct load *l, uint64_t wait_ns);
/* Turns until every PING has its PONG. */
void load_sync(struct load *l);
/* Turns for so long; for what settles by itself. */
void load_settle(struct load *l, uint64_t wait_ns);

/* The measured part: CPU of both processes and time between the two calls. */
void load_mark(struct load *l);
void load_measured(struct load *l, uint64_t units);

void conn_append(struct conn *c, const char *text, size_t size);
void conn_print(struct conn *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void conn_flush(struct load *l, struct conn *c);
void conn_ping(struct load *l, struct conn *c);
void conn_read(struct load *l, struct conn *c);
bool conn_idle_output(const struct conn *c);

/* The opening of a connection to a NATS server, or, with --raw, to the forwarder, which is told
 * what arrives and what it is to send (forward.c). */
struct role {
    size_t frame_in;  /* bytes of a frame that this connection sends; 0: none */
    size_t frame_out; /* bytes that each receiver gets for it */
    int to;           /* the group that gets them; 0: nobody */
    int member;       /* the group that this connection is in; 0: none */
    bool spread;      /* each frame goes to one member, not to all */
};
void conn_greet(struct load *l, struct conn *c, struct role role);

/* Takes one protocol line that is not a message. Returns its size, 0 when it is not all there. */
size_t take_control(struct load *l, struct conn *c, const char *at, size_t size);
/* A take_fn for connections that hear no messages. */
size_t take_none(struct load *l, struct conn *c, const char *at, size_t size);

/* Memory of a process in bytes, 0 when unknown. */
uint64_t process_rss(pid_t pid);
uint64_t process_rss_peak(pid_t pid);

void load_run_flood(struct load *l);
void load_run_wildcards(struct load *l);
void load_run_request(struct load *l);
void load_run_churn(struct load *l);
void load_run_idle(struct load *l);
void load_run_subscriptions(struct load *l);
void load_run_pending(struct load *l);
void load_run_start(struct load *l);

#endif
