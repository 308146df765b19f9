/* SPDX-License-Identifier: Apache-2.0 */
#include "store/format/run.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>

#include "runtime/base/check.h"
#include "store/format/checksum.h"
#include "store/format/little.h"

enum {
    HASHED_FROM = 8,
    FOOTER_USED = 84,
    LINE_SIZE = 64, /* of the filter: a key's bits lie in one, so that they cost one miss */
    LINE_BITS = LINE_SIZE * 8,
    PAGE_LINES = RUN_BLOCK_SIZE / LINE_SIZE - 1, /* the first has the hash */
    BITS_A_KEY = 10,
    PROBES = 7,
    PROBE_BITS = 9,
};
static_assert(1 << PROBE_BITS == LINE_BITS && PROBES * PROBE_BITS <= 64, "one hash for all probes");

#define FILTER_SEED 0x7265746c69660000u /* "filter": no offset of a block */

static uint64_t page_hash(const struct run_place *p, const char *at)
{
    uint64_t seed = checksum_seed(p->gid, p->file, p->offset);
    return checksum(seed, at + HASHED_FROM, RUN_BLOCK_SIZE - HASHED_FROM);
}

void run_liveness_key(char at[RUN_LIVENESS_KEY_SIZE], uint64_t block)
{
    uint64_t big = htobe64(block); /* bytes in order of numbers */
    at[0] = RUN_LIVENESS;
    memcpy(at + 1, &big, sizeof big);
}

bool run_liveness_block(struct bytes key, uint64_t *ret)
{
    if (key.size != RUN_LIVENESS_KEY_SIZE || key.at[0] != RUN_LIVENESS)
        return false;
    uint64_t big;
    memcpy(&big, key.at + 1, sizeof big);
    *ret = be64toh(big);
    return true;
}

/* --- filter ---------------------------------------------------------------------------------- */

uint32_t run_filter_pages(uint64_t keys)
{
    uint64_t page_bits = (uint64_t)PAGE_LINES * LINE_BITS;
    uint64_t pages = keys / page_bits * BITS_A_KEY + keys % page_bits * BITS_A_KEY / page_bits + 1;
    CHECK(pages <= UINT32_MAX);
    return (uint32_t)pages;
}

uint64_t run_filter_hash(uint64_t gid, uint64_t file, struct bytes key)
{
    return checksum(checksum_seed(gid, file, FILTER_SEED), key.at, key.size);
}

uint32_t run_filter_page(uint64_t hash, uint32_t pages)
{
    return (uint32_t)(((hash >> 32) * pages) >> 32);
}

static size_t line_of(uint64_t hash)
{
    return (1 + (((hash & UINT32_MAX) * PAGE_LINES) >> 32)) * LINE_SIZE;
}

void run_filter_set(char *page, uint64_t hash)
{
    char *line = page + line_of(hash);
    uint64_t bits = hash_u64(hash);
    for (int i = 0; i < PROBES; i++, bits >>= PROBE_BITS)
        line[bits % LINE_BITS / 8] |= (char)(1 << (bits % 8));
}

bool run_filter_may_have(const char *page, uint64_t hash)
{
    const char *line = page + line_of(hash);
    uint64_t bits = hash_u64(hash);
    for (int i = 0; i < PROBES; i++, bits >>= PROBE_BITS) {
        if ((line[bits % LINE_BITS / 8] & (1 << (bits % 8))) == 0)
            return false;
    }
    return true;
}

void run_filter_seal(char *page, const struct run_place *place)
{
    put_u64(page, page_hash(place, page));
}

/* The page is what was stored. */
static int as_stored(struct bytes stored, char **ret_at, size_t *ret_size)
{
    *ret_at = (char *)(uintptr_t)stored.at;
    *ret_size = stored.size;
    return 0;
}

int run_filter_decode(const void *place, size_t place_size, struct bytes stored, char **ret_at,
                      size_t *ret_size)
{
    struct run_place p;
    CHECK(place_size == sizeof p);
    memcpy(&p, place, sizeof p);
    if (stored.size != RUN_BLOCK_SIZE || get_u64(stored.at) != page_hash(&p, stored.at))
        return -EBADMSG;
    return as_stored(stored, ret_at, ret_size);
}

/* --- footer ---------------------------------------------------------------------------------- */

static struct run_place footer_place(uint64_t gid, uint64_t file, uint64_t size)
{
    return (struct run_place){.gid = gid, .file = file, .offset = size - RUN_BLOCK_SIZE};
}

void run_footer_write(const struct run_footer *f, char *at)
{
    CHECK(f->size >= RUN_BLOCK_SIZE && f->size % RUN_BLOCK_SIZE == 0);
    memset(at, 0, RUN_BLOCK_SIZE);
    put_u32(at + 8, RUN_MAGIC);
    put_u16(at + 12, RUN_VERSION);
    put_u64(at + 16, f->gid);
    put_u64(at + 24, f->file);
    put_u64(at + 32, f->size);
    put_u64(at + 40, f->entries);
    put_u64(at + 48, f->subjects);
    put_u64(at + 56, f->root);
    put_u32(at + 64, f->root_size);
    put_u32(at + 68, f->levels);
    put_u64(at + 72, f->filter);
    put_u32(at + 80, f->filter_pages);
    struct run_place p = footer_place(f->gid, f->file, f->size);
    put_u64(at, page_hash(&p, at));
}

/* Whether size bytes at offset lie between the file's begin and its footer. */
static bool is_inside(const struct run_footer *f, uint64_t offset, uint64_t size)
{
    uint64_t end = f->size - RUN_BLOCK_SIZE;
    return offset % RUN_BLOCK_SIZE == 0 && offset <= end && size <= end - offset;
}

static bool footer_is_sound(const struct run_footer *f)
{
    if (f->subjects > f->entries || f->levels > RUN_LEVELS_MAX)
        return false;
    if (!is_inside(f, f->filter, (uint64_t)f->filter_pages * RUN_BLOCK_SIZE))
        return false;
    if (f->levels == 0)
        return f->entries == 0 && f->root == 0 && f->root_size == 0;
    return f->entries > 0 && f->root_size % RUN_BLOCK_SIZE == 0 && f->root_size > 0 &&
           f->root_size <= RUN_BLOCK_MAX && is_inside(f, f->root, f->root_size);
}

int run_footer_read(struct bytes stored, uint64_t gid, uint64_t file, uint64_t size,
                    struct run_footer *ret)
{
    if (stored.size != RUN_BLOCK_SIZE || size < RUN_BLOCK_SIZE || size % RUN_BLOCK_SIZE != 0)
        return -EBADMSG;
    const char *at = stored.at;
    struct run_place p = footer_place(gid, file, size);
    if (get_u32(at + 8) != RUN_MAGIC || get_u64(at) != page_hash(&p, at))
        return -EBADMSG;
    if (get_u16(at + 12) != RUN_VERSION || get_u16(at + 14) != 0)
        return -ENOTSUP;
    struct run_footer f = {
        .gid = get_u64(at + 16),
        .file = get_u64(at + 24),
        .size = get_u64(at + 32),
        .entries = get_u64(at + 40),
        .subjects = get_u64(at + 48),
        .root = get_u64(at + 56),
        .root_size = get_u32(at + 64),
        .levels = get_u32(at + 68),
        .filter = get_u64(at + 72),
        .filter_pages = get_u32(at + 80),
    };
    if (f.gid != gid || f.file != file || f.size != size || !footer_is_sound(&f))
        return -EBADMSG;
    for (uint32_t i = FOOTER_USED; i < RUN_BLOCK_SIZE; i++) {
        if (at[i] != 0)
            return -EBADMSG;
    }
    *ret = f;
    return 0;
}

int run_footer_decode(const void *place, size_t place_size, struct bytes stored, char **ret_at,
                      size_t *ret_size)
{
    struct run_place p;
    struct run_footer f;
    CHECK(place_size == sizeof p);
    memcpy(&p, place, sizeof p);
    int r = run_footer_read(stored, p.gid, p.file, p.offset + RUN_BLOCK_SIZE, &f);
    return r == 0 ? as_stored(stored, ret_at, ret_size) : r;
}
