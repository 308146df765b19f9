/* SPDX-License-Identifier: Apache-2.0 */
/* scenario_store_actor.c -- streams' writers on several workers and one store: all that was acknowledged is
 * read again, by them and by those of the next life of the server. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "actors/logger/logger_msg.h"
#include "actors/store/store_actor.h"
#include "actors/store/store_msg.h"
#include "runtime/actor.h"
#include "runtime/base/check.h"
#include "runtime/system.h"
#include "store/format/message.h"
#include "store/format/stream_entry.h"
#include "store/group/group.h"
#include "store/msglog_file.h"
#include "tests/sim/scenario.h"
#include "tests/sim/scenarios.h"

#define WRITERS 5u
#define MESSAGES 150u
#define WINDOW 8u /* appends under way */
#define PAYLOAD_MAX 700u
#define WORKERS 3

/* clang-format off */
#define WRITER_MESSAGES(X, R)                                                   \
    RUNTIME_MESSAGES(X, WRITER)                                                 \
    X(WRITER_BEGIN,   msg,                  msg_drop_plain)                     \
    X(WRITER_OPEN,    store_answer,         msg_drop_plain)                     \
    X(WRITER_GROUP,   store_group_answer,   msg_drop_plain)                     \
    X(WRITER_APPLIED, store_applied_answer, msg_drop_plain)                     \
    X(WRITER_COUNTED, store_count_answer,   msg_drop_plain)                     \
    X(WRITER_MESSAGE, store_message_answer, store_message_answer_drop)
/* clang-format on */

enum writer_message { WRITER_MESSAGES(MSG_ENUM_ROW, MSG_REQUEST_ENUM_ROW) WRITER_KINDS };
static const struct msg_type writer_types[WRITER_KINDS] = {
    WRITER_MESSAGES(MSG_TYPE_ROW, MSG_REQUEST_TYPE_ROW)};

struct story {
    struct run *run;
    struct actor_ref store;
    struct actor_ref writers[WRITERS];
    struct log log;
    struct store_settings settings;
    unsigned life;
    unsigned left; /* writers that are not done */
};

struct writer {
    struct actor actor;
    struct story *story;
    unsigned number;
    uint64_t gid;
    uint64_t sent;
    uint64_t applied;
    uint64_t read;
};

/* --- what is written ----------------------------------------------------------------------------------- */

static size_t payload_of(const struct writer *w, uint64_t seq, char *at)
{
    struct prng prng;
    prng_init(&prng, w->number * 1000 + seq);
    size_t size = prng_below(&prng, PAYLOAD_MAX);
    for (size_t i = 0; i < size; i++)
        at[i] = (char)prng_next(&prng);
    return size;
}

static struct store_bytes message_of(const struct writer *w, uint64_t seq)
{
    char payload[PAYLOAD_MAX];
    char subject[32];
    snprintf(subject, sizeof subject, "s.%u.%" PRIu64, w->number, seq % 7);
    const struct message m = {.subject = bytes_of(subject),
                              .payload = {payload, payload_of(w, seq, payload)}};
    struct store_bytes body = {mem_alloc(message_body_size(&m)), message_body_size(&m)};
    message_body_write(&m, body.at);
    return body;
}

static struct store_bytes config_of(const char *name)
{
    struct stream_rules rules;
    stream_rules_init(&rules, bytes_of(name));
    struct buffer text = {0};
    struct buffer body = {0};
    stream_rules_write(&text, &rules);
    stream_config_write(&body, &(struct stream_config){buffer_view(&text), BYTES("{}")});
    struct store_bytes copy = store_bytes_copy(buffer_view(&body));
    buffer_done(&text);
    buffer_done(&body);
    stream_rules_done(&rules);
    return copy;
}

/* --- a writer ------------------------------------------------------------------------------------------- */

static void ask_ready(struct writer *w)
{
    struct store_ready_request *r = MSG_NEW(store_types, STORE_READY, store_ready_request);
    r->answer = &writer_types[WRITER_OPEN];
    actor_ask(w->story->store, &r->msg, 0);
}

static void ask_group(struct writer *w)
{
    char name[16];
    snprintf(name, sizeof name, "S%u", w->number);
    if (w->story->life == 0) {
        struct store_make_request *r = MSG_NEW(store_types, STORE_MAKE, store_make_request);
        r->answer = &writer_types[WRITER_GROUP];
        r->account = store_bytes_copy(BYTES("A"));
        r->name = store_bytes_copy(bytes_of(name));
        r->config = config_of(name);
        r->form = MSGLOG_FILE;
        r->sync = STORE_SYNC_ALWAYS;
        actor_ask(w->story->store, &r->msg, 0);
    } else {
        struct store_find_request *r = MSG_NEW(store_types, STORE_FIND, store_find_request);
        r->answer = &writer_types[WRITER_GROUP];
        r->account = store_bytes_copy(BYTES("A"));
        r->name = store_bytes_copy(bytes_of(name));
        actor_ask(w->story->store, &r->msg, 0);
    }
}

static void append_more(struct writer *w)
{
    while (w->sent < MESSAGES && w->sent - w->applied < WINDOW) {
        struct store_append_request *r = MSG_NEW(store_types, STORE_APPEND, store_append_request);
        r->answer = &writer_types[WRITER_APPLIED];
        r->gid = w->gid;
        r->kind = ENTRY_MSG;
        r->body = message_of(w, ++w->sent);
        actor_ask(w->story->store, &r->msg, (uint32_t)w->sent);
    }
}

static void ask_count(struct writer *w)
{
    struct store_count_request *r = MSG_NEW(store_types, STORE_COUNT, store_count_request);
    r->answer = &writer_types[WRITER_COUNTED];
    r->gid = w->gid;
    actor_ask(w->story->store, &r->msg, 0);
}

static void ask_message(struct writer *w)
{
    struct store_read_request *r = MSG_NEW(store_types, STORE_READ, store_read_request);
    r->answer = &writer_types[WRITER_MESSAGE];
    r->gid = w->gid;
    r->how = w->read % 2 == 0 ? STORE_READ_SEQ : STORE_READ_NEXT;
    r->seq = w->read + 1;
    actor_ask(w->story->store, &r->msg, 0);
}

static void on_group(struct writer *w, const struct store_group_answer *a)
{
    if (a->status != 0)
        run_fail(w->story->run, "group S%u: status %d", w->number, a->status);
    w->gid = a->gid;
    if (w->story->life == 0 && a->status == 0)
        append_more(w);
    else
        ask_count(w);
}

static void on_applied(struct writer *w, const struct store_applied_answer *a)
{
    w->applied++;
    if (a->status != 0 || a->outcome != APPLIED_STORED || a->seq != w->applied)
        run_fail(w->story->run, "S%u message %" PRIu64 ": status %d, outcome %d, seq %" PRIu64,
                 w->number, w->applied, a->status, a->outcome, a->seq);
    if (w->applied == MESSAGES)
        ask_count(w);
    else
        append_more(w);
}

static void on_counted(struct writer *w, const struct store_count_answer *a)
{
    if (a->status != 0 || a->state.msgs != MESSAGES)
        run_fail(w->story->run, "S%u has %" PRIu64 " messages: status %d", w->number, a->state.msgs,
                 a->status);
    ask_message(w);
}

static void on_message(struct writer *w, const struct store_message_answer *a)
{
    struct store_bytes body = message_of(w, ++w->read);
    if (a->status != 0 || a->seq != w->read ||
        !bytes_equal((struct bytes){a->body.at, a->body.size}, (struct bytes){body.at, body.size}))
        run_fail(w->story->run, "S%u message %" PRIu64 " is another one: status %d", w->number,
                 w->read, a->status);
    mem_free(body.at);
    if (w->read < MESSAGES) {
        ask_message(w);
        return;
    }
    if (--w->story->left == 0)
        actor_stop(w->story->store, 0);
    else
        actor_exit(&w->actor);
}

static void writer_receive(struct actor *self, struct msg *m)
{
    struct writer *w = (struct writer *)(void *)self;
    switch ((enum writer_message)m->type->kind) {
    case WRITER_GONE: actor_exit(self); break; /* the store is closed */
    case WRITER_STOP:
    case WRITER_TIMER:
    case WRITER_IO: UNREACHABLE("nobody tells a writer this");
    case WRITER_BEGIN: ask_ready(w); break;
    case WRITER_OPEN: ask_group(w); break;
    case WRITER_GROUP: on_group(w, (struct store_group_answer *)(void *)m); break;
    case WRITER_APPLIED: on_applied(w, (struct store_applied_answer *)(void *)m); break;
    case WRITER_COUNTED: on_counted(w, (struct store_count_answer *)(void *)m); break;
    case WRITER_MESSAGE: on_message(w, (struct store_message_answer *)(void *)m); break;
    case WRITER_KINDS: UNREACHABLE("no message has this kind");
    }
}

static void writer_done(struct actor *self)
{
    (void)self;
}

static const struct actor_class writer_class = {
    .name = "writer",
    .types = writer_types,
    .type_count = WRITER_KINDS,
    .receive = writer_receive,
    .done = writer_done,
};

/* --- a life of the server --------------------------------------------------------------------------------- */

static void spawn_store(void *context)
{
    struct story *story = context;
    story->store = store_actor_spawn(&story->settings);
}

static void spawn_writers(void *context)
{
    struct story *story = context;
    for (unsigned i = worker_index(); i < WRITERS; i += WORKERS) {
        struct writer *w = (struct writer *)(void *)actor_spawn(&writer_class, sizeof *w);
        w->story = story;
        w->number = i;
        actor_send(w->actor.self, msg_alloc(&writer_types[WRITER_BEGIN]));
    }
}

static bool stopped(void *context)
{
    return sim_world_stopped(context);
}

static void live(struct story *story, unsigned host)
{
    struct world *world = sim_world_new(story->run->sim, host);
    struct system_options options = {WORKERS};
    struct system *system = system_new(world, &options);
    story->left = WRITERS;
    system_on_worker(system, 1, spawn_store, story);
    for (uint16_t i = 0; i < WORKERS; i++)
        system_on_worker(system, i, spawn_writers, story);
    if (!run_until(story->run, stopped, world, 600 * SECONDS, "writers and store end"))
        UNREACHABLE("a system that does not end can not be freed");
    sim_world_end(world);
    system_free(&system);
    sim_world_free(&world);
}

void scenario_store_actor(struct run *run)
{
    struct story story = {.run = run, .log.silent = true};
    story.settings = (struct store_settings){.path = "store",
                                             .log = &story.log,
                                             .uuid = "a store of actor",
                                             .journal_file_bytes = 64 << 10,
                                             .replay_debt_bytes = 192 << 10};
    unsigned host = sim_host(run->sim);
    for (story.life = 0; story.life < 3 && !run->failed; story.life++)
        live(&story, host);
}
