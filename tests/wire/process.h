/* SPDX-License-Identifier: Apache-2.0 */
/* process.h -- the backend of real processes: any binary with nats-server's process interface. */
#ifndef TESTS_WIRE_PROCESS_H
#define TESTS_WIRE_PROCESS_H

#include <stdbool.h>

#include "tests/wire/backend.h"

/* binary: path of the server; keep: leave the folders of the servers behind. NULL with errno set when
 * the binary does not tell its version. */
struct wire_backend *process_new(const char *binary, bool keep);

#endif
