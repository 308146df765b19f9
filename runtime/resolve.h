/* SPDX-License-Identifier: Apache-2.0 */
/* resolve.h -- from host names to addresses.
 *
 * The answer comes as a RUNTIME_IO message; the actor hands it to msg_io_done, which calls the
 * function given here in that turn. An actor that has exited meanwhile is not told.
 */
#ifndef RUNTIME_RESOLVE_H
#define RUNTIME_RESOLVE_H

#include "runtime/msg.h"
#include "runtime/net.h"

#define RESOLVE_HOST_MAX 256
#define RESOLVE_ADDRESSES_MAX 16
#define RESOLVE_UNDER_WAY_MAX 256 /* of one worker; beyond, the answer is -EAGAIN */

/* Numbers of status that are no errno; libuv's. */
#define RESOLVE_NO_NAME (-3008)
#define RESOLVE_TRY_AGAIN (-3001)

struct resolved {
    const char *host;                                    /* as asked */
    uint32_t tag;                                        /* the asker's */
    int status;                                          /* 0, or why there are no addresses */
    uint32_t count;                                      /* at least 1 when status is 0 */
    struct net_address addresses[RESOLVE_ADDRESSES_MAX]; /* with the port asked for, none twice */
};

/* answer is borrowed for the call. */
typedef void resolved_fn(struct actor *self, const struct resolved *answer);

/* Asks for the addresses of host, an address in text included. -EINVAL: by its length no name. */
int resolve(struct actor *self, const char *host, uint16_t port, uint32_t tag,
            resolved_fn *on_resolved) __attribute__((warn_unused_result));

/* --- for worlds ------------------------------------------------------------------------------- */

struct worker;

struct resolve_request {
    struct msg_io io;
    struct worker *worker; /* which is told */
    struct actor_ref owner;
    resolved_fn *on_resolved;
    uint16_t port;
    struct resolved answer;
    char host[RESOLVE_HOST_MAX];
};

/* Adds an address unless it is there already or there are enough; gives it the port asked for. */
void resolve_request_add(struct resolve_request *request, const struct net_address *address);

/* On its worker, once. Status 0 without an address becomes RESOLVE_NO_NAME. */
void resolve_request_ended(struct resolve_request *request, int status);

#endif
