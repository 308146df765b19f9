/* SPDX-License-Identifier: Apache-2.0 */
/* server.h -- one server, wired from its options: the same in the real world and in the simulator.
 *
 * Life: server_new (it listens; nothing runs yet) -> the world runs server_system -> it ends by itself
 * when the lifecycle actor has stopped everything -> server_free.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/msg.h"
#include "server/options.h"

struct net_address;
struct server;
struct system;
struct world;

struct server_wiring {
    bool signals;  /* watch the process's signals */
    bool logs;     /* write the log; else it is thrown away */
    uint32_t pid;  /* for the log's lines */
    bool terminal; /* standard error is one */
};

/* options are borrowed until server_free. NULL: problem says why (a port in use, a bad address). */
struct server *server_new(struct world *world, const struct options *options,
                          const struct server_wiring *wiring, struct text *problem);
void server_free(struct server **server);

struct system *server_system(struct server *server);
struct actor_ref server_lifecycle(const struct server *server);

/* Where it listens, with the port that it got. */
uint16_t server_client_port(const struct server *server);
uint16_t server_monitor_port(const struct server *server); /* 0: none */
const char *server_id(const struct server *server);

/* Asks for an orderly end; from the thread that sets the system up, or from a turn. */
void server_shutdown(struct server *server);

#endif
