/* SPDX-License-Identifier: Apache-2.0 */
/* Runs: what was put in comes out, and what is not whole is told as such. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "run_stub.h"
#include "store/format/checksum.h"
#include "store/format/little.h"

enum { GID = 7, NUMBER = 40 };

/* --- tables of entries ----------------------------------------------------------------------- */

struct entry {
    char *key;
    size_t key_size;
    char *value;
    size_t value_size;
};

struct table {
    struct entry *entries;
    size_t count;
};

static struct bytes key_of(const struct entry *e)
{
    return (struct bytes){e->key, e->key_size};
}

static struct bytes value_of(const struct entry *e)
{
    return (struct bytes){e->value, e->value_size};
}

static int compare(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;
    size_t size = x->key_size < y->key_size ? x->key_size : y->key_size;
    int order = memcmp(x->key, y->key, size);
    return order != 0 ? order : (x->key_size > y->key_size) - (x->key_size < y->key_size);
}

static char *copy(const char *at, size_t size)
{
    char *copied = malloc(size + 1);
    assert_non_null(copied);
    memcpy(copied, at, size);
    return copied;
}

static void table_add(struct table *t, struct bytes key, struct bytes value)
{
    if ((t->count & (t->count - 1)) == 0) {
        t->entries = realloc(t->entries, (2 * t->count + 1) * sizeof *t->entries);
        assert_non_null(t->entries);
    }
    t->entries[t->count++] =
        (struct entry){copy(key.at, key.size), key.size, copy(value.at, value.size), value.size};
}

static void table_sort(struct table *t)
{
    qsort(t->entries, t->count, sizeof *t->entries, compare);
    size_t kept = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (kept > 0 && compare(&t->entries[kept - 1], &t->entries[i]) == 0) {
            free(t->entries[i].key);
            free(t->entries[i].value);
        } else {
            t->entries[kept++] = t->entries[i];
        }
    }
    t->count = kept;
}

static void table_done(struct table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free(t->entries[i].key);
        free(t->entries[i].value);
    }
    free(t->entries);
    *t = (struct table){0};
}

static void build(const struct table *t, struct stub_file *f)
{
    *f = (struct stub_file){0};
    struct run_build *b = run_build_new(GID, NUMBER, t->count);
    for (size_t i = 0; i < t->count; i++) {
        run_build_add(b, key_of(&t->entries[i]), value_of(&t->entries[i]));
        stub_take(b, f);
    }
    assert_int_equal(run_build_entries(b), t->count);
    stub_finish(&b, f);
}

/* --- reading, with pages that are late ------------------------------------------------------- */

static int get(struct run *r, struct pages *p, struct bytes key, struct bytes *ret)
{
    int e;
    while ((e = run_get(r, p, key, ret)) == -EAGAIN)
        ;
    return e;
}

/* From a key to the end, or for so many; seeks again when a page has to come. */
static void read_from(struct run *r, struct pages *p, const struct table *t, struct bytes from,
                      size_t i, size_t max)
{
    struct run_cursor c = {0};
    struct buffer at = {0};
    buffer_add(&at, from.at, from.size);
    int e = run_cursor_seek(&c, r, p, from);
    while (max > 0) {
        if (e == -EAGAIN) {
            e = run_cursor_seek(&c, r, p, buffer_view(&at));
            continue;
        }
        assert_int_equal(e, 0);
        if (run_cursor_at_end(&c))
            break;
        assert_true(i < t->count);
        assert_true(bytes_equal(run_cursor_key(&c), key_of(&t->entries[i])));
        assert_true(bytes_equal(run_cursor_value(&c), value_of(&t->entries[i])));
        i++;
        max--;
        at.size = 0;
        buffer_add(&at, run_cursor_key(&c).at, run_cursor_key(&c).size);
        buffer_u8(&at, 0); /* the lowest key after this one */
        e = run_cursor_next(&c);
    }
    if (max > 0)
        assert_int_equal(i, t->count);
    buffer_done(&at);
    run_cursor_done(&c);
}

static size_t first_at(const struct table *t, struct bytes key)
{
    struct entry e = {(char *)(uintptr_t)key.at, key.size, NULL, 0};
    size_t i = 0;
    while (i < t->count && compare(&t->entries[i], &e) < 0)
        i++;
    return i;
}

static void comes_back(const struct table *t)
{
    struct stub_file f;
    build(t, &f);
    for (int late = 0; late < 2; late++) {
        struct pages p = {.late = late != 0};
        struct run r;
        stub_open(&r, &f, GID, NUMBER);
        struct bytes value;
        for (size_t i = 0; i < t->count; i++) {
            assert_int_equal(get(&r, &p, key_of(&t->entries[i]), &value), 0);
            assert_true(bytes_equal(value, value_of(&t->entries[i])));
        }
        assert_int_equal(get(&r, &p, BYTES("S-not there"), &value), -ENOENT);
        assert_int_equal(r.footer.entries, t->count);
        stub_forget(&p);
        read_from(&r, &p, t, BYTES(""), 0, SIZE_MAX);
        stub_forget(&p);
    }
    stub_file_done(&f);
}

static void small_tables_come_back(void **state)
{
    struct table t = {0};
    comes_back(&t);
    table_add(&t, BYTES("Sa"), BYTES("value"));
    comes_back(&t);
    table_add(&t, BYTES("Sa.b"), BYTES(""));
    comes_back(&t);
    table_done(&t);
}

static void many_entries_come_back(void **state)
{
    struct table t = {0};
    for (int i = 0; i < 20000; i++) {
        char key[64];
        int size = snprintf(key, sizeof key, "Sorders.%d.customer.%d", i % 97, i);
        table_add(&t, (struct bytes){key, (size_t)size}, (struct bytes){key, (size_t)(i % 20)});
    }
    table_sort(&t);
    comes_back(&t);
    table_done(&t);
}

static void keys_of_any_bytes_come_back(void **state)
{
    struct prng prng;
    prng_init(&prng, 9);
    struct table t = {0};
    for (int i = 0; i < 4000; i++) {
        char key[24];
        size_t size = 1 + prng_below(&prng, sizeof key - 1);
        for (size_t k = 0; k < size; k++)
            key[k] = "\x00\x01\x7f\x80\xff\xff"[prng_below(&prng, 6)];
        table_add(&t, (struct bytes){key, size}, (struct bytes){key, size / 2});
    }
    table_sort(&t);
    comes_back(&t);
    table_done(&t);
}

static void long_keys_and_values_come_back(void **state)
{
    struct table t = {0};
    size_t size = (size_t)3 << 20;
    char *bytes = malloc(size);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(i / 7);
    table_add(&t, BYTES("Cconsumer"), (struct bytes){bytes, size});
    table_add(&t, BYTES("Cz"), (struct bytes){bytes, RUN_BLOCK_SIZE - 24 - 5});
    table_add(&t, BYTES("Czz"), (struct bytes){bytes, RUN_BLOCK_SIZE - 24 - 6});
    memset(bytes, 'x', RUN_KEY_MAX);
    bytes[0] = 'S';
    for (size_t i = 0; i < 100; i++) {
        bytes[RUN_KEY_MAX - 1] = (char)i;
        table_add(&t, (struct bytes){bytes, RUN_KEY_MAX}, BYTES("v"));
    }
    table_sort(&t);
    comes_back(&t);
    free(bytes);
    table_done(&t);
}

static void a_value_of_the_largest_size_comes_back(void **state)
{
    struct table t = {0};
    char *bytes = calloc(1, RUN_VALUE_MAX);
    assert_non_null(bytes);
    table_add(&t, BYTES("Ca"), (struct bytes){bytes, RUN_VALUE_MAX});
    table_add(&t, BYTES("Cb"), BYTES("small"));
    comes_back(&t);
    free(bytes);
    table_done(&t);
}

static void a_cursor_finds_the_first_at_or_after_any_key(void **state)
{
    struct prng prng;
    prng_init(&prng, 3);
    struct table t = {0};
    char key[32];
    for (int i = 0; i < 3000; i++) {
        int size = snprintf(key, sizeof key, "S%d", (int)prng_below(&prng, 100000));
        table_add(&t, (struct bytes){key, (size_t)size}, BYTES("some value of a key"));
    }
    table_sort(&t);
    struct stub_file f;
    build(&t, &f);
    struct pages p = {.late = true};
    struct run r;
    stub_open(&r, &f, GID, NUMBER);
    for (int i = 0; i < 1000; i++) {
        int size = snprintf(key, sizeof key, "S%d", (int)prng_below(&prng, 100000));
        struct bytes from = {key, (size_t)size - prng_below(&prng, 2)};
        if (prng_one_in(&prng, 20))
            from = prng_one_in(&prng, 2) ? BYTES("T") : BYTES("A");
        read_from(&r, &p, &t, from, first_at(&t, from), 3);
        if (prng_one_in(&prng, 50))
            stub_forget(&p);
    }
    stub_forget(&p);
    stub_file_done(&f);
    table_done(&t);
}

static void most_absent_keys_cost_no_block(void **state)
{
    struct table t = {0};
    char key[32];
    for (int i = 0; i < 10000; i++) {
        int size = snprintf(key, sizeof key, "S%06d", i);
        table_add(&t, (struct bytes){key, (size_t)size}, BYTES("v"));
    }
    struct stub_file f;
    build(&t, &f);
    struct pages p = {0};
    struct run r;
    stub_open(&r, &f, GID, NUMBER);
    assert_int_equal(run_open(&r, &p), 0);
    uint64_t before = p.gets;
    struct bytes value;
    for (int i = 0; i < 10000; i++) {
        int size = snprintf(key, sizeof key, "S%06dx", i);
        assert_int_equal(run_get(&r, &p, (struct bytes){key, (size_t)size}, &value), -ENOENT);
    }
    assert_in_range(p.gets - before, 10000, 10000 + 2 * 200); /* one in 50 at most */
    stub_forget(&p);
    stub_file_done(&f);
    table_done(&t);
}

/* --- what is broken -------------------------------------------------------------------------- */

static void some_run(struct table *t, struct stub_file *f)
{
    char key[32];
    for (int i = 0; i < 250; i++) {
        int size = snprintf(key, sizeof key, "S%03d.a.subject", i);
        table_add(t, (struct bytes){key, (size_t)size}, BYTES("a value of some size"));
    }
    build(t, f);
}

/* Reads all there is; whether something was told as broken. What is not has to be right. */
static bool tells(const struct table *t, struct stub_file *f)
{
    struct pages p = {0};
    struct run r;
    struct run_cursor c = {0};
    stub_open(&r, f, GID, NUMBER);
    int e = run_cursor_seek(&c, &r, &p, BYTES(""));
    size_t i = 0;
    for (; e == 0 && !run_cursor_at_end(&c); e = run_cursor_next(&c), i++)
        assert_true(bytes_equal(run_cursor_key(&c), key_of(&t->entries[i])));
    assert_true(e == 0 || e == -EBADMSG);
    if (e == 0)
        assert_int_equal(i, t->count);
    struct bytes value;
    bool told = e != 0;
    for (size_t k = 0; k < t->count && !told; k += 3) {
        e = run_get(&r, &p, key_of(&t->entries[k]), &value);
        assert_true(e == 0 || e == -EBADMSG);
        told = e != 0;
    }
    run_cursor_done(&c);
    stub_forget(&p);
    return told;
}

static void flipped_bits_all_over_a_run_are_told(void **state)
{
    struct table t = {0};
    struct stub_file f;
    some_run(&t, &f);
    assert_false(tells(&t, &f));
    assert_in_range(f.size, 5 * RUN_BLOCK_SIZE, 12 * RUN_BLOCK_SIZE);
    for (size_t at = 0; at < f.size; at += 3) {
        int bit = 1 << (at * 5 % 8);
        f.at[at] ^= (char)bit;
        assert_true(tells(&t, &f));
        f.at[at] ^= (char)bit;
    }
    stub_file_done(&f);
    table_done(&t);
}

static void every_flipped_bit_of_a_small_run_is_told(void **state)
{
    struct table t = {0};
    struct stub_file f;
    table_add(&t, BYTES("Sa"), BYTES("1"));
    build(&t, &f);
    assert_int_equal(f.size, 2 * RUN_BLOCK_SIZE);
    for (size_t bit = 0; bit < f.size * 8; bit++) {
        f.at[bit / 8] ^= (char)(1 << (bit % 8));
        assert_true(tells(&t, &f));
        f.at[bit / 8] ^= (char)(1 << (bit % 8));
    }
    stub_file_done(&f);
    table_done(&t);
}

static void every_truncation_is_told(void **state)
{
    struct table t = {0};
    struct stub_file f;
    some_run(&t, &f);
    size_t size = f.size;
    for (f.size = 0; f.size < size; f.size += f.size % RUN_BLOCK_SIZE < 2 ? 1 : 2047)
        assert_true(tells(&t, &f));
    f.size = size;
    stub_file_done(&f);
    table_done(&t);
}

static void a_run_is_not_another_file_s_nor_another_group_s(void **state)
{
    struct table t = {0};
    struct stub_file f;
    some_run(&t, &f);
    static const uint64_t names[][2] = {{GID + 1, NUMBER}, {GID, NUMBER + 1}};
    for (int i = 0; i < 2; i++) {
        struct pages p = {0};
        struct run r;
        stub_open(&r, &f, names[i][0], names[i][1]);
        assert_int_equal(run_open(&r, &p), -EBADMSG);
        stub_forget(&p);
    }
    /* two blocks that changed places */
    char block[RUN_BLOCK_SIZE];
    memcpy(block, f.at, sizeof block);
    memcpy(f.at, f.at + sizeof block, sizeof block);
    memcpy(f.at + sizeof block, block, sizeof block);
    assert_true(tells(&t, &f));
    stub_file_done(&f);
    table_done(&t);
}

/* --- what has a right checksum and is wrong all the same ------------------------------------- */

static void seal(char *at, const struct run_place *p)
{
    uint64_t seed = checksum_seed(p->gid, p->file, p->offset);
    put_u64(at, checksum(seed, at + 8, p->size - 8));
}

static int decode_entries(uint32_t count, struct bytes entries)
{
    char at[RUN_BLOCK_SIZE] = {0};
    char *decoded = NULL;
    size_t size;
    struct run_place p = {.gid = 1, .file = 2, .offset = 0, .size = sizeof at};
    put_u32(at + 8, (uint32_t)(24 + entries.size));
    put_u32(at + 12, count);
    memcpy(at + 24, entries.at, entries.size);
    seal(at, &p);
    int e = run_block_decode(&p, sizeof p, (struct bytes){at, sizeof at}, &decoded, &size);
    free(decoded);
    return e;
}

static void blocks_that_no_writer_makes_are_refused(void **state)
{
    static const struct {
        uint32_t count;
        struct bytes entries;
    } bad[] = {
        {0, BYTES("")},
        {1, BYTES("\x00\x00\x00")}, /* an empty key */
        {1, BYTES("\x01\x01\x00"
                  "a")}, /* shares with nothing */
        {1, BYTES("\x00\x02\x00"
                  "a")}, /* a key that is cut off */
        {1, BYTES("\x00\x01\x02"
                  "av")}, /* a value that is */
        {1, BYTES("\x00\x81\x00\x00"
                  "a")}, /* a number longer than it has to be */
        {2, BYTES("\x00\x01\x00"
                  "a")}, /* fewer than it says */
        {1, BYTES("\x00\x01\x00"
                  "a\x00\x01\x00"
                  "b")}, /* more */
        {2, BYTES("\x00\x01\x00"
                  "b\x00\x01\x00"
                  "a")}, /* falling */
        {2, BYTES("\x00\x01\x00"
                  "a\x01\x00\x00")}, /* the same again */
        {2, BYTES("\x00\x02\x00"
                  "ab\x00\x02\x00"
                  "ac")}, /* shares less than it has in common */
        {2, BYTES("\x00\x01\x00"
                  "a\x02\x01\x00"
                  "b")}, /* shares more than there is */
    };
    assert_int_equal(decode_entries(1, BYTES("\x00\x01\x00"
                                             "a")),
                     0);
    assert_int_equal(decode_entries(2, BYTES("\x00\x01\x00"
                                             "a\x01\x01\x00"
                                             "b")),
                     0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(decode_entries(bad[i].count, bad[i].entries), -EBADMSG);
}

static int read_footer(const char *at, uint64_t size)
{
    struct run_footer f;
    return run_footer_read((struct bytes){at, RUN_BLOCK_SIZE}, GID, NUMBER, size, &f);
}

static void footers_that_can_not_be_are_refused(void **state)
{
    static const struct {
        int at;
        uint32_t value;
        int status;
    } bad[] = {
        {12, 2, -ENOTSUP},              /* another version */
        {14, 1, -ENOTSUP},              /* flags */
        {16, GID + 1, -EBADMSG},        /* another group's */
        {24, NUMBER + 1, -EBADMSG},     /* another file's */
        {32, RUN_BLOCK_SIZE, -EBADMSG}, /* another size */
        {48, 1000000, -EBADMSG},        /* more subjects than entries */
        {56, 1, -EBADMSG},              /* the root anywhere */
        {56, 1u << 30, -EBADMSG},       /* and behind the end */
        {64, 0, -EBADMSG},              /* of no size */
        {64, 0xfffff000, -EBADMSG},     /* of any */
        {68, 0, -EBADMSG},              /* entries, and no levels */
        {68, RUN_LEVELS_MAX + 1, -EBADMSG},
        {80, 0xffffffff, -EBADMSG}, /* the filter too long */
        {84, 1, -EBADMSG},          /* something after it all */
    };
    struct table t = {0};
    struct stub_file f;
    some_run(&t, &f);
    char *footer = f.at + f.size - RUN_BLOCK_SIZE;
    assert_int_equal(read_footer(footer, f.size), 0);
    assert_int_equal(read_footer(footer, f.size + 1), -EBADMSG);
    assert_int_equal(read_footer(footer, 0), -EBADMSG);
    struct run_place p = {
        .gid = GID, .file = NUMBER, .offset = f.size - RUN_BLOCK_SIZE, .size = RUN_BLOCK_SIZE};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char at[RUN_BLOCK_SIZE];
        memcpy(at, footer, sizeof at);
        if (bad[i].at < 16) {
            put_u16(at + bad[i].at, (uint16_t)bad[i].value);
        } else {
            put_u32(at + bad[i].at, bad[i].value);
        }
        seal(at, &p);
        assert_int_equal(read_footer(at, f.size), bad[i].status);
    }
    stub_file_done(&f);
    table_done(&t);
}

/* An index that leads out of the file. */
static void a_child_outside_is_refused(void **state)
{
    struct table t = {0};
    struct stub_file f;
    some_run(&t, &f);
    struct pages p = {0};
    struct run r;
    stub_open(&r, &f, GID, NUMBER);
    assert_int_equal(run_open(&r, &p), 0);
    assert_int_equal(r.footer.levels, 2);
    struct run_block_writer w = {0};
    struct buffer child = {0};
    run_child_write(&child, (uint64_t)1 << 40, RUN_BLOCK_SIZE);
    run_block_add(&w, BYTES("S"), buffer_view(&child));
    struct run_place place = {GID, NUMBER, r.footer.root, RUN_BLOCK_SIZE, 1};
    memcpy(f.at + r.footer.root, run_block_finish(&w, &place).at, RUN_BLOCK_SIZE);
    struct bytes value;
    struct run_cursor c = {0};
    assert_int_equal(run_get(&r, &p, key_of(&t.entries[3]), &value), -EBADMSG);
    assert_int_equal(run_cursor_seek(&c, &r, &p, BYTES("")), -EBADMSG);
    assert_true(run_cursor_at_end(&c));
    run_cursor_done(&c);
    run_block_writer_done(&w);
    buffer_done(&child);
    stub_forget(&p);
    stub_file_done(&f);
    table_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_tables_come_back),
        cmocka_unit_test(many_entries_come_back),
        cmocka_unit_test(keys_of_any_bytes_come_back),
        cmocka_unit_test(long_keys_and_values_come_back),
        cmocka_unit_test(a_value_of_the_largest_size_comes_back),
        cmocka_unit_test(a_cursor_finds_the_first_at_or_after_any_key),
        cmocka_unit_test(most_absent_keys_cost_no_block),
        cmocka_unit_test(flipped_bits_all_over_a_run_are_told),
        cmocka_unit_test(every_flipped_bit_of_a_small_run_is_told),
        cmocka_unit_test(every_truncation_is_told),
        cmocka_unit_test(a_run_is_not_another_file_s_nor_another_group_s),
        cmocka_unit_test(blocks_that_no_writer_makes_are_refused),
        cmocka_unit_test(footers_that_can_not_be_are_refused),
        cmocka_unit_test(a_child_outside_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
