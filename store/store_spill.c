/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_spill.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/file_write.h"
#include "store/format/checksum.h"
#include "store/sealed.h"
#include "store/subjects.h"

#define MAGIC 0x5053594du /* "MYSP" */
#define VERSION 1
#define HEADER_SIZE 32u
#define HASH_SIZE 8u
#define COPIES 2

struct copy {
    struct spill *spill;
    struct file_write *write; /* given */
    int status;
    bool over;
};

struct spill {
    uint64_t gid;
    char *folder; /* given */
    struct buffer sections[CHECKPOINT_SECTIONS];
    unsigned bits;
    struct buffer file;
    uint64_t number;
    uint64_t hash;
    bool begun;
    bool again; /* it has failed once */
    struct copy copies[COPIES];
};

struct spill *spill_new(uint64_t gid, const char *folder, struct buffer *sections,
                        size_t inline_max)
{
    unsigned bits = 0;
    for (int i = 0; i < CHECKPOINT_SECTIONS; i++)
        bits |= sections[i].size > inline_max ? 1u << i : 0;
    if (bits == 0)
        return NULL;
    struct spill *s = calloc(1, sizeof *s);
    CHECK(s != NULL);
    s->gid = gid;
    s->bits = bits;
    s->folder = strdup(folder);
    CHECK(s->folder != NULL);
    for (int i = 0; i < CHECKPOINT_SECTIONS; i++) {
        if (bits & (1u << i)) {
            s->sections[i] = sections[i];
            sections[i] = (struct buffer){0};
        }
    }
    return s;
}

void spill_seal(struct spill *s, const struct crypt_group *keys)
{
    CHECK(!s->begun && s->number == 0);
    for (int i = 0; i < CHECKPOINT_SECTIONS; i++) {
        if (!(s->bits & (1u << i)))
            continue;
        struct buffer sealed = {0};
        sealed_section_make(keys, s->gid, i, buffer_view(&s->sections[i]), &sealed);
        buffer_done(&s->sections[i]);
        s->sections[i] = sealed;
    }
}

void spill_free(struct spill **at)
{
    struct spill *s = *at;
    *at = NULL;
    if (s == NULL)
        return;
    for (int i = 0; i < COPIES; i++)
        file_write_free(&s->copies[i].write);
    for (int i = 0; i < CHECKPOINT_SECTIONS; i++)
        buffer_done(&s->sections[i]);
    buffer_done(&s->file);
    free(s->folder);
    free(s);
}

/* --- writing ----------------------------------------------------------------------------------------- */

static uint64_t seed_of(uint64_t gid, uint64_t number)
{
    return checksum_seed(MAGIC, gid, number);
}

static void encode(struct spill *s)
{
    struct buffer *b = &s->file;
    uint64_t size = 0;
    for (int i = 0; i < CHECKPOINT_SECTIONS; i++)
        size += s->bits & (1u << i) ? sizeof(uint32_t) + s->sections[i].size : 0;
    b->size = 0;
    buffer_u32(b, MAGIC);
    buffer_u32(b, VERSION | s->bits << 16);
    buffer_u64(b, s->gid);
    buffer_u64(b, s->number);
    buffer_u64(b, size);
    for (int i = 0; i < CHECKPOINT_SECTIONS; i++) {
        if (s->bits & (1u << i)) {
            size_t begun = buffer_section_begin(b);
            buffer_add(b, s->sections[i].at, s->sections[i].size);
            buffer_section_end(b, begun);
        }
    }
    s->hash = checksum(seed_of(s->gid, s->number), b->at, b->size);
    buffer_u64(b, s->hash);
    CHECK(b->size == HEADER_SIZE + size + HASH_SIZE);
}

static void on_written(void *context, int status)
{
    struct copy *copy = context;
    copy->write = NULL;
    copy->status = status;
    copy->over = true;
}

static void begin_copy(struct spill *s, const struct disk *disk, int i)
{
    struct copy *copy = &s->copies[i];
    char path[DISK_PATH_MAX];
    run_path(s->folder, s->number, i > 0, path, sizeof path);
    *copy = (struct copy){.spill = s};
    copy->write = file_write_new(&(struct file_write_options){
        .disk = disk, .folder = s->folder, .path = path, .done = on_written, .context = copy});
    void *block = malloc(s->file.size);
    CHECK(block != NULL);
    memcpy(block, s->file.at, s->file.size);
    file_write_add(copy->write, &block, block, 0, s->file.size);
    file_write_finish(copy->write, 0);
}

/* What both have come to; a copy alone does not count. */
static int status_of(const struct spill *s)
{
    for (int i = 0; i < COPIES; i++)
        if (s->copies[i].status != 0)
            return s->copies[i].status;
    return 0;
}

int spill_step(struct spill *s, const struct disk *disk, uint64_t *next_file)
{
    if (!s->begun) {
        s->begun = true;
        s->number = (*next_file)++;
        encode(s);
        if (s->file.size > SPILL_SIZE_MAX)
            return -EFBIG;
        for (int i = 0; i < COPIES; i++)
            begin_copy(s, disk, i);
        return -EAGAIN;
    }
    if (!s->copies[0].over || !s->copies[1].over)
        return -EAGAIN;
    int status = status_of(s);
    if (status == 0 || status == -ENOSPC || (status != -EEXIST && s->again))
        return status;
    s->again |= status != -EEXIST;
    s->begun = false;
    return -EINPROGRESS;
}

void spill_section(const struct spill *s, struct buffer *to)
{
    CHECK(s->copies[0].over && s->copies[1].over && status_of(s) == 0);
    buffer_varint(to, s->number);
    buffer_varint(to, s->file.size);
    buffer_u64(to, s->hash);
}

uint64_t spill_number(const struct spill *s)
{
    return s->number;
}

bool spill_is_begun(const struct spill *s)
{
    return s->begun;
}

/* --- reading ----------------------------------------------------------------------------------------- */

enum { READ_OPENED, READ_READ, READ_CLOSED };

static bool is_right(const struct spill_read *r)
{
    struct cursor c = cursor_of((struct bytes){r->at, r->size});
    (void)cursor_take(&c, r->size - HASH_SIZE);
    return cursor_u64(&c) == r->hash &&
           checksum(seed_of(r->gid, r->number), r->at, r->size - HASH_SIZE) == r->hash;
}

static void open_copy(struct spill_read *r)
{
    run_path(r->folder, r->number, r->second, r->path, sizeof r->path);
    r->task.step = READ_OPENED;
    task_open(&r->task, &r->io, r->path, 0);
}

/* One copy is done with: the other one may be better. */
static void copy_over(struct spill_read *r, int status)
{
    if (status == 0 || r->second) {
        if (status != 0) {
            free(r->at);
            r->at = NULL;
        }
        r->done(r, status == -ENOENT ? -EBADMSG : status);
        return;
    }
    r->second = true;
    open_copy(r);
}

static void read_more(struct spill_read *r)
{
    uint64_t left = r->size - r->got;
    task_read(&r->task, &r->io, r->file, r->got, r->at + r->got,
              left < DISK_BYTES_MAX ? left : DISK_BYTES_MAX);
}

/* A read has ended; false: that was all, or the file has no more. */
static bool has_more(struct spill_read *r)
{
    uint64_t moved = (uint64_t)r->io.request.result;
    r->got += moved;
    return moved > 0 && r->got < r->size;
}

static void on_turn(struct task *t)
{
    struct spill_read *r = t->context;
    switch (t->step++) {
    case READ_OPENED:
        if (t->status != 0) {
            copy_over(r, t->status);
            return;
        }
        r->file = r->io.request.file;
        r->got = 0;
        read_more(r);
        return;
    case READ_READ:
        r->status = t->status;
        if (r->status == 0 && has_more(r)) {
            t->step = READ_READ;
            read_more(r);
            return;
        }
        if (r->status == 0 && (r->got != r->size || !is_right(r)))
            r->status = -EBADMSG;
        task_close(t, &r->io, &r->file);
        return;
    case READ_CLOSED: copy_over(r, r->status); return;
    default: UNREACHABLE("no such step");
    }
}

void spill_read(struct spill_read *r, struct bytes section)
{
    struct cursor c = cursor_of(section);
    r->number = cursor_varint(&c);
    r->size = cursor_varint_max(&c, SPILL_SIZE_MAX);
    r->hash = cursor_u64(&c);
    r->second = false;
    r->at = NULL;
    if (!cursor_is_at_end(&c) || r->size < HEADER_SIZE + HASH_SIZE) {
        r->done(r, -EBADMSG);
        return;
    }
    r->at = malloc(r->size);
    if (r->at == NULL) {
        r->done(r, -ENOMEM);
        return;
    }
    task_init(&r->task, r->disk, on_turn, r);
    open_copy(r);
}

int spill_take(const struct spill_read *r, struct checkpoint *c)
{
    struct cursor cursor = cursor_of((struct bytes){r->at, r->size - HASH_SIZE});
    uint32_t magic = cursor_u32(&cursor);
    uint32_t version = cursor_u32(&cursor);
    uint64_t gid = cursor_u64(&cursor);
    uint64_t number = cursor_u64(&cursor);
    uint64_t size = cursor_u64(&cursor);
    if ((version & 0xffff) != VERSION)
        return -ENOTSUP;
    if (magic != MAGIC || gid != r->gid || number != r->number || size != cursor_left(&cursor))
        return -EBADMSG;
    for (int i = 0; i < CHECKPOINT_SECTIONS; i++) {
        if (!(version >> 16 & 1u << i))
            continue;
        c->sections[i] = cursor_section(&cursor);
        if (r->keys != NULL && sealed_section_open(r->keys, gid, i, &c->sections[i]) != 0)
            return -EBADMSG;
    }
    bool known = version >> 16 >> CHECKPOINT_SECTIONS == 0;
    return known && cursor_is_at_end(&cursor) ? 0 : -EBADMSG;
}
