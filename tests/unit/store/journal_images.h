/* SPDX-License-Identifier: Apache-2.0 */
/* journal_images.h -- journal files made by hand, and what a scan of them may say.
 *
 * It writes blocks as docs/formats/journal.md has them, without the journal's own code but for the
 * codecs, and keeps a list of what it wrote. judge_* compare a scan with that list.
 */
#ifndef TESTS_UNIT_STORE_JOURNAL_IMAGES_H
#define TESTS_UNIT_STORE_JOURNAL_IMAGES_H

#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/format/footer.h"
#include "store/journal_scan.h"

#define IMAGES_FILES 6
#define IMAGES_RECORDS 2048
#define IMAGES_GROUPS 8
#define IMAGES_STORE 0x1122334455667788u

struct image_record {
    struct entry entry;
    uint64_t position;
    uint64_t first_position;
    uint64_t block; /* position of its block */
    uint32_t size;
    bool run; /* its group's records are a run in this block */
    bool delivered;
    bool told; /* as lost */
};

struct images {
    uint64_t file_bytes;
    char *files[IMAGES_FILES];
    uint64_t end; /* where the next block goes, if it fits */
    uint64_t durable;
    uint64_t previous;
    uint32_t epoch;
    uint64_t next_index[IMAGES_GROUPS];
    struct image_record records[IMAGES_RECORDS];
    uint32_t count;
    uint32_t block_first; /* of the block that is being made */
    char *block_at;
    uint64_t block_position; /* of the next record */
    uint64_t last_block;
};

static inline void images_init(struct images *m, uint64_t file_bytes)
{
    memset(m, 0, sizeof *m);
    m->file_bytes = file_bytes;
    m->epoch = 1;
    for (int i = 0; i < IMAGES_FILES; i++) {
        m->files[i] = aligned_alloc(BLOCK_ALIGN, file_bytes);
        CHECK(m->files[i] != NULL);
        memset(m->files[i], 0, file_bytes);
    }
    for (int i = 0; i < IMAGES_GROUPS; i++)
        m->next_index[i] = 100;
}

static inline void images_done(struct images *m)
{
    for (int i = 0; i < IMAGES_FILES; i++)
        free(m->files[i]);
}

static inline char *images_at(const struct images *m, uint64_t position)
{
    return m->files[position / m->file_bytes] + position % m->file_bytes;
}

/* Begins a block that takes at most `bytes` of records and slots; false: no file is left. */
static inline bool images_begin(struct images *m, uint64_t bytes)
{
    uint64_t size = bytes + BLOCK_HEADER_SIZE + FOOTER_FIXED_SIZE + BLOCK_ALIGN - 1;
    size -= size % BLOCK_ALIGN;
    if (m->end % m->file_bytes + size > m->file_bytes)
        m->end = (m->end / m->file_bytes + 1) * m->file_bytes;
    if (m->end / m->file_bytes >= IMAGES_FILES)
        return false;
    m->block_first = m->count;
    m->block_at = images_at(m, m->end) + BLOCK_HEADER_SIZE;
    m->block_position = m->end + BLOCK_HEADER_SIZE;
    return true;
}

static inline void images_put(struct images *m, const struct entry *e, uint64_t first_position)
{
    CHECK(m->count < IMAGES_RECORDS);
    bool copy = first_position < m->block_position;
    struct image_record *r = &m->records[m->count++];
    *r = (struct image_record){
        .entry = *e,
        .position = m->block_position,
        .first_position = first_position,
        .block = m->end,
        .size = record_size((uint32_t)e->body.size, copy),
    };
    r->entry.body.at = record_write(e, record_seed(IMAGES_STORE, m->epoch), r->position,
                                    first_position, m->block_at);
    m->block_at += r->size;
    m->block_position += r->size;
}

/* The group's last entry is written once more, as it is when another leader's replaces it: its
 * records are no run then. */
static inline void images_step_back(struct images *m, unsigned group)
{
    if (m->next_index[group] > 100)
        m->next_index[group]--;
}

/* The next entry of a group, with a body of `size` bytes; copy: as one that is carried forward. */
static inline void images_entry(struct images *m, unsigned group, uint32_t size, bool copy)
{
    static char bytes[8192];
    CHECK(size <= sizeof bytes);
    memset(bytes, (int)(m->count % 255) + 1, size);
    struct entry e = {
        .gid = group + 1,
        .index = m->next_index[group]++,
        .term = m->epoch,
        .kind = ENTRY_MSG,
        .time_ns = (int64_t)m->count,
        .body = {bytes, size},
    };
    e.body_hash = entry_body_hash(e.gid, e.index, e.term, e.body);
    images_put(m, &e, copy ? m->block_position - 1 : m->block_position);
}

static inline struct footer_slot *images_slot(struct footer_slot *slots, uint32_t *count,
                                              const struct image_record *r)
{
    uint32_t i = 0;
    while (i < *count && slots[i].gid != r->entry.gid)
        i++;
    uint64_t index = r->entry.index;
    if (i == *count)
        slots[(*count)++] = (struct footer_slot){r->entry.gid, index, index, 0, FOOTER_RUN};
    struct footer_slot *slot = &slots[i];
    if (slot->records++ > 0 && index != slot->index_last + 1)
        slot->flags = 0;
    slot->index_first = index < slot->index_first ? index : slot->index_first;
    slot->index_last = index > slot->index_last ? index : slot->index_last;
    return slot;
}

/* Ends it. What was synced before it is said by `durable`, which the caller moves. */
static inline void images_end(struct images *m)
{
    struct footer_slot slots[IMAGES_GROUPS];
    uint32_t groups = 0;
    for (uint32_t i = m->block_first; i < m->count; i++)
        images_slot(slots, &groups, &m->records[i]);
    for (uint32_t i = m->block_first; i < m->count; i++)
        for (uint32_t g = 0; g < groups; g++)
            if (slots[g].gid == m->records[i].entry.gid)
                m->records[i].run = slots[g].flags & FOOTER_RUN;
    uint64_t size = m->block_position - m->end + footer_size(groups);
    size = (size + BLOCK_ALIGN - 1) / BLOCK_ALIGN * BLOCK_ALIGN;
    struct block_header h = {
        .magic = BLOCK_MAGIC_JOURNAL,
        .position = m->end,
        .size = (uint32_t)size,
        .records = m->count - m->block_first,
        .boot_epoch = m->epoch,
        .group_count = groups,
        .durable_to = m->durable,
        .previous = m->previous,
        .store = IMAGES_STORE,
    };
    char *block = images_at(m, m->end);
    char *table = block + size - footer_size(groups);
    memset(m->block_at, 0, (size_t)(table - m->block_at));
    for (uint32_t g = 0; g < groups; g++)
        footer_slot_write(&slots[g], table, g);
    block_header_write(&h, block);
    footer_finish(block, IMAGES_STORE, m->end + size, groups, table);
    m->previous = h.hash;
    m->last_block = m->end;
    m->end += size;
}

/* --- judging -------------------------------------------------------------------------------- */

struct verdict {
    struct images *images;
    uint32_t next; /* record of the list that is looked at next */
    uint64_t floor;
    uint64_t last_position;
    uint32_t delivered;
    uint32_t rots;
    uint32_t rots_of_nobody;
    bool foreign; /* something was delivered that was not written */
};

static inline void judge_record(void *context, const struct record *r, uint64_t position)
{
    struct verdict *v = context;
    struct images *m = v->images;
    CHECK(position >= v->floor && position > v->last_position);
    v->last_position = position;
    while (v->next < m->count && m->records[v->next].position < position)
        v->next++;
    struct image_record *want = &m->records[v->next];
    if (v->next == m->count || want->position != position) {
        v->foreign = true;
        return;
    }
    const struct entry *e = &r->entry;
    CHECK(e->gid == want->entry.gid && e->index == want->entry.index);
    CHECK(e->term == want->entry.term && e->kind == want->entry.kind);
    CHECK(e->time_ns == want->entry.time_ns && e->flags == want->entry.flags);
    CHECK(e->body.size == want->entry.body.size && r->first_position == want->first_position);
    CHECK(e->body.at == want->entry.body.at && record_body_is_whole(r));
    want->delivered = true;
    v->delivered++;
}

static inline void judge_rot(void *context, const struct journal_rot *rot)
{
    struct verdict *v = context;
    struct images *m = v->images;
    CHECK(rot->position < rot->end && rot->end > v->floor);
    v->rots++;
    v->rots_of_nobody += rot->gid == 0;
    for (uint32_t i = 0; i < m->count; i++) {
        struct image_record *r = &m->records[i];
        bool inside = r->position >= rot->position && r->position < rot->end;
        bool named =
            rot->gid == 0 || (rot->gid == r->entry.gid && r->entry.index >= rot->index_first &&
                              r->entry.index <= rot->index_last);
        if (inside && named)
            r->told = true;
    }
}

/* Scans all files. The list is marked; the end is returned. */
static inline struct journal_scan_end judge(struct images *m, uint64_t floor, struct verdict *v)
{
    struct journal_scan_file files[IMAGES_FILES];
    uint32_t count = 0;
    for (uint64_t i = floor / m->file_bytes; i < IMAGES_FILES; i++)
        files[count++] = (struct journal_scan_file){i, m->files[i], 0};
    for (uint32_t i = 0; i < m->count; i++)
        m->records[i].delivered = m->records[i].told = false;
    *v = (struct verdict){.images = m, .floor = floor};
    struct journal_scan scan = {
        .store = IMAGES_STORE,
        .file_bytes = m->file_bytes,
        .floor = floor,
        .files = files,
        .file_count = count,
        .record = judge_record,
        .rot = judge_rot,
        .context = v,
    };
    struct journal_scan_end end;
    CHECK(journal_scan(&scan, &end) == 0);
    return end;
}

/* What holds whatever was damaged, as long as nobody forged anything: below the mark all is
 * delivered or told as lost, above it blocks are whole or gone, and nothing else appears. */
static inline void judge_all(const struct images *m, const struct verdict *v,
                             const struct journal_scan_end *end)
{
    CHECK(!v->foreign);
    uint64_t mark = end->durable_to > v->floor ? end->durable_to : v->floor;
    CHECK(end->position >= mark);
    for (uint32_t i = 0; i < m->count; i++) {
        const struct image_record *r = &m->records[i];
        if (r->position < v->floor)
            continue;
        if (r->block < mark)
            CHECK(r->delivered || r->told);
        else
            CHECK(r->delivered == (r->block < end->position) && !r->told);
    }
}

#endif
