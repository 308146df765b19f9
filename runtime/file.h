/* SPDX-License-Identifier: Apache-2.0 */
/* file.h -- the file door: base/disk.h for actors.
 *
 * Idea        An actor submits disk requests through file_disk(). Each one's end comes as a
 *             RUNTIME_IO message; the actor hands it to msg_io_done, which calls the request's
 *             `done` in that turn. Several may be under way, in the orders that disk.h gives. No
 *             submission blocks. An actor that has exited meanwhile is not told: then `drop` is
 *             called, on the worker that submitted, and a file that its open brought is closed. So
 *             a request inside an actor's state needs an actor that waits for it; one that may be
 *             left behind is an allocation with a drop.
 * Invariants  1 a request ends once, also when the system stops: a system is only gone after all
 *               did
 *             2 completions of one worker's requests arrive in the order in which they ended
 */
#ifndef RUNTIME_FILE_H
#define RUNTIME_FILE_H

#include "runtime/base/disk.h"
#include "runtime/msg.h"

/* The disk of the running actor's world; whoever runs at the submission is told of its end. */
const struct disk *file_disk(void);

/* The process's standard error, for DISK_APPEND; never closed. */
struct disk_file *file_stderr(void);

/* From here on nobody waits for its reader: appends that its reader holds up end with -ECANCELED, those
 * under way too. For the end of a system, which else would wait for a reader that takes nothing. */
void file_give_up_stderr(void);

/* --- for worlds ------------------------------------------------------------------------------- */

struct worker;

/* A request on its way through a world: also the message that tells of its end. */
struct file_request {
    struct msg_io io;
    struct disk_request *disk; /* the caller's; its carrier is this */
    struct actor_ref owner;
    struct worker *worker; /* which is told */
};

/* From any thread, once: the request has its result. */
void file_request_ended(struct file_request *request);

#endif
