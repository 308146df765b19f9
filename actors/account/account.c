/* SPDX-License-Identifier: Apache-2.0 */
#include "actors/account/account.h"

#include <string.h>

#include "actors/account/account_msg.h"
#include "actors/account/account_report.h"
#include "interest/index.h"
#include "runtime/actor.h"
#include "runtime/base/check.h"
#include "runtime/base/reclaim.h"
#include "runtime/system.h"

#define NAME_MAX_SIZE 256
#define FLUSH_AFTER_MS \
    1000            /* what was taken out of the index waits for company this long at most */
#define OP_BYTES 64 /* what an operation counts for in a turn's budget */

struct account {
    struct actor actor;
    struct interest *interest; /* ours to write; readers follow it under epochs */
    uint64_t interest_id;
    uint32_t members;  /* registered and not yet gone */
    uint32_t retiring; /* memory handed to a reclaimer and not yet come back */
    bool stopping;
    bool flush_due;       /* a timer is armed for it */
    struct reply stopped; /* who waits for our end */
    char name[NAME_MAX_SIZE];
};

const struct msg_type account_types[ACCOUNT_KINDS] = {
    ACCOUNT_MESSAGES(MSG_TYPE_ROW, MSG_REQUEST_TYPE_ROW)};

void account_change_drop(struct msg *m)
{
    struct account_change *change = (struct account_change *)(void *)m;
    mem_free(change->ops);
    mem_free(change->text);
}

void account_changed_drop(struct msg *m)
{
    struct account_changed *changed = (struct account_changed *)(void *)m;
    mem_free(changed->ops);
}

void account_quiet_drop(struct msg *m)
{
    struct account_quiet *quiet = (struct account_quiet *)(void *)m;
    CHECK(quiet->entry == NULL); /* an account outlives what it has retired */
}

static void exit_when_empty(struct account *account)
{
    if (account->stopping && account->members == 0 && account->retiring == 0)
        actor_exit(&account->actor);
}

static void on_register(struct account *account, struct account_register *m)
{
    account->members++;
    struct reply reply = reply_take(&m->msg);
    struct account_registered *answer = (struct account_registered *)(void *)msg_alloc(m->answer);
    answer->interest = account->interest;
    answer->interest_id = account->interest_id;
    reply_send(&reply, &answer->msg);
}

static void apply_add(struct account *account, struct actor_ref client, const char *text,
                      struct account_op *op)
{
    const char *at = text + op->text;
    struct bytes subject = {at, op->subject_size};
    struct bytes queue = {at + op->subject_size, op->queue_size};
    struct bytes sid = {queue.at + op->queue_size, op->sid_size};
    struct interest_change change = {0};
    op->status = interest_add(account->interest, subject, queue, client.id, op->slot, sid, &change);
    op->entry = change.entry;
    op->queue = change.queue;
}

static void apply_remove(struct account *account, struct actor_ref client,
                         const struct account_op *ops, struct account_op *op)
{
    if (op->added != ACCOUNT_OP_NONE) {
        const struct account_op *added = &ops[op->added];
        if (added->status != 0)
            return; /* it never was there */
        op->entry = added->entry;
        op->queue = added->queue;
    }
    op->status =
        interest_remove_entry(account->interest, op->entry, op->queue, client.id, op->slot, NULL);
    CHECK(op->status == 0); /* its client knows what it added */
}

static void on_change(struct account *account, struct account_change *m)
{
    CHECK(m->count <= ACCOUNT_OPS_MAX);
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->ops[i].add)
            apply_add(account, m->msg.from, m->text, &m->ops[i]);
        else
            apply_remove(account, m->msg.from, m->ops, &m->ops[i]);
    }
    actor_worked(&account->actor, (size_t)m->count * OP_BYTES);
    if (!account->flush_due) {
        account->flush_due = true;
        (void)actor_after(&account->actor, 0, FLUSH_AFTER_MS);
    }
    struct reply reply = reply_take(&m->msg);
    struct account_changed *answer = (struct account_changed *)(void *)msg_alloc(m->answer);
    answer->ops = m->ops;
    answer->count = m->count;
    m->ops = NULL;
    reply_send(&reply, &answer->msg);
}

static void on_quiet(struct account *account, struct account_quiet *m)
{
    struct reclaim_entry *entry = m->entry;
    m->entry = NULL;
    account->retiring--;
    entry->done(entry);
}

static void account_receive(struct actor *self, struct msg *m)
{
    struct account *account = (struct account *)(void *)self;
    switch ((enum account_message)m->type->kind) {
    case ACCOUNT_GONE: UNREACHABLE("an account asks nobody");
    case ACCOUNT_STOP:
        account->stopping = true;
        account->stopped = reply_take(m);
        break;
    case ACCOUNT_TIMER:
        account->flush_due = false;
        interest_flush(account->interest);
        break;
    case ACCOUNT_IO: UNREACHABLE("an account asks the world for nothing");
    case ACCOUNT_REGISTER: on_register(account, (struct account_register *)(void *)m); break;
    case ACCOUNT_CHANGE: on_change(account, (struct account_change *)(void *)m); break;
    case ACCOUNT_LEFT: account->members--; break;
    case ACCOUNT_QUIET: on_quiet(account, (struct account_quiet *)(void *)m); break;
    case ACCOUNT_REPORT:
        account_answer_report(account->interest, (struct account_report *)(void *)m);
        break;
    case ACCOUNT_KINDS: UNREACHABLE("no message has this kind");
    }
    exit_when_empty(account);
}

static void account_done(struct actor *self)
{
    struct account *account = (struct account *)(void *)self;
    interest_free(&account->interest);
    reply_gone(&account->stopped);
}

static const struct actor_class account_class = {
    .name = "account",
    .types = account_types,
    .type_count = ACCOUNT_KINDS,
    .receive = account_receive,
    .done = account_done,
};

/* --- memory that readers may hold --------------------------------------------------------------- */

/* An account floats, and the index wants its grace periods to end where its writer runs: so the end
 * of one is a message to the account. */
struct retired {
    struct reclaim_entry outer; /* the worker's */
    struct reclaim_entry *inner;
    struct actor_ref account;
};

static void retired_done(struct reclaim_entry *entry)
{
    struct retired *retired = (struct retired *)(void *)entry;
    struct account_quiet *quiet = MSG_NEW(account_types, ACCOUNT_QUIET, account_quiet);
    quiet->entry = retired->inner;
    SEND(retired->account, quiet);
    mem_free(retired);
}

static void retire(void *context, struct reclaim_entry *entry)
{
    struct account *account = context;
    struct reclaimer *here = worker_reclaimer();
    if (account->actor.exiting) { /* the last: from here on nobody writes, and this worker frees */
        here->defer(here->context, entry);
        return;
    }
    struct retired *retired = mem_alloc(sizeof *retired);
    retired->outer.done = retired_done;
    retired->inner = entry;
    retired->account = account->actor.self;
    account->retiring++;
    here->defer(here->context, &retired->outer);
}

struct actor_ref account_spawn(const char *name, uint64_t interest_id)
{
    struct account *account =
        (struct account *)(void *)actor_spawn(&account_class, sizeof *account);
    CHECK(strlen(name) < sizeof account->name);
    memcpy(account->name, name, strlen(name) + 1);
    const struct reclaimer reclaimer = {retire, account};
    account->interest = interest_new(system_seed(worker_system()), &reclaimer);
    account->interest_id = interest_id;
    CHECK(account->interest != NULL);
    return account->actor.self;
}
