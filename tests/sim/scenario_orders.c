/* SPDX-License-Identifier: Apache-2.0 */
/* scenario_orders.c -- the orders O3 to O7, each where it is hardest to keep. */
#include <inttypes.h>
#include <stdio.h>

#include "tests/sim/scenario.h"
#include "tests/sim/scenarios.h"
#include "tests/sim/stage.h"

/* --- O4 with O5 --------------------------------------------------------------------------------- */

#define FLUSH_ROUNDS 25u
#define FLUSH_SUBSCRIBERS 4u

static bool is_flushed(void *context)
{
    const struct party *p = context;
    return party_flushed(p) || p->model->run->failed;
}

/* A message to all that subscribed, another client's interest coming and going meanwhile. */
static void flush_round(struct stage *stage, struct party *publisher, struct party *churner,
                        struct party *const *subscribers)
{
    struct prng *prng = stage->run->prng;
    struct model_sub *passing = party_subscribe(churner, "a.*", NO_QUEUE);
    unsigned count = 1 + (unsigned)prng_below(prng, 5);
    for (unsigned i = 0; i < count; i++)
        (void)party_publish(publisher, "a.b", "", (uint32_t)prng_below(prng, 300), false);
    party_unsubscribe(churner, passing, 0);
    party_ping(publisher);
    if (!run_until(stage->run, is_flushed, publisher, 60 * SECONDS, "the publisher gets its PONG"))
        return;
    for (unsigned i = 0; i < FLUSH_SUBSCRIBERS; i++)
        party_ping(subscribers[i]);
    for (unsigned i = 0; i < FLUSH_SUBSCRIBERS; i++)
        (void)run_until(stage->run, is_flushed, subscribers[i], 60 * SECONDS,
                        "a subscriber gets its PONG");
}

void scenario_flushes(struct run *run)
{
    struct stage stage;
    stage_init(&stage, run);
    stage_start(&stage);
    struct party *publisher = stage_party(&stage);
    struct party *churner = stage_party(&stage);
    struct party *subscribers[FLUSH_SUBSCRIBERS];
    for (unsigned i = 0; i < FLUSH_SUBSCRIBERS; i++) {
        subscribers[i] = stage_party(&stage);
        if (!run->failed)
            (void)party_subscribe(subscribers[i], i % 2 == 0 ? "a.b" : "*.b", NO_QUEUE);
    }
    if (stage_flush(&stage))
        for (unsigned round = 0; round < FLUSH_ROUNDS && !run->failed; round++)
            flush_round(&stage, publisher, churner, subscribers);
    stage_end(&stage);
}

/* --- O3 ----------------------------------------------------------------------------------------- */

#define REQUESTS 20u

struct asking {
    struct model_sub *inbox;
};

static void answer(struct party *p, struct model_sub *sub, struct model_pub *pub)
{
    (void)sub;
    if (party_ready(p))
        (void)party_publish(p, pub->reply, "", 20, false);
}

static bool is_answered(void *context)
{
    const struct asking *asking = context;
    return asking->inbox->received > 0 || asking->inbox->party->model->run->failed;
}

static void ask(struct party *p)
{
    char inbox[SUBJECT_MAX];
    snprintf(inbox, sizeof inbox, "_INBOX.%u.%zu", p->number, p->model->pub_count);
    struct asking asking = {party_subscribe(p, inbox, NO_QUEUE)};
    (void)party_publish(p, "service", inbox, 30, false);
    (void)run_until(p->model->run, is_answered, &asking, 60 * SECONDS, "a request is answered");
    if (party_ready(p))
        party_unsubscribe(p, asking.inbox, 0);
}

/* Subscribes to what nobody publishes, goes, and leaves the account its work. */
static void crowd_goes(struct stage *stage, unsigned subscriptions)
{
    struct party *crowd = stage_party(stage);
    for (unsigned i = 0; i < subscriptions && !stage->run->failed; i++)
        party_say(crowd, "SUB crowd.%u.%u %u\r\n", i % 100, i, i + 1);
    if (stage_flush(stage))
        party_close(crowd);
}

static void reply_finds_inbox(struct run *run, unsigned subscriptions)
{
    struct stage stage;
    stage_init(&stage, run);
    stage_start(&stage);
    struct party *asker = stage_party(&stage);
    struct party *responder = stage_party(&stage);
    if (!run->failed) {
        responder->on_message = answer;
        party_subscribe(responder, "service", NO_QUEUE)->responds = true;
    }
    crowd_goes(&stage, subscriptions);
    for (unsigned i = 0; i < REQUESTS && !run->failed; i++)
        ask(asker);
    (void)stage_flush(&stage);
    stage_end(&stage);
}

void scenario_reply_finds_inbox(struct run *run)
{
    reply_finds_inbox(run, 3000);
}

void scenario_reply_finds_inbox_large(struct run *run)
{
    reply_finds_inbox(run, 100000);
}

/* --- O7 ----------------------------------------------------------------------------------------- */

#define PUBLISHERS 8u
#define MAXIMUM 37u
#define EACH 20u

struct maxima {
    struct model_sub *plain;
    struct model_sub *few[2]; /* of a group, with a maximum */
    struct model_sub *rest;   /* of the group, without */
};

static void subscribe_all(struct stage *stage, struct maxima *m)
{
    struct party *target = stage_party(stage);
    struct party *other = stage_party(stage);
    if (stage->run->failed)
        return;
    m->plain = party_subscribe(target, "work.>", NO_QUEUE);
    party_unsubscribe(target, m->plain, MAXIMUM);
    m->few[0] = party_subscribe(target, "work.*", 0);
    party_unsubscribe(target, m->few[0], 5);
    m->few[1] = party_subscribe(other, "work.*", 0);
    party_unsubscribe(other, m->few[1], 7);
    m->rest = party_subscribe(other, "work.a", 0);
}

static void check_maxima(struct run *run, const struct maxima *m)
{
    if (run->failed)
        return;
    if (m->plain->received != MAXIMUM)
        run_fail(run, "a subscription with a maximum of %u got %" PRIu64, MAXIMUM,
                 m->plain->received);
    if (m->few[0]->received > 5 || m->few[1]->received > 7)
        run_fail(run, "members with a maximum of 5 and 7 got %" PRIu64 " and %" PRIu64,
                 m->few[0]->received, m->few[1]->received);
    uint64_t all = m->few[0]->received + m->few[1]->received + m->rest->received;
    if (all != (uint64_t)PUBLISHERS * EACH)
        run_fail(run, "of %u messages the group got %" PRIu64, PUBLISHERS * EACH, all);
}

void scenario_maxima(struct run *run)
{
    struct stage stage;
    struct maxima m = {0};
    stage_init(&stage, run);
    stage_start(&stage);
    struct party *publishers[PUBLISHERS];
    for (unsigned i = 0; i < PUBLISHERS; i++)
        publishers[i] = stage_party(&stage);
    for (unsigned i = 0; i < PUBLISHERS && !run->failed; i++) /* their caches know the subject */
        (void)party_publish(publishers[i], "work.a", "", 20, false);
    (void)stage_flush(&stage);
    subscribe_all(&stage, &m);
    (void)stage_flush(&stage);
    for (unsigned n = 0; n < EACH && !run->failed; n++)
        for (unsigned i = 0; i < PUBLISHERS; i++)
            (void)party_publish(publishers[i], "work.a", "", 20, false);
    (void)stage_flush(&stage);
    sim_run_for(run->sim, SECONDS); /* what members have handed on is on its way */
    (void)stage_flush(&stage);
    check_maxima(run, &m);
    stage_end(&stage);
}

/* --- lines and payloads, cut anywhere ------------------------------------------------------------- */

#define SPLIT_ROUNDS 40u

/* Lines that the server has just parsed come again, with shorter and longer ones between. */
void scenario_splits(struct run *run)
{
    static const char *const subjects[] = {"a", "a.b", "a.b.c.d.e.f"};
    struct stage stage;
    stage_init(&stage, run);
    stage_start(&stage);
    struct party *subscriber = stage_party(&stage);
    struct party *publisher = stage_party(&stage);
    if (!run->failed)
        (void)party_subscribe(subscriber, ">", NO_QUEUE);
    (void)stage_flush(&stage);
    sim_net(run->sim)->short_in = 1;
    sim_net(run->sim)->short_write_in = 1;
    sim_net(run->sim)->segment_max = 40 + (uint32_t)prng_below(run->prng, 400);
    for (unsigned round = 0; round < SPLIT_ROUNDS && !run->failed; round++) {
        const char *subject = subjects[prng_below(run->prng, 3)];
        uint32_t size = 12 + (uint32_t)prng_below(run->prng, 3) * 40;
        for (uint64_t i = prng_below(run->prng, 6); i > 0; i--)
            (void)party_publish(publisher, subject, "", size, false);
        if (prng_one_in(run->prng, 3))
            party_ping(publisher);
        sim_run_for(run->sim, MILLISECONDS);
    }
    (void)stage_flush(&stage);
    (void)stage_flush(&stage);
    stage_end(&stage);
}
