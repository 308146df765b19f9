/* SPDX-License-Identifier: Apache-2.0 */
/* journal.c -- blocks: entries become records of the open block, and full or flushed ones are
 * closed.
 *
 * Idea        What a block may hold is counted down from one number, `room`, against which
 *             records and the footer's growing table are booked together; so an append is one
 *             comparison, a header, a copy of the body and an addition to its group's slot.
 *             Without an open block, and after a failure, room is 0: all that is rare hangs on
 *             that comparison.
 */
#include "store/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/format/record.h"
#include "store/journal_state.h"

#define FREE_BLOCKS_MAX 4
#define SLOTS_MIN 16
#define ITSELF UINT64_MAX /* first position of what is no copy */

enum { FIXED_SIZE = BLOCK_HEADER_SIZE + FOOTER_FIXED_SIZE };

/* --- life ----------------------------------------------------------------------------------- */

struct journal *journal_new(const struct journal_options *options)
{
    CHECK(options->file_bytes % BLOCK_ALIGN == 0 && options->file_bytes >= 2 * BLOCK_ALIGN);
    CHECK(options->file_bytes <= DISK_BYTES_MAX);
    CHECK(strlen(options->folder) + sizeof "/j-99999" <= DISK_PATH_MAX);
    struct journal *j = calloc(1, sizeof *j);
    CHECK(j != NULL);
    j->options = *options;
    j->seed = record_seed(options->store, options->boot_epoch);
    j->due_ms = UINT64_MAX;
    list_init(&j->live);
    list_init(&j->spares);
    list_init(&j->closed_blocks);
    list_init(&j->telling);
    list_init(&j->free_blocks);
    journal_flush_init(j);
    journal_ring_init(j);
    return j;
}

static void block_free(struct journal_block **at)
{
    if (*at != NULL)
        free((*at)->slots);
    free(*at);
    *at = NULL;
}

static void blocks_free(struct link *blocks)
{
    while (!list_empty(blocks)) {
        struct journal_block *b = journal_block_of(list_pop_front(blocks));
        block_free(&b);
    }
}

static void files_free(struct journal *j, struct link *files)
{
    while (!list_empty(files)) {
        struct journal_file *f = journal_file_of(list_pop_front(files));
        journal_file_free(j, &f);
    }
}

void journal_free(struct journal **at)
{
    struct journal *j = *at;
    *at = NULL;
    if (j == NULL)
        return;
    CHECK(!task_busy(&j->flush.task) && !task_busy(&j->ring.task) && !task_busy(&j->task));
    journal_recover_free(&j->recover);
    if (j->ring.job != RING_IDLE && j->ring.job != RING_ZERO)
        journal_file_free(j, &j->ring.file);
    free(j->ring.zeros);
    free(j->flush.sealed);
    files_free(j, &j->live);
    files_free(j, &j->spares);
    for (unsigned i = 0; i < JOURNAL_IMAGES_KEPT; i++)
        free(j->images[i]);
    block_free(&j->open);
    blocks_free(&j->closed_blocks);
    blocks_free(&j->telling);
    blocks_free(&j->free_blocks);
    free(j);
}

void journal_fail(struct journal *j, int error)
{
    CHECK(error < 0);
    if (j->failed)
        return;
    j->failed = true;
    j->error = error;
    j->room = 0;
    j->due_ms = UINT64_MAX;
    if (j->recovered) /* else journal_recovery.done says it */
        j->options.events.failed(j->options.context, error);
}

/* --- blocks --------------------------------------------------------------------------------- */

static uint64_t block_size(uint64_t used)
{
    return (FIXED_SIZE + used + BLOCK_ALIGN - 1) / BLOCK_ALIGN * BLOCK_ALIGN;
}

static struct journal_block *block_take(struct journal *j)
{
    if (!list_empty(&j->free_blocks))
        return journal_block_of(list_pop_front(&j->free_blocks));
    struct journal_block *b = calloc(1, sizeof *b);
    CHECK(b != NULL);
    list_init(&b->link);
    return b;
}

void journal_block_recycle(struct journal *j, struct journal_block **at)
{
    unsigned count = 0;
    for (struct link *l = j->free_blocks.next; l != &j->free_blocks; l = l->next)
        count++;
    list_remove(&(*at)->link);
    if (count >= FREE_BLOCKS_MAX) {
        block_free(at);
        return;
    }
    list_push_back(&j->free_blocks, &(*at)->link);
    *at = NULL;
}

/* The next file becomes the last of the live ones. */
static int next_file(struct journal *j)
{
    uint64_t file_bytes = j->options.file_bytes;
    uint64_t number = (j->end + file_bytes - 1) / file_bytes;
    return journal_ring_take(j, number) ? 0 : -EAGAIN;
}

int journal_open_block(struct journal *j, uint64_t need)
{
    CHECK(j->open == NULL);
    struct journal_file *f = journal_last_file(j);
    uint64_t file_bytes = j->options.file_bytes;
    if (f == NULL || f->closed + block_size(need) > file_bytes) {
        if (next_file(j) != 0)
            return -EAGAIN;
        f = journal_last_file(j);
    }
    uint64_t most = file_bytes - f->closed;
    if (most > JOURNAL_BLOCK_BYTES_MAX)
        most = JOURNAL_BLOCK_BYTES_MAX;
    struct journal_block *b = block_take(j);
    b->position = j->end;
    b->records = 0;
    b->to_seal = 0;
    b->count = 0;
    j->open = b;
    j->at = f->image + f->closed + BLOCK_HEADER_SIZE;
    j->position = b->position + BLOCK_HEADER_SIZE;
    j->used = 0;
    j->room = need > most - FIXED_SIZE ? need : most - FIXED_SIZE;
    CHECK(b->position == journal_file_begin(j, f) + f->closed);
    return 0;
}

/* Everything of the block but its records. */
static void finish_block(struct journal *j, const struct journal_block *b, char *block,
                         struct block_header *h)
{
    char *table = block + h->size - footer_size(b->count);
    CHECK(table >= j->at);
    memset(j->at, 0, (size_t)(table - j->at));
    for (uint32_t i = 0; i < b->count; i++)
        footer_slot_write(&b->slots[i].footer, table, i);
    block_header_write(h, block);
    footer_finish(block, h->store, h->position + h->size, b->count, table);
}

void journal_close_block(struct journal *j)
{
    struct journal_block *b = j->open;
    if (b == NULL || (b->records == 0 && !j->beating))
        return;
    struct journal_file *f = journal_last_file(j);
    struct block_header h = {
        .magic = BLOCK_MAGIC_JOURNAL,
        .position = b->position,
        .size = (uint32_t)block_size(j->used),
        .records = b->records,
        .boot_epoch = j->options.boot_epoch,
        .group_count = b->count,
        .durable_to = j->durable,
        .previous = j->previous,
        .store = j->options.store,
    };
    finish_block(j, b, f->image + f->closed, &h);
    f->closed += h.size;
    f->records += b->records;
    CHECK(f->closed <= j->options.file_bytes);
    b->end = b->position + h.size;
    j->end = b->end;
    j->closed_to = b->end;
    j->previous = h.hash;
    j->marked = h.durable_to;
    if (b->records > 0)
        j->records_end = b->end;
    list_push_back(&j->closed_blocks, &b->link);
    j->open = NULL;
    j->room = 0;
}

/* --- slots ---------------------------------------------------------------------------------- */

static struct journal_slot *slot_of(const struct journal *j, const struct journal_member *member)
{
    if (j->room == 0 || member->block != j->open->position + 1)
        return NULL;
    DCHECK(j->open->slots[member->slot].member == member);
    return &j->open->slots[member->slot];
}

static struct journal_slot *join(struct journal *j, struct journal_member *member)
{
    struct journal_block *b = j->open;
    CHECK(member->gid != 0);
    if (b->count == b->capacity) {
        b->capacity = b->capacity == 0 ? SLOTS_MIN : 2 * b->capacity;
        b->slots = realloc(b->slots, b->capacity * sizeof b->slots[0]);
        CHECK(b->slots != NULL);
    }
    member->block = b->position + 1;
    member->slot = b->count++;
    j->used += FOOTER_SLOT_SIZE;
    struct journal_slot *slot = &b->slots[member->slot];
    *slot = (struct journal_slot){.member = member, .footer.gid = member->gid};
    return slot;
}

static void rewind_block(struct journal_block *b, const struct journal_member *member, uint64_t to)
{
    for (uint32_t i = 0; i < b->count; i++)
        if (b->slots[i].member == member && b->slots[i].latest > to)
            b->slots[i].latest = to;
}

/* Of the member's entries those above `to` are replaced or cut: they are not told of any more. */
static void rewind_member(struct journal *j, struct journal_member *member, uint64_t to)
{
    struct link *l;
    for (l = j->closed_blocks.next; l != &j->closed_blocks; l = l->next)
        rewind_block(journal_block_of(l), member, to);
    for (l = j->telling.next; l != &j->telling; l = l->next)
        rewind_block(journal_block_of(l), member, to);
    rewind_block(j->open, member, to);
    member->index = to;
}

/* What is told when the block is durable. */
static void count_entry(struct journal *j, struct journal_slot *slot, const struct entry *e)
{
    struct journal_member *member = slot->member;
    if (e->kind == ENTRY_CUT && e->index < member->index)
        rewind_member(j, member, e->index);
    if (entry_kind_is_transient(e->kind))
        return;
    if (e->index <= member->index)
        rewind_member(j, member, e->index - 1);
    member->index = e->index;
    slot->latest = e->index;
}

/* What the footer says of the group. Transient records take part, and so end a run. */
static void count_record(struct footer_slot *f, uint64_t index, bool transient)
{
    if (f->records++ == 0) {
        f->index_first = index;
        f->index_last = index;
        f->flags = transient ? 0 : FOOTER_RUN;
        return;
    }
    if (transient || index != f->index_last + 1)
        f->flags = 0;
    if (index < f->index_first)
        f->index_first = index;
    if (index > f->index_last)
        f->index_last = index;
}

/* --- appending ------------------------------------------------------------------------------ */

/* There is no open block, or it has no room for the next record of `size` bytes. */
static int make_room(struct journal *j, uint64_t size)
{
    uint64_t need = size + FOOTER_SLOT_SIZE;
    if (j->failed)
        return -EIO;
    CHECK(j->recovered && j->closing == NULL);
    if (block_size(need) > j->options.file_bytes)
        return -EMSGSIZE;
    journal_close_block(j);
    return journal_open_block(j, need);
}

static inline int put(struct journal *j, struct journal_member *member, const struct entry *e,
                      uint64_t first_position, struct journal_place *ret)
{
    DCHECK(e->gid == member->gid && e->kind != ENTRY_COPY);
    DCHECK(e->seal != ENTRY_TO_SEAL || j->options.seal != NULL);
    if (e->body.size > ENTRY_BODY_MAX + (e->seal == ENTRY_SEALED ? RECORD_SEAL_SIZE : 0))
        return -EMSGSIZE;
    bool copy = first_position != ITSELF;
    uint32_t size = record_size(record_body_size(e), copy);
    struct journal_slot *slot = slot_of(j, member);
    uint64_t need = size + (slot == NULL ? FOOTER_SLOT_SIZE : 0);
    if (__builtin_expect(j->used + need > j->room, 0)) {
        int status = make_room(j, size);
        if (status != 0)
            return status;
        slot = NULL;
    }
    if (slot == NULL)
        slot = join(j, member);
    CHECK(!copy || first_position < j->position);
    char *body = record_write(e, j->seed, j->position, copy ? first_position : j->position, j->at);
    *ret = (struct journal_place){{body, e->body.size}, j->position};
    j->at += size;
    j->position += size;
    j->used += size;
    j->open->records++;
    j->open->to_seal += e->seal == ENTRY_TO_SEAL;
    count_record(&slot->footer, e->index, entry_kind_is_transient(e->kind));
    if (!copy)
        count_entry(j, slot, e);
    return 0;
}

int journal_append(struct journal *j, struct journal_member *member, const struct entry *e,
                   struct journal_place *ret)
{
    return put(j, member, e, ITSELF, ret);
}

int journal_copy(struct journal *j, struct journal_member *member, const struct entry *e,
                 uint64_t first_position, struct journal_place *ret)
{
    CHECK(!entry_kind_is_transient(e->kind) && first_position != ITSELF);
    return put(j, member, e, first_position, ret);
}

int journal_leave_file(struct journal *j)
{
    if (j->failed)
        return -EIO;
    CHECK(j->recovered && j->closing == NULL);
    journal_close_block(j);
    const struct journal_file *last = journal_last_file(j);
    if (last == NULL || last->closed == 0)
        return 0;
    return next_file(j);
}
