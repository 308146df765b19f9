/* SPDX-License-Identifier: Apache-2.0 */
/* What a scan of journal files says when they are whole, torn, rotten, and several of these. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "runtime/base/prng.h"
#include "store/format/little.h"
#include "tests/unit/store/journal_images.h"

enum { FILE_BYTES = 32768, ROUNDS = 1000 };

/* Blocks of a few groups with records of all sizes, among them copies and blocks of several
 * pages; until file `files` is begun, or `blocks` are made. Flushes are complete before some of
 * them. */
static void fill(struct images *m, struct prng *p, uint64_t files, uint32_t blocks)
{
    for (uint32_t i = 0; i < blocks && m->end < files * m->file_bytes; i++) {
        bool large = prng_one_in(p, 6);
        uint32_t records = (uint32_t)prng_below(p, large ? 4 : 12);
        uint32_t size = large ? 2500 : 200;
        uint32_t most = size + RECORD_HEADER_SIZE + RECORD_COPY_SIZE + 8 + FOOTER_SLOT_SIZE;
        if (!prng_one_in(p, 3))
            m->durable = m->end;
        if (!images_begin(m, (uint64_t)records * most))
            return;
        for (uint32_t r = 0; r < records; r++) {
            unsigned group = (unsigned)prng_below(p, 4);
            if (prng_one_in(p, 20))
                images_step_back(m, group);
            images_entry(m, group, (uint32_t)prng_below(p, size + 1), prng_one_in(p, 9));
        }
        images_end(m);
    }
}

static void a_whole_journal_is_delivered_from_the_floor_on(void **state)
{
    struct images m;
    struct prng p;
    prng_init(&p, 1);
    images_init(&m, FILE_BYTES);
    fill(&m, &p, 3, 1000);
    for (uint32_t i = 0; i <= m.count; i += 1 + m.count / 50) {
        struct verdict v;
        uint64_t floor = i < m.count ? m.records[i].position : m.end;
        struct journal_scan_end end = judge(&m, floor, &v);
        judge_all(&m, &v, &end);
        assert_int_equal(end.position, m.end);
        assert_int_equal(end.previous, m.previous);
        assert_int_equal(end.epoch, 1);
        assert_int_equal(v.rots, 0);
        assert_int_equal(v.delivered, m.count - i);
    }
    images_done(&m);
}

static void nothing_is_an_empty_journal(void **state)
{
    struct images m;
    struct verdict v;
    images_init(&m, FILE_BYTES);
    struct journal_scan_end end = judge(&m, 0, &v);
    assert_int_equal(end.position, 0);
    assert_int_equal(end.previous, 0);
    end = judge(&m, FILE_BYTES, &v);
    assert_int_equal(end.position, FILE_BYTES);
    assert_int_equal(v.rots + v.delivered, 0);
    images_done(&m);
}

/* --- one bit -------------------------------------------------------------------------------- */

enum place { IN_NOTHING, IN_BLOCK_HEADER, IN_RECORD_HEADER, IN_BODY };

/* What lies at a position: of blocks it is asked of headers and records only. */
static enum place place_of(const struct images *m, uint64_t position, uint32_t *ret_record)
{
    for (uint32_t i = 0; i < m->count; i++) {
        const struct image_record *r = &m->records[i];
        if (position >= r->block && position < r->block + BLOCK_HEADER_SIZE) {
            *ret_record = i;
            return IN_BLOCK_HEADER;
        }
        if (position < r->position || position >= r->position + r->size)
            continue;
        *ret_record = i;
        uint64_t body = (uint64_t)(r->entry.body.at - images_at(m, r->position));
        uint64_t offset = position - r->position;
        if (offset < body)
            return IN_RECORD_HEADER;
        return offset < body + r->entry.body.size ? IN_BODY : IN_NOTHING;
    }
    return IN_NOTHING;
}

/* Below the mark: whether the damage at that place loses record i. */
static bool is_lost(enum place place, uint32_t hit, uint32_t i)
{
    return (place == IN_BODY || place == IN_RECORD_HEADER) && i == hit;
}

/* Below the mark: whether record i is told as lost, by group and index. A damaged header of a
 * group that has no run in the block lays the blame on all that the group has there. */
static bool is_blamed(const struct images *m, enum place place, uint32_t hit, uint32_t i)
{
    const struct image_record *r = &m->records[i];
    const struct image_record *h = &m->records[hit];
    if (place != IN_BODY && place != IN_RECORD_HEADER)
        return false;
    bool all = place == IN_RECORD_HEADER && !h->run;
    return r->block == h->block && r->entry.gid == h->entry.gid &&
           (all || r->entry.index == h->entry.index);
}

static void assert_verdict(const struct images *m, const struct verdict *v,
                           const struct journal_scan_end *end, enum place place, uint32_t hit)
{
    bool torn = place != IN_NOTHING && m->records[hit].block == m->last_block;
    assert_false(v->foreign);
    assert_int_equal(v->rots_of_nobody, 0);
    assert_int_equal(end->position, torn ? m->last_block : m->end);
    for (uint32_t i = 0; i < m->count; i++) {
        const struct image_record *r = &m->records[i];
        if (torn) {
            assert_int_equal(r->delivered, r->block != m->last_block);
            assert_false(r->told);
        } else {
            assert_int_equal(r->delivered, !is_lost(place, hit, i));
            assert_int_equal(r->told, is_blamed(m, place, hit, i));
        }
    }
}

static void one_bit_is_blamed_exactly_and_harms_no_neighbour(void **state)
{
    struct images m;
    struct prng p;
    prng_init(&p, 3);
    images_init(&m, FILE_BYTES / 2);
    fill(&m, &p, 1, 1000);
    m.durable = m.end;
    assert_true(images_begin(&m, 1000));
    for (unsigned i = 0; i < 4; i++)
        images_entry(&m, i % 3, 50, false);
    images_end(&m);
    unsigned seen[4] = {0};
    for (uint64_t at = 0; at < m.end; at++) {
        uint32_t hit = 0;
        enum place place = place_of(&m, at, &hit);
        bool header = place == IN_BLOCK_HEADER || place == IN_RECORD_HEADER;
        if (!header && at % 61 != 0)
            continue;
        for (unsigned bit = 0; bit < 8; bit += header ? 1 : 5) {
            struct verdict v;
            *images_at(&m, at) ^= (char)(1 << bit);
            struct journal_scan_end end = judge(&m, 0, &v);
            assert_verdict(&m, &v, &end, place, hit);
            *images_at(&m, at) ^= (char)(1 << bit);
            seen[place]++;
        }
    }
    for (int i = 0; i < 4; i++)
        assert_true(seen[i] > 100);
    images_done(&m);
}

/* --- whole blocks --------------------------------------------------------------------------- */

static void a_block_that_is_gone_is_rot_of_nobody_over_its_range(void **state)
{
    struct images m;
    struct prng p;
    prng_init(&p, 4);
    images_init(&m, FILE_BYTES);
    fill(&m, &p, 2, 1000);
    m.durable = m.end;
    assert_true(images_begin(&m, 100));
    images_end(&m); /* a beat */
    uint64_t block = UINT64_MAX;
    for (uint32_t i = 0; i < m.count; i++) {
        if (m.records[i].block == block)
            continue;
        block = m.records[i].block;
        struct block_header h;
        assert_int_equal(
            block_header_read(images_at(&m, block), BLOCK_MAGIC_JOURNAL, IMAGES_STORE, &h), 0);
        char *kept = malloc(h.size);
        memcpy(kept, images_at(&m, block), h.size);
        memset(images_at(&m, block), 0, h.size);
        struct verdict v;
        struct journal_scan_end end = judge(&m, 0, &v);
        judge_all(&m, &v, &end);
        assert_int_equal(end.position, m.end);
        assert_int_equal(v.rots, 1);
        assert_int_equal(v.rots_of_nobody, 1);
        for (uint32_t r = 0; r < m.count; r++) {
            assert_int_equal(m.records[r].delivered, m.records[r].block != block);
            assert_int_equal(m.records[r].told, m.records[r].block == block);
        }
        memcpy(images_at(&m, block), kept, h.size);
        free(kept);
    }
    images_done(&m);
}

static void both_headers_gone_leaves_the_records_to_be_found(void **state)
{
    struct images m;
    struct verdict v;
    images_init(&m, FILE_BYTES);
    for (int b = 0; b < 4; b++) {
        m.durable = m.end;
        assert_true(images_begin(&m, 9000));
        for (unsigned i = 0; i < 30; i++)
            images_entry(&m, i % 3, 200, false);
        images_end(&m);
    }
    uint64_t block = m.records[30].block;
    uint64_t end_of_block = m.records[60].block;
    *images_at(&m, block) ^= 1;
    *(images_at(&m, end_of_block - 1)) ^= 1;
    struct journal_scan_end end = judge(&m, 0, &v);
    judge_all(&m, &v, &end);
    assert_int_equal(end.position, m.end);
    assert_int_equal(v.rots, 1);
    assert_int_equal(v.rots_of_nobody, 1);
    assert_int_equal(v.delivered, m.count);
    images_done(&m);
}

static void a_torn_end_is_dropped_and_never_called_rot(void **state)
{
    struct images m;
    struct prng p;
    prng_init(&p, 6);
    images_init(&m, FILE_BYTES);
    fill(&m, &p, 2, 6);
    uint64_t mark = m.end;
    m.durable = mark;
    for (int b = 0; b < 3; b++) { /* all written during one flush */
        assert_true(images_begin(&m, 9000));
        for (unsigned i = 0; i < 30; i++)
            images_entry(&m, i % 3, 200, false);
        images_end(&m);
    }
    for (uint64_t at = mark; at < m.end; at += 512) {
        char kept[512];
        memcpy(kept, images_at(&m, at), 512);
        memset(images_at(&m, at), 0, 512);
        struct verdict v;
        struct journal_scan_end end = judge(&m, 0, &v);
        judge_all(&m, &v, &end);
        assert_true(end.position >= mark);
        assert_int_equal(v.rots, 0);
        memcpy(images_at(&m, at), kept, 512);
    }
    images_done(&m);
}

static void what_an_earlier_start_left_torn_does_not_come_back(void **state)
{
    struct images m;
    struct verdict v;
    images_init(&m, FILE_BYTES);
    for (int b = 0; b < 5; b++) { /* the first two are durable */
        m.durable = b > 1 ? 2 * BLOCK_ALIGN : 0;
        assert_true(images_begin(&m, 1000));
        images_entry(&m, 0, 100, false);
        images_end(&m);
    }
    uint64_t dropped = m.records[2].position;
    *images_at(&m, m.records[2].block) ^= 1; /* torn: 2, 3 and 4 are dropped, 3 and 4 stay there */
    struct journal_scan_end end = judge(&m, 0, &v);
    assert_int_equal(end.position, m.records[2].block);
    assert_int_equal(v.delivered, 2);
    m.epoch = 2;
    m.end = end.position;
    m.previous = end.previous;
    m.durable = end.position;
    m.count = 2;
    m.next_index[0] = 102;
    assert_true(images_begin(&m, 1000));
    images_entry(&m, 0, 120, false);
    images_end(&m);
    assert_int_equal(m.records[2].position, dropped);
    end = judge(&m, 0, &v);
    judge_all(&m, &v, &end);
    assert_int_equal(end.position, m.end);
    assert_int_equal(v.delivered, 3);
    assert_int_equal(v.rots, 0);
    assert_int_equal(end.epoch, 2);
    images_done(&m);
}

static void a_file_that_is_missing_is_rot(void **state)
{
    struct images m;
    struct prng p;
    struct verdict v;
    prng_init(&p, 8);
    images_init(&m, FILE_BYTES);
    fill(&m, &p, 3, 1000);
    memset(m.files[1], 0, FILE_BYTES);
    struct journal_scan_end end = judge(&m, 0, &v);
    judge_all(&m, &v, &end);
    assert_int_equal(end.position, m.end);
    assert_int_equal(v.rots_of_nobody, 1);
    memset(m.files[0], 0, FILE_BYTES);
    end = judge(&m, BLOCK_ALIGN, &v); /* the floor's own, too */
    judge_all(&m, &v, &end);
    assert_int_equal(end.position, m.end);
    images_done(&m);
}

static void blocks_of_another_version_are_refused(void **state)
{
    struct images m;
    struct journal_scan_file file;
    struct verdict v = {.images = &m};
    images_init(&m, FILE_BYTES);
    for (int b = 0; b < 2; b++) {
        assert_true(images_begin(&m, 1000));
        images_entry(&m, 0, 100, false);
        images_end(&m);
    }
    char *block = images_at(&m, m.last_block);
    put_u16(block + 4, BLOCK_VERSION + 1);
    put_u64(block + 56, checksum(checksum_seed(IMAGES_STORE, BLOCK_MAGIC_JOURNAL, 0), block, 56));
    file = (struct journal_scan_file){0, m.files[0], 0};
    struct journal_scan scan = {.store = IMAGES_STORE,
                                .file_bytes = FILE_BYTES,
                                .files = &file,
                                .file_count = 1,
                                .record = judge_record,
                                .rot = judge_rot,
                                .context = &v};
    struct journal_scan_end end;
    assert_int_equal(journal_scan(&scan, &end), -ENOTSUP);
    images_done(&m);
}

/* --- all of it at random -------------------------------------------------------------------- */

static void damage(struct images *m, struct prng *p)
{
    uint64_t reach =
        m->end + 2 * BLOCK_ALIGN < IMAGES_FILES * m->file_bytes ? m->end + 2 * BLOCK_ALIGN : m->end;
    uint64_t at = prng_below(p, reach);
    switch (prng_below(p, 4)) {
    case 0: *images_at(m, at) ^= (char)(1 << prng_below(p, 8)); break;
    case 1: memset(images_at(m, at / 512 * 512), 0, 512); break;
    case 2: memset(images_at(m, at / 4096 * 4096), 0xff, 4096); break;
    case 3: /* a header, more often than chance has it */
        at = m->count > 0 ? m->records[prng_below(p, m->count)].block : 0;
        *images_at(m, at + prng_below(p, BLOCK_HEADER_SIZE)) ^= 1;
        break;
    }
}

/* What the journal does with what a start finds behind the end. */
static void zero_behind(struct images *m, uint64_t position)
{
    for (uint64_t at = position; at < IMAGES_FILES * m->file_bytes; at += BLOCK_ALIGN)
        memset(images_at(m, at), 0, BLOCK_ALIGN);
}

/* Starts that end in a crash: some blocks behind the mark are lost or torn, and the next start
 * goes on where a scan says. */
static void live_and_crash(struct images *m, struct prng *p)
{
    uint32_t starts = 1 + (uint32_t)prng_below(p, 3);
    for (uint32_t i = 0; i < starts; i++) {
        struct verdict v;
        fill(m, p, IMAGES_FILES - 2, 1 + (uint32_t)prng_below(p, 12));
        if (prng_one_in(p, 2) && m->end > m->durable)
            memset(images_at(m, m->durable + prng_below(p, m->end - m->durable) / 512 * 512), 0,
                   512);
        struct journal_scan_end end = judge(m, 0, &v);
        judge_all(m, &v, &end);
        assert_int_equal(v.rots, 0);
        uint32_t kept = 0;
        while (kept < m->count && m->records[kept].block < end.position)
            kept++;
        for (uint32_t r = kept; r < m->count; r++)
            m->next_index[m->records[r].entry.gid - 1]--;
        m->count = kept;
        zero_behind(m, end.position);
        m->end = end.position;
        m->durable = end.position;
        m->previous = end.previous;
        m->last_block = kept > 0 ? m->records[kept - 1].block : 0;
        m->epoch++;
    }
    fill(m, p, IMAGES_FILES - 1, 1 + (uint32_t)prng_below(p, 12));
}

static void whatever_is_damaged_is_told(void **state)
{
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct images m;
        struct prng p;
        struct verdict v;
        prng_init(&p, seed);
        images_init(&m, FILE_BYTES / 2);
        live_and_crash(&m, &p);
        for (uint64_t i = prng_below(&p, 6); i > 0; i--)
            damage(&m, &p);
        uint64_t floor = 0;
        if (prng_one_in(&p, 2) && m.count > 0)
            floor = m.records[prng_below(&p, m.count)].position;
        if (floor > m.durable)
            floor = m.durable; /* it never is */
        struct journal_scan_end end = judge(&m, floor, &v);
        judge_all(&m, &v, &end);
        images_done(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_journal_is_delivered_from_the_floor_on),
        cmocka_unit_test(nothing_is_an_empty_journal),
        cmocka_unit_test(one_bit_is_blamed_exactly_and_harms_no_neighbour),
        cmocka_unit_test(a_block_that_is_gone_is_rot_of_nobody_over_its_range),
        cmocka_unit_test(both_headers_gone_leaves_the_records_to_be_found),
        cmocka_unit_test(a_torn_end_is_dropped_and_never_called_rot),
        cmocka_unit_test(what_an_earlier_start_left_torn_does_not_come_back),
        cmocka_unit_test(a_file_that_is_missing_is_rot),
        cmocka_unit_test(blocks_of_another_version_are_refused),
        cmocka_unit_test(whatever_is_damaged_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
