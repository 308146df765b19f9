/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/account/account.h"
#include "actors/client/client.h"
#include "actors/listener/listener.h"
#include "actors/listener/listener_msg.h"
#include "actors/account/account_msg.h"
#include "runtime/base/check.h"
#include "runtime/host/host.h"
#include "runtime/system.h"

struct boot { struct listener_options *o; struct actor_ref *peers; unsigned i; struct client_settings *s; };
static void spawn(void *x)
{
    struct boot *b = x;
    b->peers[b->i] = listener_spawn(b->o);
}

int main(int argc, char **argv)
{
    int port = 4222;
    int workers = 2;
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "-p") == 0) port = atoi(argv[i + 1]);
        if (strcmp(argv[i], "-w") == 0) workers = atoi(argv[i + 1]);
    }
    signal(SIGPIPE, SIG_IGN);
    struct world *world = host_new();
    struct system_options so = {(uint16_t)workers};
    struct system *system = system_new(world, &so);
    static struct actor_ref peers[64];
    struct listener_options lo = {.connections_max = 0, .peers = peers, .peer_count = (uint16_t)workers};
    CHECK(net_address_parse("0.0.0.0", (uint16_t)port, &lo.address) == 0);
    struct client_counters *counters = aligned_alloc(64, sizeof *counters * (size_t)workers);
    memset(counters, 0, sizeof *counters * (size_t)workers);
    struct client_settings s = {.counters = counters, .server_id = "N", .server_name = "n", .host = "0.0.0.0", .port = (uint16_t)port, .xkey = "",
        .max_payload = 1048576, .max_control_line = 4096, .max_pending = 64 << 20, .ping_interval_ms = 120000, .ping_max = 2, .write_deadline_ms = 10000, .auth_timeout_ms = 2000, .headers = true};
    s.global_account = account_spawn("$G", 1);
    struct boot b = {&lo, peers, 0, &s};
    for (b.i = 0; b.i < (unsigned)workers; b.i++)
        system_on_worker(system, (uint16_t)b.i, spawn, &b);
    for (int i = 0; i < workers; i++) {
        struct listener_open *m = MSG_NEW(listener_types, LISTENER_OPEN, listener_open);
        m->settings = &s;
        SEND(peers[i], m);
    }
    host_run(system);
    system_free(&system);
    host_free(&world);
    return 0;
}
