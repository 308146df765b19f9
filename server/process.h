/* SPDX-License-Identifier: Apache-2.0 */
/* process.h -- what a server process leaves in the file system and does to other processes. */
#ifndef SERVER_PROCESS_H
#define SERVER_PROCESS_H

#include <stddef.h>

#include "server/options.h"

struct server;

/* The callbacks of struct conf_source over the process's own files and environment. */
int process_read_file(void *context, const char *path, size_t size_max, char **ret_at,
                      size_t *ret_size);
const char *process_get_env(void *context, const char *name);

/* Sends it; the exit code, after a word on stderr when something is wrong. */
int process_signal(const struct options_signal *signal);

#define PROCESS_PATH_MAX 4096

struct process_files {
    char ports[PROCESS_PATH_MAX]; /* "": not written */
};

/* The pid file and the ports file, when the options ask for them. Failures are told on stderr. The pid
 * file stays behind when the server ends, as the reference's does. */
void process_files_write(struct process_files *files, const struct options *options,
                         const struct server *server, const char *argv0);
void process_files_remove(const struct process_files *files);

#endif
