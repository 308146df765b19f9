/* SPDX-License-Identifier: Apache-2.0 */
/* catcher.h -- a target of deliveries that keeps what it gets and checks the batches' invariants. */
#ifndef TESTS_UNIT_SUPPORT_CATCHER_H
#define TESTS_UNIT_SUPPORT_CATCHER_H

#include "delivery/batch.h"
#include "tests/unit/support/stub_net.h"

#define CATCHER_PARTS_MAX 64

struct catcher {
    struct actor actor;
    struct stub_bytes got;
    unsigned batches;
    unsigned slices;
    uint64_t frames;
    uint64_t payload;
    struct part parts[CATCHER_PARTS_MAX]; /* the first ones */
    unsigned part_count;
    const struct buf *first_buf;
    const struct buf *first_shared; /* the first buffer of a slice that somebody else holds, too */
    bool headers;
};

enum catcher_kind {
    RUNTIME_MESSAGES(MSG_ENUM_ROW, CATCHER) DELIVERY_MESSAGES(MSG_ENUM_ROW, CATCHER) CATCHER_KINDS
};

static const struct msg_type catcher_types[] = {RUNTIME_MESSAGES(MSG_TYPE_ROW, CATCHER)
                                                    DELIVERY_MESSAGES(MSG_TYPE_ROW, CATCHER)};

static inline void catcher_take(struct catcher *c, const struct batch *batch)
{
    uint64_t bytes = 0;
    CHECK(ref_equal(batch->to, c->actor.self));
    for (uint32_t i = 0; i < batch->slice_count; i++) {
        const struct slice *s = &batch->slices[i];
        CHECK(s->size > 0 && (uint64_t)s->offset + s->size <= s->buf->capacity);
        stub_bytes_add(&c->got, s->buf->at + s->offset, s->size);
        bytes += s->size;
        if (c->first_shared == NULL && atomic_load(&s->buf->refs) > 1)
            c->first_shared = s->buf;
    }
    CHECK(bytes == batch->bytes);
    for (uint32_t i = 0; i < batch->part_count; i++) {
        bytes -= batch->parts[i].bytes;
        c->frames += batch->parts[i].frames;
        c->payload += batch->parts[i].payload;
        if (c->part_count < CATCHER_PARTS_MAX)
            c->parts[c->part_count++] = batch->parts[i];
    }
    CHECK(bytes == 0); /* invariant 1 of batch.h */
    if (c->first_buf == NULL)
        c->first_buf = batch->slices[0].buf;
    c->batches++;
    c->slices += batch->slice_count;
    c->headers = c->headers || batch->headers;
    CHECK(actor_inflight_add(c->actor.self, -(int64_t)batch->bytes) >= 0);
}

static inline void catcher_receive(struct actor *a, struct msg *m)
{
    if (m->type->kind == CATCHER_BATCH)
        catcher_take((struct catcher *)(void *)a, (const struct batch *)(const void *)m);
    else
        actor_exit(a);
}

static inline void catcher_done(struct actor *a)
{
    stub_bytes_clear(&((struct catcher *)(void *)a)->got);
}

static const struct actor_class catcher_class = {.name = "catcher",
                                                 .types = catcher_types,
                                                 .type_count = CATCHER_KINDS,
                                                 .pinned = true,
                                                 .receive = catcher_receive,
                                                 .done = catcher_done};

static inline struct catcher *catcher_spawn(void)
{
    return (struct catcher *)(void *)actor_spawn(&catcher_class, sizeof(struct catcher));
}

/* Ends it. */
static inline void catcher_end(struct catcher *c)
{
    actor_send(c->actor.self, msg_alloc(&catcher_types[CATCHER_TIMER]));
}

/* What it got since the last call, as text that is good until it gets more. */
static inline const char *catcher_text(struct catcher *c)
{
    stub_bytes_add(&c->got, "", 1);
    c->got.size = 0;
    return c->got.at;
}

#endif
