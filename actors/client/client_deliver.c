/* SPDX-License-Identifier: Apache-2.0 */
/* client_deliver.c -- frames that publishers sent: the last judgement, then the way to the socket.
 *
 * Idea        A batch whose parts all pass is queued as it is. When a part must be dropped or cut (its
 *             subscription is over, its maximum is reached), or headers must be taken off, the frames
 *             of that part are walked: they say their own length.
 * Invariants  1 (RUNTIME.md 7.11) delivered <= max at every append to the output
 *             2 a queue group's frame that is refused here is handed to another member
 */
#include <stdio.h>
#include <string.h>

#include "actors/client/client_log.h"
#include "actors/client/client_state.h"
#include "protocols/nats/client_parser.h"
#include "runtime/base/check.h"

/* --- reading frames across slices ---------------------------------------------------------------- */

struct cursor {
    const struct batch *batch;
    uint32_t slice;
    uint32_t offset; /* in the slice */
};

static void cursor_settle(struct cursor *cur)
{
    while (cur->slice < cur->batch->slice_count &&
           cur->offset == cur->batch->slices[cur->slice].size) {
        cur->slice++;
        cur->offset = 0;
    }
}

/* The bytes from the cursor to the end of its slice. */
static struct bytes cursor_bytes(struct cursor *cur)
{
    cursor_settle(cur);
    CHECK(cur->slice < cur->batch->slice_count);
    const struct slice *s = &cur->batch->slices[cur->slice];
    return (struct bytes){s->buf->at + s->offset + cur->offset, s->size - cur->offset};
}

/* Moves on by size bytes, queueing them when out is not NULL. */
static void cursor_take(struct cursor *cur, uint32_t size, struct outgoing *out)
{
    while (size > 0) {
        uint32_t have = (uint32_t)cursor_bytes(cur).size;
        uint32_t part = size < have ? size : have;
        const struct slice *s = &cur->batch->slices[cur->slice];
        if (out != NULL)
            outgoing_slice(out, (struct slice){buf_ref(s->buf), s->offset + cur->offset, part});
        cur->offset += part;
        size -= part;
    }
}

struct frame {
    uint32_t head;     /* size of the control line */
    uint32_t header;   /* size of the header */
    uint32_t payload;  /* header and payload */
    struct bytes line; /* without its end */
};

static uint32_t frame_size(const struct frame *f)
{
    return f->head + f->payload + 2;
}

static struct frame frame_at(struct cursor *cur)
{
    struct bytes rest = cursor_bytes(cur);
    const char *end = batch_line_end(rest);
    CHECK(end != NULL); /* a control line lies in one slice */
    struct frame f = {.head = (uint32_t)(end + 2 - rest.at),
                      .line = {rest.at, (size_t)(end - rest.at)}};
    const char *number = end;
    while (number[-1] != ' ')
        number--;
    f.payload = (uint32_t)client_parse_size((struct bytes){number, (size_t)(end - number)});
    if (rest.at[0] == 'H') {
        const char *stop = number - 1;
        number = stop;
        while (number[-1] != ' ')
            number--;
        f.header = (uint32_t)client_parse_size((struct bytes){number, (size_t)(stop - number)});
    }
    return f;
}

/* --- parts -------------------------------------------------------------------------------------- */

/* For a peer without headers: MSG in place of HMSG, and the payload alone. */
static void deliver_without_header(struct client *c, struct cursor *cur, const struct frame *f)
{
    char number[16];
    const char *size_at = f->line.at + f->line.size;
    for (int blanks = 0; blanks < 2; size_at--)
        blanks += size_at[-1] == ' ';
    outgoing_copy(&c->out, f->line.at + 1, (uint32_t)(size_at + 1 - f->line.at - 1));
    int size = snprintf(number, sizeof number, "%u\r\n", f->payload - f->header);
    outgoing_copy(&c->out, number, (uint32_t)size);
    cursor_take(cur, f->head + f->header, NULL);
    cursor_take(cur, f->payload - f->header + 2, &c->out);
}

/* publish_takes_fn: whether one of our own subscriptions would take a frame that another refuses. */
static bool takes_more(const void *context, uint32_t slot)
{
    const struct client *c = context;
    const struct sub *sub = client_is_open(c) ? subs_at(&c->subs, slot) : NULL;
    return sub != NULL && (sub->max == 0 || sub->delivered < sub->max);
}

static void deliver_frame(struct client *c, struct cursor *cur, const struct frame *f)
{
    uint32_t counted = f->payload - (c->headers ? 0 : f->header);
    c->out_msgs++;
    c->out_bytes += counted;
    COUNTER_ADD(&c->counters->out_msgs, 1);
    COUNTER_ADD(&c->counters->out_bytes, counted);
    if (client_traces(c)) {
        bool header = f->line.at[0] == 'H';
        size_t verb = header ? 5 : 4;
        client_trace_out(c, header ? "HMSG" : "MSG",
                         (struct bytes){f->line.at + verb, f->line.size - verb});
    }
    if (f->header > 0 && !c->headers)
        deliver_without_header(c, cur, f);
    else
        cursor_take(cur, frame_size(f), &c->out);
}

/* To another member of its queue group: in one piece, so that it can be read again. */
static void hand_on_frame(struct client *c, struct cursor *cur, const struct part *part,
                          const struct frame *f)
{
    uint32_t size = frame_size(f);
    struct buf *whole = buf_new(size);
    for (uint32_t done = 0; done < size;) {
        struct bytes rest = cursor_bytes(cur);
        uint32_t n = size - done < rest.size ? size - done : (uint32_t)rest.size;
        memcpy(whole->at + done, rest.at, n);
        cursor_take(cur, n, NULL);
        done += n;
    }
    (void)publish_hand_on(&c->publisher, part, (struct bytes){whole->at, size}, takes_more, c);
    buf_unref(&whole);
}

/* Frames one by one: the first `take` are delivered, the rest handed on or dropped. */
static void walk_part(struct client *c, struct cursor *cur, const struct part *part, uint32_t take)
{
    for (uint32_t i = 0; i < part->frames; i++) {
        struct frame f = frame_at(cur);
        if (i < take)
            deliver_frame(c, cur, &f);
        else if (part->group != 0)
            hand_on_frame(c, cur, part, &f);
        else
            cursor_take(cur, frame_size(&f), NULL);
    }
}

/* How many of the part's frames its subscription may get. */
static uint32_t allowed(const struct sub *sub, const struct part *part)
{
    if (sub == NULL)
        return 0;
    if (sub->max == 0)
        return part->frames;
    uint64_t left = sub->max > sub->delivered ? sub->max - sub->delivered : 0;
    return left < part->frames ? (uint32_t)left : part->frames;
}

static void deliver_part(struct client *c, struct cursor *cur, const struct part *part)
{
    struct sub *sub = client_is_open(c) ? subs_at(&c->subs, part->slot) : NULL;
    uint32_t take = allowed(sub, part);
    if (sub != NULL) {
        sub->delivered += take;
        if (sub->max > 0 && sub->delivered >= sub->max && sub->state != SUB_SENT)
            client_remove_sub(c, sub);
    }
    if (take < part->frames || (cur->batch->headers && !c->headers) || client_traces(c)) {
        walk_part(c, cur, part, take);
        return;
    }
    c->out_msgs += part->frames;
    c->out_bytes += part->payload;
    COUNTER_ADD(&c->counters->out_msgs, part->frames);
    COUNTER_ADD(&c->counters->out_bytes, part->payload);
    cursor_take(cur, part->bytes, &c->out);
}

/* --- batches ------------------------------------------------------------------------------------ */

static uint64_t pending(const struct client *c)
{
    int64_t inflight = atomic_load_explicit(&c->actor.inflight, memory_order_relaxed);
    return c->out.bytes + (inflight > 0 ? (uint64_t)inflight : 0);
}

void client_pressure_update(struct client *c)
{
    if (!client_is_open(c))
        return;
    uint64_t bytes = pending(c);
    uint64_t max = c->settings->max_pending;
    actor_set_pressure(&c->actor, bytes >= max          ? PRESSURE_FULL
                                  : bytes > max / 4 * 3 ? PRESSURE_HIGH
                                                        : PRESSURE_CALM);
}

/* Every part to a living subscription without a maximum, and a peer that knows headers. */
static bool passes_whole(struct client *c, const struct batch *batch)
{
    if (!client_is_open(c) || (batch->headers && !c->headers) || client_traces(c))
        return false;
    for (uint32_t i = 0; i < batch->part_count; i++) {
        const struct sub *sub = subs_at(&c->subs, batch->parts[i].slot);
        if (sub == NULL || sub->max > 0)
            return false;
    }
    return true;
}

static void deliver_whole(struct client *c, struct batch *batch)
{
    uint64_t frames = 0;
    uint64_t payload = 0;
    for (uint32_t i = 0; i < batch->part_count; i++) {
        subs_at(&c->subs, batch->parts[i].slot)->delivered += batch->parts[i].frames;
        frames += batch->parts[i].frames;
        payload += batch->parts[i].payload;
    }
    c->out_msgs += frames;
    c->out_bytes += payload;
    COUNTER_ADD(&c->counters->out_msgs, frames);
    COUNTER_ADD(&c->counters->out_bytes, payload);
    for (uint32_t i = 0; i < batch->slice_count; i++)
        outgoing_slice(&c->out, batch->slices[i]);
    batch->slice_count = 0; /* the references moved */
}

void client_on_batch(struct client *c, struct batch *batch)
{
    (void)actor_inflight_add(c->actor.self, -(int64_t)batch->bytes);
    actor_worked(&c->actor, batch->bytes);
    c->last_out_ms = now_ms();
    if (passes_whole(c, batch)) {
        deliver_whole(c, batch);
    } else {
        struct cursor cur = {batch, 0, 0};
        for (uint32_t i = 0; i < batch->part_count; i++)
            deliver_part(c, &cur, &batch->parts[i]);
        if (!c->consuming)
            (void)publish_end(); /* frames that were handed on; nobody is held for them */
        if (client_is_open(c) && !c->consuming && c->unacked == 0 && c->ops != NULL &&
            c->ops->count > 0)
            client_ops_send(c);
    }
    if (!client_is_open(c))
        return;
    if (c->out.bytes > c->settings->max_pending) {
        COUNTER_ADD(&c->counters->slow_consumers, 1);
        client_log(c, LOG_LEVEL_INFO, "Slow Consumer Detected: MaxPending of %llu Exceeded",
                   (unsigned long long)c->settings->max_pending);
        client_close(c, CLOSED_STATE_SLOW_CONSUMER_PENDING);
        return;
    }
    client_pressure_update(c);
    actor_flush_later(&c->actor);
}
