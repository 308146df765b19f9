/* SPDX-License-Identifier: Apache-2.0 */
/* client_subscribe.c -- subscriptions: from SUB and UNSUB to operations of the account, and back.
 *
 * Operations collect while a slice is parsed and go to the account as one list at its end, at
 * ACCOUNT_OPS_MAX, or at a barrier. UNSUB takes effect here at once: a dead record drops what still
 * comes for it.
 */
#include <stdio.h>
#include <string.h>

#include "actors/client/client_log.h"
#include "actors/client/client_state.h"
#include "protocols/nats/client_parser.h"
#include "protocols/nats/subject.h"
#include "runtime/base/check.h"

/* What a list begins with, and grows to: OPS_MANY, then ACCOUNT_OPS_MAX. */
#define OPS_FIRST 8u
#define OPS_MANY 128u
#define TEXT_FIRST 128u
#define TEXT_MANY 4096u

/* --- the list ----------------------------------------------------------------------------------- */

/* While another list is on its way, many come at once. */
static void list_begin(struct client *c)
{
    struct client_ops *list = mem_alloc(sizeof *list);
    list->capacity = c->unacked > 0 ? OPS_MANY : OPS_FIRST;
    list->ops = mem_alloc(list->capacity * sizeof *list->ops);
    list->text_capacity = c->unacked > 0 ? TEXT_MANY : TEXT_FIRST;
    list->text = mem_alloc(list->text_capacity);
    c->ops = list;
}

static struct account_op *op_new(struct client *c)
{
    if (c->ops == NULL)
        list_begin(c);
    struct client_ops *list = c->ops;
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity < OPS_MANY ? OPS_MANY : ACCOUNT_OPS_MAX;
        CHECK(capacity > list->count);
        struct account_op *ops = mem_alloc(capacity * sizeof *ops);
        memcpy(ops, list->ops, list->count * sizeof *ops);
        mem_free(list->ops);
        list->ops = ops;
        list->capacity = capacity;
    }
    struct account_op *op = &list->ops[list->count++];
    *op = (struct account_op){.added = ACCOUNT_OP_NONE};
    return op;
}

/* Room for size more bytes of text; returns where they go. */
static char *text_room(struct client_ops *list, size_t size)
{
    if (list->text_size + size > list->text_capacity) {
        uint32_t capacity = list->text_capacity * 2;
        while (capacity < list->text_size + size)
            capacity *= 2;
        char *larger = mem_alloc(capacity);
        memcpy(larger, list->text, list->text_size);
        mem_free(list->text);
        list->text = larger;
        list->text_capacity = capacity;
    }
    return list->text + list->text_size;
}

static char *copied(char *to, struct bytes text)
{
    if (text.size > 0)
        memcpy(to, text.at, text.size);
    return to + text.size;
}

/* The list is on its way: its additions can not be referred to by number any more. */
static void mark_sent(struct client *c)
{
    for (uint32_t i = 0; i < c->ops->count; i++) {
        struct sub *sub = c->ops->ops[i].add ? subs_any(&c->subs, c->ops->ops[i].slot) : NULL;
        if (sub != NULL && sub->state == SUB_OPEN)
            sub->state = SUB_SENT;
    }
}

void client_ops_send(struct client *c)
{
    CHECK(c->registered);
    mark_sent(c);
    struct account_change *m = MSG_NEW(account_types, ACCOUNT_CHANGE, account_change);
    m->answer = &client_types[CLIENT_CHANGED];
    m->ops = c->ops->ops;
    m->count = c->ops->count;
    m->text = c->ops->text;
    mem_free(c->ops);
    c->ops = NULL;
    c->unacked++;
    actor_ask(c->account, &m->msg, c->unacked);
}

static void send_when_full(struct client *c)
{
    if (c->ops->count == ACCOUNT_OPS_MAX)
        client_ops_send(c);
}

/* --- SUB ---------------------------------------------------------------------------------------- */

static uint32_t token_count(struct bytes subject)
{
    uint32_t count = 1;
    for (size_t i = 0; i < subject.size; i++)
        count += subject.at[i] == '.';
    return count;
}

static void too_many_tokens(struct client *c, struct bytes subject)
{
    char text[256];
    snprintf(text, sizeof text,
             "Permissions Violation for Subscription to \"%.*s\", too many tokens",
             (int)(subject.size < 160 ? subject.size : 160), subject.at);
    client_error(c, text);
}

static void add_sub(struct client *c, const struct client_subscribe *s)
{
    struct sub *sub = subs_add(&c->subs, s->sid);
    if (sub == NULL) {
        client_error(c, "maximum subscriptions exceeded");
        return;
    }
    struct account_op *op = op_new(c);
    op->add = true;
    op->slot = subs_slot(sub);
    op->subject_size = (uint16_t)s->subject.size;
    op->queue_size = (uint16_t)s->queue.size;
    op->sid_size = (uint16_t)s->sid.size;
    op->text = c->ops->text_size;
    char *text = text_room(c->ops, s->subject.size + s->queue.size + s->sid.size);
    char *end = copied(copied(copied(text, s->subject), s->queue), s->sid);
    c->ops->text_size += (uint32_t)(end - text);
    sub->entry = c->ops->count - 1;
    COUNTER_ADD(&c->counters->subscriptions, 1);
    send_when_full(c);
}

/* It has reached its maximum while its addition was on its way, and goes when that is answered. */
static bool is_over(const struct sub *sub)
{
    return sub->max > 0 && sub->delivered >= sub->max;
}

bool client_on_sub(struct client *c, struct bytes argument)
{
    struct client_subscribe s;
    if (!client_parse_sub(argument, &s)) {
        client_log_quoted(c, LOG_LEVEL_ERROR, "processSub Parse Error: %s", argument);
        client_close(c, CLOSED_STATE_PROTOCOL_VIOLATION);
        return true;
    }
    const struct sub *there = subs_find(&c->subs, s.sid);
    if (there != NULL && is_over(there))
        return false;
    c->last_in_ms = now_ms();
    const struct client_settings *settings = c->settings;
    if (settings->max_sub_tokens > 0 && token_count(s.subject) > settings->max_sub_tokens) {
        too_many_tokens(c, s.subject);
        return true;
    }
    if (settings->max_subscriptions > 0 && c->subs.live >= settings->max_subscriptions) {
        client_log(c, LOG_LEVEL_ERROR, "maximum subscriptions exceeded");
        client_error(c, "maximum subscriptions exceeded");
        return true;
    }
    if (there == NULL) {
        if (!subject_is_subscribable(s.subject) || s.subject.size > UINT16_MAX ||
            s.queue.size > UINT16_MAX || s.sid.size > UINT16_MAX) {
            client_error(c, "Invalid Subject");
            return true;
        }
        add_sub(c, &s);
    }
    if (c->verbose)
        client_reply(c, BYTES("+OK\r\n"));
    return true;
}

/* --- UNSUB and other ends ------------------------------------------------------------------------ */

/* A live subscription whose account knows it, or whose addition is still in our own list. */
void client_remove_sub(struct client *c, struct sub *sub)
{
    CHECK(sub->state == SUB_LIVE || sub->state == SUB_OPEN);
    struct account_op *op = op_new(c);
    op->slot = subs_slot(sub);
    if (sub->state == SUB_OPEN) {
        op->added = sub->entry;
    } else {
        op->entry = sub->entry;
        op->queue = sub->queue;
    }
    if (client_traces(c)) {
        char digits[SUB_SID_DIGITS];
        client_log(c, LOG_LEVEL_TRACE, "<-> [DELSUB %.*s]", (int)subs_sid(sub, digits).size,
                   subs_sid(sub, digits).at);
    }
    subs_bury(&c->subs, sub);
    COUNTER_ADD(&c->counters->subscriptions, (uint64_t)-1);
    send_when_full(c);
}

bool client_on_unsub(struct client *c, struct bytes argument)
{
    struct client_unsubscribe u;
    if (!client_parse_unsub(argument, &u)) {
        client_log_quoted(c, LOG_LEVEL_ERROR, "processUnsub Parse Error: %s", argument);
        client_close(c, CLOSED_STATE_PROTOCOL_VIOLATION);
        return true;
    }
    if (!client_catch_up(c)) /* what came before still belongs to the subscription */
        return true;
    struct sub *sub = subs_find(&c->subs, u.sid);
    if (sub != NULL) {
        bool later = u.max > 0 && (uint64_t)u.max > sub->delivered;
        if (!later && sub->state == SUB_SENT)
            return false;
        sub->max = later ? (uint32_t)u.max : 0;
        if (!later)
            client_remove_sub(c, sub);
    }
    c->last_in_ms = now_ms();
    if (c->verbose)
        client_reply(c, BYTES("+OK\r\n"));
    return true;
}

void client_forget_subs(struct client *c)
{
    uint32_t cursor = 0;
    struct sub *sub;
    while ((sub = subs_next(&c->subs, &cursor)) != NULL)
        client_remove_sub(c, sub);
}

/* --- answers ------------------------------------------------------------------------------------ */

static void op_answered(struct client *c, const struct account_op *op)
{
    struct sub *sub = subs_any(&c->subs, op->slot);
    CHECK(sub != NULL);
    if (!op->add) {
        subs_free(&c->subs, sub);
        return;
    }
    if (sub->state != SUB_SENT)
        return; /* removed again in the same list */
    sub->entry = op->entry;
    sub->queue = op->queue;
    sub->state = SUB_LIVE;
    if (op->status != 0) { /* the account's index is full */
        client_error(c, "Invalid Subject");
        subs_bury(&c->subs, sub);
        subs_free(&c->subs, sub);
        COUNTER_ADD(&c->counters->subscriptions, (uint64_t)-1);
    } else if (is_over(sub)) {
        client_remove_sub(c, sub);
    }
}

void client_on_changed(struct client *c, struct account_changed *m)
{
    CHECK(c->unacked > 0);
    c->unacked--;
    for (uint32_t i = 0; i < m->count; i++)
        op_answered(c, &m->ops[i]);
    if (!client_is_open(c)) {
        client_bury_more(c);
        return;
    }
    if (c->unacked == 0 && c->ops != NULL && c->ops->count > 0 && !c->consuming)
        client_ops_send(c);
    if (c->unacked == 0 && c->park == PARK_CHANGE)
        client_resume(c);
}

/* A slice of what is left goes to the account; its answer brings us back here. */
void client_bury_more(struct client *c)
{
    if (c->unacked > 0)
        return;
    struct sub *sub;
    while ((c->ops == NULL || c->ops->count < ACCOUNT_OPS_MAX - 1) &&
           (sub = subs_next(&c->subs, &c->bury_cursor)) != NULL)
        client_remove_sub(c, sub);
    if (c->ops != NULL && c->ops->count > 0) {
        client_ops_send(c);
        return;
    }
    if (c->state != CLIENT_STATE_LINGERING || (c->account.id != 0 && !c->registered))
        return;
    if (c->registered) {
        struct account_left *left = MSG_NEW(account_types, ACCOUNT_LEFT, account_left);
        SEND(c->account, left);
        c->registered = false;
        c->account = NOBODY;
    }
    actor_exit(&c->actor);
}
