/* SPDX-License-Identifier: Apache-2.0 */
/* The host's file threads: orders, many requests at once, and what happens to those left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/file.h"
#include "tests/unit/runtime/disk_actor.h"

#define WRITES 500
#define READS 500

struct story {
    struct actor *self;
    char path[128];
    struct disk_file *file;
    unsigned ended;
    unsigned dropped;
    unsigned wanted; /* ends until the next chapter */
    void (*next)(struct story *story);
    unsigned last; /* write that ended last */
    unsigned out_of_order;
    unsigned refused;
    struct disk_request *requests;
    int pipe;
};

static void set_up(struct story *story)
{
    *story = (struct story){0};
    (void)snprintf(story->path, sizeof story->path, "/tmp/myelin-host-XXXXXX");
    int fd = mkstemp(story->path);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
}

static void tear_down(struct story *story)
{
    free(story->requests);
    assert_int_equal(unlink(story->path), 0);
}

static void on_end(struct disk_request *request)
{
    struct story *story = request->context;
    story->ended++;
    story->refused += request->result == -EAGAIN;
    unsigned index = (unsigned)(request - story->requests);
    if (disk_op_ordered(request->op)) {
        story->out_of_order += story->last > index;
        story->last = index;
    }
    if (story->ended == story->wanted)
        story->next(story);
}

static void on_drop(struct disk_request *request)
{
    struct story *story = request->context;
    story->dropped++;
}

static void end_story(struct story *story)
{
    actor_exit(story->self);
}

static struct disk_request *new_requests(struct story *story, unsigned count)
{
    free(story->requests);
    story->requests = calloc(count, sizeof *story->requests);
    assert_non_null(story->requests);
    for (unsigned i = 0; i < count; i++) {
        story->requests[i].done = on_end;
        story->requests[i].drop = on_drop;
        story->requests[i].context = story;
        story->requests[i].file = story->file;
    }
    return story->requests;
}

static void on_opened(struct disk_request *request)
{
    struct story *story = request->context;
    assert_int_equal(request->result, 0);
    story->file = request->file;
    story->ended = 0;
    story->next(story);
}

static void open_then(struct story *story, uint32_t flags, void (*next)(struct story *story))
{
    struct disk_request *open = new_requests(story, 1);
    open->op = DISK_OPEN;
    open->path = story->path;
    open->flags = flags;
    open->done = on_opened;
    story->next = next;
    disk_submit(file_disk(), open);
}

/* --- orders ----------------------------------------------------------------------------------- */

/* Each write overwrites the same byte; reads run between; the close comes last, submitted at once. */
static void submit_many(struct story *story)
{
    static char bytes[WRITES];
    static struct iovec parts[WRITES + READS];
    static char read[READS];
    struct disk_request *r = new_requests(story, WRITES + READS + 2);
    story->wanted = WRITES + READS + 2;
    story->next = end_story;
    for (unsigned i = 0; i < WRITES + READS; i++) {
        bool write = i % 2 == 0;
        bytes[i / 2] = (char)(i / 2);
        parts[i] = (struct iovec){write ? &bytes[i / 2] : &read[i / 2], 1};
        r[i].op = write ? DISK_WRITE : DISK_READ;
        r[i].parts = &parts[i];
        r[i].part_count = 1;
    }
    r[WRITES + READS].op = DISK_SYNC;
    r[WRITES + READS + 1].op = DISK_CLOSE;
    for (unsigned i = 0; i < story->wanted; i++)
        disk_submit(file_disk(), &r[i]);
}

static void begin_orders(struct actor *self, void *context)
{
    struct story *story = context;
    story->self = self;
    open_then(story, DISK_OPEN_WRITE, submit_many);
}

static void writes_of_a_file_end_in_their_order_and_the_close_last(void **state)
{
    struct story story;
    set_up(&story);
    disk_actor_run(begin_orders, &story);
    assert_int_equal(story.ended, WRITES + READS + 2);
    assert_int_equal(story.dropped, 0);
    assert_int_equal(story.out_of_order, 0);
    for (unsigned i = 0; i < WRITES + READS; i += 2)
        assert_int_equal(story.requests[i].result, 1);
    FILE *file = fopen(story.path, "rb");
    assert_non_null(file);
    assert_int_equal(fgetc(file), (unsigned char)(char)(WRITES - 1));
    (void)fclose(file);
    tear_down(&story);
}

/* --- left behind ------------------------------------------------------------------------------ */

/* Opens, lists and stats that nobody waits for: they end, and are dropped. */
static void begin_leaving(struct actor *self, void *context)
{
    struct story *story = context;
    story->self = self;
    struct disk_request *r = new_requests(story, 300);
    for (unsigned i = 0; i < 300; i++) {
        r[i].op = i % 3 == 0 ? DISK_OPEN : i % 3 == 1 ? DISK_LIST : DISK_SPACE;
        r[i].path = i % 3 == 0 ? story->path : "/";
        disk_submit(file_disk(), &r[i]);
    }
    actor_exit(self);
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory) != NULL)
        count++;
    (void)closedir(directory);
    return count;
}

static void requests_of_an_actor_that_is_gone_are_dropped_once_and_leak_nothing(void **state)
{
    struct story story;
    set_up(&story);
    unsigned before = open_descriptors();
    disk_actor_run(begin_leaving, &story);
    assert_int_equal(story.ended, 0);
    assert_int_equal(story.dropped, 300);
    assert_int_equal(open_descriptors(), before);
    tear_down(&story);
}

/* --- bounds ----------------------------------------------------------------------------------- */

#define BLOCKING 16 /* more than there are threads */

static void close_opened(struct disk_request *request)
{
    assert_int_equal(request->result, 0);
    request->op = DISK_CLOSE;
    request->done = on_end;
    disk_submit(file_disk(), request);
}

/* A pipe that nobody writes to keeps whoever opens it, and so all threads, until all is submitted. */
static void begin_flood(struct actor *self, void *context)
{
    struct story *story = context;
    story->self = self;
    story->wanted = 3 * DISK_REQUESTS_MAX;
    story->next = end_story;
    struct disk_request *r = new_requests(story, story->wanted);
    for (unsigned i = 0; i < story->wanted; i++) {
        r[i].op = i < BLOCKING ? DISK_OPEN : DISK_SPACE;
        r[i].done = i < BLOCKING ? close_opened : on_end;
        r[i].path = story->path;
        disk_submit(file_disk(), &r[i]);
    }
    story->pipe = open(story->path, O_RDWR | O_CLOEXEC);
    assert_true(story->pipe >= 0);
}

static void what_is_too_much_is_refused_and_the_rest_ends(void **state)
{
    struct story story;
    set_up(&story);
    assert_int_equal(unlink(story.path), 0);
    assert_int_equal(mkfifo(story.path, 0600), 0);
    disk_actor_run(begin_flood, &story);
    assert_int_equal(close(story.pipe), 0);
    assert_int_equal(story.ended, 3 * DISK_REQUESTS_MAX);
    assert_int_equal(story.refused, 2 * DISK_REQUESTS_MAX);
    tear_down(&story);
}

/* A request that blocks for long has a thread, and so has the one beside it. */
static void on_beside(struct disk_request *request)
{
    struct story *story = request->context;
    story->pipe = open(story->path, O_RDWR | O_CLOEXEC); /* lets the blocked one go on */
    on_end(request);
}

static void block_one(struct story *story)
{
    struct disk_request *r = new_requests(story, 2);
    story->ended = 0;
    story->wanted = 2;
    story->next = end_story;
    for (unsigned i = 0; i < 2; i++) {
        r[i].op = i == 0 ? DISK_OPEN : DISK_SPACE;
        r[i].done = i == 0 ? close_opened : on_beside;
        r[i].path = story->path;
        disk_submit(file_disk(), &r[i]);
    }
}

static void begin_blocking(struct actor *self, void *context)
{
    struct story *story = context;
    story->self = self;
    story->wanted = 1;
    story->next = block_one;
    struct disk_request *r = new_requests(story, 1);
    r->op = DISK_SPACE;
    r->path = story->path;
    disk_submit(file_disk(), r);
}

static void a_request_that_blocks_does_not_hold_up_others(void **state)
{
    for (unsigned i = 0; i < 50; i++) {
        struct story story;
        set_up(&story);
        assert_int_equal(unlink(story.path), 0);
        assert_int_equal(mkfifo(story.path, 0600), 0);
        disk_actor_run(begin_blocking, &story);
        assert_int_equal(close(story.pipe), 0);
        assert_int_equal(story.ended, 2);
        tear_down(&story);
    }
}

/* --- standard error --------------------------------------------------------------------------- */

static void begin_stderr(struct actor *self, void *context)
{
    struct story *story = context;
    story->self = self;
    story->wanted = 2;
    story->next = end_story;
    struct disk_request *r = new_requests(story, 2);
    static struct iovec part;
    part = (struct iovec){(char *)(uintptr_t) "to stderr\n", 10};
    for (unsigned i = 0; i < 2; i++) {
        r[i].op = DISK_APPEND;
        r[i].file = file_stderr();
        r[i].parts = &part;
        r[i].part_count = 1;
        disk_submit(file_disk(), &r[i]);
    }
}

static void standard_error_is_written_through_the_door(void **state)
{
    struct story story;
    set_up(&story);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int kept = dup(STDERR_FILENO);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    disk_actor_run(begin_stderr, &story);
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    char text[32];
    assert_int_equal(read(ends[0], text, sizeof text), 20);
    assert_memory_equal(text, "to stderr\nto stderr\n", 20);
    (void)close(ends[0]);
    (void)close(ends[1]);
    (void)close(kept);
    tear_down(&story);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_of_a_file_end_in_their_order_and_the_close_last),
        cmocka_unit_test(requests_of_an_actor_that_is_gone_are_dropped_once_and_leak_nothing),
        cmocka_unit_test(what_is_too_much_is_refused_and_the_rest_ends),
        cmocka_unit_test(a_request_that_blocks_does_not_hold_up_others),
        cmocka_unit_test(standard_error_is_written_through_the_door),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
