/* SPDX-License-Identifier: Apache-2.0 */
/* outgoing.h -- what is to be written to one connection: slices of buffers, in order.
 *
 * Idea        Shared slices are queued by reference, small own replies are appended to a private tail. A
 *             flush gives the kernel up to OUTGOING_PARTS_MAX of them at once; what it does not take
 *             waits for the kernel in one conn_write.
 * Invariants  1 bytes is what was queued and not yet written
 *             2 an empty one holds no memory
 *             3 while a write is under way its slices stay at the head
 * Bounds      the owner's: it checks bytes against max_pending before it queues.
 */
#ifndef ACTORS_CLIENT_OUTGOING_H
#define ACTORS_CLIENT_OUTGOING_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/buf.h"

struct conn;

#define OUTGOING_PARTS_MAX 64

struct outgoing {
    struct slice *ring; /* NULL when empty */
    uint32_t head;
    uint32_t count;
    uint32_t capacity; /* a power of two */
    uint32_t writing;  /* slices at the head that a conn_write is busy with; 0: none is under way */
    uint32_t
        unwaited; /* slices at the tail that were queued while no write was under way, or more */
    bool tail_private; /* the last slice may be appended to */
    uint64_t bytes;
};

/* Takes the reference of a slice that is not empty. One that pins more than twice its size is copied
 * instead when it has to wait for the kernel. */
void outgoing_slice(struct outgoing *out, struct slice slice);
void outgoing_copy(struct outgoing *out, const char *at, uint32_t size);

/* Writes what the kernel takes. 0, or a negative errno: the connection is broken. */
int outgoing_flush(struct outgoing *out, struct conn *conn);

/* conn_write is done: its bytes are gone. */
void outgoing_written(struct outgoing *out);

/* Drops everything but what a conn_write still uses. */
void outgoing_clear(struct outgoing *out);

#endif
