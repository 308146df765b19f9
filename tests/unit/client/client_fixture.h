/* SPDX-License-Identifier: Apache-2.0 */
/* client_fixture.h -- clients and their account in a stub world, for tests that speak the protocol. */
#ifndef TESTS_UNIT_CLIENT_CLIENT_FIXTURE_H
#define TESTS_UNIT_CLIENT_CLIENT_FIXTURE_H

#include <stdio.h>

#include "actors/account/account.h"
#include "actors/client/client.h"
#include "actors/client/client_msg.h"
#include "actors/logger/logger_msg.h"
#include "tests/unit/runtime/probe.h"
#include "tests/unit/support/stub_net.h"

#define FIXTURE_CLIENTS_MAX 1200

struct fixture {
    struct stub_net *net;
    struct probe_book book;
    struct probe *judge; /* asks and stops, as the lifecycle actor would */
    struct client_settings settings;
    struct client_counters counters[2];
    struct log log;
    struct actor_ref account;
    struct actor_ref clients[FIXTURE_CLIENTS_MAX];
    unsigned client_count;
};

static inline struct fixture *fixture_new(uint64_t seed)
{
    struct fixture *f = calloc(1, sizeof *f);
    CHECK(f != NULL);
    f->net = stub_net_new(seed, 1);
    f->judge = probe_spawn(&probe_pinned, &f->book);
    f->account = account_spawn("$G", 1);
    f->settings = (struct client_settings){
        .counters = f->counters,
        .global_account = f->account,
        .log = &f->log,
        .server_id = "NID",
        .server_name = "unit",
        .host = "127.0.0.1",
        .port = 4222,
        .advertised_host = "127.0.0.1",
        .advertised_port = 4222,
        .xkey = "",
        .max_payload = 1 << 20,
        .max_control_line = 4096,
        .max_pending = (uint64_t)64 << 20,
        .ping_interval_ms = 120000,
        .ping_max = 2,
        .write_deadline_ms = 10000,
        .auth_timeout_ms = 2000,
        .headers = true,
    };
    return f;
}

static inline void fixture_settle(struct fixture *f)
{
    stub_net_settle(f->net);
}

/* A connection that has read INFO and said nothing. */
static inline struct conn *fixture_greeted(struct fixture *f)
{
    struct accepted accepted;
    struct conn *conn = stub_conn(f->net, &accepted);
    CHECK(f->client_count < FIXTURE_CLIENTS_MAX);
    uint64_t cid = f->client_count + 1;
    f->clients[f->client_count++] = client_spawn(&f->settings, &accepted, cid, NOBODY, false);
    fixture_settle(f);
    conn->out.size = 0;
    return conn;
}

/* Says text, and waits until nothing moves. */
static inline void fixture_say(struct fixture *f, struct conn *conn, const char *text)
{
    stub_say(conn, text, strlen(text));
    fixture_settle(f);
}

/* A connection past CONNECT. */
static inline struct conn *fixture_client(struct fixture *f)
{
    struct conn *conn = fixture_greeted(f);
    fixture_say(f, conn, "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true}\r\n");
    CHECK(conn->out.size == 0);
    return conn;
}

/* What the connection was told since the last call, as text that is good until the next. */
static inline const char *fixture_heard(struct conn *conn)
{
    stub_bytes_add(&conn->out, "", 1);
    conn->out.size = 0;
    return conn->out.at;
}

static inline void fixture_stop_account(struct probe *self, struct msg *m)
{
    actor_stop(((struct probe_msg *)(void *)m)->about, 0);
}

static inline void fixture_free(struct fixture **at)
{
    struct fixture *f = *at;
    *at = NULL;
    for (unsigned i = 0; i < f->client_count; i++) {
        struct client_close *m = MSG_NEW(client_types, CLIENT_CLOSE, client_close);
        m->reason = CLOSED_STATE_SERVER_SHUTDOWN;
        SEND(f->clients[i], m);
    }
    fixture_settle(f);
    struct probe_msg *stop = probe_msg(PROBE_NOTE, &f->book, fixture_stop_account, 0);
    stop->about = f->account;
    SEND(f->judge->actor.self, stop);
    fixture_settle(f);
    CHECK(f->book.gone == 1); /* the account has ended */
    probe_note(f->judge->actor.self, &f->book, probe_exit, 0);
    fixture_settle(f);
    stub_net_free(&f->net);
    free(f);
}

#endif
