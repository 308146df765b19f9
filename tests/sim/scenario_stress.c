/* SPDX-License-Identifier: Apache-2.0 */
/* scenario_stress.c -- the runtime's and the broker's hard places: slots, epochs, pressure, the end. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/client/client_state.h"
#include "runtime/base/check.h"
#include "runtime/system.h"
#include "runtime/worker.h"
#include "server/server.h"
#include "tests/sim/scenario.h"
#include "tests/sim/scenarios.h"
#include "tests/sim/stage.h"

/* --- memory that readers may hold --------------------------------------------------------------- */

#define CHURNERS 3u
#define CHURN_ROUNDS 60u
#define KEPT_BLOCKS_MAX 200u /* batches and caches that a worker keeps for the next time */

static uint64_t used_blocks(const struct broker *broker)
{
    const struct system *system = server_system(broker->server);
    uint64_t used = 0;
    for (unsigned i = 0; i < system->worker_count; i++)
        used += system->workers[i]->heap.used_blocks;
    return used;
}

/* In its read section, which it does not leave while it is stalled. */
static void stall_here(void *context)
{
    sim_stall(context, worker_index(), 300 * MILLISECONDS);
}

static void churn_round(struct stage *stage, struct party *const *churners, unsigned round)
{
    char pattern[SUBJECT_MAX];
    struct model_sub *subs[CHURNERS][8];
    for (unsigned i = 0; i < CHURNERS; i++)
        for (unsigned n = 0; n < 8; n++) {
            snprintf(pattern, sizeof pattern, "churn.%u.%u.%u", i, n, round);
            subs[i][n] = party_subscribe(churners[i], pattern, NO_QUEUE);
        }
    for (unsigned i = 0; i < CHURNERS; i++)
        for (unsigned n = 0; n < 8; n++)
            party_unsubscribe(churners[i], subs[i][n], 0);
    sim_run_for(stage->run->sim, 3 * MILLISECONDS);
}

void scenario_stalled_worker(struct run *run)
{
    struct stage stage;
    stage_init(&stage, run);
    stage_start(&stage);
    struct party *churners[CHURNERS];
    for (unsigned i = 0; i < CHURNERS; i++)
        churners[i] = stage_party(&stage);
    (void)stage_flush(&stage);
    for (unsigned i = 0; i < 3 && !run->failed; i++) /* what is kept for the next time is made */
        churn_round(&stage, churners, 1000 + i);
    (void)stage_flush(&stage);
    sim_run_for(run->sim, SECONDS);
    uint64_t before = used_blocks(&stage.broker);
    sim_call(stage.broker.world, 1, stall_here, stage.broker.world);
    for (unsigned round = 0; round < CHURN_ROUNDS && !run->failed; round++)
        churn_round(&stage, churners, round);
    (void)stage_flush(&stage);
    sim_run_for(run->sim, 30 * SECONDS);
    uint64_t after = used_blocks(&stage.broker);
    if (after > before + KEPT_BLOCKS_MAX)
        run_fail(run, "%" PRIu64 " blocks in use before the churn, %" PRIu64 " after", before,
                 after);
    stage_end(&stage);
}

/* --- pressure ----------------------------------------------------------------------------------- */

#define RING_MAX 5u
#define UNSENT_MAX 32768u
#define FLOOD_PUBS_MAX 3000u

struct flood {
    struct stage stage;
    unsigned count;
    bool over;
};

static void flood_more(struct party *p)
{
    struct flood *flood = p->context;
    struct prng *prng = p->model->run->prng;
    sim_client_hold(p->client, !flood->over && prng_one_in(prng, 6));
    if (flood->over || p->model->run->failed)
        return;
    char subject[SUBJECT_MAX];
    snprintf(subject, sizeof subject, "ring.%u", (p->number + 1) % flood->count);
    while (party_ready(p) && sim_client_unread(p->client) < UNSENT_MAX &&
           p->model->pub_count < FLOOD_PUBS_MAX)
        (void)party_publish(p, subject, "", (uint32_t)prng_below(prng, 6000), false);
    sim_client_timer(p->client, prng_below(prng, 20 * MILLISECONDS));
}

void scenario_flood(struct run *run)
{
    struct flood flood = {.count = prng_one_in(run->prng, 2) ? 2 : RING_MAX};
    stage_init(&flood.stage, run);
    flood.stage.broker.options.limits.pending_bytes_max =
        (int64_t)(20000 + prng_below(run->prng, 500000));
    stage_start(&flood.stage);
    char subject[SUBJECT_MAX];
    for (unsigned i = 0; i < flood.count; i++) {
        struct party *p = stage_party(&flood.stage);
        p->may_be_closed = true; /* as a slow consumer */
        p->context = &flood;
        p->on_timer = flood_more;
        snprintf(subject, sizeof subject, "ring.%u", i);
        if (!run->failed && party_ready(p))
            (void)party_subscribe(p, subject, NO_QUEUE);
    }
    (void)stage_flush(&flood.stage);
    for (unsigned i = 0; i < flood.count; i++)
        sim_client_timer(flood.stage.model.parties[i]->client, 0);
    sim_run_for(run->sim, 3 * SECONDS);
    flood.over = true;
    for (unsigned i = 0; i < flood.count; i++)
        sim_client_hold(flood.stage.model.parties[i]->client, false);
    (void)stage_flush(&flood.stage);
    (void)stage_flush(&flood.stage);
    stage_end(&flood.stage);
}

/* --- referenced payloads ------------------------------------------------------------------------ */

#define FAN_OUT 6u
#define PINNED_SLACK ((uint64_t)1 << 20) /* what one round may bring */

struct pinned {
    struct run *run;
    uint64_t highest_bytes;
};

/* The bytes of all buffers that a client's queue holds on to, against those that it is charged. */
static void check_pinned(void *context, const struct actor *a)
{
    struct pinned *pinned = context;
    if (strcmp(a->class->name, "client") != 0)
        return;
    const struct outgoing *out = &((const struct client *)(const void *)a)->out;
    uint64_t held = 0;
    const struct buf *last = NULL;
    for (uint32_t i = 0; i < out->count; i++) {
        const struct buf *buf = out->ring[(out->head + i) & (out->capacity - 1)].buf;
        if (buf != last)
            held += buf->capacity;
        last = buf;
    }
    if (out->bytes > pinned->highest_bytes)
        pinned->highest_bytes = out->bytes;
    if (held > 2 * out->bytes + PINNED_SLACK)
        run_fail(pinned->run, "a client is charged %" PRIu64 " bytes and pins %" PRIu64, out->bytes,
                 held);
}

void scenario_pinned(struct run *run)
{
    struct stage stage;
    stage_init(&stage, run);
    stage_start(&stage);
    struct party *publisher = stage_party(&stage);
    struct party *slow = NULL;
    for (unsigned i = 0; i < FAN_OUT; i++) {
        struct party *p = stage_party(&stage);
        if (run->failed)
            break;
        (void)party_subscribe(p, i == 0 ? "fan.few" : "fan.*", NO_QUEUE);
        if (i == 0)
            slow = p;
    }
    (void)stage_flush(&stage);
    struct pinned pinned = {.run = run};
    if (!run->failed)
        sim_client_hold(slow->client, true);
    for (unsigned i = 0; i < 150 && !run->failed; i++) {
        /* A slice of many bytes, few of them for the slow one. */
        for (unsigned n = 0; n < 8; n++)
            (void)party_publish(publisher, n == 0 ? "fan.few" : "fan.many", "",
                                n == 0 ? 4500 : 1500, false);
        sim_run_for(run->sim, 5 * MILLISECONDS);
        uint32_t cursor = 0;
        do {
            system_visit_actors(server_system(stage.broker.server), &cursor, 100, check_pinned,
                                &pinned);
        } while (cursor != 0);
    }
    if (!run->failed)
        sim_client_hold(slow->client, false);
    (void)stage_flush(&stage);
    stage_end(&stage);
}

/* --- the end, with connections in all states ------------------------------------------------------ */

enum guest_kind {
    GUEST_SILENT,     /* has its INFO and says nothing */
    GUEST_IDLE,       /* is in */
    GUEST_SUBSCRIBED, /* with many subscriptions */
    GUEST_PARKED,     /* SUB and PUB on their way */
    GUEST_HALF,       /* in the middle of a payload */
    GUEST_DEAF,       /* does not read what comes for it */
    GUEST_GOING,      /* closes with many subscriptions while the server ends */
    GUEST_LATE,       /* connects while the server ends */
    GUEST_KINDS,
};

struct guest {
    struct sim_client *client;
    enum guest_kind kind;
};

static void guest_says(struct guest *g, const char *text)
{
    sim_client_send(g->client, bytes_of(text));
}

static void guest_connected(void *context, int status)
{
    struct guest *g = context;
    char line[64];
    if (status != 0 || g->kind == GUEST_SILENT)
        return;
    guest_says(g, "CONNECT {\"verbose\":false}\r\n");
    unsigned subscriptions = g->kind == GUEST_SUBSCRIBED || g->kind == GUEST_GOING ? 30 : 0;
    for (unsigned i = 0; i < subscriptions; i++) {
        snprintf(line, sizeof line, "SUB all.%u.> %u\r\n", i % 7, i + 1);
        guest_says(g, line);
    }
    if (g->kind == GUEST_PARKED)
        guest_says(
            g,
            "SUB all.1.a 1\r\nPUB all.1.a 5\r\nhello\r\nSUB all.2.a q 2\r\nPUB all.2.a 2\r\nhi\r\n");
    if (g->kind == GUEST_HALF)
        guest_says(g, "PUB all.1.b 100000\r\nbegun");
    if (g->kind == GUEST_DEAF) {
        sim_client_hold(g->client, true);
        guest_says(g, "SUB all.> 1\r\nPING\r\n");
    }
}

static void guest_bytes(void *context, struct bytes bytes)
{
    (void)context;
    (void)bytes;
}

static void guest_closed(void *context, int status)
{
    (void)context;
    (void)status;
}

static void guest_timer(void *context)
{
    (void)context;
}

static const struct sim_client_events guest_events = {guest_connected, guest_bytes, guest_closed,
                                                      guest_timer};

static void stop_with(struct run *run, unsigned count)
{
    struct stage stage;
    stage_init(&stage, run);
    stage_start(&stage);
    struct guest *guests = calloc(count, sizeof *guests);
    CHECK(guests != NULL);
    for (unsigned i = 0; i < count; i++) {
        guests[i].kind = (enum guest_kind)(i % GUEST_KINDS);
        guests[i].client = sim_client_new(run->sim, stage.host, &guest_events, &guests[i]);
        if (guests[i].kind != GUEST_LATE)
            sim_client_connect(guests[i].client, &stage.broker.address);
        if (i % 16 == 0)
            sim_run_for(run->sim, prng_below(run->prng, MILLISECONDS / 2));
    }
    sim_run_for(run->sim, prng_below(run->prng, 50 * MILLISECONDS));
    for (unsigned i = 0; i < count; i++) {
        if (guests[i].kind == GUEST_LATE)
            sim_client_connect(guests[i].client, &stage.broker.address);
        if (guests[i].kind == GUEST_GOING)
            sim_client_close(guests[i].client);
    }
    sim_run_for(run->sim, prng_below(run->prng, MILLISECONDS));
    stage_end(&stage);
    for (unsigned i = 0; i < count; i++)
        sim_client_free(&guests[i].client);
    free(guests);
}

void scenario_stop(struct run *run)
{
    stop_with(run, 160);
}

void scenario_stop_large(struct run *run)
{
    stop_with(run, 10000);
}
