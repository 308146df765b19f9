/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_run -- a block of a run (or, the first byte being odd, a footer) with a checksum that is
 * right: what the decoder takes is what the writer makes of the same entries, and finding agrees
 * with looking at all. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"
#include "store/format/checksum.h"
#include "store/format/little.h"
#include "store/format/run.h"

enum { HEADER_SIZE = 24, HASHED_FROM = 8, SIZE_MAX_HERE = 5 * RUN_BLOCK_SIZE, KEYS_MAX = 4096 };

static const struct run_place place_zero = {.gid = 1, .file = 2, .offset = 3 * RUN_BLOCK_SIZE};

static void seal(char *at, const struct run_place *p)
{
    uint64_t seed = checksum_seed(p->gid, p->file, p->offset);
    put_u64(at, checksum(seed, at + HASHED_FROM, p->size - HASHED_FROM));
}

static void check_footer(const uint8_t *data, size_t size)
{
    char at[RUN_BLOCK_SIZE] = {0};
    memcpy(at + HASHED_FROM, data, size < 100 ? size : 100);
    struct run_place p = place_zero;
    p.size = RUN_BLOCK_SIZE;
    seal(at, &p);
    struct run_footer f;
    struct bytes stored = {at, sizeof at};
    if (run_footer_read(stored, p.gid, p.file, p.offset + RUN_BLOCK_SIZE, &f) != 0)
        return;
    char again[RUN_BLOCK_SIZE];
    run_footer_write(&f, again);
    CHECK(memcmp(at, again, sizeof at) == 0);
}

static int order_of(struct bytes a, struct bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size > 0 ? memcmp(a.at, b.at, size) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* The first entry at or after key, by looking at all; their count: there is none. */
static uint32_t look(const struct run_block *b, struct bytes key)
{
    struct run_entry e;
    struct buffer at = {0};
    uint32_t number = 0;
    for (uint32_t offset = 0; run_block_entry(b, offset, number, &e); offset = e.next, number++) {
        run_block_key(b, &e, &at);
        if (order_of(buffer_view(&at), key) >= 0)
            break;
    }
    buffer_done(&at);
    return number;
}

static void check_find(const struct run_block *b, struct bytes key)
{
    struct run_entry e;
    bool equal;
    bool found = run_block_find(b, key, &e, &equal, NULL);
    uint32_t number = look(b, key);
    CHECK(found == (number < b->entries));
    if (!found)
        return;
    CHECK(e.number == number);
    struct buffer at = {0};
    run_block_key(b, &e, &at);
    CHECK(equal == bytes_equal(buffer_view(&at), key));
    buffer_done(&at);
}

static void check_entries(const struct run_block *b, const struct run_place *p, struct bytes stored)
{
    struct run_block_writer w = {0};
    struct run_entry e;
    struct buffer key = {0};
    uint32_t number = 0;
    for (uint32_t offset = 0; run_block_entry(b, offset, number, &e); offset = e.next, number++) {
        run_block_key(b, &e, &key);
        run_block_add(&w, buffer_view(&key), e.value);
        if (b->entries < 100) {
            check_find(b, buffer_view(&key));
            key.at[key.size - 1]++;
            check_find(b, buffer_view(&key));
            check_find(b, (struct bytes){key.at, key.size - 1});
        }
    }
    CHECK(number == b->entries && run_block_size(&w) == p->size);
    CHECK(bytes_equal(run_block_finish(&w, p), stored));
    run_block_writer_done(&w);
    buffer_done(&key);
}

/* level, count of entries, entries. */
static void check_block(const uint8_t *data, size_t size)
{
    if (size < 3 || size - 3 > SIZE_MAX_HERE - HEADER_SIZE)
        return;
    static char at[SIZE_MAX_HERE];
    uint32_t used = (uint32_t)(HEADER_SIZE + size - 3);
    struct run_place p = place_zero;
    p.level = data[0] % 4;
    p.size = (used + RUN_BLOCK_SIZE - 1) / RUN_BLOCK_SIZE * RUN_BLOCK_SIZE;
    memset(at, 0, p.size);
    put_u32(at + 8, used);
    put_u32(at + 12, get_u16(data + 1) % KEYS_MAX);
    at[16] = (char)p.level;
    memcpy(at + HEADER_SIZE, data + 3, size - 3);
    seal(at, &p);
    char *decoded;
    size_t decoded_size;
    struct bytes stored = {at, p.size};
    if (run_block_decode(&p, sizeof p, stored, &decoded, &decoded_size) != 0)
        return;
    struct run_block b = run_block_of((struct bytes){decoded, decoded_size});
    check_entries(&b, &p, stored);
    free(decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] % 2 == 1) {
        check_footer(data + 1, size - 1);
    } else {
        check_block(data + 1, size - 1);
    }
    return 0;
}
