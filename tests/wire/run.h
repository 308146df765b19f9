/* SPDX-License-Identifier: Apache-2.0 */
/* run.h -- runs a script against a backend. */
#ifndef TESTS_WIRE_RUN_H
#define TESTS_WIRE_RUN_H

#include "tests/wire/backend.h"
#include "tests/wire/script.h"

enum run_result { RUN_PASSED, RUN_FAILED, RUN_SKIPPED };

/* Where a script gets a fresh world for each of its runs. */
struct run_world {
    const char *kind; /* "oracle", "myelin" or "sim": what `only` speaks of */
    struct wire_backend *(*backend_new)(const struct run_world *world);
    const char *binary;  /* for backends of processes */
    const char *version; /* the same */
    uint64_t seed;       /* for the simulator */
    bool keep;
    const char *config; /* a line in front of every configuration, or NULL */
};

/* Runs the script once, or once for each place a `split` can cut. What went wrong, or why it was
 * skipped, is appended to report. */
enum run_result run_script(const struct script *script, const struct run_world *world,
                           struct blob *report);

#endif
