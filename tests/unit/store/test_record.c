/* SPDX-License-Identifier: Apache-2.0 */
/* Records and footers of journal blocks: what is written is read, and no bit may differ. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "runtime/base/prng.h"
#include "store/format/footer.h"
#include "store/format/little.h"
#include "store/format/record.h"

enum { ROUNDS = 2000, BODY_MAX = 300 };

static const uint64_t store = 0x0102030405060708;

static struct entry draw_entry(struct prng *p, char *body)
{
    static const enum entry_kind kinds[] = {ENTRY_NOOP, ENTRY_MSG,  ENTRY_VOTE,
                                            ENTRY_CUT,  ENTRY_ACKS, ENTRY_HANDOVER};
    struct entry e = {
        .gid = prng_next(p),
        .index = prng_next(p),
        .term = (uint32_t)prng_next(p),
        .kind = kinds[prng_below(p, sizeof kinds / sizeof kinds[0])],
        .flags = (uint8_t)prng_next(p),
        .time_ns = (int64_t)prng_next(p),
        .body = {body, prng_below(p, BODY_MAX + 1)},
    };
    for (size_t i = 0; i < e.body.size; i++)
        body[i] = (char)prng_next(p);
    e.body_hash = entry_body_hash(e.gid, e.index, e.term, e.body);
    return e;
}

static void assert_same(const struct record *r, const struct entry *e)
{
    assert_int_equal(r->entry.gid, e->gid);
    assert_int_equal(r->entry.index, e->index);
    assert_int_equal(r->entry.term, e->term);
    assert_int_equal(r->entry.kind, e->kind);
    assert_int_equal(r->entry.flags, e->flags);
    assert_int_equal(r->entry.time_ns, e->time_ns);
    assert_int_equal(r->entry.body_hash, e->body_hash);
    assert_true(bytes_equal(r->entry.body, e->body));
    assert_true(record_body_is_whole(r));
}

static void what_is_written_is_read(void **state)
{
    struct prng p;
    prng_init(&p, 1);
    for (int round = 0; round < ROUNDS; round++) {
        char body[BODY_MAX];
        char at[RECORD_HEADER_SIZE + RECORD_COPY_SIZE + BODY_MAX + RECORD_ALIGN];
        memset(at, 0xee, sizeof at);
        struct entry e = draw_entry(&p, body);
        bool copy = prng_one_in(&p, 3);
        uint64_t position = 8 + 8 * prng_below(&p, (uint64_t)1 << 50);
        uint64_t first = copy ? prng_below(&p, position) : position;
        uint32_t epoch = (uint32_t)prng_next(&p);
        uint64_t seed = record_seed(store, epoch);
        const char *written = record_write(&e, seed, position, first, at);
        uint32_t size = record_size((uint32_t)e.body.size, copy);
        assert_ptr_equal(written, at + record_header_size(copy));
        for (size_t i = (size_t)(written - at) + e.body.size; i < size; i++)
            assert_int_equal(at[i], 0);
        assert_int_equal((uint8_t)at[size], 0xee);
        struct record r;
        assert_int_equal(record_read((struct bytes){at, size}, seed, position, &r), 0);
        assert_same(&r, &e);
        assert_int_equal(r.first_position, first);
        assert_int_equal(r.size, size);
        assert_int_equal(record_read((struct bytes){at, size}, seed, position + 8, &r), -EBADMSG);
        uint64_t far = position + ((uint64_t)1 << 32);
        assert_int_equal(record_read((struct bytes){at, size}, seed, far, &r), -EBADMSG);
        seed = record_seed(store, epoch + 1);
        assert_int_equal(record_read((struct bytes){at, size}, seed, position, &r), -EBADMSG);
    }
}

static void every_bit_of_a_record_counts(void **state)
{
    struct prng p;
    prng_init(&p, 2);
    for (int copy = 0; copy < 2; copy++) {
        char body[BODY_MAX];
        char at[RECORD_HEADER_SIZE + RECORD_COPY_SIZE + BODY_MAX + RECORD_ALIGN];
        struct entry e = draw_entry(&p, body);
        uint64_t position = 4096 * 77 + 64;
        uint64_t seed = record_seed(store, 5);
        record_write(&e, seed, position, copy ? 64 : position, at);
        uint32_t size = record_size((uint32_t)e.body.size, copy);
        uint32_t head = record_header_size(copy);
        struct record r;
        for (uint32_t bit = 0; bit < 8 * (head + e.body.size); bit++) {
            at[bit / 8] ^= (char)(1 << bit % 8);
            int status = record_read((struct bytes){at, size}, seed, position, &r);
            if (bit < 8 * head)
                assert_int_equal(status, -EBADMSG);
            else
                assert_true(status == 0 && !record_body_is_whole(&r));
            at[bit / 8] ^= (char)(1 << bit % 8);
        }
        for (uint32_t cut = 0; cut < size; cut++) {
            char *some = malloc(cut + 1);
            memcpy(some, at, cut);
            assert_int_equal(record_read((struct bytes){some, cut}, seed, position, &r), -EBADMSG);
            free(some);
        }
    }
}

static void a_record_of_another_version_is_said_to_be_one(void **state)
{
    struct entry e = {.gid = 1, .index = 2, .term = 3, .kind = ENTRY_MSG};
    char at[RECORD_HEADER_SIZE];
    uint64_t seed = record_seed(store, 5);
    record_write(&e, seed, 4096, 4096, at);
    put_u16(at + 6, RECORD_VERSION + 1);
    struct record r;
    assert_int_equal(record_read((struct bytes){at, sizeof at}, seed, 4096, &r), -EBADMSG);
    put_u64(at + 48, checksum(seed + 4096, at, 48));
    assert_int_equal(record_read((struct bytes){at, sizeof at}, seed, 4096, &r), -ENOTSUP);
}

static void lengths_that_do_not_fit_are_refused_with_a_right_hash(void **state)
{
    static const uint32_t lengths[] = {9, 16, 1000, ENTRY_BODY_MAX, ENTRY_BODY_MAX + 1, UINT32_MAX};
    struct entry e = {
        .gid = 1, .index = 2, .term = 3, .kind = ENTRY_MSG, .body = BYTES("12345678")};
    char at[RECORD_HEADER_SIZE + 8];
    uint64_t seed = record_seed(store, 5);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        record_write(&e, seed, 4096, 4096, at);
        put_u32(at, lengths[i]);
        put_u64(at + 48, checksum(seed + 4096, at, 48));
        struct record r;
        assert_int_equal(record_read((struct bytes){at, sizeof at}, seed, 4096, &r), -EBADMSG);
    }
}

/* --- footers -------------------------------------------------------------------------------- */

enum { GROUPS = 5, BLOCK = 4096 };

static void fill_block(char block[BLOCK], struct block_header *h, struct footer_slot slots[GROUPS])
{
    memset(block, 0, BLOCK);
    *h = (struct block_header){.magic = BLOCK_MAGIC_JOURNAL,
                               .position = 8192,
                               .size = BLOCK,
                               .records = 2 * GROUPS,
                               .group_count = GROUPS,
                               .store = store};
    block_header_write(h, block);
    char *table = block + BLOCK - footer_size(GROUPS);
    for (uint32_t i = 0; i < GROUPS; i++) {
        slots[i] = (struct footer_slot){i + 1, 10 * i, 10 * i + 1, 2, i % 2 ? FOOTER_RUN : 0};
        footer_slot_write(&slots[i], table, i);
    }
    footer_finish(block, store, 8192 + BLOCK, GROUPS, table);
}

static void a_footer_is_read_as_it_was_written(void **state)
{
    char block[BLOCK];
    struct block_header h;
    struct block_header again;
    struct footer_slot slots[GROUPS];
    fill_block(block, &h, slots);
    const char *table;
    struct bytes bytes = {block, BLOCK};
    assert_int_equal(footer_table(bytes, store, 8192 + BLOCK, GROUPS, &table), 0);
    for (uint32_t i = 0; i < GROUPS; i++) {
        struct footer_slot slot;
        footer_slot_read(table, i, &slot);
        assert_memory_equal(&slot, &slots[i], sizeof slot);
    }
    assert_int_equal(
        block_header_read(block + BLOCK - BLOCK_HEADER_SIZE, BLOCK_MAGIC_JOURNAL, store, &again),
        0);
    assert_int_equal(again.hash, h.hash);
    assert_int_equal(footer_table(bytes, store + 1, 8192 + BLOCK, GROUPS, &table), -EBADMSG);
    assert_int_equal(footer_table(bytes, store, 4096 + BLOCK, GROUPS, &table), -EBADMSG);
    assert_int_equal(footer_table(bytes, store, 8192 + BLOCK, GROUPS - 1, &table), -EBADMSG);
    assert_int_equal(footer_table(bytes, store, 8192 + BLOCK, UINT32_MAX, &table), -EBADMSG);
}

static void every_bit_of_a_footer_counts(void **state)
{
    char block[BLOCK];
    struct block_header h;
    struct footer_slot slots[GROUPS];
    fill_block(block, &h, slots);
    uint32_t from = BLOCK - (uint32_t)footer_size(GROUPS);
    for (uint32_t bit = 8 * from; bit < 8 * BLOCK; bit++) {
        const char *table;
        block[bit / 8] ^= (char)(1 << bit % 8);
        int status =
            footer_table((struct bytes){block, BLOCK}, store, 8192 + BLOCK, GROUPS, &table);
        if (bit < 8 * (BLOCK - BLOCK_HEADER_SIZE))
            assert_int_equal(status, -EBADMSG);
        else
            assert_int_equal(block_header_read(block + BLOCK - BLOCK_HEADER_SIZE,
                                               BLOCK_MAGIC_JOURNAL, store, &h),
                             -EBADMSG);
        block[bit / 8] ^= (char)(1 << bit % 8);
    }
}

/* One that is sealed after it was written; then it is as one that was written sealed, and so it is
 * carried. */
static void a_record_is_sealed_where_it_lies(void **state)
{
    struct prng p;
    prng_init(&p, 8);
    for (int round = 0; round < 200; round++) {
        bool copy = round % 2 == 1;
        char body[BODY_MAX];
        char at[RECORD_HEADER_SIZE + RECORD_COPY_SIZE + BODY_MAX + RECORD_SEAL_SIZE + RECORD_ALIGN];
        struct entry e = draw_entry(&p, body);
        uint64_t position = 8 * (1 + prng_below(&p, 1u << 20));
        uint64_t first = copy ? position - 8 : position;
        e.kind = ENTRY_MSG;
        e.seal = ENTRY_TO_SEAL;
        char *stored = record_write(&e, 5, position, first, at);
        struct record r = record_in_memory(at);
        assert_int_equal(r.size, record_size((uint32_t)e.body.size + RECORD_SEAL_SIZE, copy));
        assert_int_equal(r.entry.seal, ENTRY_TO_SEAL);
        assert_int_equal(r.entry.kind, ENTRY_MSG);
        assert_true(bytes_equal(r.entry.body, e.body));
        assert_int_equal(record_read((struct bytes){at, r.size}, 5, position, &r), -ENOTSUP);
        for (size_t i = 0; i < e.body.size + RECORD_SEAL_SIZE; i++)
            stored[i] = (char)(stored[i] ^ (char)(i + 3));
        record_sealed(at, 5, position);
        assert_int_equal(record_read((struct bytes){at, r.size}, 5, position, &r), 0);
        assert_int_equal(r.entry.seal, ENTRY_SEALED);
        assert_int_equal(r.entry.body.size, e.body.size + RECORD_SEAL_SIZE);
        assert_true(record_body_is_whole(&r));
        char again[sizeof at];
        (void)record_write(&r.entry, 5, position, first, again);
        assert_memory_equal(again, at, r.size);
        for (size_t bit = 0; bit < r.size * 8; bit++) {
            struct record other;
            at[bit / 8] = (char)(at[bit / 8] ^ (1 << bit % 8));
            bool is_body = bit / 8 >= record_header_size(copy) &&
                           bit / 8 < record_header_size(copy) + r.entry.body.size;
            bool is_padding = bit / 8 >= record_header_size(copy) + r.entry.body.size;
            int status = record_read((struct bytes){at, r.size}, 5, position, &other);
            if (is_body)
                assert_false(record_body_is_whole(&other));
            else if (!is_padding)
                assert_int_not_equal(status, 0);
            at[bit / 8] = (char)(at[bit / 8] ^ (1 << bit % 8));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(every_bit_of_a_record_counts),
        cmocka_unit_test(a_record_of_another_version_is_said_to_be_one),
        cmocka_unit_test(lengths_that_do_not_fit_are_refused_with_a_right_hash),
        cmocka_unit_test(a_footer_is_read_as_it_was_written),
        cmocka_unit_test(every_bit_of_a_footer_counts),
        cmocka_unit_test(a_record_is_sealed_where_it_lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
