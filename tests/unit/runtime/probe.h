/* SPDX-License-Identifier: Apache-2.0 */
/* probe.h -- an actor for the runtime's tests: its messages carry what it is to do.
 *
 * A NOTE or ASK runs its function in the receiver's turn. An ASK that nobody answered in it is
 * answered GONE by the runtime; probe_answer answers it, probe_keep keeps its token. All is counted
 * in a book that messages and actors share, with atomics, so that the same actor serves real threads.
 */
#ifndef TESTS_UNIT_RUNTIME_PROBE_H
#define TESTS_UNIT_RUNTIME_PROBE_H

#include "runtime/actor.h"
#include "runtime/base/check.h"
#include "runtime/worker.h"

struct probe_book {
    _Atomic uint64_t made;    /* messages of probes */
    _Atomic uint64_t freed;   /* their drop functions called */
    _Atomic uint64_t handled; /* by a receiver */
    _Atomic uint64_t asked;
    _Atomic uint64_t answered; /* ANSWER received */
    _Atomic uint64_t gone;     /* GONE received */
    _Atomic uint64_t timers;
    _Atomic uint64_t spawned;
    _Atomic uint64_t done;
};

#define PROBE_KEPT_MAX 8

struct probe {
    struct actor actor;
    struct probe_book *book; /* borrowed from the test */
    struct timer timer;
    struct reply kept[PROBE_KEPT_MAX];
    unsigned kept_count;
    void *state; /* the test's */
    void (*on_answer)(struct probe *self, const struct msg *m);
    void (*on_timer)(struct probe *self, const struct msg_timer *m);
    void (*on_done)(struct probe *self);
    void (*on_flush)(struct probe *self);
};

typedef void probe_fn(struct probe *self, struct msg *m);

struct probe_msg {
    struct msg msg;
    struct probe_book *book;
    probe_fn *run; /* or NULL */
    uint64_t value;
    struct actor_ref about;
};

/* clang-format off */
#define PROBE_FACTS(X)                                                             \
    RUNTIME_MESSAGES(X, PROBE)                                                     \
    X(PROBE_NOTE,   probe_msg, probe_msg_drop) /* from anybody: do this */         \
    X(PROBE_ANSWER, probe_msg, probe_msg_drop) /* to an asker */
#define PROBE_REQUESTS(X)                                                          \
    X(PROBE_ASK,    probe_msg, probe_msg_drop) /* from anybody: do this, answer */
/* clang-format on */

enum probe_kind { PROBE_FACTS(MSG_ENUM_ROW) PROBE_REQUESTS(MSG_REQUEST_ENUM_ROW) PROBE_KINDS };

static inline void probe_count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static inline void probe_msg_drop(struct msg *m)
{
    probe_count(&((struct probe_msg *)(void *)m)->book->freed);
}

static const struct msg_type probe_types[] = {PROBE_FACTS(MSG_TYPE_ROW)
                                                  PROBE_REQUESTS(MSG_REQUEST_TYPE_ROW)};

static inline struct probe_msg *probe_msg(enum probe_kind kind, struct probe_book *book,
                                          probe_fn *run, uint64_t value)
{
    struct probe_msg *m = MSG_NEW(probe_types, kind, probe_msg);
    m->book = book;
    m->run = run;
    m->value = value;
    probe_count(&book->made);
    return m;
}

static inline void probe_note(struct actor_ref to, struct probe_book *book, probe_fn *run,
                              uint64_t value)
{
    struct probe_msg *m = probe_msg(PROBE_NOTE, book, run, value);
    SEND(to, m);
}

/* As a request of self. */
static inline void probe_ask(struct probe *self, struct actor_ref to, probe_fn *run, uint32_t tag)
{
    struct probe_msg *m = probe_msg(PROBE_ASK, self->book, run, tag);
    probe_count(&self->book->asked);
    actor_ask(to, &m->msg, tag);
}

static inline void probe_reply(struct probe *self, struct reply *reply)
{
    struct probe_msg *m = probe_msg(PROBE_ANSWER, self->book, NULL, reply->tag);
    reply_send(reply, &m->msg);
}

static inline void probe_answer(struct probe *self, struct msg *request)
{
    struct reply reply = reply_take(request);
    probe_reply(self, &reply);
}

static inline void probe_keep(struct probe *self, struct msg *request)
{
    CHECK(self->kept_count < PROBE_KEPT_MAX);
    self->kept[self->kept_count++] = reply_take(request);
}

static inline void probe_exit(struct probe *self, struct msg *m)
{
    actor_exit(&self->actor);
}

static inline struct probe *probe_of(struct actor *a)
{
    return (struct probe *)(void *)a;
}

static inline void probe_run(struct probe *self, struct msg *m)
{
    probe_fn *run = ((struct probe_msg *)(void *)m)->run;
    probe_count(&self->book->handled);
    if (run != NULL)
        run(self, m);
}

static inline void probe_receive(struct actor *a, struct msg *m)
{
    struct probe *self = probe_of(a);
    switch ((enum probe_kind)m->type->kind) {
    case PROBE_ANSWER:
        probe_count(&self->book->handled);
        probe_count(&self->book->answered);
        if (self->on_answer != NULL)
            self->on_answer(self, m);
        break;
    case PROBE_GONE:
        probe_count(&self->book->gone);
        if (self->on_answer != NULL)
            self->on_answer(self, m);
        break;
    case PROBE_STOP: actor_exit(a); break;
    case PROBE_TIMER:
        probe_count(&self->book->timers);
        if (self->on_timer != NULL)
            self->on_timer(self, (const struct msg_timer *)(const void *)m);
        break;
    case PROBE_NOTE:
    case PROBE_ASK: probe_run(self, m); break;
    case PROBE_IO:
    case PROBE_KINDS: break;
    }
}

static inline void probe_done(struct actor *a)
{
    struct probe *self = probe_of(a);
    timer_cancel(&self->timer);
    for (unsigned i = 0; i < self->kept_count; i++)
        reply_gone(&self->kept[i]);
    probe_count(&self->book->done);
    if (self->on_done != NULL)
        self->on_done(self);
}

static inline void probe_flush(struct actor *a)
{
    if (probe_of(a)->on_flush != NULL)
        probe_of(a)->on_flush(probe_of(a));
}

static const struct actor_class probe_pinned = {.name = "probe",
                                                .types = probe_types,
                                                .type_count = PROBE_KINDS,
                                                .pinned = true,
                                                .receive = probe_receive,
                                                .flush = probe_flush,
                                                .done = probe_done};
static const struct actor_class probe_floating = {.name = "floater",
                                                  .types = probe_types,
                                                  .type_count = PROBE_KINDS,
                                                  .receive = probe_receive,
                                                  .done = probe_done};

static inline struct probe *probe_spawn(const struct actor_class *class, struct probe_book *book)
{
    struct probe *p = probe_of(actor_spawn(class, sizeof *p));
    p->book = book;
    probe_count(&book->spawned);
    return p;
}

#endif
