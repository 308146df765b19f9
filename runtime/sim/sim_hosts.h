/* SPDX-License-Identifier: Apache-2.0 */
/* sim_hosts.h -- the names of a simulated network: a table, in place of a resolver.
 *
 * Addresses in text resolve to themselves. The world that uses it adds the delay.
 */
#ifndef RUNTIME_SIM_SIM_HOSTS_H
#define RUNTIME_SIM_SIM_HOSTS_H

#include "runtime/net.h"

struct sim_hosts;
struct resolve_request;

struct sim_hosts *sim_hosts_new(void);
void sim_hosts_free(struct sim_hosts **hosts);

/* One more address of name; text is one that net_address_parse takes. */
void sim_hosts_add(struct sim_hosts *hosts, const char *name, const char *text);
void sim_hosts_remove(struct sim_hosts *hosts, const char *name); /* all of its addresses */
/* From now on look-ups of name end with status; 0: no longer. */
void sim_hosts_fail(struct sim_hosts *hosts, const char *name, int status);

/* Adds what there is to the request; returns the status to end it with. */
int sim_hosts_look_up(const struct sim_hosts *hosts, struct resolve_request *request);

#endif
