/* SPDX-License-Identifier: Apache-2.0 */
/* Pages: they come when asked for, once, stay while they are needed, and go when they are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "runtime/base/check.h"
#include "runtime/base/prng.h"
#include "runtime/sim/sim_disk.h"
#include "store/pages.h"

#define PAGE 100u
#define PAGES_IN_FILE 50u

struct bench {
    struct prng prng;
    struct sim_disk *disk;
    struct pages *pages;
    struct page_file files[400];
    char paths[400][16];
};

static void set_up(struct bench *b, uint64_t seed, uint64_t budget)
{
    memset(b, 0, sizeof *b);
    prng_init(&b->prng, seed);
    struct sim_disk_options options = {
        .delay_min_ns = 1, .delay_max_ns = 100, .stall_ns = 1000, .faults = {.short_move = 4}};
    b->disk = sim_disk_new(&b->prng, &options);
    b->pages = pages_new(sim_disk_door(b->disk), budget);
}

static void run_all(struct bench *b)
{
    while (sim_disk_next_ns(b->disk) != UINT64_MAX) {
        sim_disk_step(b->disk, sim_disk_next_ns(b->disk));
        pages_check(b->pages);
    }
}

static void note_close(void *context)
{
    *(int *)context += 1;
}

static void tear_down(struct bench *b)
{
    int closed = 0;
    pages_close(b->pages, note_close, &closed);
    run_all(b);
    assert_int_equal(closed, 1);
    pages_free(&b->pages);
    sim_disk_free(&b->disk);
}

static void note(struct disk_request *request)
{
    *(bool *)request->context = true;
}

static void perform(struct bench *b, struct disk_request *request)
{
    bool ended = false;
    request->done = note;
    request->context = &ended;
    disk_submit(sim_disk_door(b->disk), request);
    while (!ended)
        sim_disk_step(b->disk, sim_disk_next_ns(b->disk));
    assert_true(request->result >= 0);
}

/* Byte i of file f. */
static char byte_of(uint32_t f, uint64_t i)
{
    return (char)(f * 31 + i / PAGE * 7 + i);
}

static void make_files(struct bench *b, uint32_t count)
{
    struct sim_disk_faults none = {0};
    struct sim_disk_faults faults = {.short_move = 4};
    sim_disk_set_faults(b->disk, &none);
    for (uint32_t f = 0; f < count; f++) {
        snprintf(b->paths[f], sizeof b->paths[f], "f%u", f);
        pages_file_init(b->pages, &b->files[f], b->paths[f]);
        char bytes[PAGE * PAGES_IN_FILE];
        for (uint32_t i = 0; i < sizeof bytes; i++)
            bytes[i] = byte_of(f, i);
        struct disk_request open = {
            .op = DISK_OPEN, .path = b->paths[f], .flags = DISK_OPEN_WRITE | DISK_OPEN_CREATE};
        perform(b, &open);
        struct iovec part = {bytes, sizeof bytes};
        struct disk_request write = {
            .op = DISK_WRITE, .file = open.file, .parts = &part, .part_count = 1};
        perform(b, &write);
        struct disk_request close = {.op = DISK_CLOSE, .file = open.file};
        perform(b, &close);
    }
    sim_disk_set_faults(b->disk, &faults);
}

/* The first byte, by the context, must be what it is; the page is the bytes turned. */
static int turn(const void *context, size_t context_size, struct bytes stored, char **ret_at,
                size_t *ret_size)
{
    char first;
    assert_int_equal(context_size, 1);
    memcpy(&first, context, 1);
    if (stored.at[0] != first)
        return -EBADMSG;
    char *at = malloc(stored.size);
    CHECK(at != NULL);
    for (size_t i = 0; i < stored.size; i++)
        at[i] = (char)~stored.at[i];
    *ret_at = at;
    *ret_size = stored.size;
    return 0;
}

/* All but the first byte, where it lies. */
static int tail(const void *context, size_t context_size, struct bytes stored, char **ret_at,
                size_t *ret_size)
{
    *ret_at = (char *)(uintptr_t)stored.at + 1;
    *ret_size = stored.size - 1;
    return 0;
}

static int get(struct bench *b, uint32_t f, uint32_t page, struct bytes *ret)
{
    char first = byte_of(f, (uint64_t)page * PAGE);
    struct page_want want = {.file = &b->files[f],
                             .offset = (uint64_t)page * PAGE,
                             .size = PAGE,
                             .decode = page % 3 == 0   ? NULL
                                       : page % 3 == 1 ? turn
                                                       : tail,
                             .context = &first,
                             .context_size = page % 3 == 1};
    return pages_get(b->pages, &want, ret);
}

static void assert_is(uint32_t f, uint32_t page, struct bytes bytes)
{
    uint32_t skip = page % 3 == 2;
    assert_int_equal(bytes.size, PAGE - skip);
    for (uint32_t i = 0; i < bytes.size; i++) {
        char byte = byte_of(f, (uint64_t)page * PAGE + i + skip);
        assert_int_equal(bytes.at[i], page % 3 == 1 ? (char)~byte : byte);
    }
}

/* A look-up of some pages, which goes on until it is through. */
struct look {
    struct page_wait wait;
    struct bench *bench;
    uint32_t count;
    uint32_t files[8];
    uint32_t pages[8];
    int rounds;
    int error;
    bool over;
};

static void look(struct look *l)
{
    struct bench *b = l->bench;
    struct bytes got[8];
    uint32_t i = 0;
    int r = 0;
    l->rounds++;
    pages_begin(b->pages, &l->wait);
    for (; i < l->count && r == 0; i++)
        r = get(b, l->files[i], l->pages[i], &got[i]);
    for (uint32_t k = 0; r == 0 && k < l->count; k++)
        assert_is(l->files[k], l->pages[k], got[k]);
    bool waits = pages_end(b->pages);
    assert_int_equal(waits, r == -EAGAIN);
    l->over = r != -EAGAIN;
    l->error = r;
}

static void on_ready(struct page_wait *wait)
{
    struct look *l = (struct look *)(void *)wait;
    assert_false(l->over);
    look(l);
}

static void begin_look(struct bench *b, struct look *l, uint32_t files)
{
    *l = (struct look){.wait = {.ready = on_ready}, .bench = b};
    l->count = 1 + (uint32_t)prng_below(&b->prng, 8);
    for (uint32_t i = 0; i < l->count; i++) {
        l->files[i] = (uint32_t)prng_below(&b->prng, files);
        l->pages[i] = (uint32_t)prng_below(&b->prng, PAGES_IN_FILE);
    }
    look(l);
}

/* --- tests ---------------------------------------------------------------------------------------- */

static void a_page_comes_once_and_then_is_there(void **state)
{
    struct bench b;
    set_up(&b, 1, 1 << 20);
    make_files(&b, 1);
    struct look looks[3];
    for (int i = 0; i < 3; i++) {
        looks[i] = (struct look){.wait = {.ready = on_ready}, .bench = &b, .count = 2};
        looks[i].pages[1] = 4;
        look(&looks[i]);
    }
    run_all(&b);
    struct pages_stats stats;
    pages_stats(b.pages, &stats);
    for (int i = 0; i < 3; i++) {
        assert_true(looks[i].over && looks[i].error == 0);
        assert_int_equal(looks[i].rounds, 3);
    }
    assert_int_equal(stats.misses, 2);
    assert_int_equal(stats.pages, 2);
    assert_int_equal(stats.files_open, 1);
    looks[0].rounds = 0;
    look(&looks[0]);
    assert_int_equal(looks[0].rounds, 1);
    tear_down(&b);
}

static void many_look_ups_at_once_all_end_within_any_budget(void **state)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        enum { LOOKS = 300 };
        struct bench b;
        set_up(&b, seed, seed % 3 == 0 ? 0 : seed * 1000);
        make_files(&b, 5);
        static struct look looks[LOOKS];
        for (int i = 0; i < LOOKS; i++)
            begin_look(&b, &looks[i], 5);
        run_all(&b);
        for (int i = 0; i < LOOKS; i++) {
            assert_true(looks[i].over && looks[i].error == 0);
            assert_true(looks[i].rounds <= 9); /* each round gets at least one further */
            assert_null(looks[i].wait.holds);
        }
        struct pages_stats stats;
        pages_stats(b.pages, &stats);
        assert_true(stats.bytes <= seed * 1000);
        tear_down(&b);
    }
}

static void what_is_used_stays_when_others_go(void **state)
{
    struct bench b;
    set_up(&b, 5, 4000);
    make_files(&b, 4);
    struct look hot = {.wait = {.ready = on_ready}, .bench = &b, .count = 1};
    look(&hot);
    run_all(&b);
    for (uint32_t i = 1; i < 150; i++) {
        struct look cold = {.wait = {.ready = on_ready}, .bench = &b, .count = 1};
        cold.files[0] = i / PAGES_IN_FILE;
        cold.pages[0] = i % PAGES_IN_FILE;
        look(&cold);
        run_all(&b);
        hot.rounds = 0;
        look(&hot);
        assert_int_equal(hot.rounds, 1);
    }
    tear_down(&b);
}

static void more_files_than_may_be_open_are_read_all_the_same(void **state)
{
    enum { FILES = 400 };
    struct bench b;
    set_up(&b, 6, 1 << 20);
    make_files(&b, FILES);
    static struct look looks[FILES];
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < FILES; i++) {
            looks[i] = (struct look){.wait = {.ready = on_ready}, .bench = &b, .count = 1};
            looks[i].files[0] = i;
            looks[i].pages[0] = round;
            look(&looks[i]);
        }
        run_all(&b);
        for (uint32_t i = 0; i < FILES; i++)
            assert_true(looks[i].over && looks[i].error == 0);
    }
    struct pages_stats stats;
    pages_stats(b.pages, &stats);
    assert_int_equal(stats.files_open, PAGES_FILES_MAX);
    tear_down(&b);
}

static void failures_are_told_each_time_until_they_are_forgotten(void **state)
{
    struct bench b;
    set_up(&b, 7, 1 << 20);
    make_files(&b, 2);
    struct look l = {.wait = {.ready = on_ready}, .bench = &b, .count = 1, .pages = {1}};
    assert_int_equal(sim_disk_flip(b.disk, "f0", PAGE, 1), 0);
    sim_disk_fail_next(b.disk, DISK_READ, -EIO);
    const int errors[] = {-EIO, -EBADMSG, 0};
    for (int i = 0; i < 3; i++) {
        for (int again = 0; again < 3; again++) {
            look(&l);
            run_all(&b);
            assert_true(l.over);
            assert_int_equal(l.error, errors[i]);
        }
        if (i == 1)
            assert_int_equal(sim_disk_flip(b.disk, "f0", PAGE, 1), 0);
        pages_forget_failures(b.pages, &b.files[0]);
    }
    tear_down(&b);
}

static void a_file_that_can_not_be_opened_fails_its_pages(void **state)
{
    struct bench b;
    set_up(&b, 8, 1 << 20);
    make_files(&b, 1);
    struct look l = {.wait = {.ready = on_ready}, .bench = &b, .count = 1};
    sim_disk_fail_next(b.disk, DISK_OPEN, -EMFILE); /* says nothing of the bytes: told, and over */
    look(&l);
    run_all(&b);
    assert_int_equal(l.error, -EMFILE);
    look(&l);
    run_all(&b);
    assert_int_equal(l.error, 0);
    pages_file_init(b.pages, &b.files[1], "nowhere");
    l.files[0] = 1;
    look(&l);
    run_all(&b);
    assert_int_equal(l.error, -ENOENT);
    struct bytes got;
    pages_begin(b.pages, NULL);
    assert_int_equal(get(&b, 1, 0, &got), -ENOENT);
    assert_false(pages_end(b.pages));
    tear_down(&b);
}

static void a_page_behind_the_end_of_its_file_is_bad(void **state)
{
    struct bench b;
    set_up(&b, 9, 1 << 20);
    make_files(&b, 1);
    for (uint32_t cut = 0; cut < 2; cut++) {
        struct page_want want = {
            .file = &b.files[0], .offset = PAGE * PAGES_IN_FILE - 10 * cut, .size = 11};
        struct bytes got;
        pages_begin(b.pages, NULL);
        assert_int_equal(pages_get(b.pages, &want, &got), -EAGAIN);
        assert_true(pages_end(b.pages));
        run_all(&b);
        pages_begin(b.pages, NULL);
        assert_int_equal(pages_get(b.pages, &want, &got), -EBADMSG);
        assert_false(pages_end(b.pages));
    }
    tear_down(&b);
}

static void a_dropped_file_is_closed_when_its_reads_have_ended(void **state)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct bench b;
        set_up(&b, seed, 1 << 20);
        make_files(&b, 2);
        struct look done = {.wait = {.ready = on_ready}, .bench = &b, .count = 1, .files = {1}};
        look(&done);
        run_all(&b);
        /* Of those under way, one gives up before the drop; one is told by the drop's reads. */
        struct look waits = {.wait = {.ready = on_ready}, .bench = &b, .count = 1, .files = {1}};
        waits.pages[0] = 3;
        struct look gives_up = waits;
        look(&waits);
        look(&gives_up);
        for (uint64_t i = prng_below(&b.prng, 3); i > 0 && sim_disk_next_ns(b.disk) != UINT64_MAX;
             i--)
            sim_disk_step(b.disk, sim_disk_next_ns(b.disk));
        int dropped = 0;
        pages_cancel(b.pages, &gives_up.wait);
        pages_cancel(b.pages, &waits.wait);
        pages_drop_file(b.pages, &b.files[1], note_close, &dropped);
        run_all(&b);
        assert_int_equal(dropped, 1);
        assert_null(b.files[1].state);
        struct pages_stats stats;
        pages_stats(b.pages, &stats);
        assert_int_equal(stats.pages, 0);
        assert_int_equal(stats.files_open, 0);
        pages_drop_file(b.pages, &b.files[0], note_close,
                        &dropped); /* of which nothing was wanted */
        assert_int_equal(dropped, 2);
        tear_down(&b);
    }
}

static void told(struct page_wait *wait)
{
    struct look *l = (struct look *)(void *)wait;
    l->over = true;
}

static void who_waits_for_a_dropped_file_is_told(void **state)
{
    struct bench b;
    set_up(&b, 3, 1 << 20);
    make_files(&b, 1);
    struct look l = {.wait = {.ready = told}, .bench = &b, .count = 1};
    look(&l);
    int dropped = 0;
    pages_drop_file(b.pages, &b.files[0], note_close, &dropped);
    run_all(&b);
    assert_true(l.over && dropped == 1);
    pages_cancel(b.pages, &l.wait);
    tear_down(&b);
}

static void what_was_read_ahead_is_there(void **state)
{
    struct bench b;
    set_up(&b, 4, 1 << 20);
    make_files(&b, 1);
    for (uint32_t i = 0; i < PAGES_IN_FILE; i++) {
        struct page_want want = {.file = &b.files[0], .offset = i * 3 * PAGE, .size = PAGE};
        if (i * 3 < PAGES_IN_FILE)
            pages_ahead(b.pages, &want);
    }
    run_all(&b);
    struct look l = {.wait = {.ready = on_ready}, .bench = &b, .count = 2, .pages = {3, 9}};
    look(&l);
    assert_true(l.over && l.error == 0);
    tear_down(&b);
}

static void a_crash_leaves_nothing_behind(void **state)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        enum { LOOKS = 200 };
        struct bench b;
        set_up(&b, seed, 5000);
        make_files(&b, 5);
        static struct look looks[LOOKS];
        for (int i = 0; i < LOOKS; i++)
            begin_look(&b, &looks[i], 5);
        for (uint64_t i = prng_below(&b.prng, 200); i > 0; i--) {
            if (sim_disk_next_ns(b.disk) != UINT64_MAX)
                sim_disk_step(b.disk, sim_disk_next_ns(b.disk));
        }
        sim_disk_crash(b.disk, SIM_CRASH_POWER);
        for (int i = 0; i < LOOKS; i++)
            pages_cancel(b.pages, &looks[i].wait);
        pages_free(&b.pages);
        sim_disk_free(&b.disk);
    }
}

static void errors_at_random_end_look_ups_and_nothing_else(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        enum { LOOKS = 200 };
        struct bench b;
        set_up(&b, seed, 3000);
        make_files(&b, 5);
        struct sim_disk_faults faults = {.short_move = 4, .stall = 5};
        faults.fail[DISK_READ] = 10;
        faults.fail[DISK_OPEN] = 4;
        sim_disk_set_faults(b.disk, &faults);
        static struct look looks[LOOKS];
        uint32_t failed = 0;
        for (int i = 0; i < LOOKS; i++)
            begin_look(&b, &looks[i], 5);
        run_all(&b);
        struct sim_disk_faults none = {0};
        sim_disk_set_faults(b.disk, &none);
        for (uint32_t f = 0; f < 5; f++)
            pages_forget_failures(b.pages, &b.files[f]);
        for (int i = 0; i < LOOKS; i++) {
            assert_true(looks[i].over);
            assert_true(looks[i].error == 0 || looks[i].error == -EIO);
            failed += looks[i].error != 0;
            look(&looks[i]);
        }
        run_all(&b);
        for (int i = 0; i < LOOKS; i++)
            assert_true(looks[i].over && looks[i].error == 0);
        assert_true(failed > 0);
        tear_down(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_comes_once_and_then_is_there),
        cmocka_unit_test(many_look_ups_at_once_all_end_within_any_budget),
        cmocka_unit_test(what_is_used_stays_when_others_go),
        cmocka_unit_test(more_files_than_may_be_open_are_read_all_the_same),
        cmocka_unit_test(failures_are_told_each_time_until_they_are_forgotten),
        cmocka_unit_test(a_file_that_can_not_be_opened_fails_its_pages),
        cmocka_unit_test(a_page_behind_the_end_of_its_file_is_bad),
        cmocka_unit_test(a_dropped_file_is_closed_when_its_reads_have_ended),
        cmocka_unit_test(who_waits_for_a_dropped_file_is_told),
        cmocka_unit_test(what_was_read_ahead_is_there),
        cmocka_unit_test(a_crash_leaves_nothing_behind),
        cmocka_unit_test(errors_at_random_end_look_ups_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
