/* SPDX-License-Identifier: Apache-2.0 */
/* process.h -- what the process uses of its machine, as monitoring tells it. */
#ifndef RUNTIME_PROCESS_H
#define RUNTIME_PROCESS_H

#include <stdint.h>

struct process_figures {
    int64_t resident_bytes;
    int64_t cpu_ns; /* user and system time since the process began */
    int cores;
};

/* From a turn. A world that has no process gives zeros and one core. */
void process_figures(struct process_figures *ret_figures);

#endif
