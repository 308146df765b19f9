/* SPDX-License-Identifier: Apache-2.0 */
/* store_actor.c -- requests to the store, its turns, its answers.
 *
 *   OPENING ──opened──► READY ──stop──► CLOSING ──closed──► CLOSED, exit
 *      └──failed──► BROKEN ──stop──► exit
 *
 * Idea        A request becomes an operation of the store with the right to answer it; the operation's end
 *             sends the answer. The store gets one turn a round, in the flush, so what came in the round
 *             shares a write and a sync.
 * Invariants  1 the store is there until the actor ends
 *             2 each operation under way has one token, and its end sends the answer
 * Bounds      an operation: its request and some 200 bytes; READY_MAX askers wait for the opening.
 */
#include "actors/store/store_actor.h"

#include <errno.h>
#include <string.h>

#include "actors/logger/logger_msg.h"
#include "actors/store/store_msg.h"
#include "runtime/actor.h"
#include "runtime/base/check.h"
#include "runtime/file.h"
#include "runtime/system.h"
#include "store/group/group.h"

#define READY_MAX 64u

enum store_actor_state { OPENING, READY, BROKEN, CLOSING, CLOSED };

struct store_actor {
    struct actor actor;
    const struct log *log; /* borrowed */
    struct store *store;   /* given */
    const char *path;      /* borrowed */
    enum store_actor_state state;
    bool begun;           /* to open it */
    int status;           /* BROKEN: why */
    struct reply stopped; /* who waits for our end */
    struct timer timer;
    uint32_t waiting_count; /* OPENING: who waits for its end */
    struct waiting {
        struct reply reply;
        const struct msg_type *answer;
    } waiting[READY_MAX];
};

const struct msg_type store_types[STORE_KINDS] = {
    STORE_MESSAGES(MSG_TYPE_ROW, MSG_REQUEST_TYPE_ROW)};

/* --- messages ---------------------------------------------------------------------------------------- */

struct store_bytes store_bytes_copy(struct bytes bytes)
{
    struct store_bytes copy = {mem_alloc(bytes.size + 1), bytes.size};
    if (bytes.size > 0)
        memcpy(copy.at, bytes.at, bytes.size);
    return copy;
}

static struct bytes view(const struct store_bytes *b)
{
    return (struct bytes){b->at, b->size};
}

void store_make_request_drop(struct msg *m)
{
    struct store_make_request *r = (struct store_make_request *)(void *)m;
    mem_free(r->account.at);
    mem_free(r->name.at);
    mem_free(r->config.at);
}

void store_find_request_drop(struct msg *m)
{
    struct store_find_request *r = (struct store_find_request *)(void *)m;
    mem_free(r->account.at);
    mem_free(r->name.at);
}

void store_append_request_drop(struct msg *m)
{
    mem_free(((struct store_append_request *)(void *)m)->body.at);
}

void store_read_request_drop(struct msg *m)
{
    mem_free(((struct store_read_request *)(void *)m)->subject.at);
}

void store_message_answer_drop(struct msg *m)
{
    mem_free(((struct store_message_answer *)(void *)m)->body.at);
}

/* --- groups --------------------------------------------------------------------------------------------- */

static void answer_group(struct reply *reply, const struct msg_type *type, int status, uint64_t gid)
{
    struct store_group_answer *a = (struct store_group_answer *)(void *)msg_alloc(type);
    a->status = status;
    a->gid = gid;
    reply_send(reply, &a->msg);
}

struct making_asked {
    struct store_make make;
    struct reply reply;
    const struct msg_type *answer;
    struct store_bytes account; /* given, like the next two */
    struct store_bytes name;
    struct store_bytes config;
};

static void on_made(struct store_make *make, int status, struct store_group *group)
{
    struct making_asked *m = make->context;
    answer_group(&m->reply, m->answer, status, status == 0 ? store_group_gid(group) : 0);
    mem_free(m->account.at);
    mem_free(m->name.at);
    mem_free(m->config.at);
    mem_free(m);
}

static void on_make(struct store_actor *s, struct store_make_request *r)
{
    struct making_asked *m = mem_alloc(sizeof *m);
    m->reply = reply_take(&r->msg);
    m->answer = r->answer;
    m->account = r->account;
    m->name = r->name;
    m->config = r->config;
    r->account.at = r->name.at = r->config.at = NULL;
    m->make = (struct store_make){
        .options = {.account = view(&m->account),
                    .name = view(&m->name),
                    .config = view(&m->config),
                    .form = r->form,
                    .sync = r->sync},
        .now_ns = wall_ns(),
        .done = on_made,
        .context = m,
    };
    store_make(s->store, &m->make);
}

static void on_find(struct store_actor *s, struct store_find_request *r)
{
    struct reply reply = reply_take(&r->msg);
    struct store_group *g = store_find(s->store, view(&r->account), view(&r->name));
    answer_group(&reply, r->answer, g == NULL ? -ENOENT : 0, g == NULL ? 0 : store_group_gid(g));
}

struct deleting_asked {
    struct store_delete delete;
    struct reply reply;
    const struct msg_type *answer;
    uint64_t gid;
};

static void on_deleted(struct store_delete *delete, int status)
{
    struct deleting_asked *d = delete->context;
    answer_group(&d->reply, d->answer, status, d->gid);
    mem_free(d);
}

static void on_delete(struct store_actor *s, struct store_delete_request *r)
{
    struct reply reply = reply_take(&r->msg);
    struct store_group *g = store_group_of(s->store, r->gid);
    if (g == NULL) {
        answer_group(&reply, r->answer, -ENOENT, r->gid);
        return;
    }
    struct deleting_asked *d = mem_alloc(sizeof *d);
    *d = (struct deleting_asked){.reply = reply, .answer = r->answer, .gid = r->gid};
    d->delete = (struct store_delete){.group = g, .done = on_deleted, .context = d};
    store_delete(s->store, &d->delete);
}

/* --- entries -------------------------------------------------------------------------------------------- */

struct append_asked {
    struct store_append append;
    struct reply reply;
    const struct msg_type *answer;
    char *body; /* given */
};

static void answer_applied(struct reply *reply, const struct msg_type *type, int status,
                           const struct applied *applied)
{
    struct store_applied_answer *a = (struct store_applied_answer *)(void *)msg_alloc(type);
    a->status = status;
    if (status == 0) {
        a->outcome = (uint8_t)applied->outcome;
        a->refusal = (uint8_t)applied->refusal;
        a->seq = applied->seq;
        a->removed = applied->removed;
    }
    reply_send(reply, &a->msg);
}

static void on_applied(struct store_append *append, int status, const struct applied *applied)
{
    struct append_asked *a = append->context;
    answer_applied(&a->reply, a->answer, status, applied);
    mem_free(a->body);
    mem_free(a);
}

static void on_append(struct store_actor *s, struct store_append_request *r)
{
    struct reply reply = reply_take(&r->msg);
    struct store_group *g = store_group_of(s->store, r->gid);
    if (g == NULL) {
        answer_applied(&reply, r->answer, -ENOENT, NULL);
        return;
    }
    struct append_asked *a = mem_alloc(sizeof *a);
    *a = (struct append_asked){.reply = reply, .answer = r->answer, .body = r->body.at};
    a->append = (struct store_append){
        .kind = r->kind,
        .flags = r->flags,
        .body = view(&r->body),
        .now_ns = wall_ns(),
        .done = on_applied,
        .context = a,
    };
    r->body.at = NULL;
    int status = store_append(s->store, g, &a->append);
    if (status != 0)
        on_applied(&a->append, status, NULL);
}

/* --- look-ups -------------------------------------------------------------------------------------------- */

struct look_asked {
    struct store_look look;
    struct reply reply;
    struct msg *answer; /* given: filled in by the look-up */
    enum store_read_how how;
    uint64_t seq;
    struct store_bytes subject; /* given */
};

static void on_looked(struct store_look *look, int status)
{
    struct look_asked *l = look->context;
    ((struct store_answer *)(void *)l->answer)->status = status;
    reply_send(&l->reply, l->answer);
    mem_free(l->subject.at);
    mem_free(l);
}

static int find_message(struct look_asked *l, struct msglog *log, struct stored *ret)
{
    const struct bytes subject = view(&l->subject);
    const struct filter filter = {&subject, subject.size > 0};
    switch (l->how) {
    case STORE_READ_SEQ: return msglog_read(log, l->seq, ret);
    case STORE_READ_NEXT: {
        int status = msglog_next(log, &filter, l->seq, UINT64_MAX, ret);
        if (status == -EINPROGRESS)
            l->seq = ret->seq;
        return status;
    }
    case STORE_READ_LAST: {
        int status = msglog_last(log, subject, &l->seq);
        return status != 0 ? status : msglog_read(log, l->seq, ret);
    }
    }
    return -EINVAL;
}

static int look_for_message(struct store_look *look, struct group *group, struct msglog *log)
{
    struct look_asked *l = look->context;
    struct stored stored;
    (void)group;
    int status = find_message(l, log, &stored);
    if (status != 0)
        return status;
    struct store_message_answer *a = (struct store_message_answer *)(void *)l->answer;
    a->seq = stored.seq;
    a->time_ns = stored.time_ns;
    a->body = store_bytes_copy(stored.body);
    return 0;
}

static int look_at_counters(struct store_look *look, struct group *group, struct msglog *log)
{
    struct look_asked *l = look->context;
    (void)group;
    msglog_state(log, &((struct store_count_answer *)(void *)l->answer)->state);
    return 0;
}

static void look(struct store_actor *s, struct look_asked *l, uint64_t gid)
{
    struct store_group *g = store_group_of(s->store, gid);
    l->look.done = on_looked;
    l->look.context = l;
    if (g == NULL)
        on_looked(&l->look, -ENOENT);
    else
        store_look(s->store, g, &l->look);
}

static void on_read(struct store_actor *s, struct store_read_request *r)
{
    struct look_asked *l = mem_alloc(sizeof *l);
    *l = (struct look_asked){.reply = reply_take(&r->msg),
                             .answer = msg_alloc(r->answer),
                             .how = r->how,
                             .seq = r->seq,
                             .subject = r->subject};
    l->look.run = look_for_message;
    r->subject.at = NULL;
    look(s, l, r->gid);
}

static void on_count(struct store_actor *s, struct store_count_request *r)
{
    struct look_asked *l = mem_alloc(sizeof *l);
    *l = (struct look_asked){.reply = reply_take(&r->msg), .answer = msg_alloc(r->answer)};
    l->look.run = look_at_counters;
    look(s, l, r->gid);
}

/* --- turns ------------------------------------------------------------------------------------------------ */

/* One turn a round: what came in it shares a flush. */
static void store_actor_flush(struct actor *self)
{
    struct store_actor *s = (struct store_actor *)(void *)self;
    timer_cancel(&s->timer);
    bool more = store_turn(s->store, now_ms());
    uint64_t due_ms = store_due_ms(s->store);
    if (more || s->state == CLOSED)
        actor_send(self->self, msg_alloc(&store_types[STORE_GO_ON]));
    else if (due_ms != UINT64_MAX)
        timer_arm(&s->timer, self, 0, due_ms > now_ms() ? due_ms - now_ms() : 1);
}

/* --- life ------------------------------------------------------------------------------------------------- */

static void on_closed(void *context, int status)
{
    struct store_actor *s = context;
    if (status != 0)
        LOG_ERROR(s->log, "Store %s was not closed in order: %s", s->path, strerror(-status));
    s->state = CLOSED;
}

static void begin_close(struct store_actor *s)
{
    if (s->state == READY) {
        s->state = CLOSING;
        store_close(s->store, on_closed);
    } else if (s->state == BROKEN) {
        s->state = CLOSED;
    }
}

static void answer_status(struct reply *reply, const struct msg_type *type, int status)
{
    struct store_answer *a = (struct store_answer *)(void *)msg_alloc(type);
    a->status = status;
    reply_send(reply, &a->msg);
}

static void on_opened(void *context, int status)
{
    struct store_actor *s = context;
    s->state = status == 0 ? READY : BROKEN;
    s->status = status;
    if (status != 0)
        LOG_ERROR(s->log, "Store %s can not be opened: %s", s->path, strerror(-status));
    for (uint32_t i = 0; i < s->waiting_count; i++)
        answer_status(&s->waiting[i].reply, s->waiting[i].answer, status);
    s->waiting_count = 0;
    if (s->stopped.to.id != 0)
        begin_close(s);
}

static void on_failed(void *context, int error)
{
    struct store_actor *s = context;
    LOG_ERROR(s->log,
              "Store %s has failed: %s; nothing is acknowledged any more until the server is "
              "started again",
              s->path, strerror(-error));
}

static void on_lost(void *context, struct store_group *group, uint64_t first, uint64_t last)
{
    struct store_actor *s = context;
    struct bytes name = store_group_name(group);
    LOG_ERROR(s->log, "Store %s: messages %llu to %llu of %.*s are unreadable", s->path,
              (unsigned long long)first, (unsigned long long)last, (int)name.size, name.at);
}

static int refusal_status(const struct store_actor *s)
{
    switch (s->state) {
    case OPENING: return -EAGAIN;
    case READY: return 0;
    case BROKEN: return s->status;
    case CLOSING:
    case CLOSED: return -ESHUTDOWN;
    }
    UNREACHABLE("it is in one of its states");
}

static void on_ready(struct store_actor *s, struct store_ready_request *r)
{
    struct reply reply = reply_take(&r->msg);
    if (s->state == OPENING && s->waiting_count < READY_MAX)
        s->waiting[s->waiting_count++] = (struct waiting){reply, r->answer};
    else
        answer_status(&reply, r->answer, refusal_status(s));
}

/* Whether requests are taken; else this one is answered. */
static bool takes(struct store_actor *s, struct msg *m)
{
    int status = refusal_status(s);
    if (status == 0)
        return true;
    struct store_request *r = (struct store_request *)(void *)m;
    struct reply reply = reply_take(m);
    answer_status(&reply, r->answer, status);
    return false;
}

static void on_request(struct store_actor *s, struct msg *m)
{
    if (!takes(s, m))
        return;
    switch ((enum store_message)m->type->kind) {
    case STORE_MAKE: on_make(s, (struct store_make_request *)(void *)m); break;
    case STORE_FIND: on_find(s, (struct store_find_request *)(void *)m); break;
    case STORE_DELETE: on_delete(s, (struct store_delete_request *)(void *)m); break;
    case STORE_APPEND: on_append(s, (struct store_append_request *)(void *)m); break;
    case STORE_READ: on_read(s, (struct store_read_request *)(void *)m); break;
    case STORE_COUNT: on_count(s, (struct store_count_request *)(void *)m); break;
    default: UNREACHABLE("no request of the store's");
    }
}

static void store_actor_receive(struct actor *self, struct msg *m)
{
    struct store_actor *s = (struct store_actor *)(void *)self;
    switch ((enum store_message)m->type->kind) {
    case STORE_GONE: UNREACHABLE("a store asks nobody");
    case STORE_STOP:
        s->stopped = reply_take(m);
        begin_close(s);
        break;
    case STORE_TIMER: break; /* the flush does it */
    case STORE_GO_ON:
        if (!s->begun)
            store_open(s->store, on_opened);
        s->begun = true;
        break;
    case STORE_IO: msg_io_done(m); break;
    case STORE_READY: on_ready(s, (struct store_ready_request *)(void *)m); break;
    case STORE_MAKE:
    case STORE_FIND:
    case STORE_DELETE:
    case STORE_APPEND:
    case STORE_READ:
    case STORE_COUNT: on_request(s, m); break;
    case STORE_KINDS: UNREACHABLE("no message has this kind");
    }
    if (s->state == CLOSED)
        actor_exit(self);
    else
        actor_flush_later(self);
}

static void store_actor_done(struct actor *self)
{
    struct store_actor *s = (struct store_actor *)(void *)self;
    timer_cancel(&s->timer);
    store_free(&s->store);
    reply_gone(&s->stopped);
}

static const struct actor_class store_actor_class = {
    .name = "store",
    .types = store_types,
    .type_count = STORE_KINDS,
    .pinned = true,
    .receive = store_actor_receive,
    .flush = store_actor_flush,
    .done = store_actor_done,
};

struct actor_ref store_actor_spawn(const struct store_settings *settings)
{
    struct store_actor *s =
        (struct store_actor *)(void *)actor_spawn(&store_actor_class, sizeof *s);
    s->log = settings->log;
    s->path = settings->path;
    struct store_options options = {
        .disk = file_disk(),
        .path = settings->path,
        .seed = system_seed(worker_system()),
        .journal_file_bytes = settings->journal_file_bytes,
        .replay_debt_bytes = settings->replay_debt_bytes,
        .memory_bytes = settings->memory_bytes,
        .sync_interval_ms = settings->sync_interval_ms,
        .failed = on_failed,
        .lost = on_lost,
        .context = s,
    };
    memcpy(options.uuid, settings->uuid, sizeof options.uuid);
    s->store = store_new(&options);
    struct actor_ref self = s->actor.self;
    actor_send(self, msg_alloc(&store_types[STORE_GO_ON])); /* where it opens: as a running actor */
    return self;
}
