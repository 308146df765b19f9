/* SPDX-License-Identifier: Apache-2.0 */
/* store_run.h -- a store on a simulated disk, for tests that tell it what to do step by step. */
#ifndef TESTS_UNIT_STORE_STORE_RUN_H
#define TESTS_UNIT_STORE_STORE_RUN_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"
#include "store/format/message.h"
#include "store/format/stream_entry.h"
#include "store/group/group.h"
#include "store/store.h"
#include "tests/unit/store/disk_run.h"

#define STORE_RUN_STEPS_MAX 2000000u /* of one wait */
#define STORE_RUN_PAYLOAD_MAX 100000u

struct store_run {
    struct disk_run disk;
    struct store_options options;
    struct store *store; /* NULL: down */
    bool opened;
    bool closed;
    int status; /* of open or close */
    unsigned failed;
    int error;
    unsigned lost; /* calls */
    unsigned busy; /* turns after which there was more to do at once */
};

/* --- life ----------------------------------------------------------------------------------------- */

static void store_run_failed(void *context, int error)
{
    struct store_run *r = context;
    r->failed++;
    r->error = error;
}

static void store_run_lost(void *context, struct store_group *group, uint64_t first, uint64_t last)
{
    struct store_run *r = context;
    r->lost++;
}

static inline void store_run_init(struct store_run *r, uint64_t seed)
{
    *r = (struct store_run){0};
    disk_run_init(&r->disk, seed, (struct sim_disk_options){0});
    r->disk.now_ns = 1700000000ull * 1000000000;
    r->options = (struct store_options){
        .disk = disk_run_door(&r->disk),
        .path = "store",
        .seed = 5,
        .uuid = "a store of tests",
        .journal_file_bytes = 64 << 10,
        .replay_debt_bytes = 192 << 10,
        .memory_bytes = 256 << 10,
        .failed = store_run_failed,
        .lost = store_run_lost,
        .context = r,
    };
}

/* One turn, and then what is due of the disk, or of time; a busy store does not keep these waiting for ever.
 * false: nothing is to be done. */
static inline bool store_run_step(struct store_run *r)
{
    bool busy = store_turn(r->store, r->disk.now_ns / 1000000);
    if (busy && ++r->busy % 64 != 0)
        return true;
    uint64_t due_ms = store_due_ms(r->store);
    uint64_t due_ns = due_ms >= UINT64_MAX / 1000000 ? UINT64_MAX : due_ms * 1000000;
    if (sim_disk_next_ns(r->disk.disk) <= due_ns)
        return disk_run_step(&r->disk) || busy;
    if (due_ns == UINT64_MAX)
        return busy;
    if (due_ns > r->disk.now_ns)
        r->disk.now_ns = due_ns;
    return true;
}

static inline void store_run_until(struct store_run *r, const bool *flag)
{
    for (unsigned i = 0; !*flag; i++) {
        bool more = store_run_step(r);
        CHECK((more || *flag) && i < STORE_RUN_STEPS_MAX);
    }
}

static inline void store_run_settle(struct store_run *r)
{
    for (unsigned i = 0; !store_idle(r->store); i++) {
        bool more = store_run_step(r);
        CHECK((more || store_idle(r->store)) && i < STORE_RUN_STEPS_MAX);
    }
}

static inline void store_run_opened(void *context, int status)
{
    struct store_run *r = context;
    r->opened = true;
    r->status = status;
}

static inline void store_run_closed(void *context, int status)
{
    struct store_run *r = context;
    r->closed = true;
    r->status = status;
}

static inline int store_run_open(struct store_run *r)
{
    CHECK(r->store == NULL);
    r->opened = false;
    r->store = store_new(&r->options);
    store_open(r->store, store_run_opened);
    store_run_until(r, &r->opened);
    return r->status;
}

static inline int store_run_close(struct store_run *r)
{
    r->closed = false;
    store_close(r->store, store_run_closed);
    store_run_until(r, &r->closed);
    store_free(&r->store);
    return r->status;
}

static inline void store_run_crash(struct store_run *r, enum sim_crash how)
{
    disk_run_crash(&r->disk, how);
    store_free(&r->store);
}

static inline void store_run_done(struct store_run *r)
{
    sim_disk_crash(r->disk.disk, SIM_CRASH_KILL);
    store_free(&r->store);
    disk_run_done(&r->disk);
}

/* A request of the test's own. */
static inline void store_run_performed(struct disk_request *request)
{
    *(bool *)request->context = true;
}

static inline int64_t store_run_perform(struct store_run *r, struct disk_request *request)
{
    bool over = false;
    request->done = store_run_performed;
    request->context = &over;
    disk_submit(r->options.disk, request);
    while (!over)
        CHECK(disk_run_step(&r->disk));
    return request->result;
}

/* --- groups --------------------------------------------------------------------------------------- */

struct store_run_make {
    struct store_make make;
    struct buffer config;
    struct store_group *group;
    int status;
    bool over;
};

static inline void store_run_made(struct store_make *make, int status, struct store_group *group)
{
    struct store_run_make *m = make->context;
    m->over = true;
    m->status = status;
    m->group = group;
}

static inline void store_run_config(struct buffer *b, const char *name, int64_t max_msgs)
{
    struct stream_rules rules;
    stream_rules_init(&rules, bytes_of(name));
    rules.max_msgs = max_msgs;
    struct buffer text = {0};
    stream_rules_write(&text, &rules);
    stream_config_write(b, &(struct stream_config){buffer_view(&text), BYTES("{}")});
    buffer_done(&text);
    stream_rules_done(&rules);
}

static inline void store_run_begin_make(struct store_run *r, struct store_run_make *m,
                                        const char *name, enum msglog_form form,
                                        enum store_sync sync)
{
    *m = (struct store_run_make){0};
    store_run_config(&m->config, "S", -1);
    m->make = (struct store_make){
        .options = {.account = BYTES("A"),
                    .name = bytes_of(name),
                    .config = buffer_view(&m->config),
                    .form = form,
                    .sync = sync},
        .now_ns = (int64_t)r->disk.now_ns,
        .done = store_run_made,
        .context = m,
    };
    store_make(r->store, &m->make);
}

/* 0 and the group, or why not. */
static inline int store_run_make_as(struct store_run *r, const char *name, enum msglog_form form,
                                    enum store_sync sync, struct store_group **ret)
{
    struct store_run_make m;
    store_run_begin_make(r, &m, name, form, sync);
    store_run_until(r, &m.over);
    buffer_done(&m.config);
    *ret = m.group;
    return m.status;
}

static inline struct store_group *store_run_make_group(struct store_run *r, const char *name)
{
    struct store_group *g;
    int status = store_run_make_as(r, name, MSGLOG_FILE, STORE_SYNC_ALWAYS, &g);
    CHECK(status == 0 && g != NULL);
    return g;
}

struct store_run_delete {
    struct store_delete d;
    int status;
    bool over;
};

static inline void store_run_deleted(struct store_delete *d, int status)
{
    struct store_run_delete *context = d->context;
    context->over = true;
    context->status = status;
}

static inline int store_run_delete(struct store_run *r, struct store_group *g)
{
    struct store_run_delete d = {.d = {.group = g, .done = store_run_deleted}};
    d.d.context = &d;
    store_delete(r->store, &d.d);
    store_run_until(r, &d.over);
    return d.status;
}

static inline struct store_group *store_run_find(struct store_run *r, const char *name)
{
    return store_find(r->store, BYTES("A"), bytes_of(name));
}

/* --- entries -------------------------------------------------------------------------------------- */

struct store_run_append {
    struct store_append a;
    struct buffer body;
    int status;
    struct applied applied;
    unsigned answers;
    bool over;
};

static inline void store_run_answered(struct store_append *append, int status,
                                      const struct applied *applied)
{
    struct store_run_append *a = append->context;
    a->over = true;
    a->answers++;
    a->status = status;
    if (status == 0)
        a->applied = *applied;
}

/* 0: under way; else what store_append said. The body is freed by store_run_append_done. */
static inline int store_run_begin(struct store_run *r, struct store_group *g,
                                  struct store_run_append *a, enum entry_kind kind)
{
    a->a = (struct store_append){
        .kind = kind,
        .body = buffer_view(&a->body),
        .now_ns = (int64_t)r->disk.now_ns,
        .done = store_run_answered,
        .context = a,
    };
    return store_append(r->store, g, &a->a);
}

static inline int store_run_begin_message(struct store_run *r, struct store_group *g,
                                          struct store_run_append *a, const char *subject,
                                          const char *text, size_t size)
{
    *a = (struct store_run_append){0};
    const struct message m = {.subject = bytes_of(subject), .payload = {text, size}};
    message_body_write(&m, buffer_room(&a->body, message_body_size(&m)));
    a->body.size += message_body_size(&m);
    return store_run_begin(r, g, a, ENTRY_MSG);
}

static inline void store_run_append_done(struct store_run_append *a)
{
    buffer_done(&a->body);
}

static inline int store_run_finish(struct store_run *r, struct store_run_append *a)
{
    store_run_until(r, &a->over);
    CHECK(a->answers == 1);
    store_run_append_done(a);
    return a->status;
}

/* The sequence that it got, or a negative errno. */
static inline int64_t store_run_publish_sized(struct store_run *r, struct store_group *g,
                                              const char *subject, const char *text, size_t size)
{
    struct store_run_append a;
    int status = store_run_begin_message(r, g, &a, subject, text, size);
    if (status != 0) {
        store_run_append_done(&a);
        return status;
    }
    status = store_run_finish(r, &a);
    return status != 0 ? status : (int64_t)a.applied.seq;
}

static inline int64_t store_run_publish(struct store_run *r, struct store_group *g,
                                        const char *subject, const char *text)
{
    return store_run_publish_sized(r, g, subject, text, strlen(text));
}

/* Until so many bytes have gone to the journal. */
static inline void store_run_publish_much(struct store_run *r, struct store_group *g, size_t bytes)
{
    static const char zeros[4000];
    for (size_t done = 0; done < bytes; done += sizeof zeros)
        CHECK(store_run_publish_sized(r, g, "much", zeros, sizeof zeros) > 0);
}

static inline int store_run_remove(struct store_run *r, struct store_group *g, uint64_t seq)
{
    struct store_run_append a = {0};
    stream_delete_write(&a.body, &seq, 1, false);
    int status = store_run_begin(r, g, &a, ENTRY_DELETE);
    if (status == 0)
        return store_run_finish(r, &a);
    store_run_append_done(&a);
    return status;
}

/* --- look-ups ------------------------------------------------------------------------------------- */

struct store_run_look {
    struct store_look look;
    uint64_t seq;
    char text[64];
    struct msglog_state state;
    unsigned runs;
    int status;
    bool over;
};

static inline int store_run_look_up(struct store_look *look, struct group *group,
                                    struct msglog *log)
{
    struct store_run_look *l = look->context;
    l->runs++;
    msglog_state(log, &l->state);
    if (l->seq == 0)
        return 0;
    struct stored s;
    int status = msglog_read(log, l->seq, &s);
    if (status == 0)
        snprintf(l->text, sizeof l->text, "%.*s", (int)s.message.payload.size,
                 s.message.payload.at);
    return status;
}

static inline void store_run_looked(struct store_look *look, int status)
{
    struct store_run_look *l = look->context;
    CHECK(!l->over);
    l->over = true;
    l->status = status;
}

static inline void store_run_begin_look(struct store_run *r, struct store_group *g, uint64_t seq,
                                        struct store_run_look *l)
{
    *l = (struct store_run_look){.look = {.run = store_run_look_up, .done = store_run_looked},
                                 .seq = seq};
    l->look.context = l;
    store_look(r->store, g, &l->look);
}

static inline int store_run_read(struct store_run *r, struct store_group *g, uint64_t seq,
                                 struct store_run_look *l)
{
    store_run_begin_look(r, g, seq, l);
    store_run_until(r, &l->over);
    return l->status;
}

/* Whether the message of this sequence is this text. */
static inline bool store_run_has(struct store_run *r, struct store_group *g, uint64_t seq,
                                 const char *text)
{
    struct store_run_look l;
    return store_run_read(r, g, seq, &l) == 0 && strcmp(l.text, text) == 0;
}

static inline uint64_t store_run_count(struct store_run *r, struct store_group *g)
{
    struct store_run_look l;
    CHECK(store_run_read(r, g, 0, &l) == 0);
    return l.state.msgs;
}

#endif
