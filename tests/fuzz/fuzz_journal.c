/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a journal as a script: blocks, crashes, damage, forgery. A scan of what is left is
 * compared with the list of what was written; of forged files it has to be safe. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/format/little.h"
#include "tests/unit/store/journal_images.h"

enum { FILE_BYTES = 16384, OPS_MAX = 64, BODY_MAX = 1200 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct script {
    const uint8_t *at;
    size_t left;
};

static uint32_t draw(struct script *s, uint32_t below)
{
    uint32_t x = 0;
    for (uint32_t reach = 1; reach < below && s->left > 0; reach *= 256) {
        x = x * 256 + *s->at++;
        s->left--;
    }
    return x % below;
}

static uint64_t draw_place(struct script *s)
{
    return draw(s, IMAGES_FILES * FILE_BYTES);
}

/* --- what is done --------------------------------------------------------------------------- */

static void write_block(struct images *m, struct script *s)
{
    uint32_t records = draw(s, 10);
    if (draw(s, 3) != 0)
        m->durable = m->end;
    uint32_t sizes[10];
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < records; i++) {
        sizes[i] = draw(s, BODY_MAX);
        bytes += record_size(sizes[i], true) + FOOTER_SLOT_SIZE;
    }
    if (m->count + records > IMAGES_RECORDS || !images_begin(m, bytes))
        return;
    for (uint32_t i = 0; i < records; i++) {
        uint32_t group = draw(s, IMAGES_GROUPS);
        uint32_t sort = draw(s, 16);
        if (sort == 1)
            images_step_back(m, group);
        images_entry(m, group, sizes[i], sort >= 14);
    }
    images_end(m);
}

/* A start: it drops what is torn, zeroes it, and goes on with the next epoch. */
static void start(struct images *m)
{
    struct verdict v;
    struct journal_scan_end end = judge(m, 0, &v);
    judge_all(m, &v, &end);
    while (m->count > 0 && m->records[m->count - 1].block >= end.position)
        m->next_index[m->records[--m->count].entry.gid - 1]--;
    for (uint64_t at = end.position; at < IMAGES_FILES * m->file_bytes; at += BLOCK_ALIGN)
        memset(images_at(m, at), 0, BLOCK_ALIGN);
    m->end = end.position;
    m->durable = end.position;
    m->previous = end.previous;
    m->epoch++;
}

/* A header with a right hash that says something else, before or behind its block. */
static void forge(struct images *m, struct script *s)
{
    uint64_t at = draw_place(s) / BLOCK_ALIGN * BLOCK_ALIGN;
    char *header = images_at(m, at);
    if (draw(s, 2) == 1)
        header += BLOCK_ALIGN - BLOCK_HEADER_SIZE;
    static const uint8_t fields[] = {6, 8, 16, 20, 24, 28, 32, 40};
    char *field = header + fields[draw(s, sizeof fields)];
    field[draw(s, 4)] = (char)draw(s, 256);
    put_u64(header + 56, checksum(checksum_seed(IMAGES_STORE, BLOCK_MAGIC_JOURNAL, 0), header, 56));
}

/* A record's header, likewise. */
static void forge_record(struct images *m, struct script *s)
{
    if (m->count == 0)
        return;
    const struct image_record *r = &m->records[draw(s, m->count)];
    char *at = images_at(m, r->position);
    at[draw(s, 48)] = (char)draw(s, 256);
    uint64_t seed = record_seed(IMAGES_STORE, m->epoch) + r->position;
    put_u64(at + 48, checksum(seed, at, 48));
}

static void write_raw(struct images *m, struct script *s)
{
    uint64_t at = draw_place(s);
    size_t size = draw(s, 256);
    if (size > s->left)
        size = s->left;
    if (size > m->file_bytes - at % m->file_bytes)
        size = m->file_bytes - at % m->file_bytes;
    memcpy(images_at(m, at), s->at, size);
    s->at += size;
    s->left -= size;
}

static void move_page(struct images *m, struct script *s)
{
    uint64_t from = draw_place(s) / BLOCK_ALIGN * BLOCK_ALIGN;
    uint64_t to = draw_place(s) / BLOCK_ALIGN * BLOCK_ALIGN;
    memmove(images_at(m, to), images_at(m, from), BLOCK_ALIGN);
}

/* One act; returns whether something was forged by it. */
static bool act(struct images *m, struct script *s, bool forged)
{
    switch (draw(s, 12)) {
    case 0: *images_at(m, draw_place(s)) ^= (char)(1u << draw(s, 8)); return false;
    case 1: memset(images_at(m, draw_place(s) / 512 * 512), 0, 512); return false;
    case 2:
        memset(images_at(m, draw_place(s) / 4096 * 4096), (int)draw(s, 256), 4096);
        return false;
    case 3: move_page(m, s); return false;
    case 4:
        if (!forged)
            start(m);
        return false;
    case 5: forge(m, s); return true;
    case 6: forge_record(m, s); return true;
    case 7: write_raw(m, s); return true;
    default: write_block(m, s); return false;
    }
}

/* --- what a scan of forged files may do ----------------------------------------------------- */

struct safe {
    const struct images *images;
    uint64_t last;
};

static void safe_record(void *context, const struct record *r, uint64_t position)
{
    struct safe *safe = context;
    CHECK(position > safe->last && record_body_is_whole(r));
    safe->last = position;
    const char *image = safe->images->files[position / FILE_BYTES];
    CHECK(r->entry.body.at >= image && r->entry.body.at + r->entry.body.size <= image + FILE_BYTES);
    CHECK(r->first_position <= position);
}

static void safe_rot(void *context, const struct journal_rot *rot)
{
    CHECK(rot->position < rot->end && rot->index_first <= rot->index_last);
}

static void scan_safely(const struct images *m, uint64_t floor)
{
    struct journal_scan_file files[IMAGES_FILES];
    uint32_t count = 0;
    for (uint64_t i = floor / FILE_BYTES; i < IMAGES_FILES; i++)
        files[count++] = (struct journal_scan_file){i, m->files[i], 0};
    struct safe safe = {.images = m};
    struct journal_scan scan = {
        .store = IMAGES_STORE,
        .file_bytes = FILE_BYTES,
        .floor = floor,
        .files = files,
        .file_count = count,
        .record = safe_record,
        .rot = safe_rot,
        .context = &safe,
    };
    struct journal_scan_end end;
    int status = journal_scan(&scan, &end);
    CHECK(status != 0 || (end.position >= floor && end.position % BLOCK_ALIGN == 0));
    for (uint32_t i = 0; i < IMAGES_FILES; i++) {
        uint64_t number;
        (void)journal_scan_leftover(m->files[i], FILE_BYTES, IMAGES_STORE, i, 0);
        if (journal_scan_number(m->files[i], FILE_BYTES, IMAGES_STORE, &number) == 0)
            CHECK(number <= INT64_MAX / FILE_BYTES);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script s = {data, size};
    static struct images m; /* too large for a stack */
    images_init(&m, FILE_BYTES);
    bool forged = false;
    for (int i = 0; i < OPS_MAX && s.left > 0; i++)
        forged = act(&m, &s, forged) || forged;
    uint64_t floor = m.count > 0 ? m.records[draw(&s, m.count)].position : 0;
    if (floor > m.durable)
        floor = m.durable;
    if (draw(&s, 2) == 0)
        floor = 0;
    scan_safely(&m, floor);
    if (!forged) {
        struct verdict v;
        struct journal_scan_end end = judge(&m, floor, &v);
        judge_all(&m, &v, &end);
    }
    images_done(&m);
    return 0;
}
