/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "store/task.h"
#include "tests/unit/store/disk_run.h"

enum { BYTES_MANY = 50000 };

/* Makes a file, writes it, syncs it, reads it again, in steps. */
struct copying {
    struct task task;
    struct task_io io[2];
    struct disk_file *file;
    char wrote[BYTES_MANY];
    char read[BYTES_MANY + 1];
    int status;
    bool over;
};

static void copy(struct task *t)
{
    struct copying *c = t->context;
    if (t->status != 0) {
        c->status = t->status;
        c->over = true;
        return;
    }
    switch (t->step++) {
    case 0: task_open(t, &c->io[0], "file", DISK_OPEN_WRITE | DISK_OPEN_CREATE); break;
    case 1:
        c->file = c->io[0].request.file;
        task_write(t, &c->io[0], c->file, 0, c->wrote, BYTES_MANY / 2);
        task_write(t, &c->io[1], c->file, BYTES_MANY / 2, c->wrote + BYTES_MANY / 2,
                   BYTES_MANY - BYTES_MANY / 2);
        break;
    case 2: task_sync(t, &c->io[0], c->file); break;
    case 3: task_read(t, &c->io[0], c->file, 0, c->read, sizeof c->read); break;
    case 4:
        assert_int_equal(c->io[0].request.result, BYTES_MANY);
        task_close(t, &c->io[0], &c->file);
        break;
    case 5: c->over = true; break;
    }
}

static void copying_begin(struct copying *c, struct disk_run *run)
{
    memset(c, 0, sizeof *c);
    for (int i = 0; i < BYTES_MANY; i++)
        c->wrote[i] = (char)prng_next(&run->prng);
    task_init(&c->task, disk_run_door(run), copy, c);
    task_begin(&c->task);
}

static void short_moves_are_continued(void **state)
{
    static struct copying c;
    for (uint64_t seed = 1; seed < 50; seed++) {
        struct disk_run run;
        disk_run_init(&run, seed, (struct sim_disk_options){.faults.short_move = 2});
        copying_begin(&c, &run);
        disk_run_all(&run);
        assert_true(c.over);
        assert_int_equal(c.status, 0);
        assert_memory_equal(c.wrote, c.read, BYTES_MANY);
        disk_run_done(&run);
    }
}

static void the_first_failure_is_told_when_all_have_ended(void **state)
{
    static struct copying c;
    static const enum disk_op ops[] = {DISK_OPEN, DISK_WRITE, DISK_SYNC, DISK_READ, DISK_CLOSE};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        struct disk_run run;
        disk_run_init(&run, i, (struct sim_disk_options){0});
        sim_disk_fail_next(run.disk, ops[i], -ENOSPC);
        copying_begin(&c, &run);
        disk_run_all(&run);
        assert_true(c.over);
        assert_int_equal(c.status, -ENOSPC);
        assert_false(task_busy(&c.task));
        disk_run_done(&run);
    }
}

static void a_crash_ends_a_task_without_a_word(void **state)
{
    static struct copying c;
    for (uint64_t steps = 0;; steps++) {
        struct disk_run run;
        disk_run_init(&run, steps, (struct sim_disk_options){0});
        copying_begin(&c, &run);
        for (uint64_t i = 0; i < steps && !c.over; i++)
            (void)disk_run_step(&run);
        bool over = c.over;
        disk_run_crash(&run, SIM_CRASH_POWER);
        assert_false(task_busy(&c.task));
        assert_int_equal(c.over, over);
        disk_run_done(&run);
        if (over)
            return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_moves_are_continued),
        cmocka_unit_test(the_first_failure_is_told_when_all_have_ended),
        cmocka_unit_test(a_crash_ends_a_task_without_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
