/* SPDX-License-Identifier: Apache-2.0 */
/* host_loop.h -- what the files of host/ share. */
#ifndef RUNTIME_HOST_HOST_LOOP_H
#define RUNTIME_HOST_HOST_LOOP_H

#include <pthread.h>
#include <uv.h>

#include "runtime/base/list.h"
#include "runtime/file.h"
#include "runtime/resolve.h"
#include "runtime/worker.h"

struct host {
    struct world world;
    uint64_t start_ns; /* with start_ticks: how long a tick is */
    uint64_t start_ticks;
    struct host_files *files;
};

struct host_signal {
    uv_signal_t handle;
    struct actor *owner; /* NULL: free, or closing */
    bool closing;        /* the handle is the loop's until it has closed */
    signal_fn *on_signal;
};

struct world_worker {
    struct worker *worker;
    uv_loop_t loop;
    uv_async_t async;     /* another thread wakes this one */
    uv_prepare_t prepare; /* decides to block */
    uv_check_t check;     /* runs the round */
    uv_idle_t idle;       /* active: do not block in this poll */
    uv_timer_t timer;     /* the wheel's next tick */
    uint64_t timer_ms;    /* when it is due; UINT64_MAX: not armed */
    pthread_t thread;
    uint32_t round;     /* of the loop, counted */
    struct link paused; /* connections that have read enough in this round */
    struct host_signal signals[SIGNALS_MAX];
    struct link resolving; /* look-ups under way */
    uint32_t resolving_count;
    uint32_t files_under_way; /* host_file.c's, under its lock */
};

/* At the start of every callback of the loop. */
static inline void host_enter(struct world_worker *io)
{
    if (!io->worker->in_section)
        worker_enter(io->worker);
}

extern const struct world_ops host_ops;

/* --- host_file.c --- */
struct host_files *host_files_new(void);
void host_files_free(struct host_files **files);
void host_file_submit(struct worker *w, struct file_request *carrier);
struct disk_file *host_file_stderr(struct world *world);
void host_file_abandon(struct disk_file *file);
void host_file_give_up(struct world *world);   /* what is and will be appended to standard error */
void host_files_wait(struct world_worker *io); /* until the worker has no request under way */

/* --- host_stderr.c --- */
struct host_stderr {
    int given_up_fd; /* readable: nothing is waited for any more */
};

void host_stderr_init(struct host_stderr *s);
void host_stderr_done(struct host_stderr *s);
/* On a file thread. Bytes, or a negative errno; -ECANCELED: it was given up. */
int64_t host_stderr_append(struct host_stderr *s, const struct iovec *part);
void host_stderr_give_up(struct host_stderr *s); /* from any thread */

/* --- host_resolve.c --- */
void host_resolve_submit(struct worker *w, struct resolve_request *request);
void host_resolve_cancel(struct world_worker *io); /* ends those that have not begun */
/* --- host_process.c --- */
void host_process_figures(struct world *world, struct process_figures *ret_figures);

/* --- host_net.c --- */
int host_listen(struct actor *owner, const struct listen_options *options, accept_fn *on_accept,
                struct listener **ret_listener);
void host_listener_address(const struct listener *listener, struct net_address *ret_address);
void host_listener_close(struct listener *listener);
int host_conn_adopt(struct actor *owner, const struct conn_events *events,
                    const struct accepted *accepted, struct conn **ret_conn);
void host_accepted_refuse(const struct accepted *accepted);
int host_conn_dial(struct actor *owner, const struct conn_events *events,
                   const struct net_address *address, struct conn **ret_conn);
void host_read_start(struct conn *conn);
void host_read_stop(struct conn *conn);
ssize_t host_try_write(struct conn *conn, const struct iovec *parts, unsigned count);
int host_write(struct conn *conn, const struct iovec *parts, unsigned count);
void host_conn_close(struct conn *conn);
void host_local_address(const struct conn *conn, struct net_address *ret_address);
void host_resume_reading(struct world_worker *io); /* after a round: those that were paused */

#endif
