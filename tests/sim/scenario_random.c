/* SPDX-License-Identifier: Apache-2.0 */
/* scenario_random.c -- clients that do what comes to their mind, checked by the model.
 *
 * Life: acts with faults -> heal -> everybody flushes twice -> the model's last checks -> stop.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "tests/sim/broker.h"
#include "tests/sim/party.h"
#include "tests/sim/scenario.h"
#include "tests/sim/scenarios.h"
#include "tests/sim/watcher.h"

#define SERVERS_MAX 3u
#define PARTIES_EACH_MAX 8u
#define SUBS_MAX 20u /* of a party, about */
#define PAYLOAD_LARGE 20000u

struct town;

struct actor_mind {
    struct town *town;
    unsigned acts;
    struct model_sub *subs[SUBS_MAX];
    unsigned sub_count;
};

/* One server and its clients. */
struct town {
    struct run *run;
    struct broker broker;
    struct model model;
    unsigned client_host;
    unsigned party_count;
    struct party *parties[PARTIES_EACH_MAX];
    struct actor_mind minds[PARTIES_EACH_MAX];
    struct watcher watcher;
    bool watched;
    bool faults;
    bool quiet; /* no more acts */
};

/* --- what they do ------------------------------------------------------------------------------- */

static uint64_t draw(struct party *p, uint64_t below)
{
    return prng_below(p->model->run->prng, below);
}

/* Few tokens, so that much matches. */
static void draw_subject(struct party *p, char subject[SUBJECT_MAX], bool pattern)
{
    unsigned tokens = 1 + (unsigned)draw(p, 3);
    size_t at = 0;
    for (unsigned i = 0; i < tokens; i++) {
        if (i > 0)
            subject[at++] = '.';
        if (pattern && draw(p, 4) == 0) {
            bool rest = draw(p, 2) == 0;
            subject[at++] = rest ? '>' : '*';
            if (rest)
                break;
            continue;
        }
        subject[at++] = (char)('a' + draw(p, 3));
    }
    subject[at] = '\0';
}

static struct actor_mind *mind_of(const struct party *p)
{
    return p->context;
}

static void remember_sub(struct actor_mind *mind, struct model_sub *sub)
{
    mind->subs[mind->sub_count++] = sub;
}

static void act_subscribe(struct party *p)
{
    struct actor_mind *mind = mind_of(p);
    if (mind->sub_count == SUBS_MAX)
        return;
    char pattern[SUBJECT_MAX];
    draw_subject(p, pattern, true);
    struct model_sub *sub =
        party_subscribe(p, pattern, draw(p, 3) == 0 ? (uint32_t)draw(p, 2) : NO_QUEUE);
    sub->responds = draw(p, 4) == 0;
    remember_sub(mind, sub);
    if (draw(p, 6) == 0)
        party_unsubscribe(p, sub, 1 + (uint32_t)draw(p, 5));
}

static void act_unsubscribe(struct party *p)
{
    struct actor_mind *mind = mind_of(p);
    if (mind->sub_count == 0)
        return;
    unsigned nth = (unsigned)draw(p, mind->sub_count);
    struct model_sub *sub = mind->subs[nth];
    mind->subs[nth] = mind->subs[--mind->sub_count];
    party_unsubscribe(p, sub, 0);
}

static uint32_t draw_size(struct party *p)
{
    if (draw(p, 30) == 0)
        return (uint32_t)draw(p, PAYLOAD_LARGE);
    return (uint32_t)draw(p, draw(p, 3) == 0 ? 600 : 40);
}

static void act_publish(struct party *p)
{
    unsigned count = draw(p, 4) == 0 ? 1 + (unsigned)draw(p, 12) : 1;
    char subject[SUBJECT_MAX];
    draw_subject(p, subject, false);
    for (unsigned i = 0; i < count; i++) {
        if (draw(p, 3) == 0)
            draw_subject(p, subject, false);
        uint32_t size = draw_size(p); /* one draw a statement: arguments have no order */
        (void)party_publish(p, subject, "", size, draw(p, 5) == 0);
    }
}

static void act_request(struct party *p)
{
    struct actor_mind *mind = mind_of(p);
    if (mind->sub_count == SUBS_MAX)
        return;
    char inbox[SUBJECT_MAX];
    char subject[SUBJECT_MAX];
    snprintf(inbox, sizeof inbox, "_INBOX.%u.%zu", p->number, p->model->pub_count);
    draw_subject(p, subject, false);
    struct model_sub *sub = party_subscribe(p, inbox, NO_QUEUE);
    if (draw(p, 2) == 0)
        party_unsubscribe(p, sub, 1);
    remember_sub(mind, sub);
    (void)party_publish(p, subject, inbox, draw_size(p), false);
}

static void respond(struct party *p, struct model_sub *sub, struct model_pub *pub)
{
    (void)sub;
    uint32_t size = draw_size(p);
    if (*pub->reply != '\0' && party_ready(p))
        (void)party_publish(p, pub->reply, "", size, draw(p, 4) == 0);
}

static void act_badly(struct party *p)
{
    switch (draw(p, 4)) {
    case 0: party_close(p); break;
    case 1: sim_client_reset(p->client); break;
    default: sim_client_hold(p->client, true); break;
    }
}

static void act(struct party *p)
{
    uint64_t what = draw(p, 100);
    if (what < 20)
        act_subscribe(p);
    else if (what < 30)
        act_unsubscribe(p);
    else if (what < 65)
        act_publish(p);
    else if (what < 75)
        act_request(p);
    else if (what < 95)
        party_ping(p);
    else if (mind_of(p)->town->faults)
        act_badly(p);
}

static void on_timer(struct party *p)
{
    struct actor_mind *mind = mind_of(p);
    sim_client_hold(p->client, false);
    if (mind->town->quiet || mind->acts == 0)
        return;
    if (party_ready(p)) {
        mind->acts--;
        act(p);
    } else if (!p->wanted) {
        party_connect(p);
    }
    sim_client_timer(p->client, draw(p, 8) == 0 ? draw(p, 50 * MILLISECONDS) : draw(p, 200000));
}

static void on_over(struct party *p)
{
    mind_of(p)->sub_count = 0;
}

/* --- life --------------------------------------------------------------------------------------- */

static void town_start(struct town *town, struct run *run, bool faults, unsigned acts)
{
    *town = (struct town){.run = run, .faults = faults};
    broker_options(&town->broker, run);
    town->watched = prng_one_in(run->prng, 3);
    town->broker.options.monitor.port = town->watched ? 8222 : 0;
    broker_start(&town->broker);
    model_init(&town->model, run);
    town->client_host = sim_host(run->sim);
    if (town->watched) {
        watcher_start(&town->watcher, &town->broker, town->client_host);
        town->watcher.may_fail = faults;
    }
    town->party_count = 2 + (unsigned)prng_below(run->prng, PARTIES_EACH_MAX - 1);
    for (unsigned i = 0; i < town->party_count; i++) {
        struct party *p = party_new(&town->model, town->client_host, &town->broker.address);
        town->parties[i] = p;
        town->minds[i] = (struct actor_mind){.town = town, .acts = acts};
        p->context = &town->minds[i];
        p->echo = draw(p, 4) != 0;
        p->headers = draw(p, 4) != 0;
        p->no_responders = p->headers && draw(p, 2) == 0;
        p->may_be_closed = faults;
        p->on_message = respond;
        p->on_timer = on_timer;
        p->on_over = on_over;
        sim_client_timer(p->client, draw(p, MILLISECONDS));
    }
}

static bool acts_over(void *context)
{
    const struct town *town = context;
    for (unsigned i = 0; i < town->party_count; i++)
        if (town->minds[i].acts > 0 && !town->run->failed)
            return false;
    return true;
}

static bool all_ready(void *context)
{
    const struct town *town = context;
    for (unsigned i = 0; i < town->party_count; i++)
        if (!party_ready(town->parties[i]) && !town->run->failed)
            return false;
    return true;
}

static bool all_flushed(void *context)
{
    const struct town *town = context;
    for (unsigned i = 0; i < town->party_count; i++)
        if (!party_flushed(town->parties[i]) && !town->run->failed)
            return false;
    return true;
}

/* Everybody is there again, and flushes: twice, as the first flush is what tells what is out. */
static void town_converge(struct town *town)
{
    town->quiet = true;
    for (unsigned i = 0; i < town->party_count; i++)
        sim_client_hold(town->parties[i]->client, false);
    sim_run_for(town->run->sim, 5 * SECONDS); /* resets under way are told */
    for (unsigned i = 0; i < town->party_count; i++) {
        town->parties[i]->may_be_closed = false;
        if (!town->parties[i]->wanted)
            party_connect(town->parties[i]);
    }
    (void)run_until(town->run, all_ready, town, 60 * SECONDS, "all clients are let in");
    for (unsigned round = 0; round < 2 && !town->run->failed; round++) {
        for (unsigned i = 0; i < town->party_count; i++)
            party_ping(town->parties[i]);
        (void)run_until(town->run, all_flushed, town, 120 * SECONDS, "all clients get their PONGs");
    }
    if (town->run->failed)
        return;
    sim_run_for(town->run->sim, 5 * SECONDS); /* what members have handed on is on its way */
    model_check_groups(&town->model);
}

static void town_stop(struct town *town)
{
    if (town->watched && town->watcher.answers == 0 && !town->faults)
        run_fail(town->run, "no monitoring page was answered");
    if (town->watched)
        watcher_stop(&town->watcher);
    for (unsigned i = 0; i < town->party_count; i++) {
        town->parties[i]->may_be_closed = true;
        if (prng_one_in(town->run->prng, 3))
            party_close(town->parties[i]);
    }
    broker_stop(&town->broker);
}

static void town_end(struct town *town)
{
    broker_end(&town->broker);
    for (unsigned i = 0; i < town->party_count; i++)
        party_free(&town->parties[i]);
    model_done(&town->model);
}

/* A while without some of the servers, for their clients. */
static void make_faults(struct run *run, struct town *towns, unsigned count)
{
    struct town *town = &towns[prng_below(run->prng, count)];
    uint64_t ns = prng_below(run->prng, 3 * SECONDS);
    sim_partition(run->sim, town->broker.host, town->client_host, true);
    sim_run_for(run->sim, ns);
    sim_partition(run->sim, town->broker.host, town->client_host, false);
    unsigned worker = (unsigned)prng_below(run->prng, 2);
    sim_stall(town->broker.world, worker, prng_below(run->prng, SECONDS / 2));
}

void scenario_random(struct run *run)
{
    struct town *towns = calloc(SERVERS_MAX, sizeof *towns);
    CHECK(towns != NULL);
    unsigned count =
        prng_one_in(run->prng, 3) ? 1 + (unsigned)prng_below(run->prng, SERVERS_MAX) : 1;
    bool faults = run->rough && prng_below(run->prng, 3) != 0;
    for (unsigned i = 0; i < count; i++)
        town_start(&towns[i], run, faults, 30 + (unsigned)prng_below(run->prng, 100));
    if (faults && prng_one_in(run->prng, 2))
        sim_net(run->sim)->reset_in = 50 + (uint32_t)prng_below(run->prng, 2000);
    if (faults && prng_one_in(run->prng, 2)) {
        sim_run_for(run->sim, prng_below(run->prng, 20 * MILLISECONDS));
        make_faults(run, towns, count);
    }
    for (unsigned i = 0; i < count; i++)
        (void)run_until(run, acts_over, &towns[i], 300 * SECONDS, "all acts are done");
    sim_heal(run->sim);
    for (unsigned i = 0; i < count; i++)
        town_converge(&towns[i]);
    for (unsigned i = 0; i < count; i++)
        town_stop(&towns[i]);
    for (unsigned i = 0; i < count; i++)
        town_end(&towns[i]);
    free(towns);
}

void scenario_subjects(struct run *run)
{
    struct town *town = calloc(1, sizeof *town);
    CHECK(town != NULL);
    town_start(town, run, false, 200);
    (void)run_until(run, acts_over, town, 300 * SECONDS, "all acts are done");
    town_converge(town);
    town_stop(town);
    town_end(town);
    free(town);
}
