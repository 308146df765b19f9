/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the consumers of a checkpoint, as a nats-server backup's consumer, or as entries one
 * after the other that meet a set which the bytes have made. What is taken is sound and is written
 * as it was read; sets stay sound under any entries. The first byte chooses. */
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/backup/consumer_state.h"
#include "store/group/consumers.h"

#define LAST_SEQ 1000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_set(struct bytes bytes)
{
    struct consumers *set;
    struct buffer b = {0};
    if (consumers_read(bytes, 3, LAST_SEQ, &set) < 0)
        return;
    consumers_check(set);
    consumers_write(&b, set);
    CHECK(bytes_equal(buffer_view(&b), bytes));
    consumers_free(&set);
    buffer_done(&b);
}

static struct consumer *consumer_of(struct consumer_state *s)
{
    struct buffer b = {0};
    struct consumer_put put = {.id = 1, .ack = CONSUMER_ACK_EXPLICIT, .name = BYTES("c")};
    consumer_put_write(&b, &put, NULL, NULL);
    CHECK(consumer_put_read(buffer_view(&b), &put) == 0);
    struct consumer *c = consumer_new(&put, buffer_view(&b), 1);
    consumer_take_state(c, s);
    buffer_done(&b);
    return c;
}

/* Read, written, read and written again: the two that were written are equal, but for entries on
 * the floor, which the form cannot tell. */
static void try_backup(struct bytes bytes)
{
    struct consumer_state s;
    struct buffer once = {0};
    struct buffer twice = {0};
    if (backup_consumer_read(bytes, &s) < 0)
        return;
    CHECK(consumer_state_fits(&s, CONSUMER_ACK_EXPLICIT, UINT64_MAX));
    struct consumer *c = consumer_of(&s);
    consumer_check(c, UINT64_MAX);
    consumer_removed(c, c->floor.seq);
    backup_consumer_write(&once, c, 0);
    CHECK(backup_consumer_read(buffer_view(&once), &s) == 0);
    consumer_free(&c);
    c = consumer_of(&s);
    backup_consumer_write(&twice, c, 0);
    CHECK(bytes_equal(buffer_view(&once), buffer_view(&twice)));
    consumer_free(&c);
    buffer_done(&once);
    buffer_done(&twice);
}

static void on_settled(void *context, struct consumer *c, uint64_t seq)
{
    struct consumers *set = context;
    CHECK(consumers_find(set, c->id) == c);
    if (!consumers_want(set, seq, BYTES("a.b")))
        consumers_removed(set, seq, BYTES("a.b"));
}

static void happen(struct consumers *set, uint8_t what, uint64_t seq)
{
    switch (what % 4) {
    case 0: consumers_appended(set, set->last_seq + 1, BYTES("a.b")); return;
    case 1: consumers_removed(set, seq, BYTES("a.b")); return;
    case 2: consumers_compacted(set, 1 + seq % (set->last_seq + 1), 0); return;
    case 3: consumers_purged(set, BYTES("a.*"), 1 + seq % (set->last_seq + 1), set->last_seq + 1);
    }
}

static void try_entries(struct bytes bytes)
{
    struct consumers *set = consumers_new(3);
    struct cursor c = cursor_of(bytes);
    consumers_skipped(set, LAST_SEQ);
    const struct consumers_world world = {5000000000, 1, NULL, on_settled, set};
    while (!c.bad && cursor_left(&c) > 0) {
        struct consumers_applied applied;
        uint8_t what = cursor_u8(&c);
        struct bytes body = cursor_bytes(&c);
        struct entry e = {.kind = ENTRY_CONSUMER_PUT + what % 8, .body = body};
        if (what % 8 > 5) {
            happen(set, what >> 3, body.size * 7);
        } else if (!c.bad && consumers_apply(set, &e, &world, &applied) == 0) {
            CHECK(applied.lapsed_to <= set->last_seq);
        }
    }
    consumers_check(set);
    consumers_free(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct bytes bytes = {(const char *)data + 1, size - 1};
    switch (data[0] % 3) {
    case 0: try_set(bytes); break;
    case 1: try_backup(bytes); break;
    default: try_entries(bytes); break;
    }
    return 0;
}
