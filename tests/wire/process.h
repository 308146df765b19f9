/* SPDX-License-Identifier: Apache-2.0 */
/* process.h -- the backend of real processes: any binary with nats-server's process interface. */
#ifndef TESTS_WIRE_PROCESS_H
#define TESTS_WIRE_PROCESS_H

#include <stdbool.h>

#include "tests/wire/backend.h"

/* Runs `binary --version` and keeps the number it tells, like "2.14.5". Blocks, but not for ever. */
__attribute__((warn_unused_result)) int process_ask_version(const char *binary,
                                                            struct blob *ret_version);

/* binary, version: borrowed, for the backend's life. keep: leave the folders of the servers behind. */
struct wire_backend *process_new(const char *binary, const char *version, bool keep);

#endif
