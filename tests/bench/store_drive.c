/* SPDX-License-Identifier: Apache-2.0 */
/* store_drive.c -- an actor that gives a store its turns and a script its steps.
 *
 * Messages are made here, in the same turns: appends are taken while slots of the window are free, and
 * a slot is free again when its entry has been applied. A body is made once a slot; only the number in
 * its subject changes, so that the generator costs little beside the store.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/actor.h"
#include "runtime/base/check.h"
#include "runtime/file.h"
#include "runtime/host/host.h"
#include "runtime/system.h"
#include "store/format/buffer.h"
#include "store/format/message.h"
#include "store/format/stream_entry.h"
#include "store/group/group.h"
#include "store/group/rules.h"
#include "tests/bench/store_bench.h"

#define ROUNDS_MAX 8     /* of feeding and turns, before completions are looked at */
#define SUBJECT_SIZE 14u /* six letters, eight digits */
#define NAME_SIZE 16

/* clang-format off */
#define DRIVER_MESSAGES(X, R)                                         \
    RUNTIME_MESSAGES(X, DRIVER)                                       \
    X(DRIVER_TURN, msg, msg_drop_plain) /* itself: there is more to do */
/* clang-format on */

enum driver_message { DRIVER_MESSAGES(MSG_ENUM_ROW, MSG_REQUEST_ENUM_ROW) DRIVER_KINDS };

static const struct msg_type driver_types[DRIVER_KINDS] = {
    DRIVER_MESSAGES(MSG_TYPE_ROW, MSG_REQUEST_TYPE_ROW)};

struct driver {
    struct actor actor;
    struct script *script; /* borrowed */
    struct timer timer;
    bool turn_sent;
};

struct slot {
    struct store_append append;
    struct slot *next; /* free */
    struct script *script;
    uint64_t taken_ns;
    char *subject; /* in the body */
};

struct maker {
    struct store_make make;
    struct script *script;
    uint32_t number;
    char name[NAME_SIZE];
};

/* --- feeding -------------------------------------------------------------------------------------- */

static void slots_free(struct script *s)
{
    for (uint32_t i = 0; s->slots != NULL && i < s->feed.window; i++)
        free((char *)s->slots[i].append.body.at);
    free(s->slots);
    s->slots = s->free = NULL;
}

static void on_applied(struct store_append *append, int status, const struct applied *applied)
{
    struct slot *slot = append->context;
    struct script *s = slot->script;
    if (status != 0 || applied->outcome != APPLIED_STORED)
        bench_fail("an append ended with %d", status);
    if (s->feed.window == 1)
        hist_add(&s->latency, bench_ns() - slot->taken_ns);
    slot->next = s->free;
    s->free = slot;
    s->over = ++s->applied == s->feed.count;
}

static void slot_init(struct script *s, struct slot *slot)
{
    char *payload = calloc(1, s->feed.payload + 1);
    CHECK(payload != NULL);
    struct message m = {.subject = {"bench.00000000", SUBJECT_SIZE},
                        .payload = {payload, s->feed.payload}};
    size_t size = message_body_size(&m);
    char *body = malloc(size);
    CHECK(body != NULL);
    message_body_write(&m, body);
    free(payload);
    slot->script = s;
    slot->subject = body + (size - s->feed.payload - SUBJECT_SIZE);
    slot->append = (struct store_append){
        .kind = ENTRY_MSG, .body = {body, size}, .done = on_applied, .context = slot};
    slot->next = s->free;
    s->free = slot;
}

void script_feed(struct script *s, const struct feed *feed)
{
    slots_free(s);
    s->feed = *feed;
    s->fed = s->applied = 0;
    s->slots = calloc(feed->window, sizeof *s->slots);
    CHECK(s->slots != NULL && feed->logs <= s->group_count);
    for (uint32_t i = 0; i < feed->window; i++)
        slot_init(s, &s->slots[i]);
    if (feed->count == 0)
        s->over = true;
}

static void set_subject(const struct feed *f, uint64_t number, char *at)
{
    static const char digits[] = "0123456789abcdef";
    bool match = f->every != 0 && number % f->every == 0;
    memcpy(at, match ? "match." : "bench.", 6);
    uint64_t subject = f->subjects < 2 ? 0 : number % f->subjects;
    for (int i = 0; i < 8; i++)
        at[13 - i] = digits[(subject >> (4 * i)) & 15];
}

/* false: the store takes no more now. */
static bool feed_one(struct script *s, int64_t now_ns)
{
    struct slot *slot = s->free;
    uint64_t number = s->feed.first + s->fed;
    set_subject(&s->feed, number, slot->subject);
    slot->append.now_ns = now_ns;
    if (s->feed.window == 1)
        slot->taken_ns = bench_ns();
    int status = store_append(s->store, s->groups[number % s->feed.logs], &slot->append);
    if (status == -EAGAIN)
        return false;
    if (status != 0)
        bench_fail("an append was refused with %d", status);
    s->free = slot->next;
    s->fed++;
    return true;
}

/* As much as the window and the store take; true: something was taken. */
static bool feed_some(struct script *s)
{
    uint64_t before = s->fed;
    int64_t now = wall_ns();
    while (s->fed < s->feed.count && s->free != NULL && feed_one(s, now))
        ;
    return s->fed > before;
}

/* --- other things a script begins --------------------------------------------------------------------- */

static void on_status(void *context, int status)
{
    struct script *s = context;
    if (status != 0)
        bench_fail("the store did not open or close: %d", status);
    s->over = true;
}

static void on_failed(void *context, int error)
{
    (void)context;
    bench_fail("the store has failed with %d", error);
}

void script_open(struct script *s, const struct store_options *changes)
{
    store_free(&s->store);
    s->options = changes == NULL ? (struct store_options){0} : *changes;
    s->options.disk = file_disk();
    s->options.path = s->bench->folder;
    s->options.seed = 0x5eed;
    memcpy(s->options.uuid, "a store to bench", sizeof s->options.uuid);
    s->options.failed = on_failed;
    s->options.context = s;
    s->store = store_new(&s->options);
    store_open(s->store, on_status);
}

void script_close(struct script *s)
{
    slots_free(s);
    s->feed.count = 0;
    store_close(s->store, on_status);
}

void script_settle(struct script *s)
{
    s->settling = true;
}

static void on_made(struct store_make *make, int status, struct store_group *group)
{
    struct maker *m = make->context;
    struct script *s = m->script;
    if (status != 0)
        bench_fail("a group was not made: %d", status);
    s->groups[m->number] = group;
    if (--s->makers_left == 0)
        s->over = true;
}

static void make_config(struct buffer *b)
{
    struct stream_rules rules;
    stream_rules_init(&rules, BYTES("BENCH"));
    struct buffer text = {0};
    stream_rules_write(&text, &rules);
    stream_config_write(b, &(struct stream_config){buffer_view(&text), BYTES("{}")});
    buffer_done(&text);
    stream_rules_done(&rules);
}

static void groups_resize(struct script *s, uint32_t count)
{
    s->groups = realloc(s->groups, count * sizeof *s->groups);
    CHECK(s->groups != NULL);
    s->group_count = count;
}

void script_make(struct script *s, uint32_t count, enum store_sync sync, uint32_t first)
{
    static struct buffer config; /* borrowed by all makers of the process */
    if (config.size == 0)
        make_config(&config);
    groups_resize(s, first + count);
    free(s->makers);
    s->makers = calloc(count, sizeof *s->makers);
    CHECK(s->makers != NULL);
    s->makers_left = count;
    for (uint32_t i = 0; i < count; i++) {
        struct maker *m = &s->makers[i];
        m->script = s;
        m->number = first + i;
        int size = snprintf(m->name, sizeof m->name, "L%u", first + i);
        m->make = (struct store_make){.options = {.account = BYTES("BENCH"),
                                                  .name = {m->name, (size_t)size},
                                                  .config = buffer_view(&config),
                                                  .form = MSGLOG_FILE,
                                                  .sync = sync},
                                      .now_ns = wall_ns(),
                                      .done = on_made,
                                      .context = m};
        store_make(s->store, &m->make);
    }
}

void script_find(struct script *s, uint32_t count)
{
    groups_resize(s, count);
    for (uint32_t i = 0; i < count; i++) {
        char name[NAME_SIZE];
        int size = snprintf(name, sizeof name, "L%u", i);
        s->groups[i] = store_find(s->store, BYTES("BENCH"), (struct bytes){name, (size_t)size});
        if (s->groups[i] == NULL)
            bench_fail("group %s is gone", name);
    }
}

static void on_looked(struct store_look *look, int status)
{
    struct script *s = look->context;
    s->status = status;
    s->over = true;
}

void script_look(struct script *s, uint32_t group,
                 int (*run)(struct store_look *look, struct group *group, struct msglog *log))
{
    s->look = (struct store_look){.run = run, .done = on_looked, .context = s};
    store_look(s->store, s->groups[group], &s->look);
}

void script_end(struct script *s)
{
    s->ended = true;
}

/* --- turns ------------------------------------------------------------------------------------------------ */

/* Feeding, a turn of the store, and the script's next steps. true: at once again. */
static bool round_of(struct script *s)
{
    bool more = feed_some(s);
    more |= s->store != NULL && store_turn(s->store, now_ms());
    if (s->settling && !more && store_idle(s->store))
        s->over = true;
    bool stepped = false;
    while (s->over && !s->ended) {
        s->over = s->settling = false;
        stepped = true;
        s->run(s);
    }
    return more || stepped;
}

static void arm(struct driver *d)
{
    timer_cancel(&d->timer);
    uint64_t due = store_due_ms(d->script->store);
    if (due != UINT64_MAX)
        timer_arm(&d->timer, &d->actor, 0, due > now_ms() ? due - now_ms() : 1);
}

static void finish(struct driver *d)
{
    struct script *s = d->script;
    timer_cancel(&d->timer);
    slots_free(s);
    free(s->makers);
    free(s->groups);
    store_free(&s->store);
    actor_exit(&d->actor);
}

static void flush(struct actor *self)
{
    struct driver *d = (struct driver *)(void *)self;
    bool more = true;
    for (int i = 0; i < ROUNDS_MAX && more && !d->script->ended; i++)
        more = round_of(d->script);
    if (d->script->ended) {
        finish(d);
        return;
    }
    arm(d);
    if (more && !d->turn_sent) {
        d->turn_sent = true;
        actor_send(self->self, msg_alloc(&driver_types[DRIVER_TURN]));
    }
}

static void receive(struct actor *self, struct msg *m)
{
    struct driver *d = (struct driver *)(void *)self;
    if (m->type->kind == DRIVER_TURN)
        d->turn_sent = false;
    else if (m->type->kind == DRIVER_IO)
        msg_io_done(m);
    actor_flush_later(self);
}

static void done(struct actor *self)
{
    (void)self;
}

static const struct actor_class driver_class = {.name = "driver",
                                                .types = driver_types,
                                                .type_count = DRIVER_KINDS,
                                                .pinned = true,
                                                .receive = receive,
                                                .flush = flush,
                                                .done = done};

void script_run(struct bench *b, script_fn *run, void *context)
{
    struct world *world = host_new();
    struct system *system = system_new(world, &(struct system_options){.worker_count = 1});
    CHECK(system != NULL);
    struct script s = {.bench = b, .run = run, .context = context, .over = true};
    struct driver *d = (struct driver *)(void *)actor_spawn(&driver_class, sizeof(struct driver));
    d->script = &s;
    s.actor = &d->actor;
    actor_send(d->actor.self, msg_alloc(&driver_types[DRIVER_TURN]));
    host_run(system);
    system_free(&system);
    host_free(&world);
}
