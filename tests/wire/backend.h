/* SPDX-License-Identifier: Apache-2.0 */
/* backend.h -- what a wire script runs against: servers, connections to them, and a clock.
 *
 * Idea        The runner (run.c) decides; a backend moves bytes and time. There is one thread and no
 *             callback: the runner asks for things (start, connect, send, signal), which never block
 *             and take effect later, and calls step() until what it waits for can be seen through
 *             the observers (state, received, closed, log). So a backend may be processes and
 *             sockets (process.c), or a simulator in the same process with virtual time.
 *
 * step()      Makes progress until something observable may have changed, or until the clock has
 *             reached `until_ns`, whichever is first. Returns WIRE_CHANGED or WIRE_TIME_UP. It may
 *             return WIRE_CHANGED for nothing. A backend with virtual time runs its world as far as
 *             that; when nothing is left to run it sets its clock to `until_ns` and returns
 *             WIRE_TIME_UP. After WIRE_TIME_UP, now() >= until_ns.
 *
 * Handles     The runner numbers servers (0 .. WIRE_SERVERS_MAX-1) and connections
 *             (0 .. WIRE_CONNS_MAX-1) itself. A number may be used again after close(); a server
 *             that has exited may be started again under its number and finds its files.
 *
 * Memory      What an observer returns is borrowed until the next call of any operation.
 */
#ifndef TESTS_WIRE_BACKEND_H
#define TESTS_WIRE_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"
#include "tests/wire/blob.h"

#define WIRE_SERVERS_MAX 8u
#define WIRE_CONNS_MAX 512u
#define WIRE_FLAGS_MAX 16u

enum wire_step { WIRE_TIME_UP, WIRE_CHANGED };

/* starting -> ready -> exited, or starting -> exited. Ready: its listeners accept. */
enum wire_server_state { WIRE_STARTING, WIRE_READY, WIRE_EXITED };

/* What can still come of a connection. Bytes already received stay readable in each state. */
enum wire_conn_state {
    WIRE_CONNECTING,
    WIRE_OPEN,
    WIRE_CLOSED, /* the server closed it, or we did */
    WIRE_REFUSED /* it was never accepted */
};

struct wire_server_setup {
    const char *name;                  /* borrowed for the call */
    const char *config;                /* the whole configuration text */
    const char *flags[WIRE_FLAGS_MAX]; /* NULL-terminated; besides the configuration file */
};

struct wire_backend {
    const struct wire_ops *ops;
};

/* Operations return 0 or a negative errno, which fails the script. */
struct wire_ops {
    bool virtual_time; /* `advance` moves the clock instead of lending patience */

    void (*free)(struct wire_backend **b);
    int64_t (*now)(struct wire_backend *b);
    enum wire_step (*step)(struct wire_backend *b, int64_t until_ns);

    /* The version of the server under test, like "2.14.5". */
    const char *(*version)(struct wire_backend *b);

    /* A folder of this server's own, as the server would write it: scripts put it in configurations
     * as %dir%. It exists before the first start and outlives the server. */
    const char *(*server_dir)(struct wire_backend *b, unsigned server, const char *name);

    /* Ports are the backend's to choose: configurations say -1 (run.c puts its preamble first). */
    int (*server_start)(struct wire_backend *b, unsigned server,
                        const struct wire_server_setup *setup);
    /* Replaces the configuration file of a started server; it takes effect when it reloads. */
    int (*server_configure)(struct wire_backend *b, unsigned server, const char *config);
    /* name: "TERM", "INT", "HUP", "USR1", "USR2", "KILL". */
    int (*server_signal)(struct wire_backend *b, unsigned server, const char *name);
    enum wire_server_state (*server_state)(struct wire_backend *b, unsigned server);
    /* Exit code; 128 + number for a signal. Only when it has exited. */
    int (*server_exit_code)(struct wire_backend *b, unsigned server);
    /* All it wrote to standard output and standard error since its first start. */
    struct bytes (*server_log)(struct wire_backend *b, unsigned server);
    long (*server_pid)(struct wire_backend *b, unsigned server);
    /* Port of a listener by its name in the ports file: "nats", "monitoring", "cluster",
     * "leafnodes", "websocket", ... -ENOENT if there is none. */
    int (*server_port)(struct wire_backend *b, unsigned server, const char *listener);
    /* Content of the first file in the server's folder that matches the glob; -ENOENT if none. */
    int (*server_file)(struct wire_backend *b, unsigned server, const char *glob,
                       struct blob *ret_content);

    int (*connect)(struct wire_backend *b, unsigned conn, unsigned server, const char *listener);
    /* Queues bytes behind those queued before. Order is kept, nothing is lost while open; bytes for a
     * connection that has closed vanish. */
    int (*send)(struct wire_backend *b, unsigned conn, struct bytes bytes);
    /* Whether the server has read all that was queued (or the connection is closed). Two sends with
     * drained() true between them reach the server in different reads. */
    bool (*drained)(struct wire_backend *b, unsigned conn);
    /* Received and not consumed. */
    struct bytes (*received)(struct wire_backend *b, unsigned conn);
    void (*consume)(struct wire_backend *b, unsigned conn, size_t size);
    enum wire_conn_state (*conn_state)(struct wire_backend *b, unsigned conn);
    /* Stops reading, so that the server meets back pressure; or goes on. */
    void (*hold)(struct wire_backend *b, unsigned conn, bool held);
    void (*close)(struct wire_backend *b, unsigned conn);
};

#endif
