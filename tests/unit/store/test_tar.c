/* SPDX-License-Identifier: Apache-2.0 */
/* Archives of plain files: ours in every split and cut, and those of others in their dialects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "store/backup/tar.h"
#include "store/backup/tar_header.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
enum { ARCHIVE_SIZE_MAX = 16384, STORY_SIZE_MAX = 4096 };

struct archive {
    size_t size;
    char at[ARCHIVE_SIZE_MAX];
};

static void add(struct archive *a, const void *at, size_t size)
{
    assert_true(a->size + size <= sizeof a->at);
    memcpy(a->at + a->size, at, size);
    a->size += size;
}

static void add_zeros(struct archive *a, size_t size)
{
    static const char zeros[2 * TAR_BLOCK_SIZE];
    add(a, zeros, size);
}

static void add_content(struct archive *a, const char *content, size_t size)
{
    add(a, content, size);
    add_zeros(a, tar_padding(size));
}

static void add_file(struct archive *a, const char *name, const char *content)
{
    char header[TAR_HEADER_SIZE_MAX];
    size_t size = strlen(content);
    add(a, header, tar_put_header(header, bytes_of(name), size, 1700000000));
    add_content(a, content, size);
}

/* A header as another program writes it. */
static void add_foreign(struct archive *a, char type, const char *name, struct bytes size_field,
                        const char *magic, const char *prefix)
{
    struct tar_header h = {.type = type};
    memcpy(h.name, name, strnlen(name, sizeof h.name));
    memcpy(h.size, size_field.at, size_field.size);
    memcpy(h.magic, magic, strnlen(magic, 8));
    memcpy(h.prefix, prefix, strnlen(prefix, sizeof h.prefix));
    char sum[8];
    snprintf(sum, sizeof sum, "%06o", (unsigned)tar_header_sum(&h) & 0777777);
    memcpy(h.checksum, sum, sizeof h.checksum);
    add(a, &h, sizeof h);
}

static size_t tell(const struct tar_event *e, char *at, size_t capacity)
{
    int n = 0;
    switch (e->kind) {
    case TAR_MORE: break;
    case TAR_FILE:
        n = snprintf(at, capacity, "%.*s %d [", (int)e->name.size, e->name.at, (int)e->size);
        break;
    case TAR_DATA: n = snprintf(at, capacity, "%.*s", (int)e->data.size, e->data.at); break;
    case TAR_CLOSE: n = snprintf(at, capacity, "];"); break;
    case TAR_END: n = snprintf(at, capacity, "end"); break;
    }
    assert_true(n >= 0 && (size_t)n < capacity);
    return (size_t)n;
}

/* What is read, `step` bytes at a time, as text: "NAME SIZE [content];", and the status. */
static int read_archive(const struct archive *a, size_t step, char *story)
{
    struct tar_reader t;
    struct tar_event e = {.kind = TAR_MORE};
    tar_reader_init(&t);
    size_t n = 0;
    for (size_t done = 0; done < a->size; done += step) {
        struct bytes in = {a->at + done, a->size - done < step ? a->size - done : step};
        do {
            int status = tar_reader_next(&t, &in, &e);
            if (status < 0) {
                struct bytes more = BYTES("more");
                assert_int_equal(tar_reader_next(&t, &more, &e), status);
                story[n] = '\0';
                return status;
            }
            n += tell(&e, story + n, STORY_SIZE_MAX - n);
        } while (e.kind != TAR_MORE);
        assert_int_equal(in.size, 0);
    }
    story[n] = '\0';
    return t.state == TAR_AT_END ? 0 : -ENODATA;
}

static void make_ours(struct archive *a, char *ret_story)
{
    char long_name[231];
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    char content[1025];
    memset(content, 'c', sizeof content - 1);
    content[sizeof content - 1] = '\0';
    a->size = 0;
    add_file(a, "meta.inf", "{}");
    add_file(a, "empty", "");
    add_file(a, "whole", content);
    add_file(a, long_name, "long");
    add_file(a, "last", "x");
    add_zeros(a, TAR_END_SIZE);
    snprintf(ret_story, STORY_SIZE_MAX,
             "meta.inf 2 [{}];empty 0 [];whole 1024 [%s];%s 4 [long];last 1 [x];end", content,
             long_name);
}

static void what_was_written_is_read_in_every_split(void **state)
{
    struct archive a;
    char wanted[STORY_SIZE_MAX];
    char story[STORY_SIZE_MAX];
    make_ours(&a, wanted);
    for (size_t step = 1; step <= a.size; step += step < 1100 ? 1 : 511) {
        assert_int_equal(read_archive(&a, step, story), 0);
        assert_string_equal(story, wanted);
    }
}

static void a_cut_archive_is_not_at_its_end(void **state)
{
    struct archive a;
    char story[STORY_SIZE_MAX];
    make_ours(&a, story);
    size_t whole = a.size;
    for (a.size = 0; a.size < whole; a.size += 7)
        assert_int_equal(read_archive(&a, 512, story), -ENODATA);
}

static void zeros_may_follow_the_end_and_nothing_else(void **state)
{
    struct archive a;
    char story[STORY_SIZE_MAX];
    make_ours(&a, story);
    add_zeros(&a, 1000);
    assert_int_equal(read_archive(&a, 100, story), 0);
    add(&a, "x", 1);
    assert_int_equal(read_archive(&a, 100, story), -EBADMSG);
}

static void a_flipped_bit_in_a_header_is_noticed(void **state)
{
    struct archive a = {.size = 0};
    char story[STORY_SIZE_MAX];
    add_file(&a, "name", "content");
    add_zeros(&a, TAR_END_SIZE);
    for (size_t bit = 0; bit < TAR_BLOCK_SIZE * 8; bit++) {
        a.at[bit / 8] = (char)(a.at[bit / 8] ^ (1 << bit % 8));
        int status = read_archive(&a, a.size, story);
        /* In the sum itself a zero in front may become a blank, and its NUL too. */
        bool harmless = bit / 8 >= 148 && bit / 8 < 156;
        assert_true(status == -EBADMSG || harmless);
        a.at[bit / 8] = (char)(a.at[bit / 8] ^ (1 << bit % 8));
    }
}

static void a_name_may_come_in_every_way(void **state)
{
    struct archive a = {.size = 0};
    char story[STORY_SIZE_MAX];
    add_foreign(&a, '0', "file", BYTES("00000000001"),
                "ustar\0"
                "00",
                "folder/of");
    add_content(&a, "1", 1);
    add_foreign(&a, '\0', "old", BYTES("       1 \0"), "ustar  ", "times, with GNU");
    add_content(&a, "2", 1);
    add_foreign(&a, 'L', "././@LongLink", BYTES("00000000011"), "ustar  ", "");
    add_content(&a, "gnu-name\0", 9);
    add_foreign(&a, '0', "gnu", BYTES("\200\0\0\0\0\0\0\0\0\0\0\1"), "ustar  ", "");
    add_content(&a, "3", 1);
    const char *pax = "19 path=pax-name-1\n10 size=3\n27 mtime=1700000000.123456\n";
    char size[16];
    snprintf(size, sizeof size, "%011o", (unsigned)strlen(pax));
    add_foreign(&a, 'x', "PaxHeaders/x", bytes_of(size), "ustar\0", "");
    add_content(&a, pax, strlen(pax));
    add_foreign(&a, '0', "short", BYTES("00000000000"), "ustar\0", "");
    add_content(&a, "444", 3);
    add_file(&a, "after", "5");
    add_zeros(&a, TAR_END_SIZE);
    assert_int_equal(read_archive(&a, 333, story), 0);
    assert_string_equal(story, "folder/of/file 1 [1];old 1 [2];gnu-name 1 [3];pax-name-1 3 [444];"
                               "after 1 [5];end");
}

static void what_is_no_plain_file_is_refused(void **state)
{
    static const char types[] = "1234567gSKVA";
    for (size_t i = 0; i < strlen(types); i++) {
        struct archive a = {.size = 0};
        char story[STORY_SIZE_MAX];
        add_foreign(&a, types[i], "name", BYTES("00000000000"), "ustar\0", "");
        assert_int_equal(read_archive(&a, 512, story), -ENOTSUP);
    }
}

static void malformed_headers_and_extra_entries_are_refused(void **state)
{
    static const struct {
        char type;
        const char *name;
        const char *size;
        const char *magic;
        const char *content;
        int status;
    } rows[] = {
        {'0', "name", "0000000000x", "ustar", "", -EBADMSG},
        {'0', "name", "00000000000", "USTAR", "", -EBADMSG},
        {'0', "", "00000000000", "ustar", "", -EBADMSG},
        {'0', "name", "777777777777", "ustar", "", -ENODATA}, /* as large as octal gets */
        {'0', "name", "\377\377\377\377\377\377\377\377\377\377\377\377", "ustar", "", -EBADMSG},
        {'0', "name", "\200\1\1\1\1\1\1\1\1\1\1\1", "ustar", "", -EBADMSG},
        {'x', "name", "77777777777", "ustar", "", -EFBIG},
        {'L', "name", "00000000001", "ustar", "", -EBADMSG}, /* an empty name */
        {'x', "name", "00000000005", "ustar", "9 a=b\n", -EBADMSG},
        {'x', "name", "00000000006", "ustar", "6 a=b\n", -ENODATA},
        {'x', "name", "00000000006", "ustar", "7 a=b\n", -EBADMSG},
        {'x', "name", "00000000006", "ustar", "6 a=bc", -EBADMSG},
        {'x', "name", "00000000006", "ustar", "6 abc\n", -EBADMSG},
        {'x', "name", "00000000006", "ustar", "x a=b\n", -EBADMSG},
        {'x', "name", "00000000010", "ustar", "8 path=\n", -EBADMSG},
        {'x', "name", "00000000013", "ustar", "11 size=1x\n", -EBADMSG},
        {'x', "name", "00000000026", "ustar", "22 GNU.sparse.major=1\n", -ENOTSUP},
        {'x', "name", "00000000002", "ustar", "0 \n", -EBADMSG},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct archive a = {.size = 0};
        char story[STORY_SIZE_MAX];
        char magic[8] = {0};
        memcpy(magic, rows[i].magic, 5);
        add_foreign(&a, rows[i].type, rows[i].name, bytes_of(rows[i].size), magic, "");
        add_content(&a, rows[i].content, strlen(rows[i].content));
        if (rows[i].content[0] == '\0')
            add_zeros(&a, TAR_BLOCK_SIZE);
        add_file(&a, "next", "");
        assert_int_equal(read_archive(&a, 512, story), rows[i].status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_in_every_split),
        cmocka_unit_test(a_cut_archive_is_not_at_its_end),
        cmocka_unit_test(zeros_may_follow_the_end_and_nothing_else),
        cmocka_unit_test(a_flipped_bit_in_a_header_is_noticed),
        cmocka_unit_test(a_name_may_come_in_every_way),
        cmocka_unit_test(what_is_no_plain_file_is_refused),
        cmocka_unit_test(malformed_headers_and_extra_entries_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
