/* SPDX-License-Identifier: Apache-2.0 */
/* What is found in ledgers whose blocks are laid by hand: leftovers, forks, ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/format/checksum.h"
#include "store/ledger_image.h"
#include "tests/unit/store/ledger_run.h"

enum { STORE_BYTE = 1, NUMBER = 1, EPOCH_NOW = 9 };

static struct ledger_identity identity(void)
{
    struct super_block block = {.uuid = {STORE_BYTE}};
    return (struct ledger_identity){super_block_store(&block), NUMBER};
}

/* A commit in memory: the checkpoints of group 1 with these tags, each in a block of its own. */
struct laid {
    struct ledger_image image;
    struct ledger_end end;
};

static struct laid lay(const struct ledger_end *from, uint32_t epoch, uint32_t first, uint32_t last)
{
    static char large[LEDGER_BLOCK_BYTES];
    struct laid laid;
    struct ledger_identity id = identity();
    ledger_image_init(&laid.image, &id, epoch, from);
    for (uint32_t tag = first; tag <= last; tag++) {
        put_u32(large, tag);
        struct ledger_record record = {
            .kind = LEDGER_CHECKPOINT, .gid = 1, .body = {large, first == last ? 8 : sizeof large}};
        (void)ledger_image_add(&laid.image, &record);
    }
    ledger_image_finish(&laid.image, &laid.end);
    return laid;
}

/* The first commit of the ledger: empty. */
static struct laid lay_first(void)
{
    struct ledger_identity id = identity();
    struct ledger_end from = {.previous = ledger_first_previous(&id)};
    return lay(&from, 1, 1, 0);
}

static void laid_done(struct laid *laid)
{
    ledger_image_done(&laid->image);
}

struct bench {
    struct owner o;
    int status;
    uint32_t lost;
    uint32_t tag; /* of group 1's checkpoint; 0: none */
};

static void set_up(struct bench *b)
{
    *b = (struct bench){0};
    owner_init(&b->o, 1);
}

/* Writes what lies from `from` to `to` of the commit (all: 0 to SIZE_MAX) into copies, bit 0 for a. */
static void put_part(struct bench *b, const struct laid *laid, unsigned copies, size_t from,
                     size_t to)
{
    struct bytes bytes =
        laid->image.bytes.at == NULL ? (struct bytes){0} : ledger_image_ready(&laid->image);
    if (to > bytes.size)
        to = bytes.size;
    for (unsigned copy = 0; copy < 2; copy++) {
        struct disk_request open = {.op = DISK_OPEN,
                                    .path = copy ? "store/ledger/b-00001" : "store/ledger/a-00001",
                                    .flags = DISK_OPEN_WRITE | DISK_OPEN_CREATE};
        if (!(copies & 1u << copy))
            continue;
        assert_int_equal(owner_perform(&b->o, &open), 0);
        struct iovec part = {(char *)(uintptr_t)bytes.at + from, to - from};
        struct disk_request write = {.op = DISK_WRITE,
                                     .file = open.file,
                                     .offset = laid->image.base + from,
                                     .parts = &part,
                                     .part_count = 1};
        assert_int_equal(owner_perform(&b->o, &write), to - from);
    }
}

static void put(struct bench *b, const struct laid *laid, unsigned copies)
{
    put_part(b, laid, copies, 0, SIZE_MAX);
}

static void on_record(void *context, const struct ledger_record *record)
{
    struct bench *b = context;
    b->tag = get_u32(record->body.at);
}

static void on_done(void *context, int status, uint32_t lost)
{
    struct bench *b = context;
    b->status = status;
    b->lost = lost;
}

static void on_failed(void *context, int error)
{
    fail();
}

/* Recovers, and takes all apart. */
static void recover(struct bench *b)
{
    struct ledger_options options = {.disk = disk_run_door(&b->o.run),
                                     .folder = "store/ledger",
                                     .store = identity().store,
                                     .boot_epoch = EPOCH_NOW,
                                     .failed = on_failed,
                                     .context = b};
    struct ledger_recovery recovery = {on_record, on_done};
    b->o.ledger = ledger_new(&options);
    b->status = 1;
    ledger_recover(b->o.ledger, NUMBER, &recovery);
    disk_run_all(&b->o.run);
    ledger_check(b->o.ledger);
    owner_done(&b->o);
}

static void of_two_whole_blocks_in_one_place_that_of_the_later_start_counts(void **state)
{
    for (unsigned later = 1; later <= 2; later++) {
        struct bench b;
        set_up(&b);
        struct laid first = lay_first();
        struct laid early = lay(&first.end, 5, 50, 50);
        struct laid late = lay(&first.end, 6, 60, 60);
        put(&b, &first, 3);
        put(&b, &late, later);
        put(&b, &early, 3 - later);
        recover(&b);
        assert_int_equal(b.status, 0);
        assert_int_equal(b.tag, 60);
        laid_done(&first);
        laid_done(&early);
        laid_done(&late);
    }
}

static void a_block_behind_another_predecessor_is_a_leftover(void **state)
{
    struct bench b;
    set_up(&b);
    struct laid first = lay_first();
    struct laid old = lay(&first.end, 4, 50, 50);
    struct laid after_old = lay(&old.end, 5, 51, 51);
    struct laid new = lay(&first.end, 5, 60, 60);
    put(&b, &first, 3);
    put(&b, &new, 3);
    put(&b, &after_old, 3);
    recover(&b);
    assert_int_equal(b.status, 0);
    assert_int_equal(b.tag, 60);
    laid_done(&first);
    laid_done(&old);
    laid_done(&after_old);
    laid_done(&new);
}

static void a_block_of_an_earlier_start_does_not_follow_one_of_a_later(void **state)
{
    struct bench b;
    set_up(&b);
    struct laid first = lay_first();
    struct laid late = lay(&first.end, 6, 60, 60);
    struct laid early = lay(&late.end, 5, 50, 50);
    put(&b, &first, 3);
    put(&b, &late, 3);
    put(&b, &early, 3);
    recover(&b);
    assert_int_equal(b.status, 0);
    assert_int_equal(b.tag, 60);
    laid_done(&first);
    laid_done(&late);
    laid_done(&early);
}

static void of_a_commit_without_its_last_block_nothing_counts(void **state)
{
    for (size_t pages = 0; pages <= 51; pages++) { /* 3 blocks of 17 pages */
        struct bench b;
        set_up(&b);
        struct laid first = lay_first();
        struct laid whole = lay(&first.end, 5, 50, 50);
        struct laid torn = lay(&whole.end, 5, 51, 53);
        assert_int_equal(ledger_image_ready(&torn.image).size, 51 * BLOCK_ALIGN);
        put(&b, &first, 3);
        put(&b, &whole, 3);
        put_part(&b, &torn, 1, 0, pages * BLOCK_ALIGN);
        put_part(&b, &torn, 2, 0, pages / 2 * BLOCK_ALIGN);
        recover(&b);
        assert_int_equal(b.status, 0);
        assert_int_equal(b.tag, pages == 51 ? 53 : 50);
        laid_done(&first);
        laid_done(&whole);
        laid_done(&torn);
    }
}

static void a_commit_may_be_whole_in_neither_copy_and_yet_in_both_together(void **state)
{
    struct bench b;
    set_up(&b);
    struct laid first = lay_first();
    struct laid commit = lay(&first.end, 5, 51, 53);
    put(&b, &first, 3);
    put_part(&b, &commit, 1, 0, 17 * BLOCK_ALIGN);
    put_part(&b, &commit, 2, 17 * BLOCK_ALIGN, SIZE_MAX);
    recover(&b);
    assert_int_equal(b.status, 0);
    assert_int_equal(b.tag, 53);
    laid_done(&first);
    laid_done(&commit);
}

static void what_torn_commits_left_behind_the_end_proves_nothing(void **state)
{
    struct bench b;
    set_up(&b);
    struct laid first = lay_first();
    struct laid torn = lay(&first.end, 4, 40, 43); /* of which the last two blocks came through */
    struct laid next = lay(&first.end, 5, 50, 50);
    struct laid torn_again = lay(&next.end, 5, 51, 52); /* of which nothing did */
    put(&b, &first, 3);
    put_part(&b, &torn, 3, 34 * BLOCK_ALIGN, SIZE_MAX);
    put(&b, &next, 3);
    recover(&b);
    assert_int_equal(b.status, 0);
    assert_int_equal(b.lost, 0);
    assert_int_equal(b.tag, 50);
    laid_done(&first);
    laid_done(&torn);
    laid_done(&next);
    laid_done(&torn_again);
}

static void a_commit_that_began_behind_a_gap_proves_it_though_it_is_torn_itself(void **state)
{
    struct bench b;
    set_up(&b);
    struct laid first = lay_first();
    struct laid lost = lay(&first.end, 5, 50, 50);
    struct laid torn = lay(&lost.end, 5, 51, 53);
    put(&b, &first, 3);
    put_part(&b, &torn, 1, 17 * BLOCK_ALIGN, 34 * BLOCK_ALIGN); /* its second block alone */
    recover(&b);
    assert_int_equal(b.status, -EUCLEAN);
    assert_true(b.lost > 0);
    assert_int_equal(b.tag, 0);
    laid_done(&first);
    laid_done(&lost);
    laid_done(&torn);
}

/* A block or a record of a later version, whole, at the end of a ledger. */
static int recover_changed(void (*change)(char *at, uint64_t position))
{
    struct bench b;
    set_up(&b);
    struct laid first = lay_first();
    struct laid next = lay(&first.end, 5, 50, 50);
    change(next.image.bytes.at, first.end.position);
    put(&b, &first, 3);
    put(&b, &next, 2);
    recover(&b);
    laid_done(&first);
    laid_done(&next);
    return b.status;
}

static void later_block(char *at, uint64_t position)
{
    put_u16(at + 4, BLOCK_VERSION + 1);
    put_u64(at + 56, checksum(checksum_seed(identity().store, BLOCK_MAGIC_LEDGER, 0), at, 56));
}

static void later_record(char *at, uint64_t position)
{
    uint64_t seed = checksum_seed(identity().store, NUMBER, position + BLOCK_HEADER_SIZE);
    put_u16(at + BLOCK_HEADER_SIZE + 2, LEDGER_RECORD_VERSION + 1);
    put_u64(at + BLOCK_HEADER_SIZE + 24, checksum(seed, at + BLOCK_HEADER_SIZE, 24));
}

static void what_a_later_version_wrote_is_refused_and_not_dropped(void **state)
{
    assert_int_equal(recover_changed(later_block), -ENOTSUP);
    assert_int_equal(recover_changed(later_record), -ENOTSUP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_two_whole_blocks_in_one_place_that_of_the_later_start_counts),
        cmocka_unit_test(a_block_behind_another_predecessor_is_a_leftover),
        cmocka_unit_test(a_block_of_an_earlier_start_does_not_follow_one_of_a_later),
        cmocka_unit_test(of_a_commit_without_its_last_block_nothing_counts),
        cmocka_unit_test(a_commit_may_be_whole_in_neither_copy_and_yet_in_both_together),
        cmocka_unit_test(what_torn_commits_left_behind_the_end_proves_nothing),
        cmocka_unit_test(a_commit_that_began_behind_a_gap_proves_it_though_it_is_torn_itself),
        cmocka_unit_test(what_a_later_version_wrote_is_refused_and_not_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
