/* SPDX-License-Identifier: Apache-2.0 */
/* bench_consumer -- what consumers cost: bytes a pending message and nanoseconds a delivery and an
 * acknowledgement with 10^7 in flight; entries through apply; encoding; an append and a removal
 * with many consumers. Not a test: prints and judges nothing. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "runtime/base/check.h"
#include "runtime/base/prng.h"
#include "store/group/consumer_form.h"
#include "store/group/consumers.h"

#define IN_FLIGHT 10000000u
#define BATCH 1000u
#define FILTERED 100000u

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static size_t allocated(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void apply(struct consumers *set, enum entry_kind kind, struct buffer *b, int64_t now_ms)
{
    const struct consumers_world world = {.now_ns = now_ms * 1000000, .first_seq = 1};
    struct consumers_applied applied;
    struct entry e = {.kind = kind, .body = buffer_view(b)};
    int status = consumers_apply(set, &e, &world, &applied);
    CHECK(status == 0);
    b->size = 0;
}

static void put(struct consumers *set, struct buffer *b, uint32_t id, const char *filter)
{
    char name[16];
    snprintf(name, sizeof name, "c%u", id);
    struct consumer_put p = {.id = id, .ack = CONSUMER_ACK_EXPLICIT, .start_seq = 1};
    struct bytes f = bytes_of(filter);
    p.name = bytes_of(name);
    p.filter_count = f.size > 0;
    consumer_put_write(b, &p, &f, NULL);
    apply(set, ENTRY_CONSUMER_PUT, b, 1);
}

/* Runs of BATCH from seq on, each `stride` after the other. */
static void deliver(struct consumers *set, struct buffer *b, uint64_t first, uint64_t stride)
{
    struct consumer_writer w;
    consumer_writer_begin(&w, b, false);
    for (uint64_t i = 0; i < BATCH; i++) {
        struct consumer_item item = {.id = 1, .length = 1, .count = 1, .dseq = first + i};
        item.seq = (first + i) * stride;
        consumer_writer_add(&w, &item);
    }
    consumer_writer_end(&w);
    apply(set, ENTRY_DELIVERED, b, (int64_t)first / 100);
}

static void ack(struct consumers *set, struct buffer *b, const uint32_t *order, uint64_t stride)
{
    struct consumer_writer w;
    consumer_writer_begin(&w, b, true);
    for (uint64_t i = 0; i < BATCH; i++) {
        struct consumer_item item = {.id = 1, .length = 1, .seq = order[i] * stride};
        consumer_writer_add(&w, &item);
    }
    consumer_writer_end(&w);
    apply(set, ENTRY_ACKS, b, 200000);
}

static void encode(struct consumers *set, const char *what)
{
    struct buffer b = {0};
    struct consumers *read;
    double begun = now_ns();
    consumers_write(&b, set);
    double written = now_ns();
    int status = consumers_read(buffer_view(&b), 1, set->last_seq, &read);
    CHECK(status == 0 && read->hash == set->hash);
    const struct consumer *c = consumers_find(set, 1);
    double count = c->pending.waiting;
    printf("  %-34s %6.2f bytes, written in %.0f ns, read in %.0f ns an entry\n", what,
           (double)b.size / count, (written - begun) / count, (now_ns() - written) / count);
    consumers_free(&read);
    buffer_done(&b);
}

static void in_flight(const char *what, uint64_t stride, bool shuffled)
{
    struct prng prng;
    struct buffer b = {0};
    struct consumers *set = consumers_new(1);
    uint32_t *order = malloc(IN_FLIGHT * sizeof *order);
    CHECK(order != NULL);
    prng_init(&prng, 1);
    for (uint32_t i = 0; i < IN_FLIGHT; i++)
        order[i] = i + 1;
    for (uint32_t i = IN_FLIGHT; shuffled && i > 1; i--) {
        uint32_t j = (uint32_t)prng_below(&prng, i);
        uint32_t swap = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swap;
    }
    consumers_skipped(set, IN_FLIGHT * stride);
    put(set, &b, 1, "");
    size_t before = allocated();
    double begun = now_ns();
    for (uint64_t first = 1; first <= IN_FLIGHT; first += BATCH)
        deliver(set, &b, first, stride);
    double delivered = now_ns();
    printf("%s\n  %.2f bytes a pending message, %.1f ns a delivery\n", what,
           (double)(allocated() - before) / IN_FLIGHT, (delivered - begun) / IN_FLIGHT);
    encode(set, "all in flight:");
    double acking = now_ns();
    for (uint64_t i = 0; i < IN_FLIGHT / 2; i += BATCH)
        ack(set, &b, order + i, stride);
    double half = now_ns() - acking;
    encode(set, "half of them acknowledged:");
    acking = now_ns();
    for (uint64_t i = IN_FLIGHT / 2; i < IN_FLIGHT; i += BATCH)
        ack(set, &b, order + i, stride);
    printf("  %.1f ns an acknowledgement\n", (half + now_ns() - acking) / IN_FLIGHT);
    CHECK(set->busy_count == 0);
    consumers_free(&set);
    buffer_done(&b);
    free(order);
}

static void many(const char *what, bool same_filter)
{
    struct buffer b = {0};
    struct consumers *set = consumers_new(1);
    char filter[32] = "device.1.*";
    size_t before = allocated();
    for (uint32_t id = 1; id <= FILTERED; id++) {
        if (!same_filter)
            snprintf(filter, sizeof filter, "device.%u.*", id);
        put(set, &b, id, filter);
    }
    printf("%s\n  %.0f bytes a consumer\n", what, (double)(allocated() - before) / FILTERED);
    double begun = now_ns();
    for (uint64_t seq = 1; seq <= BATCH; seq++)
        consumers_appended(set, seq, BYTES("device.1.state"));
    printf("  %.0f ns an append", (now_ns() - begun) / BATCH);
    begun = now_ns();
    for (uint64_t seq = 1; seq <= BATCH; seq++)
        consumers_removed(set, seq, BYTES("device.1.state"));
    printf(", %.0f ns a removal before all\n", (now_ns() - begun) / BATCH);
    for (uint64_t seq = BATCH + 1; seq <= 2 * BATCH; seq++)
        consumers_appended(set, seq, BYTES("device.1.state"));
    deliver(set, &b, BATCH + 1, 1);
    begun = now_ns();
    for (uint64_t seq = BATCH + 1; seq <= 2 * BATCH; seq++)
        consumers_removed(set, seq, BYTES("device.1.state"));
    printf("  %.0f ns a removal that some have passed\n", (now_ns() - begun) / BATCH);
    consumers_free(&set);
    buffer_done(&b);
}

int main(void)
{
    printf("sizeof(struct consumer) = %zu\n", sizeof(struct consumer));
    in_flight("10^7 in flight, dense, acknowledged in order", 1, false);
    in_flight("10^7 in flight, dense, acknowledged at random", 1, true);
    in_flight("10^7 in flight, one in 1000, acknowledged at random", 1000, true);
    many("10^5 consumers, each with its own filter", false);
    many("10^5 consumers with equal filters", true);
    return 0;
}
