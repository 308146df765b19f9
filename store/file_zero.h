/* SPDX-License-Identifier: Apache-2.0 */
/* file_zero.h -- all bytes of a file become zeros, durably: what is erased goes before its name does. */
#ifndef STORE_FILE_ZERO_H
#define STORE_FILE_ZERO_H

#include "runtime/base/disk.h"

struct file_zero;

/* path is borrowed until done: 0, -ENOENT, or the disk's word. It frees itself before. */
struct file_zero *file_zero_start(const struct disk *disk, const char *path,
                                  void (*done)(void *context, int status), void *context);
/* The disk has dropped what was under way. */
void file_zero_free(struct file_zero **zero);

#endif
