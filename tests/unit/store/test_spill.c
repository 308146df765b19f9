/* SPDX-License-Identifier: Apache-2.0 */
/* Sections of a checkpoint in a file of two copies: written, damaged, read. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/store_spill.h"
#include "tests/unit/store/disk_run.h"

#define FOLDER "g"
#define INLINE_MAX 100u

struct fixture {
    struct disk_run disk;
    struct task task;
    struct task_io io;
    struct disk_file *file;
    struct buffer section; /* CHECKPOINT_SPILLED */
    uint64_t next_file;
    unsigned told;
    int status;
};

static void on_task(struct task *t)
{
    (void)t;
}

static void set_up(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    disk_run_init(&f->disk, 5, (struct sim_disk_options){0});
    task_init(&f->task, disk_run_door(&f->disk), on_task, f);
    task_path(&f->task, &f->io, DISK_MKDIR, FOLDER, NULL);
    disk_run_all(&f->disk);
}

static void tear_down(struct fixture *f)
{
    buffer_done(&f->section);
    disk_run_done(&f->disk);
}

static void fill(struct buffer *b, size_t size, char byte)
{
    memset(buffer_room(b, size), byte, size);
    b->size += size;
}

/* One section that stays, two that go to the file. */
static void write_spill(struct fixture *f)
{
    struct buffer sections[CHECKPOINT_SECTIONS] = {0};
    fill(&sections[CHECKPOINT_GROUP], 3000, 'g');
    fill(&sections[CHECKPOINT_DEAD], INLINE_MAX + 1, 'd');
    fill(&sections[CHECKPOINT_LOST], INLINE_MAX, 'l');
    struct spill *spill = spill_new(4, FOLDER, sections, INLINE_MAX);
    assert_non_null(spill);
    assert_int_equal(sections[CHECKPOINT_GROUP].size, 0);
    assert_int_equal(sections[CHECKPOINT_DEAD].size, 0);
    assert_int_equal(sections[CHECKPOINT_LOST].size, INLINE_MAX);
    int status;
    while ((status = spill_step(spill, disk_run_door(&f->disk), &f->next_file)) != 0) {
        assert_true(status == -EAGAIN || status == -EINPROGRESS);
        (void)disk_run_step(&f->disk);
    }
    f->section.size = 0;
    spill_section(spill, &f->section);
    spill_free(&spill);
    buffer_done(&sections[CHECKPOINT_LOST]);
}

static void on_read(struct spill_read *read, int status)
{
    struct fixture *f = read->context;
    f->told++;
    f->status = status;
}

static int read_spill(struct fixture *f)
{
    struct spill_read read = {
        .disk = disk_run_door(&f->disk), .folder = FOLDER, .gid = 4, .done = on_read, .context = f};
    f->told = 0;
    spill_read(&read, buffer_view(&f->section));
    disk_run_all(&f->disk);
    assert_int_equal(f->told, 1);
    if (f->status != 0)
        return f->status;
    struct checkpoint c = {0};
    assert_int_equal(spill_take(&read, &c), 0);
    assert_int_equal(c.sections[CHECKPOINT_GROUP].size, 3000);
    assert_int_equal(c.sections[CHECKPOINT_GROUP].at[2999], 'g');
    assert_int_equal(c.sections[CHECKPOINT_DEAD].size, INLINE_MAX + 1);
    assert_int_equal(c.sections[CHECKPOINT_LOST].size, 0);
    free(read.at);
    return 0;
}

/* One byte of a copy is another one. */
static void damage(struct fixture *f, const char *path, uint64_t offset)
{
    task_open(&f->task, &f->io, path, DISK_OPEN_WRITE);
    disk_run_all(&f->disk);
    assert_int_equal(f->io.request.result, 0);
    f->file = f->io.request.file;
    task_write(&f->task, &f->io, f->file, offset, "#", 1);
    disk_run_all(&f->disk);
    task_close(&f->task, &f->io, &f->file);
    disk_run_all(&f->disk);
}

static void what_is_small_stays_in_the_checkpoint(void **state)
{
    (void)state;
    struct buffer sections[CHECKPOINT_SECTIONS] = {0};
    fill(&sections[CHECKPOINT_GROUP], INLINE_MAX, 'g');
    assert_null(spill_new(4, FOLDER, sections, INLINE_MAX));
    buffer_done(&sections[CHECKPOINT_GROUP]);
}

static void one_copy_that_is_right_is_enough(void **state)
{
    (void)state;
    static struct fixture f;
    set_up(&f);
    write_spill(&f);
    assert_int_equal(read_spill(&f), 0);
    damage(&f, FOLDER "/x-00000000", 1000);
    assert_int_equal(read_spill(&f), 0);
    damage(&f, FOLDER "/y-00000000", 7);
    assert_int_equal(read_spill(&f), -EBADMSG);
    tear_down(&f);
}

static void a_copy_that_is_not_there_is_no_loss(void **state)
{
    (void)state;
    static struct fixture f;
    set_up(&f);
    write_spill(&f);
    task_path(&f.task, &f.io, DISK_REMOVE, FOLDER "/x-00000000", NULL);
    disk_run_all(&f.disk);
    assert_int_equal(read_spill(&f), 0);
    task_path(&f.task, &f.io, DISK_REMOVE, FOLDER "/y-00000000", NULL);
    disk_run_all(&f.disk);
    assert_int_equal(read_spill(&f), -EBADMSG);
    tear_down(&f);
}

static void a_number_that_is_taken_is_passed_over(void **state)
{
    (void)state;
    static struct fixture f;
    set_up(&f);
    write_spill(&f);
    f.next_file = 0;
    write_spill(&f);
    assert_int_equal(f.next_file, 2);
    assert_int_equal(read_spill(&f), 0);
    tear_down(&f);
}

static void a_section_that_was_cut_or_changed_names_nothing(void **state)
{
    (void)state;
    static struct fixture f;
    set_up(&f);
    write_spill(&f);
    for (size_t bit = 0; bit < f.section.size * 8; bit++) {
        f.section.at[bit / 8] ^= (char)(1 << bit % 8);
        assert_true(read_spill(&f) != 0);
        f.section.at[bit / 8] ^= (char)(1 << bit % 8);
    }
    while (f.section.size > 0) {
        f.section.size--;
        assert_int_equal(read_spill(&f), -EBADMSG);
    }
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_small_stays_in_the_checkpoint),
        cmocka_unit_test(one_copy_that_is_right_is_enough),
        cmocka_unit_test(a_copy_that_is_not_there_is_no_loss),
        cmocka_unit_test(a_number_that_is_taken_is_passed_over),
        cmocka_unit_test(a_section_that_was_cut_or_changed_names_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
