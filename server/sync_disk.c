/* SPDX-License-Identifier: Apache-2.0 */
#include "server/sync_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "runtime/base/check.h"

struct disk_file {
    int fd;
};

/* --- requests on a path --------------------------------------------------------------------------- */

static int64_t result_of(int status)
{
    return status < 0 ? -errno : 0;
}

static int64_t do_open(struct disk_request *r)
{
    int flags = O_CLOEXEC | (r->flags & DISK_OPEN_WRITE ? O_RDWR : O_RDONLY);
    if (r->flags & DISK_OPEN_APPEND)
        flags = O_CLOEXEC | O_WRONLY | O_APPEND;
    flags |= (r->flags & DISK_OPEN_CREATE ? O_CREAT : 0) |
             (r->flags & DISK_OPEN_EXCLUSIVE ? O_EXCL : 0) |
             (r->flags & DISK_OPEN_TRUNCATE ? O_TRUNC : 0) |
             (r->flags & DISK_OPEN_DIRECT ? O_DIRECT : 0);
    int fd = open(r->path, flags, (mode_t)r->mode);
    if (fd < 0)
        return -errno;
    r->file = malloc(sizeof *r->file);
    CHECK(r->file != NULL);
    r->file->fd = fd;
    return 0;
}

static int64_t do_list(struct disk_request *r)
{
    DIR *directory = opendir(r->path);
    if (directory == NULL)
        return -errno;
    struct disk_names_builder builder = {0};
    int64_t status = 0;
    const struct dirent *e;
    while (errno = 0, status == 0 && (e = readdir(directory)) != NULL) {
        struct stat stat;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        bool is_folder = fstatat(dirfd(directory), e->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
                         S_ISDIR(stat.st_mode);
        status = disk_names_add(&builder, e->d_name, is_folder);
    }
    if (status == 0)
        status = -errno;
    (void)closedir(directory); /* it was read only */
    if (status == 0)
        r->names = disk_names_finish(&builder);
    else
        disk_names_cancel(&builder);
    return status;
}

static int64_t do_sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int64_t result = result_of(fsync(fd));
    (void)close(fd); /* it was read only */
    return result;
}

static int64_t do_space(struct disk_request *r)
{
    struct statvfs stat;
    if (statvfs(r->path, &stat) != 0)
        return -errno;
    r->space.total = (uint64_t)stat.f_blocks * stat.f_frsize;
    r->space.available = (uint64_t)stat.f_bavail * stat.f_frsize;
    return 0;
}

/* --- on a file -------------------------------------------------------------------------------------- */

static int64_t do_stat(struct disk_request *r)
{
    struct stat stat;
    if (fstat(r->file->fd, &stat) != 0)
        return -errno;
    r->stat.size = (uint64_t)stat.st_size;
    r->stat.directory = S_ISDIR(stat.st_mode);
    return 0;
}

static int64_t do_move(const struct disk_request *r)
{
    int fd = r->file->fd;
    int count = (int)r->part_count;
    ssize_t moved;
    do {
        moved = r->op == DISK_READ    ? preadv(fd, r->parts, count, (off_t)r->offset)
                : r->op == DISK_WRITE ? pwritev(fd, r->parts, count, (off_t)r->offset)
                                      : writev(fd, r->parts, count);
    } while (moved < 0 && errno == EINTR);
    return moved < 0 ? -errno : moved;
}

static int64_t do_close(struct disk_request *r)
{
    int64_t result = result_of(close(r->file->fd));
    free(r->file);
    r->file = NULL;
    return result;
}

static int64_t perform(struct disk_request *r)
{
    switch (r->op) {
    case DISK_OPEN: return do_open(r);
    case DISK_MKDIR: return result_of(mkdir(r->path, (mode_t)r->mode));
    case DISK_RENAME: return result_of(rename(r->path, r->to));
    case DISK_REMOVE: return result_of(remove(r->path));
    case DISK_LIST: return do_list(r);
    case DISK_SYNC_DIR: return do_sync_folder(r->path);
    case DISK_SPACE: return do_space(r);
    case DISK_READ:
    case DISK_WRITE:
    case DISK_APPEND: return do_move(r);
    case DISK_STAT: return do_stat(r);
    case DISK_SYNC: return result_of(fdatasync(r->file->fd));
    case DISK_ALLOCATE: return -posix_fallocate(r->file->fd, (off_t)r->offset, (off_t)r->size);
    case DISK_TRUNCATE: return result_of(ftruncate(r->file->fd, (off_t)r->size));
    case DISK_LOCK: return result_of(flock(r->file->fd, LOCK_EX | LOCK_NB));
    case DISK_CLOSE: return do_close(r);
    case DISK_OPS: break;
    }
    UNREACHABLE("an operation without a case");
}

/* --- the door ----------------------------------------------------------------------------------------- */

static void submit(void *context, struct disk_request *request)
{
    struct sync_disk *d = context;
    list_push_back(&d->queue, &request->disk.link);
}

void sync_disk_init(struct sync_disk *d)
{
    *d = (struct sync_disk){.door = {.submit = submit, .context = d}};
    list_init(&d->queue);
}

void sync_disk_run(struct sync_disk *d)
{
    struct link *l;
    while ((l = list_pop_front(&d->queue)) != NULL) {
        struct disk_request *r = LIST_ENTRY(l, struct disk_request, disk.link);
        r->result = perform(r);
        if (r->op == DISK_READ && r->result > 0) {
            d->bytes_read += (uint64_t)r->result;
            if (d->progress != NULL)
                d->progress(d->context, d->bytes_read);
        }
        r->done(r);
    }
}
