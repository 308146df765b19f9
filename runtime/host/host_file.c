/* SPDX-License-Identifier: Apache-2.0 */
/* host_file.c -- the kernel's files, by threads of their own.
 *
 * Idea        One pool of threads for all workers of a host. A request is runnable at once, or
 *             waits behind others of its file (disk.h, orders). Threads take runnable requests,
 *             urgent files' first, perform them with plain blocking calls and post the end to the
 *             worker that asked. Threads are started when there is work and none is idle, up to
 *             FILE_THREADS_MAX.
 * Invariants  1 of one file at most one ordered request is runnable or running; others are in
 *               `waiting`
 *             2 a close is runnable when nothing else of its file is under way, and nothing follows
 *               it
 *             3 files_under_way of a worker counts its requests until their end has been posted
 * Bounds      DISK_REQUESTS_MAX requests under way; only closes are taken beyond, as a file must
 *             not stay open for want of room. Once an urgent file was opened, one thread is kept
 *             for such files.
 *
 * All of it is under one lock, which is never held over a call that can block.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "runtime/base/check.h"
#include "runtime/host/host_loop.h"

#define FILE_THREADS_MAX 4
#define FILE_STACK_SIZE ((size_t)256 << 10)

struct disk_file {
    int fd;
    bool urgent;
    bool busy;                  /* an ordered request is runnable or running */
    bool closing;               /* a close was submitted */
    uint32_t unordered;         /* reads and stats under way */
    struct link waiting;        /* ordered requests, oldest first */
    struct disk_request *close; /* it is its turn, but for the unordered ones */
    struct host_files *files;
};

struct host_files {
    pthread_mutex_t lock;
    pthread_cond_t work;  /* something is runnable, or it is time to end */
    pthread_cond_t ended; /* a request's end was posted */
    struct link urgent;   /* runnable requests of urgent files */
    struct link ordinary; /* other runnable requests */
    uint32_t runnable;
    uint32_t under_way;
    uint32_t open_count;
    unsigned ordinary_running;
    unsigned idle;
    unsigned thread_count;
    bool has_urgent; /* an urgent file was opened */
    bool stopping;
    struct disk_file standard_error;
    struct host_stderr stderr_; /* how it is written to */
    pthread_t threads[FILE_THREADS_MAX];
};

/* --- what requests do ------------------------------------------------------------------------- */

static int64_t result_of(int status)
{
    return status < 0 ? -errno : 0;
}

static int open_flags(uint32_t flags)
{
    int access = flags & DISK_OPEN_WRITE ? O_RDWR : O_RDONLY;
    if (flags & DISK_OPEN_APPEND)
        access = O_WRONLY | O_APPEND;
    return access | O_CLOEXEC | (flags & DISK_OPEN_CREATE ? O_CREAT : 0) |
           (flags & DISK_OPEN_EXCLUSIVE ? O_EXCL : 0) | (flags & DISK_OPEN_TRUNCATE ? O_TRUNC : 0) |
           (flags & DISK_OPEN_DIRECT ? O_DIRECT : 0);
}

static int64_t do_open(struct host_files *files, struct disk_request *request)
{
    int fd;
    do {
        fd = open(request->path, open_flags(request->flags), (mode_t)request->mode);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return -errno;
    struct disk_file *file = calloc(1, sizeof *file);
    CHECK(file != NULL);
    file->fd = fd;
    file->urgent = request->flags & DISK_OPEN_URGENT;
    file->files = files;
    list_init(&file->waiting);
    request->file = file;
    return 0;
}

static bool is_directory(DIR *directory, const struct dirent *entry)
{
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    struct stat stat;
    return fstatat(dirfd(directory), entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(stat.st_mode);
}

static int64_t read_names(DIR *directory, struct disk_names_builder *builder)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (entry == NULL)
            return -errno;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        int status = disk_names_add(builder, entry->d_name, is_directory(directory, entry));
        if (status != 0)
            return status;
    }
}

static int64_t do_list(struct disk_request *request)
{
    DIR *directory = opendir(request->path);
    if (directory == NULL)
        return -errno;
    struct disk_names_builder builder = {0};
    int64_t status = read_names(directory, &builder);
    (void)closedir(directory); /* it was read only */
    if (status == 0)
        request->names = disk_names_finish(&builder);
    else
        disk_names_cancel(&builder);
    return status;
}

static int64_t do_sync_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int64_t result = result_of(fsync(fd));
    (void)close(fd); /* it was read only */
    return result;
}

static int64_t do_space(struct disk_request *request)
{
    struct statvfs stat;
    if (statvfs(request->path, &stat) != 0)
        return -errno;
    request->space.total = (uint64_t)stat.f_blocks * stat.f_frsize;
    request->space.available = (uint64_t)stat.f_bavail * stat.f_frsize;
    return 0;
}

static int64_t do_stat(struct disk_request *request)
{
    struct stat stat;
    if (fstat(request->file->fd, &stat) != 0)
        return -errno;
    request->stat.size = (uint64_t)stat.st_size;
    request->stat.directory = S_ISDIR(stat.st_mode);
    return 0;
}

static ssize_t move_once(const struct disk_request *request)
{
    int fd = request->file->fd;
    int count = (int)request->part_count;
    if (request->op == DISK_READ)
        return preadv(fd, request->parts, count, (off_t)request->offset);
    if (request->op == DISK_WRITE)
        return pwritev(fd, request->parts, count, (off_t)request->offset);
    return writev(fd, request->parts, count);
}

/* Part by part: the caller goes on behind what was written. */
static int64_t do_append_stderr(struct host_files *files, const struct disk_request *request)
{
    CHECK(request->op == DISK_APPEND);
    int64_t size = 0;
    for (uint32_t i = 0; i < request->part_count; i++) {
        int64_t written = host_stderr_append(&files->stderr_, &request->parts[i]);
        if (written < 0)
            return size > 0 ? size : written;
        size += written;
        if ((size_t)written < request->parts[i].iov_len)
            break;
    }
    return size;
}

/* A terminal or pipe that its other users have made non-blocking is waited for here. */
static int64_t do_move(struct host_files *files, const struct disk_request *request)
{
    if (request->file == &files->standard_error)
        return do_append_stderr(files, request);
    for (;;) {
        ssize_t size = move_once(request);
        if (size >= 0)
            return size;
        if (errno == EAGAIN) {
            struct pollfd ready = {.fd = request->file->fd, .events = POLLOUT};
            (void)poll(&ready, 1, -1);
        } else if (errno != EINTR) {
            return -errno;
        }
    }
}

static int64_t do_sync(int fd)
{
    int status;
    do {
        status = fdatasync(fd);
    } while (status != 0 && errno == EINTR);
    return result_of(status);
}

static int64_t do_allocate(const struct disk_request *request)
{
    int error;
    do {
        error = posix_fallocate(request->file->fd, (off_t)request->offset, (off_t)request->size);
    } while (error == EINTR);
    return -error;
}

static int64_t do_close(struct disk_request *request)
{
    int64_t result = result_of(close(request->file->fd));
    free(request->file);
    request->file = NULL;
    return result;
}

static int64_t perform(struct host_files *files, struct disk_request *request)
{
    switch (request->op) {
    case DISK_OPEN: return do_open(files, request);
    case DISK_MKDIR: return result_of(mkdir(request->path, (mode_t)request->mode));
    case DISK_RENAME: return result_of(rename(request->path, request->to));
    case DISK_REMOVE: return result_of(remove(request->path));
    case DISK_LIST: return do_list(request);
    case DISK_SYNC_DIR: return do_sync_dir(request->path);
    case DISK_SPACE: return do_space(request);
    case DISK_READ:
    case DISK_WRITE:
    case DISK_APPEND: return do_move(files, request);
    case DISK_STAT: return do_stat(request);
    case DISK_SYNC: return do_sync(request->file->fd);
    case DISK_ALLOCATE: return do_allocate(request);
    case DISK_TRUNCATE: return result_of(ftruncate(request->file->fd, (off_t)request->size));
    case DISK_LOCK: return result_of(flock(request->file->fd, LOCK_EX | LOCK_NB));
    case DISK_CLOSE: return do_close(request);
    case DISK_OPS: break;
    }
    UNREACHABLE("an operation without a case");
}

/* --- which request is next; all under the lock ------------------------------------------------ */

static bool is_urgent(const struct disk_request *request)
{
    if (request->op == DISK_OPEN)
        return request->flags & DISK_OPEN_URGENT;
    return !disk_op_on_path(request->op) && request->file->urgent;
}

static void make_runnable(struct host_files *files, struct disk_request *request)
{
    list_push_back(is_urgent(request) ? &files->urgent : &files->ordinary, &request->disk.link);
    files->runnable++;
}

/* Ordered requests go one by one, and a close waits for the unordered ones too. */
static void next_of_file(struct host_files *files, struct disk_file *file)
{
    if (file->busy)
        return;
    if (file->close == NULL) {
        struct link *first = list_pop_front(&file->waiting);
        if (first == NULL)
            return;
        struct disk_request *request = LIST_ENTRY(first, struct disk_request, disk.link);
        if (request->op != DISK_CLOSE) {
            file->busy = true;
            make_runnable(files, request);
            return;
        }
        file->close = request;
    }
    if (file->unordered > 0)
        return;
    DCHECK(list_empty(&file->waiting));
    file->busy = true;
    make_runnable(files, file->close);
}

static void enqueue(struct host_files *files, struct disk_request *request)
{
    if (disk_op_on_path(request->op)) {
        files->has_urgent |= is_urgent(request);
        make_runnable(files, request);
        return;
    }
    struct disk_file *file = request->file;
    CHECK(file->files == files && !file->closing);
    if (!disk_op_ordered(request->op)) {
        file->unordered++;
        make_runnable(files, request);
        return;
    }
    if (request->op == DISK_CLOSE) {
        CHECK(file != &files->standard_error);
        file->closing = true;
    }
    list_push_back(&file->waiting, &request->disk.link);
    next_of_file(files, file);
}

static struct disk_request *take(struct host_files *files)
{
    struct link *first = list_pop_front(&files->urgent);
    if (first == NULL && files->ordinary_running < FILE_THREADS_MAX - (files->has_urgent ? 1 : 0))
        first = list_pop_front(&files->ordinary);
    if (first == NULL)
        return NULL;
    CHECK(files->runnable > 0);
    files->runnable--;
    return LIST_ENTRY(first, struct disk_request, disk.link);
}

/* --- threads ---------------------------------------------------------------------------------- */

/* Performs one request without the lock, tells its end, and makes runnable what waited for it: at
 * most one request more, for which there is this thread. */
static void run_one(struct host_files *files, struct disk_request *request)
{
    enum disk_op op = request->op;
    bool urgent = is_urgent(request);
    bool of_file = !disk_op_on_path(op) && op != DISK_CLOSE;
    struct disk_file *file = of_file ? request->file : NULL;
    struct file_request *carrier = request->disk.carrier;
    struct world_worker *io = carrier->worker->io;
    files->ordinary_running += urgent ? 0 : 1;
    pthread_mutex_unlock(&files->lock);
    request->result = perform(files, request);
    bool opened = op == DISK_OPEN && request->result == 0;
    file_request_ended(carrier); /* the request is the worker's again */
    pthread_mutex_lock(&files->lock);
    files->ordinary_running -= urgent ? 0 : 1;
    files->open_count += opened ? 1 : 0;
    files->open_count -= op == DISK_CLOSE ? 1 : 0;
    if (file != NULL) {
        if (disk_op_ordered(op))
            file->busy = false;
        else
            file->unordered--;
        next_of_file(files, file);
    }
    CHECK(files->under_way > 0 && io->files_under_way > 0);
    files->under_way--;
    if (--io->files_under_way == 0)
        pthread_cond_broadcast(&files->ended);
}

static void *run_thread(void *context)
{
    struct host_files *files = context;
    pthread_mutex_lock(&files->lock);
    for (;;) {
        struct disk_request *request = take(files);
        if (request != NULL) {
            run_one(files, request);
            continue;
        }
        if (files->stopping)
            break;
        files->idle++;
        pthread_cond_wait(&files->work, &files->lock);
        files->idle--;
    }
    pthread_mutex_unlock(&files->lock);
    return NULL;
}

/* Signals are for the workers' loops: a thread starts with all of them blocked. */
static bool start_thread(struct host_files *files)
{
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstacksize(&attributes, FILE_STACK_SIZE) == 0);
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    int status =
        pthread_create(&files->threads[files->thread_count], &attributes, run_thread, files);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    CHECK(pthread_attr_destroy(&attributes) == 0);
    files->thread_count += status == 0 ? 1 : 0;
    return files->thread_count > 0;
}

/* --- the door --------------------------------------------------------------------------------- */

void host_file_submit(struct worker *w, struct file_request *carrier)
{
    struct host_files *files = ((struct host *)w->system->world)->files;
    struct disk_request *request = carrier->disk;
    pthread_mutex_lock(&files->lock);
    bool room = files->under_way < DISK_REQUESTS_MAX || request->op == DISK_CLOSE;
    if (room && files->idle <= files->runnable && files->thread_count < FILE_THREADS_MAX)
        room = start_thread(files);
    if (room) {
        files->under_way++;
        w->io->files_under_way++;
        enqueue(files, request);
        pthread_cond_signal(&files->work);
    }
    pthread_mutex_unlock(&files->lock);
    if (!room) {
        request->result = -EAGAIN;
        file_request_ended(carrier);
    }
}

struct disk_file *host_file_stderr(struct world *world)
{
    return &((struct host *)world)->files->standard_error;
}

/* On a worker, as there may be no thread any more. Nothing was done with it but opening it. */
void host_file_abandon(struct disk_file *file)
{
    struct host_files *files = file->files;
    CHECK(!file->busy && file->unordered == 0);
    (void)close(file->fd);
    free(file);
    pthread_mutex_lock(&files->lock);
    files->open_count--;
    pthread_mutex_unlock(&files->lock);
}

void host_file_give_up(struct world *world)
{
    host_stderr_give_up(&((struct host *)world)->files->stderr_);
}

void host_files_wait(struct world_worker *io)
{
    struct host_files *files = ((struct host *)io->worker->system->world)->files;
    pthread_mutex_lock(&files->lock);
    while (io->files_under_way > 0)
        pthread_cond_wait(&files->ended, &files->lock);
    pthread_mutex_unlock(&files->lock);
}

struct host_files *host_files_new(void)
{
    struct host_files *files = calloc(1, sizeof *files);
    CHECK(files != NULL);
    CHECK(pthread_mutex_init(&files->lock, NULL) == 0);
    CHECK(pthread_cond_init(&files->work, NULL) == 0);
    CHECK(pthread_cond_init(&files->ended, NULL) == 0);
    list_init(&files->urgent);
    list_init(&files->ordinary);
    files->standard_error.fd = STDERR_FILENO;
    files->standard_error.files = files;
    list_init(&files->standard_error.waiting);
    host_stderr_init(&files->stderr_);
    return files;
}

void host_files_free(struct host_files **at)
{
    struct host_files *files = *at;
    *at = NULL;
    pthread_mutex_lock(&files->lock);
    files->stopping = true;
    pthread_cond_broadcast(&files->work);
    pthread_mutex_unlock(&files->lock);
    for (unsigned i = 0; i < files->thread_count; i++)
        CHECK(pthread_join(files->threads[i], NULL) == 0);
    CHECK(files->under_way == 0);
    DCHECK(files->open_count == 0); /* who opens, closes */
    CHECK(pthread_mutex_destroy(&files->lock) == 0);
    CHECK(pthread_cond_destroy(&files->work) == 0);
    CHECK(pthread_cond_destroy(&files->ended) == 0);
    host_stderr_done(&files->stderr_);
    free(files);
}
