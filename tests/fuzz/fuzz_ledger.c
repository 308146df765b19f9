/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_ledger -- the first byte chooses. A block whose checksums are made right: what is accepted is written
 * again and compared. Or a life of a ledger: commits, then damage to both copies, then a start, whose
 * finds are compared with an oracle. */
#include <stddef.h>
#include <stdint.h>

#include "store/format/checksum.h"
#include "store/ledger_image.h"
#include "tests/unit/store/ledger_oracle.h"

struct script {
    const uint8_t *at;
    size_t left;
};

static unsigned take(struct script *s)
{
    if (s->left == 0)
        return 0;
    s->left--;
    return *s->at++;
}

static unsigned take_u16(struct script *s)
{
    unsigned low = take(s);
    return low | take(s) << 8;
}

/* --- blocks --------------------------------------------------------------------------------------- */

enum { BLOCKS_MAX = 4 };

static const struct ledger_identity ID = {.store = 5, .number = 6};

static void seal_header(char *at, uint64_t position, size_t size)
{
    struct block_header h = {
        .magic = BLOCK_MAGIC_LEDGER,
        .flags = (get_u16(at + 6) & 6u) | LEDGER_BLOCK_LAST,
        .position = position,
        .size = (uint32_t)size,
        .records = get_u32(at + 20) & 0xff,
        .boot_epoch = get_u32(at + 24),
        .group_count = get_u32(at + 28),
        .durable_to = get_u64(at + 32),
        .previous = get_u64(at + 40),
        .store = ID.store,
    };
    block_header_write(&h, at);
}

/* Makes the hashes of as many records right as there seem to be. */
static void seal_records(char *at, uint64_t position, size_t size)
{
    for (size_t offset = BLOCK_HEADER_SIZE; offset + LEDGER_RECORD_HEADER_SIZE <= size;) {
        char *r = at + offset;
        uint64_t seed = checksum_seed(ID.store, ID.number, position + offset);
        size_t body_size = get_u32(r + 4);
        size_t left = size - offset - LEDGER_RECORD_HEADER_SIZE;
        if (body_size <= left)
            put_u64(r + 16, checksum(checksum_seed(seed, get_u64(r + 8), (uint8_t)r[0]),
                                     r + LEDGER_RECORD_HEADER_SIZE, body_size));
        put_u64(r + 24, checksum(seed, r, 24));
        offset += ledger_record_size(body_size);
    }
}

static void compare_with_image(const struct block_header *h, const char *at)
{
    struct ledger_end from = {h->position, h->previous, h->group_count};
    struct ledger_image image;
    ledger_image_init(&image, &ID, h->boot_epoch, &from);
    image.commit = h->durable_to;
    struct ledger_block_walk w = ledger_block_walk(&ID, h, at);
    while (w.records_left > 0) {
        struct ledger_record record;
        uint64_t position;
        CHECK(ledger_block_next(&w, &record, &position) == 0);
        CHECK(ledger_image_add(&image, &record) == position);
    }
    struct ledger_end end;
    ledger_image_finish(&image, &end);
    struct bytes ready = ledger_image_ready(&image);
    CHECK(ready.size <= h->size);
    CHECK(memcmp(ready.at + BLOCK_HEADER_SIZE, at + BLOCK_HEADER_SIZE,
                 ready.size - BLOCK_HEADER_SIZE) == 0);
    if (ready.size == h->size)
        CHECK(memcmp(ready.at, at, BLOCK_HEADER_SIZE) == 0);
    ledger_image_done(&image);
}

static void check_block(struct script s)
{
    static char at[BLOCKS_MAX * BLOCK_ALIGN];
    uint64_t position = (uint64_t)BLOCK_ALIGN * take(&s);
    size_t size = BLOCK_ALIGN * (size_t)(1 + take(&s) % BLOCKS_MAX);
    memset(at, 0, sizeof at);
    memcpy(at, s.at, s.left < size ? s.left : size);
    if (position == 0)
        put_u64(at + 40, ledger_first_previous(&ID));
    seal_records(at, position, size);
    seal_header(at, position, size);
    struct block_header h;
    if (ledger_block_header_read(&ID, position, at, &h) == 0 &&
        ledger_block_check(&ID, &h, at) == 0)
        compare_with_image(&h, at);
}

/* --- lives ---------------------------------------------------------------------------------------- */

static void commit_some(struct owner *o, struct script *s)
{
    for (unsigned commits = take(s) % 8; commits > 0; commits--) {
        for (unsigned puts = 1 + take(s) % 4; puts > 0; puts--) {
            enum ledger_kind kind = 1 + take(s) % LEDGER_FLOOR;
            uint64_t gid = kind == LEDGER_FLOOR ? 0 : 1 + take(s) % MODEL_GIDS;
            if (!model_has_room(&o->under_way, kind, gid))
                kind = LEDGER_CHECKPOINT;
            owner_put(o, kind, gid);
        }
        CHECK(owner_committed(o) == 0);
    }
}

static void write_over(struct owner *o, const char *path, uint64_t to, char *bytes, size_t size)
{
    struct disk_request open = {.op = DISK_OPEN, .path = path, .flags = DISK_OPEN_WRITE};
    CHECK(owner_perform(o, &open) == 0);
    struct iovec part = {bytes, size};
    struct disk_request write = {
        .op = DISK_WRITE, .file = open.file, .offset = to, .parts = &part, .part_count = 1};
    CHECK(owner_perform(o, &write) == (int64_t)size);
    struct disk_request sync = {.op = DISK_SYNC, .file = open.file};
    CHECK(owner_perform(o, &sync) == 0);
    struct disk_request close = {.op = DISK_CLOSE, .file = open.file};
    CHECK(owner_perform(o, &close) == 0);
}

/* A flipped bit, or a page that another one has come over. */
static void damage(struct owner *o, const struct blocks *b, struct script *s)
{
    char path[64];
    unsigned how = take(s);
    uint64_t pages = b->size / BLOCK_ALIGN;
    uint64_t page = take(s) % pages;
    unsigned value = take_u16(s);
    for (unsigned copy = 0; copy < 2; copy++) {
        if (!(how & 1u << copy))
            continue;
        owner_ledger_path(o, copy, path);
        uint64_t at = page * BLOCK_ALIGN;
        if (how & 4)
            write_over(o, path, at, b->bytes + value % pages * BLOCK_ALIGN, BLOCK_ALIGN);
        else
            CHECK(sim_disk_flip(o->run.disk, path, at + value % BLOCK_ALIGN, 1u << how / 8 % 8) ==
                  0);
    }
}

static void see_damage(struct owner *o, struct blocks *b)
{
    for (unsigned copy = 0; copy < 2; copy++) {
        char path[64];
        size_t size;
        owner_ledger_path(o, copy, path);
        char *bytes = owner_file(o, path, &size);
        CHECK(size == b->size);
        for (size_t i = 0; i < b->count; i++) {
            const struct block_header *h = &b->at[i].header;
            b->at[i].bad[copy] = memcmp(bytes + h->position, b->bytes + h->position, h->size) != 0;
        }
        free(bytes);
    }
}

static void check_life(struct script s)
{
    struct owner o;
    owner_init(&o, 1);
    o.rewrite_min = BLOCK_ALIGN * (uint64_t)(1 + take(&s) % 64);
    CHECK(owner_started(&o) == 0);
    commit_some(&o, &s);
    owner_crash(&o, SIM_CRASH_WORST);
    struct blocks b;
    see_blocks(&o, &b);
    for (unsigned i = 0; i < 32 && s.left > 0; i++)
        damage(&o, &b, &s);
    see_damage(&o, &b);
    struct model model;
    uint32_t lost;
    bool readable = foresee(&b, &model, &lost);
    int status = owner_started(&o);
    CHECK(status == (!readable ? -EBADMSG : lost > 0 ? -EUCLEAN : 0));
    CHECK(implies(readable, model_equal(&o.told, &model)));
    blocks_done(&b);
    owner_done(&o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script s = {data, size};
    if (take(&s) & 1)
        check_block(s);
    else
        check_life(s);
    return 0;
}
