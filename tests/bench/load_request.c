/* SPDX-License-Identifier: Apache-2.0 */
/* load_request.c -- request and reply: one asks, one answers, so many requests outstanding.
 *
 * Idea        The asker hears _INBOX.b.* and puts each request's number into its reply subject, as
 *             client libraries do. The answerer sends the payload back. Both are connections of
 *             this process, so a request is two messages through the server.
 * Invariants  1. requests arrive in order and so do replies: each connection is read in order, and
 *                one path leads each way.
 *             2. asked - answered is at most `outstanding` (at a rate: at most OUTSTANDING_MAX).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "tests/bench/load.h"
#include "tests/bench/payload.h"

enum { DIGITS = 8, NUMBERS = 100000000, HEADER_MAX = 64 };

/* A frame's fixed parts, with eight digits to be filled in; the payload follows the header. */
struct frame {
    char header[HEADER_MAX];
    size_t header_size;
    size_t digits_at;
    size_t size;
};

struct request {
    struct load *l; /* borrowed */
    struct conn *asker;
    struct conn *answerer;
    struct frame ask, asked, answer, answered;
    char *scratch;      /* one frame */
    uint32_t sent;      /* requests */
    uint32_t arrived;   /* requests at the answerer */
    uint32_t replied;   /* replies at the asker */
    uint64_t raw_asked; /* --raw: bytes at the answerer, at the asker */
    uint64_t raw_answered;
    uint64_t sent_ns[LOAD_OUTSTANDING_MAX]; /* when, or at a rate: when due */
    uint64_t interval_ns;
    uint64_t part_ns;
    uint64_t part_end_ns;
    uint32_t part_base;
    uint32_t part_max;
    bool measuring;
};

static void frame_init(struct frame *frame, const char *before, const char *after, size_t size)
{
    int n = snprintf(frame->header, HEADER_MAX, "%s00000000%s%zu\r\n", before, after, size);
    CHECK(n > 0 && n < HEADER_MAX);
    frame->header_size = (size_t)n;
    frame->digits_at = strlen(before);
    frame->size = frame->header_size + size + 2;
}

static void digits_write(char *at, uint32_t number)
{
    number %= NUMBERS;
    for (int i = DIGITS - 1; i >= 0; i--, number /= 10)
        at[i] = (char)('0' + number % 10);
}

static bool frame_is(const struct frame *frame, const char *at, uint32_t number)
{
    char header[HEADER_MAX];
    memcpy(header, frame->header, frame->header_size);
    digits_write(header + frame->digits_at, number);
    return memcmp(at, header, frame->header_size) == 0 &&
           memcmp(at + frame->size - 2, "\r\n", 2) == 0;
}

/* Appends the frame with this number to what the connection is to send. */
static void frame_send(struct request *r, struct conn *c, const struct frame *frame,
                       uint32_t number)
{
    size_t size = r->l->o.size;
    memcpy(r->scratch, frame->header, frame->header_size);
    digits_write(r->scratch + frame->digits_at, number);
    memcpy(r->scratch + frame->header_size, r->l->pattern, size);
    payload_stamp(r->scratch + frame->header_size, size, 0, number);
    memcpy(r->scratch + frame->size - 2, "\r\n", 2);
    conn_append(c, r->scratch, frame->size);
}

static void on_reply(struct request *r)
{
    DCHECK(r->sent - r->replied <= LOAD_OUTSTANDING_MAX);
    if (r->measuring)
        hist_add(&r->l->latency, clock_ns() - r->sent_ns[r->replied % LOAD_OUTSTANDING_MAX]);
    r->replied++;
}

/* Takes the one message that has to come next; 0 when it is not all there, or is another. */
static size_t take_frame(struct request *r, struct conn *c, const struct frame *frame,
                         const char *at, size_t size, uint32_t number)
{
    uint32_t source = 0, found = 0;
    if (size < frame->size)
        return 0;
    if (!frame_is(frame, at, number) ||
        !payload_whole(r->l->pattern, at + frame->header_size, r->l->o.size, &source, &found) ||
        source != 0 || found != number) {
        load_fail(r->l, "%s: not message %u: %.*s", c->index == 0 ? "asker" : "answerer", number,
                  (int)frame->header_size, at);
        return 0;
    }
    return frame->size;
}

static size_t take_asked(struct load *l, struct conn *c, const char *at, size_t size)
{
    struct request *r = c->workload;
    if (size < 4 || memcmp(at, "MSG ", 4) != 0)
        return take_control(l, c, at, size);
    size_t taken = take_frame(r, c, &r->asked, at, size, r->arrived);
    if (taken > 0)
        frame_send(r, c, &r->answer, r->arrived++);
    return taken;
}

static size_t take_answered(struct load *l, struct conn *c, const char *at, size_t size)
{
    struct request *r = c->workload;
    if (size < 4 || memcmp(at, "MSG ", 4) != 0)
        return take_control(l, c, at, size);
    size_t taken = take_frame(r, c, &r->answered, at, size, r->replied);
    if (taken > 0)
        on_reply(r);
    return taken;
}

static size_t take_raw(struct load *l, struct conn *c, const char *at, size_t size)
{
    struct request *r = c->workload;
    if (c->pings > 0)
        return take_control(l, c, at, size);
    if (c == r->answerer) {
        r->raw_asked += size;
        while (r->arrived < r->raw_asked / r->asked.size)
            frame_send(r, c, &r->answer, r->arrived++);
    } else {
        r->raw_answered += size;
        while (r->replied < r->raw_answered / r->answered.size)
            on_reply(r);
    }
    return size;
}

static uint64_t due_ns(const struct request *r)
{
    return r->part_ns + (r->sent - r->part_base) * r->interval_ns;
}

static bool may_ask(const struct request *r, uint64_t now)
{
    uint32_t open = r->sent - r->replied;
    if (now >= r->part_end_ns || r->sent == r->part_max)
        return false;
    if (r->interval_ns != 0)
        return open < LOAD_OUTSTANDING_MAX && now >= due_ns(r);
    return open < (uint32_t)r->l->o.outstanding;
}

static void ask(struct request *r, uint64_t now)
{
    bool any = false;
    for (; may_ask(r, now); any = true) {
        uint64_t at = r->interval_ns != 0 ? due_ns(r) : now;
        r->sent_ns[r->sent % LOAD_OUTSTANDING_MAX] = at;
        frame_send(r, r->asker, &r->ask, r->sent++);
    }
    if (any)
        conn_flush(r->l, r->asker);
}

static void request_part(struct request *r, double seconds, uint64_t count)
{
    struct load *l = r->l;
    uint64_t now = clock_ns();
    r->part_ns = now;
    r->part_end_ns = now + (uint64_t)(seconds * 1e9);
    r->part_base = r->sent;
    r->part_max = count != 0 ? r->sent + (uint32_t)count : UINT32_MAX;
    while (!load_failed(l)) {
        now = clock_ns();
        ask(r, now);
        bool over = now >= r->part_end_ns || r->sent == r->part_max;
        if (over && r->replied == r->sent)
            return;
        uint64_t wait = 100000000;
        if (!over && r->interval_ns != 0)
            wait = due_ns(r) > now ? due_ns(r) - now : 0;
        load_turn(l, wait);
    }
}

static void request_open(struct request *r)
{
    struct load *l = r->l;
    size_t size = l->o.size;
    frame_init(&r->ask, "PUB req _INBOX.b.", " ", size);
    frame_init(&r->asked, "MSG req 1 _INBOX.b.", " ", size);
    frame_init(&r->answer, "PUB _INBOX.b.", " ", size);
    frame_init(&r->answered, "MSG _INBOX.b.", " 1 ", size);
    r->scratch = malloc(size + HEADER_MAX + 2);
    CHECK(r->scratch != NULL);
    r->answerer = load_connect(l, l->o.raw ? take_raw : take_asked, r, false);
    r->asker = load_connect(l, l->o.raw ? take_raw : take_answered, r, false);
    if (load_failed(l))
        return;
    r->answerer->index = 1;
    conn_greet(l, r->answerer, (struct role){r->answer.size, r->answered.size, 1, 2, false});
    conn_greet(l, r->asker, (struct role){r->ask.size, r->asked.size, 2, 1, false});
    if (!l->o.raw) {
        conn_print(r->answerer, "SUB req 1\r\n");
        conn_print(r->asker, "SUB _INBOX.b.* 1\r\n");
    }
    conn_ping(l, r->answerer);
    conn_ping(l, r->asker);
    load_sync(l);
}

void load_run_request(struct load *l)
{
    struct request *r = calloc(1, sizeof *r);
    CHECK(r != NULL);
    r->l = l;
    r->interval_ns = l->o.rate > 0 ? (uint64_t)(1e9 / l->o.rate) : 0;
    request_open(r);
    if (l->o.warmup_s > 0 && !load_failed(l))
        request_part(r, l->o.warmup_s, 0);
    uint32_t before = r->replied;
    r->measuring = true;
    load_mark(l);
    if (!load_failed(l))
        request_part(r, l->o.seconds, l->o.count);
    load_measured(l, r->replied - before);
    l->report.delivered = (uint64_t)r->arrived + r->replied;
    free(r->scratch);
    free(r);
}
