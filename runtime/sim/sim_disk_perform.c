/* SPDX-License-Identifier: Apache-2.0 */
/* sim_disk_perform.c -- what each request of the simulated disk does, and how it goes wrong. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/base/prng.h"
#include "runtime/sim/sim_disk_state.h"

/* --- paths ------------------------------------------------------------------------------------ */

/* The inode at path, and path in its one form. */
static struct sim_inode *find(struct sim_disk *disk, const char *path, char name[DISK_PATH_MAX])
{
    sim_path(name, path);
    return sim_tree_find(&disk->shown, name);
}

static int64_t check_parent(struct sim_disk *disk, const char *name)
{
    char parent[DISK_PATH_MAX];
    sim_path_parent(parent, name);
    const struct sim_inode *inode = sim_tree_find(&disk->shown, parent);
    if (inode == NULL)
        return -ENOENT;
    return inode->directory ? 0 : -ENOTDIR;
}

static struct sim_inode *create(struct sim_disk *disk, const char *name, bool directory)
{
    struct sim_inode *inode = sim_inode_new(&disk->inodes, disk->inodes_made++, directory);
    sim_tree_put(&disk->shown, name, inode);
    sim_naming_add(&disk->namings, name, inode);
    struct sim_inode *kept = inode; /* the tree holds it */
    sim_inode_unref(&inode);
    return kept;
}

static int64_t do_open(struct sim_disk *disk, struct disk_request *request)
{
    char name[DISK_PATH_MAX];
    struct sim_inode *inode = find(disk, request->path, name);
    int64_t status = check_parent(disk, name);
    if (status != 0)
        return status;
    if (inode == NULL && !(request->flags & DISK_OPEN_CREATE))
        return -ENOENT;
    if (inode != NULL && request->flags & DISK_OPEN_EXCLUSIVE)
        return -EEXIST;
    if (inode != NULL && inode->directory)
        return -EISDIR;
    if (inode == NULL)
        inode = create(disk, name, false);
    else if (request->flags & DISK_OPEN_TRUNCATE && inode->cached.size > 0)
        sim_inode_resize(inode, 0);
    struct disk_file *file = calloc(1, sizeof *file);
    CHECK(file != NULL);
    file->disk = disk;
    file->inode = sim_inode_ref(inode);
    file->flags = request->flags;
    list_push_back(&disk->files, &file->link);
    request->file = file;
    return 0;
}

void sim_disk_close(struct disk_file **at)
{
    struct disk_file *file = *at;
    *at = NULL;
    if (file->inode->locked_by == file)
        file->inode->locked_by = NULL;
    list_remove(&file->link);
    sim_inode_unref(&file->inode);
    free(file);
}

static int64_t do_mkdir(struct sim_disk *disk, const struct disk_request *request)
{
    char name[DISK_PATH_MAX];
    if (find(disk, request->path, name) != NULL)
        return -EEXIST;
    int64_t status = check_parent(disk, name);
    if (status == 0)
        (void)create(disk, name, true);
    return status;
}

static int64_t do_rename(struct sim_disk *disk, const struct disk_request *request)
{
    char name[DISK_PATH_MAX];
    char to[DISK_PATH_MAX];
    struct sim_inode *inode = find(disk, request->path, name);
    const struct sim_inode *there = find(disk, request->to, to);
    if (inode == NULL)
        return -ENOENT;
    int64_t status = check_parent(disk, to);
    if (status != 0)
        return status;
    if (inode->directory)
        return -EPERM;
    if (there != NULL && there->directory)
        return -EISDIR;
    if (there == inode)
        return 0;
    sim_naming_add_rename(&disk->namings, name, to, inode);
    sim_naming_apply(LIST_ENTRY(disk->namings.prev, struct sim_naming, link), &disk->shown);
    return 0;
}

static int64_t do_remove(struct sim_disk *disk, const struct disk_request *request)
{
    char name[DISK_PATH_MAX];
    const struct sim_inode *inode = find(disk, request->path, name);
    if (inode == NULL)
        return -ENOENT;
    if (name[0] == 0)
        return -EBUSY;
    if (inode->directory && !sim_tree_empty(&disk->shown, name))
        return -ENOTEMPTY;
    sim_naming_add(&disk->namings, name, NULL);
    sim_tree_remove(&disk->shown, name);
    return 0;
}

static int64_t do_list(struct sim_disk *disk, struct disk_request *request)
{
    char name[DISK_PATH_MAX];
    const struct sim_inode *inode = find(disk, request->path, name);
    if (inode == NULL || !inode->directory)
        return inode == NULL ? -ENOENT : -ENOTDIR;
    struct disk_names_builder builder = {0};
    for (uint32_t i = 0; i < disk->shown.count; i++) {
        const struct sim_entry *entry = &disk->shown.entries[i];
        const char *child = sim_path_child(entry->path, name);
        int status = child == NULL ? 0 : disk_names_add(&builder, child, entry->inode->directory);
        if (status != 0) {
            disk_names_cancel(&builder);
            return status;
        }
    }
    request->names = disk_names_finish(&builder);
    return 0;
}

static int64_t do_sync_dir(struct sim_disk *disk, const struct disk_request *request)
{
    char name[DISK_PATH_MAX];
    const struct sim_inode *inode = find(disk, request->path, name);
    if (inode == NULL || !inode->directory)
        return inode == NULL ? -ENOENT : -ENOTDIR;
    struct link *at = disk->namings.next;
    while (at != &disk->namings) {
        struct sim_naming *naming = LIST_ENTRY(at, struct sim_naming, link);
        at = at->next;
        if (!sim_naming_touches(naming, name))
            continue;
        sim_naming_apply(naming, &disk->stored);
        sim_naming_free(&naming);
    }
    return 0;
}

/* --- space ------------------------------------------------------------------------------------ */

static uint64_t used_bytes(const struct sim_disk *disk)
{
    uint64_t pages = 0;
    for (const struct link *at = disk->inodes.next; at != &disk->inodes; at = at->next)
        pages += LIST_ENTRY(at, struct sim_inode, link)->cached.used;
    return pages * SIM_PAGE;
}

static uint64_t free_bytes(const struct sim_disk *disk)
{
    uint64_t used = used_bytes(disk);
    return used < disk->options.capacity ? disk->options.capacity - used : 0;
}

static int64_t do_space(struct sim_disk *disk, struct disk_request *request)
{
    bool endless = disk->options.capacity == 0;
    request->space.total = endless ? (uint64_t)1 << 50 : disk->options.capacity;
    request->space.available = endless ? ((uint64_t)1 << 50) - used_bytes(disk) : free_bytes(disk);
    return 0;
}

/* How much of a write at offset has room: whole pages from its beginning on. */
static size_t room_for(const struct sim_disk *disk, const struct sim_inode *inode, uint64_t offset,
                       size_t size)
{
    if (disk->options.capacity == 0)
        return size;
    uint64_t pages = free_bytes(disk) / SIM_PAGE;
    size_t fits = 0;
    while (fits < size) {
        size_t rest = SIM_PAGE - (size_t)((offset + fits) % SIM_PAGE);
        size_t piece = size - fits < rest ? size - fits : rest;
        uint64_t holes = sim_image_holes(&inode->cached, offset + fits, piece);
        if (holes > pages)
            break;
        pages -= holes;
        fits += piece;
    }
    return fits;
}

/* --- bytes ------------------------------------------------------------------------------------ */

static bool aligned(const struct disk_request *request)
{
    bool all = request->offset % DISK_ALIGN == 0;
    for (uint32_t i = 0; i < request->part_count; i++)
        all = all && request->parts[i].iov_len % DISK_ALIGN == 0 &&
              (uintptr_t)request->parts[i].iov_base % DISK_ALIGN == 0;
    return all;
}

static size_t draw_short(struct sim_disk *disk, size_t size)
{
    if (size < 2 || !sim_disk_draw(disk, disk->options.faults.short_move))
        return size;
    disk->counts.shortened++;
    return 1 + (size_t)prng_below(disk->prng, size - 1);
}

static int64_t do_read(struct sim_disk *disk, const struct disk_request *request)
{
    size_t left = draw_short(disk, disk_parts_size(request->parts, request->part_count));
    uint64_t offset = request->offset;
    const struct disk_file *file = request->file;
    bool direct = file->flags & DISK_OPEN_DIRECT;
    struct sim_image past = {0};
    if (direct)
        sim_inode_past_cache(file->inode, &past);
    const struct sim_image *from = direct ? &past : &file->inode->cached;
    for (uint32_t i = 0; i < request->part_count && left > 0; i++) {
        size_t size = request->parts[i].iov_len < left ? request->parts[i].iov_len : left;
        size_t got = sim_image_read(from, offset, request->parts[i].iov_base, size);
        offset += got;
        left -= size;
        if (got < size)
            break;
    }
    sim_image_done(&past);
    return (int64_t)(offset - request->offset);
}

/* All parts in one piece; freed by the caller. */
static char *gather(const struct disk_request *request, size_t *ret_size)
{
    *ret_size = disk_parts_size(request->parts, request->part_count);
    char *data = malloc(*ret_size + 1);
    CHECK(data != NULL);
    size_t at = 0;
    for (uint32_t i = 0; i < request->part_count; i++) {
        if (request->parts[i].iov_len > 0)
            memcpy(data + at, request->parts[i].iov_base, request->parts[i].iov_len);
        at += request->parts[i].iov_len;
    }
    return data;
}

/* Elsewhere in the same file, or at the same place in another open one. */
static void misdirect(struct sim_disk *disk, struct sim_inode **inode, uint64_t *offset)
{
    disk->counts.misdirected++;
    uint64_t pages = (*inode)->cached.size / SIM_PAGE;
    if (pages > 0 && prng_one_in(disk->prng, 2)) {
        *offset = *offset % SIM_PAGE + SIM_PAGE * prng_below(disk->prng, pages);
        return;
    }
    uint64_t count = 0;
    for (const struct link *at = disk->files.next; at != &disk->files; at = at->next)
        count++;
    uint64_t nth = prng_below(disk->prng, count);
    const struct link *at = disk->files.next;
    while (nth-- > 0)
        at = at->next;
    *inode = LIST_ENTRY(at, struct disk_file, link)->inode;
}

/* Stores in the cache what the write brings, as the faults of this moment have it. */
static int64_t write_data(struct sim_disk *disk, struct sim_inode *inode, uint64_t offset,
                          char *data, size_t size)
{
    size = draw_short(disk, size);
    size_t fits = room_for(disk, inode, offset, size);
    if (fits == 0 && size > 0)
        return -ENOSPC;
    if (sim_disk_draw(disk, disk->options.faults.flip)) {
        disk->counts.flipped++;
        uint64_t at = prng_below(disk->prng, fits); /* first: compilers choose otherwise */
        data[at] ^= (char)(1u << prng_below(disk->prng, 8));
    }
    if (sim_disk_draw(disk, disk->options.faults.misdirect))
        misdirect(disk, &inode, &offset);
    sim_inode_write(inode, offset, data, fits);
    return (int64_t)fits;
}

static int64_t do_write(struct sim_disk *disk, const struct disk_request *request)
{
    struct disk_file *file = request->file;
    size_t size;
    char *data = gather(request, &size);
    int64_t result = (int64_t)size;
    if (file->standard_error) {
        if (disk->options.standard_error != NULL)
            disk->options.standard_error(disk->options.context, (struct bytes){data, size});
    } else if (size > 0) {
        uint64_t end = file->inode->cached.size;
        uint64_t offset = request->op == DISK_APPEND ? end : request->offset;
        result = write_data(disk, file->inode, offset, data, size);
    }
    free(data);
    return result;
}

static int64_t do_allocate(struct sim_disk *disk, const struct disk_request *request)
{
    struct sim_inode *inode = request->file->inode;
    if (request->size == 0)
        return -EINVAL;
    uint64_t holes = sim_image_holes(&inode->cached, request->offset, request->size);
    if (disk->options.capacity != 0 && holes * SIM_PAGE > free_bytes(disk))
        return -ENOSPC;
    sim_inode_allocate(inode, request->offset, request->size);
    return 0;
}

static int64_t do_lock(const struct disk_request *request)
{
    struct sim_inode *inode = request->file->inode;
    if (inode->locked_by != NULL && inode->locked_by != request->file)
        return -EWOULDBLOCK;
    inode->locked_by = request->file;
    return 0;
}

static int64_t do_stat(struct disk_request *request)
{
    request->stat.size = request->file->inode->cached.size;
    request->stat.directory = false;
    return 0;
}

/* --- going wrong ------------------------------------------------------------------------------ */

/* Of a write some sectors came through. */
static void fail_write(struct sim_disk *disk, const struct disk_request *request)
{
    struct disk_file *file = request->file;
    size_t size;
    char *data = gather(request, &size);
    uint64_t offset = request->op == DISK_APPEND ? file->inode->cached.size : request->offset;
    for (size_t at = 0; at < size && prng_one_in(disk->prng, 2); at += SIM_SECTOR) {
        size_t piece = size - at < SIM_SECTOR ? size - at : SIM_SECTOR;
        if (room_for(disk, file->inode, offset + at, piece) < piece)
            break;
        sim_inode_write(file->inode, offset + at, data + at, piece);
    }
    free(data);
}

/* Of what the sync was for some is stored. The rest looks written, and no later sync brings it. */
static void fail_sync(struct sim_disk *disk, struct sim_inode *inode)
{
    for (struct link *at = inode->changes.next; at != &inode->changes; at = at->next) {
        struct sim_change *change = LIST_ENTRY(at, struct sim_change, link);
        change->lost = change->lost || prng_one_in(disk->prng, 2);
    }
    sim_inode_sync(inode);
}

/* 0, or the error that this request gets instead of what it asks for. */
static int draw_failure(struct sim_disk *disk, const struct disk_request *request)
{
    int error = disk->fail_next[request->op];
    disk->fail_next[request->op] = 0;
    if (error == 0 && sim_disk_draw(disk, disk->options.faults.fail[request->op]))
        error = -EIO;
    if (error == 0)
        return 0;
    disk->counts.failed++;
    bool to_file = !disk_op_on_path(request->op) && !request->file->standard_error;
    if (to_file && (request->op == DISK_WRITE || request->op == DISK_APPEND))
        fail_write(disk, request);
    if (to_file && request->op == DISK_SYNC)
        fail_sync(disk, request->file->inode);
    return error;
}

/* What a file that was opened so can not do. */
static int check_flags(const struct disk_request *request)
{
    const struct disk_file *file = request->file;
    bool moves =
        request->op == DISK_READ || request->op == DISK_WRITE || request->op == DISK_APPEND;
    bool changes = request->op == DISK_WRITE || request->op == DISK_APPEND ||
                   request->op == DISK_ALLOCATE || request->op == DISK_TRUNCATE;
    if (file->standard_error)
        return request->op == DISK_APPEND ? 0 : -EINVAL;
    if (changes && !(file->flags & (DISK_OPEN_WRITE | DISK_OPEN_APPEND)))
        return request->op == DISK_TRUNCATE ? -EINVAL : -EBADF;
    if (request->op == DISK_READ && file->flags & DISK_OPEN_APPEND)
        return -EBADF;
    if (moves && file->flags & DISK_OPEN_DIRECT && !aligned(request))
        return -EINVAL;
    return 0;
}

static int64_t perform(struct sim_disk *disk, struct disk_request *request)
{
    switch (request->op) {
    case DISK_OPEN: return do_open(disk, request);
    case DISK_MKDIR: return do_mkdir(disk, request);
    case DISK_RENAME: return do_rename(disk, request);
    case DISK_REMOVE: return do_remove(disk, request);
    case DISK_LIST: return do_list(disk, request);
    case DISK_SYNC_DIR: return do_sync_dir(disk, request);
    case DISK_SPACE: return do_space(disk, request);
    case DISK_READ: return do_read(disk, request);
    case DISK_STAT: return do_stat(request);
    case DISK_WRITE:
    case DISK_APPEND: return do_write(disk, request);
    case DISK_SYNC: sim_inode_sync(request->file->inode); return 0;
    case DISK_ALLOCATE: return do_allocate(disk, request);
    case DISK_TRUNCATE: sim_inode_resize(request->file->inode, request->size); return 0;
    case DISK_LOCK: return do_lock(request);
    case DISK_CLOSE: return 0;
    case DISK_OPS: break;
    }
    UNREACHABLE("an operation without a case");
}

void sim_disk_perform(struct sim_disk *disk, struct disk_request *request)
{
    disk->counts.performed++;
    int error = draw_failure(disk, request);
    if (error == 0 && !disk_op_on_path(request->op) && request->op != DISK_CLOSE)
        error = check_flags(request);
    request->result = error != 0 ? error : perform(disk, request);
    if (request->op == DISK_CLOSE)
        sim_disk_close(&request->file);
}
