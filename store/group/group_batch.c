/* SPDX-License-Identifier: Apache-2.0 */
/* group_batch.c -- several messages, all or none.
 *
 * Idea        A batch is a run of BATCH entries, FIRST to LAST. Parts wait until the last one
 *             comes; then all are judged in order, each with what those before it have taken, and
 *             either none is stored or all are, each a step. A run that is followed by anything
 *             else never happened.
 * Bounds      GROUP_BATCH_MAX parts. Their bodies lie in journal images, which stay as no
 *             checkpoint is taken while a batch is open; those of a memory stream are copied.
 */
#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/group/group_private.h"

static bool copies_parts(const struct group *g)
{
    return msglog_form(g->log) == MSGLOG_MEMORY;
}

void group_drop_batch(struct group *g)
{
    struct batch *b = &g->batch;
    for (uint32_t i = 0; copies_parts(g) && i < b->count; i++)
        free((char *)(uintptr_t)b->parts[i].body.at);
    free(b->parts);
    *b = (struct batch){0};
}

static void hold(struct group *g, const struct entry *e)
{
    struct batch *b = &g->batch;
    if (b->count == b->capacity) {
        b->capacity = b->capacity == 0 ? 16 : 2 * b->capacity;
        b->parts = realloc(b->parts, b->capacity * sizeof b->parts[0]);
        CHECK(b->parts != NULL);
    }
    struct entry *part = &b->parts[b->count++];
    *part = *e;
    if (copies_parts(g)) {
        char *copy = malloc(e->body.size + 1);
        CHECK(copy != NULL);
        if (e->body.size > 0)
            memcpy(copy, e->body.at, e->body.size);
        part->body.at = copy;
    }
}

static void stage(struct staged *staged, const struct publish *p)
{
    staged->parts[staged->count++] = (struct staged_part){
        .subject = p->message.subject,
        .msg_id = p->headers.values[HEADER_MSG_ID],
    };
    staged->bytes += p->size;
}

/* All parts in order, the last one in e; ret is the first refusal's, or STORED. */
static int judge_all(struct group *g, const struct entry *e, struct applied *ret)
{
    struct staged staged = {0};
    uint32_t total = g->batch.count + 1;
    staged.parts = calloc(total, sizeof staged.parts[0]);
    CHECK(staged.parts != NULL);
    int r = 0;
    ret->outcome = APPLIED_STORED;
    while (r == 0 && staged.count < total && ret->outcome == APPLIED_STORED) {
        struct publish p;
        r = publish_read(staged.count < total - 1 ? &g->batch.parts[staged.count] : e, &p);
        if (r != 0)
            break;
        p.part = staged.count + 1;
        struct bytes subject = p.message.subject; /* of the entry: a changed body is overwritten */
        r = group_judge(g, &p, &staged, ret);
        if (r == 0 && ret->outcome != APPLIED_STORED)
            ret->batch_part = p.part;
        p.message.subject = subject;
        stage(&staged, &p);
    }
    free(staged.parts);
    return r;
}

static int store_all(struct group *g, const struct entry *e, struct applied *ret)
{
    uint32_t total = g->batch.count + 1;
    for (; g->work.part < total; g->work.part++) {
        struct publish p;
        uint64_t seq;
        int r = publish_read(g->work.part < total - 1 ? &g->batch.parts[g->work.part] : e, &p);
        CHECK(r == 0); /* it was judged */
        publish_settle(g, &p);
        r = group_store(g, &p, &seq);
        if (r != 0)
            return r;
    }
    ret->outcome = APPLIED_STORED;
    ret->batch_size = total;
    ret->seq = group_log_state(g).last_seq;
    return 0;
}

static int apply_last(struct group *g, const struct entry *e, struct applied *ret)
{
    if (!g->work.judged) {
        int r = judge_all(g, e, ret);
        if (r != 0)
            return r;
        if (ret->outcome == APPLIED_REFUSED || ret->outcome == APPLIED_OLD) {
            ret->batch_size = g->batch.count + 1;
            group_drop_batch(g);
            return 0;
        }
        CHECK(ret->outcome == APPLIED_STORED);
        g->work.judged = true;
    }
    int r = store_all(g, e, ret);
    if (r == 0)
        group_drop_batch(g);
    return r;
}

int apply_batch(struct group *g, const struct entry *e, struct applied *ret)
{
    struct batch *b = &g->batch;
    if (e->flags & BATCH_FIRST) {
        group_drop_batch(g);
    } else if (b->count == 0) {
        group_refuse(ret, REFUSAL_BATCH_INCOMPLETE);
        return 0;
    }
    if (e->flags & BATCH_LAST)
        return apply_last(g, e, ret);
    struct publish p;
    int r = publish_read(e, &p);
    if (r != 0)
        return r;
    if (b->count >= GROUP_BATCH_MAX - 1) {
        group_refuse(ret, REFUSAL_BATCH_TOO_LARGE);
        ret->number = GROUP_BATCH_MAX;
        group_drop_batch(g);
        return 0;
    }
    hold(g, e);
    ret->outcome = APPLIED_HELD;
    return 0;
}
