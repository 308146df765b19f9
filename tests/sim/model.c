/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "tests/sim/party.h"

#define LINGER_NS \
    (10 * SECONDS) /* until a server knows that a connection is over, with partitions */

void model_init(struct model *model, struct run *run)
{
    *model = (struct model){.run = run};
}

void model_done(struct model *model)
{
    for (size_t i = 0; i < model->sub_count; i++) {
        free(model->subs[i]->seen);
        free(model->subs[i]->owed);
        free(model->subs[i]);
    }
    for (size_t i = 0; i < model->pub_count; i++)
        free(model->pubs[i]);
    free(model->subs);
    free(model->pubs);
}

static void *grown(void *at, size_t *capacity, size_t size)
{
    *capacity = *capacity == 0 ? 16 : *capacity * 2;
    at = realloc(at, *capacity * size);
    CHECK(at != NULL);
    return at;
}

static const char *token_end(const char *at)
{
    const char *dot = strchr(at, '.');
    return dot == NULL ? at + strlen(at) : dot;
}

bool model_matches(const char *pattern, const char *subject)
{
    for (;;) {
        const char *pattern_end = token_end(pattern);
        const char *subject_end = token_end(subject);
        size_t size = (size_t)(pattern_end - pattern);
        if (size == 1 && *pattern == '>')
            return true;
        bool star = size == 1 && *pattern == '*';
        if (!star &&
            (size != (size_t)(subject_end - subject) || memcmp(pattern, subject, size) != 0))
            return false;
        if (*pattern_end == '\0' || *subject_end == '\0')
            return *pattern_end == *subject_end;
        pattern = pattern_end + 1;
        subject = subject_end + 1;
    }
}

static char payload_byte(uint32_t id, uint32_t at)
{
    return (char)('a' + (at * 7 + id * 13 + at / 31) % 26);
}

static uint32_t payload_number(uint32_t id, char text[12])
{
    return (uint32_t)snprintf(text, 12, "%" PRIu32 " ", id);
}

void model_payload(uint32_t id, char *at, uint32_t size)
{
    char text[12];
    uint32_t digits = payload_number(id, text);
    for (uint32_t i = 0; i < size; i++)
        at[i] = i < digits ? text[i] : payload_byte(id, i);
}

bool model_payload_is(uint32_t id, const char *at, size_t size)
{
    char text[12];
    uint32_t digits = payload_number(id, text);
    if (size < digits || memcmp(at, text, digits) != 0)
        return false;
    for (uint32_t i = digits; i < size; i++)
        if (at[i] != payload_byte(id, i))
            return false;
    return true;
}

/* --- bits and lists ----------------------------------------------------------------------------- */

static bool seen(const struct model_sub *sub, uint32_t id)
{
    return id / 8 < sub->seen_size && (sub->seen[id / 8] >> (id % 8) & 1) != 0;
}

static void mark_seen(struct model_sub *sub, uint32_t id)
{
    if (id / 8 >= sub->seen_size) {
        size_t size = id / 8 * 2 + 64;
        sub->seen = realloc(sub->seen, size);
        CHECK(sub->seen != NULL);
        memset(sub->seen + sub->seen_size, 0, size - sub->seen_size);
        sub->seen_size = size;
    }
    sub->seen[id / 8] |= (uint8_t)(1u << (id % 8));
}

static void owe(struct model_sub *sub, uint32_t id)
{
    if (sub->owed_count == sub->owed_capacity)
        sub->owed = grown(sub->owed, &sub->owed_capacity, sizeof *sub->owed);
    sub->owed[sub->owed_count++] = id;
}

/* --- actions ------------------------------------------------------------------------------------ */

struct model_sub *model_subscribe(struct model *model, struct party *party, uint32_t sid,
                                  const char *pattern, uint32_t queue, uint64_t op)
{
    if (model->sub_count == model->sub_capacity)
        model->subs = grown(model->subs, &model->sub_capacity, sizeof *model->subs);
    struct model_sub *sub = calloc(1, sizeof *sub);
    CHECK(sub != NULL && strlen(pattern) < SUBJECT_MAX);
    model->subs[model->sub_count++] = sub;
    sub->party = party;
    sub->sid = sid;
    sub->queue = queue;
    snprintf(sub->pattern, sizeof sub->pattern, "%s", pattern);
    sub->op = op;
    sub->sent_at = ++model->order;
    return sub;
}

void model_unsubscribe(struct model *model, struct model_sub *sub, uint32_t max, uint64_t op)
{
    model->order++;
    if (max > 0 && sub->received < max) {
        sub->max =
            max; /* more may be on their way: the server's count decides, and ours bounds it */
        sub->max_op = op;
        return;
    }
    sub->unsub_at = model->order;
    sub->unsub_op = op;
}

static bool may_reach(const struct model_sub *sub, const struct model_pub *pub)
{
    return !sub->ended && model_matches(sub->pattern, pub->subject) &&
           (sub->party != pub->party || pub->party->echo);
}

/* The server may not know yet that the member's connection is over, and give it messages. */
static bool may_linger(const struct model *model, const struct model_sub *sub)
{
    return sub->ended && sub->queue != NO_QUEUE && !sub->unsub_confirmed &&
           sim_now_ns(model->run->sim) < sub->ended_ns + LINGER_NS;
}

static void find_receivers(struct model *model, struct model_pub *pub)
{
    for (size_t i = 0; i < model->sub_count; i++) {
        struct model_sub *sub = model->subs[i];
        if (may_linger(model, sub) && model_matches(sub->pattern, pub->subject))
            pub->group_excused[sub->queue] = 1;
        if (sub->in_force_at == 0 || sub->unsub_at != 0 || !may_reach(sub, pub))
            continue;
        if (sub->max == 0)
            pub->receivers = true;
        if (sub->queue == NO_QUEUE)
            owe(sub, pub->id);
        else
            pub->group_owed[sub->queue] = 1;
    }
}

struct model_pub *model_publish(struct model *model, struct party *party, const char *subject,
                                const char *reply, uint32_t size, bool header, uint64_t op)
{
    if (model->pub_count == model->pub_capacity)
        model->pubs = grown(model->pubs, &model->pub_capacity, sizeof *model->pubs);
    struct model_pub *pub = calloc(1, sizeof *pub);
    CHECK(pub != NULL && strlen(subject) < SUBJECT_MAX && strlen(reply) < SUBJECT_MAX);
    pub->id = (uint32_t)model->pub_count;
    model->pubs[model->pub_count++] = pub;
    pub->party = party;
    pub->connection = party->connection;
    pub->op = op;
    pub->sent_at = ++model->order;
    pub->size = size;
    pub->header = header;
    snprintf(pub->subject, sizeof pub->subject, "%s", subject);
    snprintf(pub->reply, sizeof pub->reply, "%s", reply);
    find_receivers(model, pub);
    return pub;
}

static void excuse_group(struct model *model, const struct model_sub *sub)
{
    for (size_t i = 0; i < model->pub_count; i++) {
        struct model_pub *pub = model->pubs[i];
        if (pub->group_got[sub->queue] == 0 && model_matches(sub->pattern, pub->subject))
            pub->group_excused[sub->queue] = 1;
    }
}

void model_connection_over(struct model *model, struct party *party)
{
    model->order++;
    for (size_t i = 0; i < model->sub_count; i++) {
        struct model_sub *sub = model->subs[i];
        if (sub->party != party || sub->ended)
            continue;
        sub->ended = true;
        sub->ended_ns = sim_now_ns(model->run->sim);
        sub->owed_count = 0;
        if (sub->queue != NO_QUEUE)
            excuse_group(model, sub);
    }
}

/* --- what comes --------------------------------------------------------------------------------- */

/* All operations of the party's connection up to op have been done by the server. */
static void now_in_force(struct model *model, struct party *party, uint64_t op)
{
    if (op <= party->in_force_op)
        return;
    party->in_force_op = op;
    for (size_t i = 0; i < model->sub_count; i++) {
        struct model_sub *sub = model->subs[i];
        if (sub->party == party && !sub->ended && sub->in_force_at == 0 && sub->op <= op)
            sub->in_force_at = model->order;
    }
}

static bool maximum_reached(const struct model_sub *sub)
{
    return sub->max > 0 && sub->received >= sub->max;
}

/* O4 with O5: what was out before the PING was sent has come. */
static void check_owed(struct model *model, struct model_sub *sub, uint64_t ping_at)
{
    size_t kept = 0;
    for (size_t i = 0; i < sub->owed_count; i++) {
        const struct model_pub *pub = model->pubs[sub->owed[i]];
        if (seen(sub, pub->id))
            continue;
        if (sub->unsub_at != 0 || maximum_reached(sub))
            continue;
        if (pub->out_at != 0 && pub->out_at < ping_at)
            run_fail(model->run,
                     "party %u sid %u (%s) flushed without publication %u on %s of party %u",
                     sub->party->number, sub->sid, sub->pattern, pub->id, pub->subject,
                     pub->party->number);
        sub->owed[kept++] = pub->id;
    }
    sub->owed_count = kept;
}

void model_pong(struct model *model, struct party *party, uint64_t op, uint64_t ping_at)
{
    model->order++;
    now_in_force(model, party, op);
    for (size_t i = model->pub_count; i-- > 0;) {
        struct model_pub *pub = model->pubs[i];
        if (pub->party != party || pub->connection != party->connection || pub->op > op)
            continue;
        if (pub->out_at != 0)
            break; /* and so are all before it */
        pub->out_at = model->order;
    }
    for (size_t i = 0; i < model->sub_count; i++) {
        struct model_sub *sub = model->subs[i];
        if (sub->party != party || sub->ended)
            continue;
        if (sub->unsub_at != 0 && sub->unsub_op <= op)
            sub->unsub_confirmed = true;
        if (sub->max > 0 && sub->max_op <= op)
            sub->max_confirmed = true;
        check_owed(model, sub, ping_at);
    }
}

static void check_order(struct model *model, struct model_sub *sub, const struct model_pub *pub)
{
    struct party *to = sub->party;
    unsigned from = pub->party->number;
    if (to->last_connection[from] == pub->connection && pub->op < to->last_op[from])
        run_fail(model->run, "party %u got publication %u of party %u after a later one (O1)",
                 to->number, pub->id, from);
    to->last_connection[from] = pub->connection;
    to->last_op[from] = pub->op;
}

void model_message(struct model *model, struct model_sub *sub, struct model_pub *pub)
{
    struct run *run = model->run;
    model->order++;
    model->delivered++;
    const char *what = NULL;
    if (sub->unsub_confirmed)
        what = "after the PONG behind its UNSUB (O6)";
    else if (!model_matches(sub->pattern, pub->subject))
        what = "that it does not match";
    else if (sub->party == pub->party && !pub->party->echo &&
             pub->connection == pub->party->connection)
        what = "of its own, without echo";
    else if (seen(sub, pub->id))
        what = "a second time";
    else if (sub->queue == NO_QUEUE && pub->out_at != 0 && pub->out_at < sub->sent_at)
        what = "that was out before it subscribed";
    else if (sub->queue != NO_QUEUE && pub->group_got[sub->queue] != 0)
        what = "that another member of its group has got";
    else if (sub->max_confirmed && maximum_reached(sub))
        what = "over its maximum (O7)";
    if (what != NULL)
        run_fail(run, "party %u sid %u (%s) got publication %u on %s of party %u %s",
                 sub->party->number, sub->sid, sub->pattern, pub->id, pub->subject,
                 pub->party->number, what);
    mark_seen(sub, pub->id);
    sub->received++;
    if (sub->queue == NO_QUEUE)
        check_order(model, sub, pub);
    else
        pub->group_got[sub->queue] = 1;
    if (pub->connection == pub->party->connection)
        now_in_force(model, pub->party, pub->op);
}

void model_no_responders(struct model *model, struct party *party, struct model_pub *pub)
{
    model->order++;
    if (pub->party != party)
        run_fail(model->run, "party %u was told of no responders to another's request",
                 party->number);
    if (!pub->receivers)
        return;
    for (size_t i = 0; i < model->sub_count; i++) {
        const struct model_sub *sub = model->subs[i];
        if (sub->in_force_at != 0 && sub->in_force_at < pub->sent_at && sub->unsub_at == 0 &&
            sub->max == 0 && may_reach(sub, pub)) {
            run_fail(model->run,
                     "party %u was told of no responders to %s, but party %u sid %u is one",
                     party->number, pub->subject, sub->party->number, sub->sid);
            return;
        }
    }
}

/* --- the end ------------------------------------------------------------------------------------ */

static bool has_steady_member(const struct model *model, const struct model_pub *pub,
                              uint32_t queue)
{
    for (size_t i = 0; i < model->sub_count; i++) {
        const struct model_sub *sub = model->subs[i];
        if (sub->queue == queue && sub->in_force_at != 0 && sub->in_force_at < pub->sent_at &&
            sub->unsub_at == 0 && sub->max == 0 && may_reach(sub, pub))
            return true;
    }
    return false;
}

void model_check_groups(struct model *model)
{
    for (size_t i = 0; i < model->pub_count; i++) {
        const struct model_pub *pub = model->pubs[i];
        for (uint32_t q = 0; q < QUEUES_MAX; q++)
            if (pub->group_owed[q] && !pub->group_excused[q] && !pub->group_got[q] &&
                pub->out_at != 0 && has_steady_member(model, pub, q))
                run_fail(model->run, "nobody of group q%u got publication %u on %s of party %u", q,
                         pub->id, pub->subject, pub->party->number);
    }
}
