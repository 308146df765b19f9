/* SPDX-License-Identifier: Apache-2.0 */
/* bench_journal -- what an append costs, in nanoseconds, over files that are recycled as they
 * fill. The disk completes everything at once, so this is the journal alone. Not a test: prints
 * and judges nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base/check.h"
#include "store/journal.h"

enum { FILE_BYTES = 32 << 20, APPENDS = 10000000, A_FLUSH = 2000 };

/* A disk on which every request ends in the next turn, and nothing is kept. */
struct stub {
    struct disk door;
    struct link queue;
    char handle; /* what open files point at */
};

struct bench {
    struct stub stub;
    struct journal *journal;
    struct journal_member *members;
    bool recovered;
};

static void submit(void *context, struct disk_request *request)
{
    struct stub *stub = context;
    request->result = (int64_t)disk_parts_size(request->parts, request->part_count);
    if (request->op == DISK_OPEN)
        request->file = (struct disk_file *)(void *)&stub->handle;
    if (request->op == DISK_LIST) {
        struct disk_names_builder builder = {0};
        request->names = disk_names_finish(&builder);
    }
    list_push_back(&stub->queue, &request->disk.link);
}

static void turn(struct bench *b)
{
    while (!list_empty(&b->stub.queue)) {
        struct link *first = list_pop_front(&b->stub.queue);
        struct disk_request *request = LIST_ENTRY(first, struct disk_request, disk.link);
        request->done(request);
    }
}

static void on_durable(void *context, struct journal_member *member, uint64_t index)
{
}

/* What is durable is let go of, file by file. */
static void on_flushed(void *context, uint64_t position)
{
    struct bench *b = context;
    struct journal_span span;
    journal_span(b->journal, &span);
    if (span.file_end <= position)
        journal_release(b->journal, span.file_end, false);
}

static void on_failed(void *context, int error)
{
    UNREACHABLE("the stub never fails");
}

static void on_record(void *context, const struct entry *e, uint64_t position, uint64_t first)
{
    UNREACHABLE("the stub keeps nothing");
}

static void on_rot(void *context, const struct journal_rot *rot)
{
    UNREACHABLE("the stub keeps nothing");
}

static void on_recovered(void *context, int status)
{
    struct bench *b = context;
    b->recovered = status == 0;
}

static void set_up(struct bench *b, uint32_t groups)
{
    *b = (struct bench){.stub.door = {submit, &b->stub}};
    list_init(&b->stub.queue);
    struct journal_options options = {
        .disk = &b->stub.door,
        .folder = "journal",
        .store = 1,
        .boot_epoch = 1,
        .file_bytes = FILE_BYTES,
        .events = {on_durable, on_flushed, on_failed, NULL},
        .context = b,
    };
    b->journal = journal_new(&options);
    struct journal_recovery recovery = {on_record, on_rot, on_recovered, b};
    journal_recover(b->journal, 0, &recovery);
    turn(b);
    CHECK(b->recovered);
    b->members = calloc(groups, sizeof b->members[0]);
    CHECK(b->members != NULL);
    for (uint32_t i = 0; i < groups; i++)
        b->members[i].gid = i + 1;
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void run(uint32_t groups, uint32_t body_size, uint32_t appends)
{
    struct bench b;
    char *body = calloc(1, body_size);
    CHECK(body != NULL);
    set_up(&b, groups);
    struct entry e = {.term = 1, .kind = ENTRY_MSG, .body = {body, body_size}, .body_hash = 1};
    double begin = 0;
    for (uint32_t i = 0; i < 2 * appends; i++) {
        if (i == appends) /* images have been touched */
            begin = now_ns();
        struct journal_member *member = &b.members[i % groups];
        struct journal_place place;
        e.gid = member->gid;
        e.index = i / groups + 1;
        CHECK(journal_append(b.journal, member, &e, &place) == 0);
        if (i % A_FLUSH == A_FLUSH - 1) {
            journal_flush(b.journal, true);
            turn(&b);
        }
    }
    double ns = (now_ns() - begin) / appends;
    printf("%6u groups, bodies of %5u bytes: %6.1f ns an append, %5.2f million/s\n", groups,
           body_size, ns, 1e3 / ns);
    journal_free(&b.journal);
    free(b.members);
    free(body);
}

int main(void)
{
    run(1, 128, APPENDS);
    run(100, 128, APPENDS);
    run(10000, 128, APPENDS);
    run(1, 0, APPENDS);
    run(1, 4096, APPENDS / 10);
    return 0;
}
