/* SPDX-License-Identifier: Apache-2.0 */
/* index.db in all its versions; that it is a hint, and what is malformed or old is ignored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/backup/backup_index.h"
#include "store/format/little.h"
#include "tests/unit/store/backup_story.h"

#define STREAM "S"
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct shape {
    unsigned version;
    unsigned set_version;
    uint64_t first_seq;
    uint64_t last_seq;
    uint32_t last_block;
    uint64_t last_hash;
    uint64_t blocks[3][2]; /* first and last; 0 ends */
    uint64_t dead[8];      /* in ascending order, inside blocks; 0 ends */
    const char *ranges;    /* what comes out */
};

static void put_number(struct pile *p, uint64_t x)
{
    for (; x >= 0x80; x >>= 7)
        pile_add(p, &(char){(char)(x | 0x80)}, 1);
    pile_add(p, &(char){(char)x}, 1);
}

static void put_time(struct pile *p, int64_t x)
{
    put_number(p, (uint64_t)x << 1 ^ (uint64_t)(x >> 63));
}

/* A node for each dead sequence's 2,048 (4,096) neighbours; the bases in descending order. */
static void put_set(struct pile *p, const struct shape *s, uint64_t first, uint64_t last)
{
    unsigned words = s->set_version == 1 ? 64 : 32;
    unsigned char node[8 + 64 * 8 + 2];
    char head[10] = {22, (char)s->set_version};
    uint64_t span = words * 64;
    uint32_t nodes = 0;
    struct pile body = {.at = NULL};
    for (uint64_t base = last / span * span;; base -= span) {
        memset(node, 0, sizeof node);
        put_u64(node, base);
        bool any = false;
        for (size_t i = 0; i < COUNT(s->dead) && s->dead[i] != 0; i++) {
            uint64_t bit = s->dead[i] - base;
            if (s->dead[i] < first || s->dead[i] > last || s->dead[i] < base || bit >= span)
                continue;
            node[8 + bit / 8] = (unsigned char)(node[8 + bit / 8] | 1 << bit % 8);
            any = true;
        }
        if (any) {
            pile_add(&body, node, 8 + words * 8 + 2);
            nodes++;
        }
        if (base < span || base <= first)
            break;
    }
    put_u32(head + 2, nodes);
    pile_add(p, head, sizeof head);
    pile_add(p, body.at, body.size);
    pile_done(&body);
}

static void put_block(struct pile *p, const struct shape *s, uint64_t first, uint64_t last)
{
    uint64_t dead = 0;
    for (size_t i = 0; i < COUNT(s->dead) && s->dead[i] != 0; i++)
        dead += s->dead[i] >= first && s->dead[i] <= last ? 1 : 0;
    put_number(p, 1);
    put_number(p, 100);
    put_number(p, first);
    put_time(p, -5);
    put_number(p, last);
    put_time(p, INT64_MAX);
    put_number(p, dead);
    if (s->version >= 2)
        put_number(p, 3);
    if (s->version >= 3)
        put_number(p, 4);
    if (dead > 0)
        put_set(p, s, first, last);
}

static struct pile make_index(const struct shape *s)
{
    struct pile p = {.at = NULL};
    char hash[8];
    pile_add(&p, &(char[2]){11, (char)s->version}, 2);
    put_number(&p, 1);
    put_number(&p, 2);
    put_number(&p, s->first_seq);
    put_time(&p, 1700000000000000000);
    put_number(&p, s->last_seq);
    put_time(&p, -7);
    put_number(&p, 3);
    for (uint64_t total = 1; total <= 3; total++) {
        char subject[1000];
        memset(subject, 's', sizeof subject);
        put_number(&p, total * 300);
        pile_add(&p, subject, total * 300);
        put_number(&p, total);
        put_number(&p, 1);
        if (total > 1 || s->version >= 4)
            put_number(&p, 2);
    }
    uint64_t blocks = 0;
    while (blocks < COUNT(s->blocks) && s->blocks[blocks][1] != 0)
        blocks++;
    put_number(&p, blocks);
    for (uint64_t i = 0; i < blocks; i++)
        put_block(&p, s, s->blocks[i][0], s->blocks[i][1]);
    put_number(&p, s->last_block);
    put_u64(hash, s->last_hash);
    pile_add(&p, hash, sizeof hash);
    struct highwayhash h;
    backup_hash_stream(&h, BYTES(STREAM));
    highwayhash_add(&h, p.at, p.size);
    put_u64(hash, highwayhash_value(&h));
    pile_add(&p, hash, sizeof hash);
    return p;
}

static int read_index(struct backup_index *x, struct bytes file, size_t step)
{
    backup_index_begin(x, BYTES(STREAM), file.size);
    for (size_t done = 0; done < file.size; done += step) {
        size_t n = file.size - done < step ? file.size - done : step;
        backup_index_add(x, (struct bytes){file.at + done, n});
    }
    return backup_index_end(x);
}

/* clang-format off */
static const struct shape shapes[] = {
    {4, 2, 1, 10, 2, 99, {{1, 10}}, {0}, ""},
    {4, 2, 5, 10, 2, 99, {{5, 10}}, {0}, "1-4 "},
    {4, 2, 5, 10, 2, 99, {{5, 10}}, {6, 7, 9}, "1-4 6-7 9-9 "},
    {4, 2, 5, 20, 2, 99, {{5, 10}, {15, 20}}, {9, 16}, "1-4 9-9 11-14 16-16 "},
    {4, 2, 5, 10, 2, 99, {{5, 10}, {11, 10}}, {0}, "1-4 "},
    {4, 2, 11, 10, 2, 99, {{11, 10}}, {0}, "1-10 "},
    {4, 2, 1, 12, 2, 99, {{1, 10}}, {0}, "11-12 "},
    {4, 2, 1, 9000, 2, 99, {{1, 9000}}, {1000, 2047, 2048, 7000, 7001}, "7000-7001 2048-2048 1000-1000 2047-2047 "},
    {4, 1, 1, 9000, 2, 99, {{1, 9000}}, {1000, 2047, 2048, 7000, 7001}, "7000-7001 1000-1000 2047-2048 "},
    {3, 2, 5, 10, 2, 99, {{5, 10}}, {6, 7}, "1-4 6-7 "},
    {2, 2, 5, 10, 2, 99, {{5, 10}}, {6, 7}, "1-4 6-7 "},
    {1, 1, 5, 10, 2, 99, {{5, 10}}, {6, 7}, "1-4 6-7 "},
};
static const struct shape bad_shapes[] = {
    {5, 2, 1, 10, 2, 99, {{1, 10}}, {0}, NULL},             /* a version to come */
    {0, 2, 1, 10, 2, 99, {{1, 10}}, {0}, NULL},
    {4, 3, 1, 10, 2, 99, {{1, 10}}, {5}, NULL},             /* a set's, too */
    {4, 2, 1, 10, 2, 99, {{5, 10}, {9, 20}}, {0}, NULL},    /* blocks that overlap */
    {4, 2, 1, 10, 2, 99, {{12, 10}}, {0}, NULL},
    {4, 2, 1, 9, 2, 99, {{1, 10}}, {0}, NULL},              /* beyond the stream's last */
    {4, 2, 1, 10, 2, 99, {{1, BACKUP_SEQ_MAX + 1}}, {0}, NULL},
};
/* clang-format on */

static void every_version_is_understood_in_every_split(void **state)
{
    struct backup_index x;
    backup_index_init(&x);
    for (size_t i = 0; i < COUNT(shapes); i++) {
        struct pile file = make_index(&shapes[i]);
        for (size_t step = 1; step < file.size + 1; step += step < 30 ? 1 : 97) {
            struct pile ranges = {.at = NULL};
            assert_int_equal(read_index(&x, pile_bytes(&file), step), 0);
            for (uint32_t r = 0; r < x.range_count; r++)
                pile_print(&ranges, "%" PRIu64 "-%" PRIu64 " ", x.ranges[r].from, x.ranges[r].to);
            assert_string_equal(pile_text(&ranges), shapes[i].ranges);
            assert_int_equal(x.first_seq, shapes[i].first_seq);
            assert_int_equal(x.last_seq, shapes[i].last_seq);
            assert_int_equal(x.last_time_ns, -7);
            assert_int_equal(x.last_block, 2);
            assert_int_equal(x.last_hash, 99);
            pile_done(&ranges);
        }
        pile_done(&file);
    }
    backup_index_done(&x);
}

static void what_contradicts_itself_says_nothing(void **state)
{
    struct backup_index x;
    backup_index_init(&x);
    for (size_t i = 0; i < COUNT(bad_shapes); i++) {
        struct pile file = make_index(&bad_shapes[i]);
        assert_int_equal(read_index(&x, pile_bytes(&file), 100), -EBADMSG);
        pile_done(&file);
    }
    backup_index_done(&x);
}

static void what_is_cut_or_changed_says_nothing(void **state)
{
    struct backup_index x;
    backup_index_init(&x);
    struct pile file = make_index(&shapes[3]);
    for (size_t cut = 0; cut < file.size; cut++)
        assert_int_equal(read_index(&x, (struct bytes){file.at, cut}, 100), -EBADMSG);
    for (size_t bit = 0; bit < file.size * 8; bit++) {
        file.at[bit / 8] = (char)(file.at[bit / 8] ^ (1 << bit % 8));
        assert_int_equal(read_index(&x, pile_bytes(&file), 1000), -EBADMSG);
        file.at[bit / 8] = (char)(file.at[bit / 8] ^ (1 << bit % 8));
    }
    pile_done(&file);
    backup_index_done(&x);
}

/* An archive of the messages 1..4 in block 2 with this index. */
static void tell_with(const struct shape *s, uint64_t hash_change, struct story *story)
{
    struct pile tar = {.at = NULL};
    struct pile block = {.at = NULL};
    pack_stream(&tar, STREAM);
    for (uint64_t seq = 1; seq <= 4; seq++)
        pack_record(&block, STREAM, 2,
                    &(struct backup_record){.message = {.seq = seq, .subject = BYTES("a")}});
    pack_file(&tar, "msgs/2.blk", pile_bytes(&block));
    struct shape shape = *s;
    shape.last_hash = get_u64(block.at + block.size - 8) + hash_change;
    struct pile file = make_index(&shape);
    pack_file(&tar, "msgs/index.db", pile_bytes(&file));
    pile_add_zeros(&tar, TAR_END_SIZE);
    struct pile archive = pack(&tar);
    assert_int_equal(story_read(story, pile_bytes(&archive), 50, STREAM, 0), 0);
    pile_done(&tar);
    pile_done(&block);
    pile_done(&file);
    pile_done(&archive);
}

#define FOUR \
    "config {}\nmessage 1 0 a [] []\nmessage 2 0 a [] []\nmessage 3 0 a [] []\nmessage 4 0 a [] []\n"

static void the_index_tells_what_limits_removed(void **state)
{
    struct shape shape = {4, 2, 2, 5, 2, 0, {{2, 4}}, {3}, NULL};
    struct story story = {.reluctance = NULL};
    tell_with(&shape, 0, &story);
    assert_string_equal(pile_text(&story.text), FOUR "deleted 1 1\ndeleted 3 3\ndeleted 5 5\n");
    assert_int_equal(story.summary.index, BACKUP_INDEX_USED);
    assert_int_equal(story.summary.first_seq, 2);
    assert_int_equal(story.summary.last_seq, 5);
    pile_done(&story.text);
}

static void an_index_of_other_blocks_tells_the_last_sequence_alone(void **state)
{
    struct shape shape = {4, 2, 2, 9, 2, 0, {{2, 4}}, {3}, NULL};
    struct story story = {.reluctance = NULL};
    tell_with(&shape, 1, &story);
    assert_string_equal(pile_text(&story.text), FOUR);
    assert_int_equal(story.summary.index, BACKUP_INDEX_IGNORED);
    assert_int_equal(story.summary.last_seq, 9);
    shape.last_seq = 3; /* an old one */
    shape.blocks[0][1] = 3;
    tell_with(&shape, 0, &story);
    assert_string_equal(pile_text(&story.text), FOUR);
    assert_int_equal(story.summary.index, BACKUP_INDEX_IGNORED);
    assert_int_equal(story.summary.last_seq, 4);
    pile_done(&story.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_is_understood_in_every_split),
        cmocka_unit_test(what_contradicts_itself_says_nothing),
        cmocka_unit_test(what_is_cut_or_changed_says_nothing),
        cmocka_unit_test(the_index_tells_what_limits_removed),
        cmocka_unit_test(an_index_of_other_blocks_tells_the_last_sequence_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
