/* SPDX-License-Identifier: Apache-2.0 */
/* Records and blocks of a ledger: what is read is what was written, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "runtime/base/prng.h"
#include "store/format/checksum.h"
#include "store/format/little.h"
#include "store/ledger_image.h"

static const struct ledger_identity ID = {.store = 0x1122334455667788u, .number = 9};

/* --- records -------------------------------------------------------------------------------------- */

static const struct {
    enum ledger_kind kind;
    uint64_t gid;
    struct bytes body;
} GOOD[] = {
    {LEDGER_GROUP, 1, {"", 0}},
    {LEDGER_GROUP, UINT64_MAX, {"x", 1}},
    {LEDGER_CHECKPOINT, 2, {"1234567", 7}},
    {LEDGER_CHECKPOINT, 2, {"12345678", 8}},
    {LEDGER_GONE, 3, {"123456789", 9}},
    {LEDGER_MAKING, 4, {"g/4/s-001", 9}},
    {LEDGER_FLOOR, 0, {"1234567812345678", 16}},
    {LEDGER_LOST, 0, {"1234", 4}},
};
enum { GOOD_COUNT = sizeof GOOD / sizeof GOOD[0] };

static struct ledger_record good(unsigned i)
{
    return (struct ledger_record){.kind = GOOD[i].kind, .gid = GOOD[i].gid, .body = GOOD[i].body};
}

static void a_record_is_read_as_it_was_written(void **state)
{
    char bytes[64];
    for (unsigned i = 0; i < GOOD_COUNT; i++) {
        struct ledger_record wrote = good(i);
        memset(bytes, 0xee, sizeof bytes);
        ledger_record_write(&ID, 4096 + 64, &wrote, bytes);
        size_t size = ledger_record_size(wrote.body.size);
        assert_int_equal(size % 8, 0);
        assert_int_equal((uint8_t)bytes[size], 0xee);
        struct ledger_record read;
        assert_int_equal(
            ledger_record_read(&ID, 4096 + 64, (struct bytes){bytes, sizeof bytes}, &read), 0);
        assert_int_equal(read.kind, wrote.kind);
        assert_true(read.gid == wrote.gid && !read.doubtful);
        assert_true(bytes_equal(read.body, wrote.body));
    }
}

static void no_bit_of_a_record_may_turn_and_no_byte_be_missing(void **state)
{
    char bytes[64];
    for (unsigned i = 0; i < GOOD_COUNT; i++) {
        struct ledger_record record = good(i);
        struct ledger_record read;
        ledger_record_write(&ID, 64, &record, bytes);
        size_t size = ledger_record_size(record.body.size);
        for (size_t bit = 0; bit < 8 * size; bit++) {
            bytes[bit / 8] ^= (char)(1u << bit % 8);
            assert_int_equal(ledger_record_read(&ID, 64, (struct bytes){bytes, size}, &read),
                             -EBADMSG);
            bytes[bit / 8] ^= (char)(1u << bit % 8);
        }
        for (size_t cut = 0; cut < size; cut++) {
            char *exact = malloc(cut + 1); /* so that reading past it is seen */
            assert_non_null(exact);
            memcpy(exact, bytes, cut);
            assert_int_equal(ledger_record_read(&ID, 64, (struct bytes){exact, cut}, &read),
                             -EBADMSG);
            free(exact);
        }
    }
}

static void a_record_counts_in_its_place_alone(void **state)
{
    char bytes[64];
    struct ledger_record record = good(2);
    struct ledger_record read;
    ledger_record_write(&ID, 64, &record, bytes);
    struct bytes at = {bytes, sizeof bytes};
    struct ledger_identity other_number = {ID.store, ID.number + 1};
    struct ledger_identity other_store = {ID.store + 1, ID.number};
    assert_int_equal(ledger_record_read(&ID, 64, at, &read), 0);
    assert_int_equal(ledger_record_read(&ID, 72, at, &read), -EBADMSG);
    assert_int_equal(ledger_record_read(&other_number, 64, at, &read), -EBADMSG);
    assert_int_equal(ledger_record_read(&other_store, 64, at, &read), -EBADMSG);
}

/* Changes a byte of the header and makes its hash right again. */
static int read_changed(size_t at, char byte)
{
    char bytes[64];
    struct ledger_record record = good(3);
    struct ledger_record read;
    ledger_record_write(&ID, 64, &record, bytes);
    bytes[at] = byte;
    put_u64(bytes + 24, checksum(checksum_seed(ID.store, ID.number, 64), bytes, 24));
    return ledger_record_read(&ID, 64, (struct bytes){bytes, sizeof bytes}, &read);
}

static void what_is_not_known_is_refused_and_what_can_not_be_is_damage(void **state)
{
    assert_int_equal(read_changed(0, LEDGER_CHECKPOINT), 0);
    assert_int_equal(read_changed(0, 7), -ENOTSUP); /* a kind */
    assert_int_equal(read_changed(1, 1), -ENOTSUP); /* a flag */
    assert_int_equal(read_changed(2, 2), -ENOTSUP); /* a version */
    assert_int_equal(read_changed(0, 0), -EBADMSG);
    assert_int_equal(read_changed(0, LEDGER_FLOOR), -EBADMSG); /* of a group */
    assert_int_equal(read_changed(4, 9), -EBADMSG);            /* another size */
    assert_int_equal(read_changed(7, 1), -EBADMSG);            /* over LEDGER_BODY_MAX */
    assert_int_equal(read_changed(8, 3), -EBADMSG);            /* another group's body */
}

/* --- blocks --------------------------------------------------------------------------------------- */

static int check(const struct ledger_identity *id, uint64_t position, const char *at, size_t size)
{
    struct block_header h;
    int status =
        size < BLOCK_HEADER_SIZE ? -EBADMSG : ledger_block_header_read(id, position, at, &h);
    if (status != 0)
        return status;
    return h.size > size ? -EBADMSG : ledger_block_check(id, &h, at);
}

static void make_image(struct ledger_image *image, const struct ledger_end *from, unsigned records,
                       struct ledger_end *ret)
{
    ledger_image_init(image, &ID, 3, from);
    for (unsigned i = 0; i < records; i++) {
        struct ledger_record record = good(i % GOOD_COUNT);
        (void)ledger_image_add(image, &record);
    }
    ledger_image_finish(image, ret);
}

static void no_bit_of_a_block_may_turn(void **state)
{
    struct ledger_end from = {8192, 77, 2};
    struct ledger_end end;
    struct ledger_image image;
    make_image(&image, &from, 11, &end);
    char *at = image.bytes.at;
    assert_int_equal(end.position, 8192 + 4096);
    assert_int_equal(end.blocks, 3);
    assert_int_equal(check(&ID, 8192, at, 4096), 0);
    for (size_t bit = 0; bit < 8 * 4096; bit++) {
        at[bit / 8] ^= (char)(1u << bit % 8);
        assert_int_equal(check(&ID, 8192, at, 4096), -EBADMSG);
        at[bit / 8] ^= (char)(1u << bit % 8);
    }
    assert_int_equal(check(&ID, 4096, at, 4096), -EBADMSG);
    assert_int_equal(check(&(struct ledger_identity){ID.store, 8}, 8192, at, 4096), -EBADMSG);
    assert_int_equal(check(&(struct ledger_identity){1, ID.number}, 8192, at, 4096), -EBADMSG);
    ledger_image_done(&image);
}

static void the_first_block_may_be_empty_and_says_of_which_ledger_it_is(void **state)
{
    struct ledger_end from = {0, ledger_first_previous(&ID), 0};
    struct ledger_end end;
    struct ledger_image image;
    make_image(&image, &from, 0, &end);
    assert_int_equal(check(&ID, 0, image.bytes.at, 4096), 0);
    assert_int_equal(check(&(struct ledger_identity){ID.store, 8}, 0, image.bytes.at, 4096),
                     -EBADMSG);
    ledger_image_done(&image);
}

/* Changes a field of a block's header and makes its hash right again. */
static int check_changed(void (*change)(struct block_header *h))
{
    struct ledger_end from = {8192, 77, 2};
    struct ledger_end end;
    struct ledger_image image;
    make_image(&image, &from, 4, &end);
    struct block_header h;
    assert_int_equal(ledger_block_header_read(&ID, 8192, image.bytes.at, &h), 0);
    change(&h);
    block_header_write(&h, image.bytes.at);
    int status = check(&ID, 8192, image.bytes.at, 4096);
    ledger_image_done(&image);
    return status;
}

static void nothing(struct block_header *h)
{
}

static void fewer_records(struct block_header *h)
{
    h->records--;
}

static void more_records(struct block_header *h)
{
    h->records = 127;
}

static void no_records(struct block_header *h)
{
    h->records = 0;
}

static void a_flag(struct block_header *h)
{
    h->flags |= 2;
}

static void a_later_begin(struct block_header *h)
{
    h->durable_to = 12288;
}

static void a_crooked_begin(struct block_header *h)
{
    h->durable_to = 8;
}

static void too_large(struct block_header *h)
{
    h->size = LEDGER_BLOCK_BYTES_MAX + BLOCK_ALIGN;
}

static void a_header_with_the_right_hash_may_still_be_wrong(void **state)
{
    assert_int_equal(check_changed(nothing), 0);
    assert_int_equal(check_changed(fewer_records), -EBADMSG);
    assert_int_equal(check_changed(more_records), -EBADMSG);
    assert_int_equal(check_changed(no_records), -EBADMSG);
    assert_int_equal(check_changed(a_flag), -ENOTSUP);
    assert_int_equal(check_changed(a_later_begin), -EBADMSG);
    assert_int_equal(check_changed(a_crooked_begin), -EBADMSG);
    assert_int_equal(check_changed(too_large), -EBADMSG);
}

/* --- images --------------------------------------------------------------------------------------- */

static void a_commit_is_the_same_blocks_however_it_is_written_out(void **state)
{
    static char body[70000];
    memset(body, 'b', sizeof body);
    struct ledger_end from = {4096, 5, 1};
    struct ledger_end end[2];
    struct buffer out[2] = {0};
    for (unsigned pass = 0; pass < 2; pass++) {
        struct ledger_image image;
        struct prng prng;
        prng_init(&prng, 1);
        ledger_image_init(&image, &ID, 3, &from);
        for (unsigned i = 0; i < 300; i++) {
            size_t size = prng_below(&prng, prng_one_in(&prng, 40) ? sizeof body : 1500);
            struct ledger_record record = {
                .kind = LEDGER_CHECKPOINT, .gid = i + 1, .body = {body, size}};
            uint64_t position = ledger_image_add(&image, &record);
            assert_int_equal(position % 8, 0);
            if (pass == 1 && prng_one_in(&prng, 3)) {
                assert_int_equal(image.base, from.position + out[pass].size);
                struct bytes ready = ledger_image_ready(&image);
                buffer_add(&out[pass], ready.at, ready.size);
                ledger_image_drop(&image);
            } else if (pass == 0) {
                (void)prng_one_in(&prng, 3);
            }
        }
        ledger_image_finish(&image, &end[pass]);
        struct bytes ready = ledger_image_ready(&image);
        buffer_add(&out[pass], ready.at, ready.size);
        ledger_image_done(&image);
    }
    assert_true(bytes_equal(buffer_view(&out[0]), buffer_view(&out[1])));
    assert_true(end[0].position == end[1].position && end[0].blocks == end[1].blocks);
    assert_true(end[0].previous == end[1].previous);

    unsigned records = 0;
    uint64_t previous = from.previous;
    for (size_t at = 0; at < out[0].size;) {
        struct block_header h;
        assert_int_equal(ledger_block_header_read(&ID, 4096 + at, out[0].at + at, &h), 0);
        assert_int_equal(ledger_block_check(&ID, &h, out[0].at + at), 0);
        assert_true(h.previous == previous && h.durable_to == from.position);
        assert_true(h.size <= LEDGER_BLOCK_BYTES || h.records == 1);
        previous = h.hash;
        records += h.records;
        at += h.size;
        assert_int_equal(h.flags, at == out[0].size ? LEDGER_BLOCK_LAST : 0);
    }
    assert_int_equal(records, 300);
    assert_true(end[0].previous == previous);
    buffer_done(&out[0]);
    buffer_done(&out[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_read_as_it_was_written),
        cmocka_unit_test(no_bit_of_a_record_may_turn_and_no_byte_be_missing),
        cmocka_unit_test(a_record_counts_in_its_place_alone),
        cmocka_unit_test(what_is_not_known_is_refused_and_what_can_not_be_is_damage),
        cmocka_unit_test(no_bit_of_a_block_may_turn),
        cmocka_unit_test(the_first_block_may_be_empty_and_says_of_which_ledger_it_is),
        cmocka_unit_test(a_header_with_the_right_hash_may_still_be_wrong),
        cmocka_unit_test(a_commit_is_the_same_blocks_however_it_is_written_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
