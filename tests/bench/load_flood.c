/* SPDX-License-Identifier: Apache-2.0 */
/* load_flood.c -- publishers to subscribers: 1 to 1, fan-out, fan-in, queue groups, wildcards.
 *
 * Idea        A publisher's frames lie ready in one buffer; to publish a chunk is to stamp source
 *             and number into each and to send the lot. All frames of a workload have one size, so
 *             the receiver knows a message by comparing its header with the one it expects, and
 *             by its payload (payload.h).
 * Invariants  1. expected - received deliveries are at most the window, so that no subscriber
 *                falls behind by more than that and no server calls one slow.
 *             2. each subscriber hears each publisher's messages in order, without a gap; members
 *                of a queue group together hear each once.
 * Bounds      The window is at most 48 MiB of frames: below a server's default max_pending of
 *             64 MiB, even if all of it waited for one subscriber.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "tests/bench/load.h"
#include "tests/bench/payload.h"

enum {
    WINDOW_MAX = 48 << 20,
    WINDOW_EACH = 1 << 20, /* a subscriber's share, as long as there are few */
    CHUNK_SIZE = 64 << 10, /* bytes published with one send */
    HEADER_MAX = 48,
    ID_FIRST = 10000, /* wildcards: ids have five digits, so that frames have one size */
    ID_LAST = 99999,
    ID_STEP = 7919, /* wildcards: a prime, so that the steps visit every id */
    ID_SHAPES = 4,  /* wildcards: subscriptions that match one subject */
};

struct publisher {
    struct conn *conn;
    char *frames;   /* a chunk */
    uint32_t next;  /* number of the message to be sent next */
    uint32_t base;  /* the first number of this part, due at part_ns */
    uint8_t *heard; /* queue groups: a bit for each number */
    size_t heard_size;
};

struct subscriber {
    struct conn *conn;
    char header[HEADER_MAX]; /* what each of its messages begins with */
    uint32_t *next;          /* by publisher: the number that comes next */
    uint64_t raw_size;       /* --raw: bytes that arrived, and frames in them */
    uint64_t raw_frames;
};

struct flood {
    struct load *l; /* borrowed */
    struct publisher *publishers;
    struct subscriber *subscribers;
    bool wildcards;
    uint32_t ids;     /* wildcards: subjects in use */
    size_t in_header; /* sizes of what is published and of what arrives */
    size_t in_size;
    size_t out_header;
    size_t out_size;
    uint32_t chunk;  /* messages in a chunk */
    uint64_t fan;    /* deliveries of one message */
    uint64_t window; /* deliveries that may be missing */
    uint64_t published;
    uint64_t expected;
    uint64_t received;
    bool measuring;
    uint64_t part_ns; /* this part's begin and end, and how much it may publish */
    uint64_t part_end_ns;
    uint64_t part_published_max;
    uint64_t interval_ns; /* --rate: between two messages of one publisher */
};

static struct flood *flood_of(struct conn *c)
{
    return c->workload;
}

static size_t print_to(char *at, const char *format, ...) __attribute__((format(printf, 2, 3)));
static size_t print_to(char *at, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(at, HEADER_MAX, format, arguments);
    va_end(arguments);
    CHECK(size > 0 && size < HEADER_MAX);
    return (size_t)size;
}

static uint32_t id_of(const struct flood *f, uint32_t number)
{
    return ID_FIRST + (uint32_t)((uint64_t)number * ID_STEP % f->ids);
}

static void write_id(char *at, uint32_t id)
{
    for (int i = 4; i >= 0; i--, id /= 10)
        at[i] = (char)('0' + id % 10);
}

/* --- receiving --- */

static void on_wrong(struct flood *f, struct conn *c, const char *what, uint32_t source,
                     uint32_t number)
{
    load_fail(f->l, "subscriber %d: %s (publisher %u, message %u)", c->index, what, source, number);
}

static uint64_t due_ns(const struct flood *f, uint32_t source, uint32_t number)
{
    const struct publisher *p = &f->publishers[source];
    uint64_t shift = f->interval_ns * source / (uint64_t)f->l->o.publishers;
    return f->part_ns + (number - p->base) * f->interval_ns + shift;
}

/* Marks a queue group's message as heard; false when it was before, or was never sent. */
static bool heard_once(struct publisher *p, uint32_t number)
{
    if (number >= p->next)
        return false;
    size_t at = number / 8;
    if (at >= p->heard_size) {
        size_t size = (at + 1) * 2 + 4096;
        uint8_t *more = realloc(p->heard, size);
        CHECK(more != NULL);
        memset(more + p->heard_size, 0, size - p->heard_size);
        p->heard = more;
        p->heard_size = size;
    }
    uint8_t bit = (uint8_t)(1u << (number % 8));
    bool first = (p->heard[at] & bit) == 0;
    p->heard[at] |= bit;
    return first;
}

/* One message's payload; whether it is the one that had to come. */
static bool message_take(struct flood *f, struct conn *c, const char *payload, uint64_t now)
{
    uint32_t source = 0, number = 0;
    if (!payload_whole(f->l->pattern, payload, f->l->o.size, &source, &number) ||
        source >= (uint32_t)f->l->o.publishers) {
        on_wrong(f, c, "damaged message", source, number);
        return false;
    }
    uint32_t *next = &f->subscribers[c->index].next[source];
    bool right = f->l->o.queue ? heard_once(&f->publishers[source], number) : number == *next;
    if (!right) {
        on_wrong(f, c, "lost, repeated or out of order", source, number);
        return false;
    }
    *next = number + 1;
    if (now != 0)
        hist_add(&f->l->latency, now - due_ns(f, source, number));
    return true;
}

static uint64_t arrival_ns(const struct flood *f)
{
    /* Raw bytes do not say whose message they are, so there latencies need a single publisher. */
    bool known = !f->l->o.raw || f->l->o.publishers == 1;
    return f->measuring && f->interval_ns != 0 && known ? clock_ns() : 0;
}

static size_t take_messages(struct load *l, struct conn *c, const char *at, size_t size)
{
    struct flood *f = flood_of(c);
    const char *header = f->subscribers[c->index].header;
    uint64_t now = arrival_ns(f), before = f->received;
    size_t taken = 0, frame = f->out_size, head = f->out_header;
    while (size - taken >= frame && memcmp(at + taken, header, head) == 0) {
        if (!message_take(f, c, at + taken + head, now) ||
            memcmp(at + taken + frame - 2, "\r\n", 2) != 0)
            break;
        taken += frame;
        f->received++;
    }
    if (f->received > before)
        return taken;
    if (size >= 4 && memcmp(at, "MSG ", 4) == 0) {
        if (size >= frame)
            load_fail(l, "subscriber %d: unexpected: %.*s", c->index, (int)head, at);
        return 0;
    }
    return take_control(l, c, at, size);
}

/* "MSG w.ID.k.x ID SIZE": the subject is the one that this number is published to, the sid ours. */
static bool wildcard_header_right(struct flood *f, const char *at, uint32_t number)
{
    char id[5];
    write_id(id, id_of(f, number));
    return memcmp(at, "MSG w.", 6) == 0 && memcmp(at + 6, id, 5) == 0 &&
           memcmp(at + 11, ".k.x ", 5) == 0 && memcmp(at + 16, id, 5) == 0;
}

static size_t take_wildcards(struct load *l, struct conn *c, const char *at, size_t size)
{
    struct flood *f = flood_of(c);
    if (size < 4 || memcmp(at, "MSG ", 4) != 0)
        return take_control(l, c, at, size);
    if (size < f->out_size)
        return 0;
    uint32_t number = f->subscribers[c->index].next[0];
    if (!wildcard_header_right(f, at, number) || memcmp(at + f->out_size - 2, "\r\n", 2) != 0) {
        on_wrong(f, c, "wrong subject, sid or frame", 0, number);
        return 0;
    }
    if (!message_take(f, c, at + f->out_header, arrival_ns(f)))
        return 0;
    f->received++;
    return f->out_size;
}

/* From the forwarder come nothing but PONGs and bytes, which are worth what a frame weighs. */
static size_t take_raw(struct load *l, struct conn *c, const char *at, size_t size)
{
    struct flood *f = flood_of(c);
    if (c->pings > 0)
        return take_control(l, c, at, size);
    struct subscriber *s = &f->subscribers[c->index];
    s->raw_size += size;
    uint64_t frames = s->raw_size / f->out_size, now = arrival_ns(f);
    f->received += frames - s->raw_frames;
    for (uint64_t i = s->raw_frames; now != 0 && i < frames; i++)
        hist_add(&l->latency, now - due_ns(f, 0, (uint32_t)i));
    s->raw_frames = frames;
    return size;
}

/* --- publishing --- */

static uint32_t due_count(const struct flood *f, const struct publisher *p, uint64_t now)
{
    uint32_t source = (uint32_t)(p - f->publishers);
    uint64_t first = due_ns(f, source, p->next);
    return now < first ? 0 : (uint32_t)((now - first) / f->interval_ns + 1);
}

/* How many messages this publisher may send now. */
static uint32_t publishable(const struct flood *f, const struct publisher *p, uint64_t now)
{
    uint64_t count = f->chunk;
    if (now >= f->part_end_ns || !conn_idle_output(p->conn))
        return 0;
    if (f->interval_ns != 0 && due_count(f, p, now) < count)
        count = due_count(f, p, now);
    if (count > f->part_published_max - f->published)
        count = f->part_published_max - f->published;
    if (count * f->fan > f->window - (f->expected - f->received))
        return 0;
    return (uint32_t)count;
}

static bool publish(struct flood *f, struct publisher *p, uint64_t now)
{
    uint32_t count = publishable(f, p, now);
    if (count == 0)
        return false;
    uint32_t source = (uint32_t)(p - f->publishers);
    char *at = p->frames;
    DCHECK(count <= f->chunk && conn_idle_output(p->conn));
    DCHECK(f->expected + count * f->fan <= f->received + f->window);
    for (uint32_t i = 0; i < count; i++, at += f->in_size) {
        if (f->wildcards)
            write_id(at + 6, id_of(f, p->next + i));
        payload_stamp(at + f->in_header, f->l->o.size, source, p->next + i);
    }
    p->next += count;
    f->published += count;
    f->expected += count * f->fan;
    p->conn->body = p->frames;
    p->conn->body_size = count * f->in_size;
    p->conn->body_sent = 0;
    conn_flush(f->l, p->conn);
    return true;
}

static uint64_t next_due_ns(const struct flood *f, uint64_t now)
{
    uint64_t wait = 100000000;
    for (int i = 0; f->interval_ns != 0 && i < f->l->o.publishers; i++) {
        uint64_t due = due_ns(f, (uint32_t)i, f->publishers[i].next);
        if (due <= now)
            return 0;
        if (due - now < wait)
            wait = due - now;
    }
    return now + wait > f->part_end_ns ? f->part_end_ns - now : wait;
}

static void publish_until_end(struct flood *f)
{
    struct load *l = f->l;
    for (uint64_t now = clock_ns(); now < f->part_end_ns && !load_failed(l); now = clock_ns()) {
        bool any = false;
        for (int i = 0; i < l->o.publishers; i++)
            any |= publish(f, &f->publishers[i], now);
        if (f->published == f->part_published_max)
            break;
        load_turn(l, any ? 0 : next_due_ns(f, now));
    }
}

static void ping_all(struct flood *f, bool publishers)
{
    for (int i = 0; publishers && i < f->l->o.publishers; i++)
        conn_ping(f->l, f->publishers[i].conn);
    for (int i = 0; !publishers && i < f->l->o.subscribers; i++)
        conn_ping(f->l, f->subscribers[i].conn);
    load_sync(f->l);
}

/* Publishes for so long, and sees all of it arrive. */
static void flood_part(struct flood *f, double seconds, uint64_t count)
{
    struct load *l = f->l;
    CHECK(f->received == f->expected || load_failed(l));
    f->part_ns = clock_ns();
    f->part_end_ns = f->part_ns + (uint64_t)(seconds * 1e9);
    f->part_published_max = count != 0 ? f->published + count : UINT64_MAX;
    for (int i = 0; i < l->o.publishers; i++)
        f->publishers[i].base = f->publishers[i].next;
    publish_until_end(f);
    while (f->received < f->expected && !load_failed(l))
        load_turn(l, 100000000);
    for (int i = 0; i < l->o.publishers; i++) {
        while (!conn_idle_output(f->publishers[i].conn) && !load_failed(l))
            load_turn(l, 100000000);
    }
    ping_all(f, true);
}

/* --- setting up --- */

static void subject_print(const struct flood *f, char *at, int which)
{
    if (f->l->o.pairs)
        snprintf(at, 16, "bench.%03d", which % 1000);
    else
        snprintf(at, 16, "%s", f->wildcards ? "w.10000.k.x" : "bench");
}

static void frames_prepare(struct flood *f, struct publisher *p, const char *header)
{
    p->frames = malloc(f->chunk * f->in_size);
    CHECK(p->frames != NULL);
    char *at = p->frames;
    for (uint32_t i = 0; i < f->chunk; i++, at += f->in_size) {
        memcpy(at, header, f->in_header);
        memcpy(at + f->in_header, f->l->pattern, f->l->o.size);
        memcpy(at + f->in_size - 2, "\r\n", 2);
    }
}

static void publisher_open(struct flood *f, int which)
{
    struct load *l = f->l;
    struct publisher *p = &f->publishers[which];
    char subject[16], header[HEADER_MAX];
    subject_print(f, subject, which);
    print_to(header, "PUB %s %zu\r\n", subject, l->o.size);
    p->conn = load_connect(l, take_none, f, false);
    if (p->conn == NULL)
        return;
    p->conn->index = which;
    frames_prepare(f, p, header);
    int group = l->o.subscribers == 0 ? 0 : l->o.pairs ? which + 1 : 1;
    conn_greet(l, p->conn, (struct role){f->in_size, f->out_size, group, 0, l->o.queue});
    conn_ping(l, p->conn);
}

static void subscribe_shape(struct flood *f, struct conn *c)
{
    for (uint32_t id = ID_FIRST; id < ID_FIRST + f->ids; id++) {
        char subject[32];
        switch (c->index % ID_SHAPES) {
        case 0: snprintf(subject, sizeof subject, "w.%u.>", id); break;
        case 1: snprintf(subject, sizeof subject, "w.%u.*.x", id); break;
        case 2: snprintf(subject, sizeof subject, "*.%u.*.x", id); break;
        default: snprintf(subject, sizeof subject, "*.%u.>", id); break;
        }
        conn_print(c, "SUB %s %u\r\n", subject, id);
    }
}

static void subscriber_open(struct flood *f, int which)
{
    struct load *l = f->l;
    struct subscriber *s = &f->subscribers[which];
    char subject[16];
    subject_print(f, subject, which);
    print_to(s->header, "MSG %s %s%zu\r\n", subject, f->wildcards ? "10000 " : "1 ", l->o.size);
    s->next = calloc((size_t)l->o.publishers, sizeof *s->next);
    CHECK(s->next != NULL);
    take_fn *take = l->o.raw ? take_raw : f->wildcards ? take_wildcards : take_messages;
    s->conn = load_connect(l, take, f, false);
    if (s->conn == NULL)
        return;
    s->conn->index = which;
    conn_greet(l, s->conn, (struct role){.member = l->o.pairs ? which + 1 : 1});
    if (!l->o.raw && f->wildcards)
        subscribe_shape(f, s->conn);
    else if (!l->o.raw)
        conn_print(s->conn, "SUB %s %s1\r\n", subject, l->o.queue ? "workers " : "");
    conn_ping(l, s->conn);
    if (which % 64 == 63 || f->wildcards)
        load_sync(l);
}

static void sizes_decide(struct flood *f)
{
    const struct options *o = &f->l->o;
    char subject[16], header[HEADER_MAX];
    subject_print(f, subject, 0);
    f->in_header = print_to(header, "PUB %s %zu\r\n", subject, o->size);
    f->out_header =
        print_to(header, "MSG %s %s%zu\r\n", subject, f->wildcards ? "10000 " : "1 ", o->size);
    f->in_size = f->in_header + o->size + 2;
    f->out_size = f->out_header + o->size + 2;
    f->fan = o->queue || o->pairs ? o->subscribers > 0 : (uint64_t)o->subscribers;
    uint64_t window = o->window;
    if (window == 0)
        window = (uint64_t)WINDOW_EACH * (uint64_t)(o->subscribers > 0 ? o->subscribers : 1);
    if (window > WINDOW_MAX)
        window = WINDOW_MAX;
    f->window = window / f->out_size;
    uint64_t chunk = f->fan > 0 ? f->window / f->fan / 4 : UINT64_MAX;
    if (chunk > CHUNK_SIZE / f->in_size)
        chunk = CHUNK_SIZE / f->in_size;
    f->chunk = chunk > 0 ? (uint32_t)chunk : 1;
    if (f->window < f->fan)
        f->window = f->fan;
    CHECK(f->chunk * f->fan <= f->window && f->window * f->out_size <= 2 * (uint64_t)WINDOW_MAX);
    if (o->rate > 0)
        f->interval_ns = (uint64_t)(1e9 * o->publishers / o->rate);
}

static void flood_open(struct flood *f)
{
    struct load *l = f->l;
    sizes_decide(f);
    f->publishers = calloc((size_t)l->o.publishers, sizeof *f->publishers);
    f->subscribers = calloc((size_t)l->o.subscribers + 1, sizeof *f->subscribers);
    CHECK(f->publishers != NULL && f->subscribers != NULL);
    for (int i = 0; i < l->o.subscribers && !load_failed(l); i++)
        subscriber_open(f, i);
    load_sync(l);
    for (int i = 0; i < l->o.publishers && !load_failed(l); i++)
        publisher_open(f, i);
    load_sync(l);
}

static void flood_close(struct flood *f)
{
    for (int i = 0; i < f->l->o.publishers; i++) {
        free(f->publishers[i].frames);
        free(f->publishers[i].heard);
    }
    for (int i = 0; i < f->l->o.subscribers; i++)
        free(f->subscribers[i].next);
    free(f->publishers);
    free(f->subscribers);
}

static void flood_run(struct flood *f)
{
    struct load *l = f->l;
    flood_open(f);
    l->report.rss_before = process_rss(l->o.server);
    if (l->o.warmup_s > 0 && !load_failed(l))
        flood_part(f, l->o.warmup_s, 0);
    uint64_t published = f->published, received = f->received;
    f->measuring = true;
    load_mark(l);
    if (!load_failed(l))
        flood_part(f, l->o.seconds, l->o.count);
    bool each = f->wildcards || f->fan == 0;
    load_measured(l, each ? f->published - published : f->received - received);
    /* What a server sends twice is on its way before this PONG. */
    if (!load_failed(l))
        ping_all(f, false);
    if (f->received != f->expected)
        load_fail(l, "%llu deliveries, %llu expected", (unsigned long long)f->received,
                  (unsigned long long)f->expected);
    l->report.delivered = f->received;
    l->report.rss_peak = process_rss_peak(l->o.server);
    flood_close(f);
}

void load_run_flood(struct load *l)
{
    if (l->o.pairs && (l->o.queue || l->o.publishers != l->o.subscribers)) {
        load_fail(l, "--pairs needs as many publishers as subscribers, and no queue");
        return;
    }
    struct flood f = {.l = l};
    flood_run(&f);
}

void load_run_wildcards(struct load *l)
{
    struct flood f = {.l = l, .wildcards = true};
    f.ids = (uint32_t)l->o.subscriptions / ID_SHAPES;
    l->o.publishers = 1;
    l->o.subscribers = ID_SHAPES;
    if (f.ids > ID_LAST - ID_FIRST + 1 || f.ids % ID_STEP == 0) {
        load_fail(l, "--subscriptions: at most 360000, and not a multiple of 31676");
        return;
    }
    flood_run(&f);
}
