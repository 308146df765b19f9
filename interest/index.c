/* SPDX-License-Identifier: Apache-2.0 */
#include "interest/index.h"

#include <errno.h>
#include <stdlib.h>

#include "interest/sid.h"
#include "interest/state.h"
#include "interest/subscribers.h"
#include "interest/trie.h"
#include "protocols/nats/subject.h"

static_assert(SUBJECT_SIZE_MAX <= UINT16_MAX, "an entry keeps the size in 16 bits");
static_assert(INTEREST_QUEUE_SIZE_MAX <= UINT16_MAX, "a name keeps the size in 16 bits");
static_assert(INTEREST_SID_SIZE_MAX <= UINT16_MAX, "a text keeps the size in 16 bits");

static void on_release(void *context, struct retire_item item)
{
    struct interest *in = context;
    if (item.what >= RETIRED_BLOCK)
        retire_released(&in->retire, pool_size(&in->pool, item.id));
    if (item.what == RETIRED_OBJECT) {
        pool_free(&in->pool, item.id);
    } else {
        subscribers_release(in, item.id, item.what);
    }
}

static void on_closed(void *context)
{
    struct interest *in = context;
    pool_done(&in->pool);
    idtable_done(&in->literals);
    idtable_done(&in->edges);
    idtable_done(&in->names);
    idtable_done(&in->groups);
    idtable_done(&in->places);
    free(atomic_load_explicit(&in->stamps, memory_order_relaxed));
    free(in);
}

struct interest *interest_new(uint64_t seed, const struct reclaimer *reclaimer)
{
    struct interest *in = calloc(1, sizeof(*in));
    CHECK(in != NULL);
    in->seed = seed;
    retire_init(&in->retire, reclaimer, on_release, on_closed, in);
    pool_init(&in->pool, &in->retire);
    atomic_store_explicit(&in->stamps, stamps_new(1, STAMPS_MIN), memory_order_release);
    return in;
}

void interest_free(struct interest **in)
{
    struct interest *taken = *in;
    *in = NULL;
    if (taken != NULL)
        retire_close(&taken->retire);
}

/* -- stamps ---------------------------------------------------------------------------------- */

static void replace_stamps(struct interest *in, uint32_t count)
{
    struct stamps *old = atomic_load_explicit(&in->stamps, memory_order_relaxed);
    struct stamps *new = stamps_new(old->number + 1, count);
    atomic_store_explicit(&in->stamps, new, memory_order_release);
    retire_block(&in->retire, &old->retired);
}

/* Says that the entry's subscribers changed; the last store of every operation. */
static void stamp(struct interest *in, const struct entry *e)
{
    struct stamps *s = atomic_load_explicit(&in->stamps, memory_order_relaxed);
    stamps_bump(trie_stamp(in, s, e));
}

/* -- operations ------------------------------------------------------------------------------ */

static void finish(struct interest *in, const struct interest_change *change,
                   struct interest_change *ret_change)
{
    retire_flush_full(&in->retire);
    if (ret_change != NULL)
        *ret_change = *change;
}

static int add_checked(struct interest *in, struct bytes subject, struct bytes queue,
                       struct ref *ref, struct bytes sid, struct interest_change *change)
{
    change->entry = trie_make(in, subject);
    if (change->entry == 0)
        return -ENOMEM;
    int r = sid_keep(in, sid, &ref->sid);
    if (r == 0 && queue.size > 0) {
        change->queue = name_use(in, queue);
        r = change->queue != 0 ? 0 : -ENOMEM;
    }
    if (r == 0)
        r = subscribers_add(in, change->entry, change->queue, ref, &change->left);
    if (r == 0)
        return 0;
    sid_drop(in, ref->sid);
    subscribers_prune(in, change->entry, change->queue);
    if (change->queue != 0)
        name_drop(in, change->queue);
    trie_prune(in, change->entry);
    return r;
}

int interest_add(struct interest *in, struct bytes subject, struct bytes queue, uint64_t conn,
                 uint32_t slot, struct bytes sid, struct interest_change *ret_change)
{
    CHECK(conn != 0);
    if (!subject_is_subscribable(subject))
        return -EINVAL;
    if (subject.size > SUBJECT_SIZE_MAX || queue.size > INTEREST_QUEUE_SIZE_MAX ||
        sid.size > INTEREST_SID_SIZE_MAX)
        return -ENAMETOOLONG;
    struct ref ref = {conn, slot, 0};
    struct interest_change change = {0};
    int r = add_checked(in, subject, queue, &ref, sid, &change);
    if (r == 0) {
        in->subscriptions++;
        in->inserts++;
        stamp(in, entry_at(in, change.entry));
        const struct stamps *s = atomic_load_explicit(&in->stamps, memory_order_relaxed);
        uint32_t count = stamps_count_for(in->subscriptions, in->inserts - in->inserts_at_trim);
        if (count > s->count)
            replace_stamps(in, count);
    }
    finish(in, &change, r == 0 ? ret_change : NULL);
    return r;
}

int interest_remove_entry(struct interest *in, uint32_t entry, uint32_t queue, uint64_t conn,
                          uint32_t slot, struct interest_change *ret_change)
{
    CHECK(entry != 0 && conn != 0);
    struct interest_change change = {.entry = entry, .queue = queue};
    uint32_t sid;
    int r = subscribers_remove(in, entry, queue, conn, slot, &sid, &change.left);
    if (r != 0)
        return r;
    CHECK(in->subscriptions > 0);
    in->subscriptions--;
    in->removes++;
    /* The stamp needs the entry's parents, which pruning takes away; but nothing is written again
     * before finish, so it may come after. */
    const struct entry *e = entry_at(in, entry);
    sid_drop(in, sid);
    if (change.left == 0)
        subscribers_prune(in, entry, queue);
    if (queue != 0)
        name_drop(in, queue);
    trie_prune(in, entry);
    stamp(in, e);
    finish(in, &change, ret_change);
    return 0;
}

int interest_remove(struct interest *in, struct bytes subject, struct bytes queue, uint64_t conn,
                    uint32_t slot, struct interest_change *ret_change)
{
    if (subject.size == 0 || subject.size > SUBJECT_SIZE_MAX)
        return -ENOENT;
    uint32_t entry = trie_find(in, subject);
    uint32_t name = queue.size == 0 ? 0 : name_find(in, queue);
    if (entry == 0 || (queue.size > 0 && name == 0))
        return -ENOENT;
    return interest_remove_entry(in, entry, name, conn, slot, ret_change);
}

void interest_flush(struct interest *in)
{
    retire_flush(&in->retire);
}

void interest_trim(struct interest *in)
{
    const struct stamps *s = atomic_load_explicit(&in->stamps, memory_order_relaxed);
    uint32_t count = stamps_count_for(in->subscriptions, 0);
    in->inserts_at_trim = in->inserts;
    if (count < s->count)
        replace_stamps(in, count);
    trie_trim(in);
    subscribers_trim(in);
    retire_flush(&in->retire);
}

/* -- questions ------------------------------------------------------------------------------- */

void interest_stats(const struct interest *in, struct interest_stats *ret_stats)
{
    const struct stamps *s = atomic_load_explicit(&in->stamps, memory_order_relaxed);
    *ret_stats = (struct interest_stats){
        .subscriptions = in->subscriptions,
        .inserts = in->inserts,
        .removes = in->removes,
        .bytes = sizeof(*in) + sizeof(*s) + s->count * sizeof(uint32_t) + in->pool.bytes +
                 idtable_bytes(&in->literals) + idtable_bytes(&in->edges) +
                 idtable_bytes(&in->names) + idtable_bytes(&in->groups) +
                 idtable_bytes(&in->places),
        .bytes_retired = in->retire.bytes,
    };
}

uint32_t interest_count(const struct interest *in, struct bytes subject, struct bytes queue)
{
    uint32_t entry = subject.size == 0 ? 0 : trie_find(in, subject);
    uint32_t name = queue.size == 0 ? 0 : name_find(in, queue);
    if (entry == 0 || (queue.size > 0 && name == 0))
        return 0;
    return subscribers_count(in, entry, name);
}

size_t interest_subject(const struct interest *in, uint32_t entry, char *to, size_t size)
{
    return trie_subject(in, entry, to, size);
}

struct bytes interest_queue(const struct interest *in, uint32_t queue)
{
    const struct name *name = pool_at(&in->pool, queue);
    return (struct bytes){name->at, name->size};
}
