/* SPDX-License-Identifier: Apache-2.0 */
/* host_stderr.c -- standard error, whose reader may take nothing for ever.
 *
 * Idea        A pipe or terminal is written to in pieces that the kernel takes at once when it says
 *             that there is room, so that a thread waits in poll and never in write; and in poll it
 *             hears of the decision to give up, too. O_NONBLOCK would do without pieces, but it belongs to the
 *             open file, which others share.
 * Bounds      a piece: PIPE_BUF bytes, for which a pipe that can be written to has room. Another
 *             process that fills it in between makes the write wait, and nothing wakes that.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/base/check.h"
#include "runtime/host/host_loop.h"

void host_stderr_init(struct host_stderr *s)
{
    s->given_up_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(s->given_up_fd >= 0);
}

void host_stderr_done(struct host_stderr *s)
{
    (void)close(s->given_up_fd); /* nothing was written to it that could be lost */
}

void host_stderr_give_up(struct host_stderr *s)
{
    CHECK(eventfd_write(s->given_up_fd, 1) == 0);
}

static bool can_make_wait(void)
{
    struct stat stat;
    return fstat(STDERR_FILENO, &stat) == 0 && !S_ISREG(stat.st_mode);
}

/* False: it was given up. */
static bool wait_for_room(const struct host_stderr *s)
{
    for (;;) {
        struct pollfd polled[] = {{.fd = STDERR_FILENO, .events = POLLOUT},
                                  {.fd = s->given_up_fd, .events = POLLIN}};
        if (poll(polled, 2, -1) <= 0)
            continue; /* EINTR */
        if (polled[0].revents != 0)
            return true;
        if (polled[1].revents != 0)
            return false;
    }
}

static int64_t write_piece(const char *at, size_t size)
{
    ssize_t written = write(STDERR_FILENO, at, size);
    if (written >= 0)
        return written;
    return errno == EINTR || errno == EAGAIN ? 0 : -errno;
}

int64_t host_stderr_append(struct host_stderr *s, const struct iovec *part)
{
    size_t piece_max = can_make_wait() ? PIPE_BUF : part->iov_len;
    size_t done = 0;
    while (done < part->iov_len) {
        if (!wait_for_room(s))
            return done > 0 ? (int64_t)done : -ECANCELED;
        size_t left = part->iov_len - done;
        int64_t written =
            write_piece((const char *)part->iov_base + done, left < piece_max ? left : piece_max);
        if (written < 0)
            return done > 0 ? (int64_t)done : written;
        done += (size_t)written;
    }
    return (int64_t)done;
}
