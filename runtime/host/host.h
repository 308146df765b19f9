/* SPDX-License-Identifier: Apache-2.0 */
/* host.h -- the real world: one libuv loop a worker, the kernel's sockets, files and clock. */
#ifndef RUNTIME_HOST_HOST_H
#define RUNTIME_HOST_HOST_H

struct system;
struct world;

struct world *host_new(void);
void host_free(struct world **world);

/* Runs the system: worker 0 on this thread, each other one on a thread of its own. Returns when its
 * last actor has exited. */
void host_run(struct system *system);

#endif
