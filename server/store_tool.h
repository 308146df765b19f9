/* SPDX-License-Identifier: Apache-2.0 */
/* store_tool.h -- `myelin store check|dump|repair DIR`: a store that nobody runs, looked at by its bytes.
 *
 *     check    verifies every byte that has a checksum, and that what refers to one another agrees
 *     dump     what the store holds
 *     repair   what can be made whole without losing anything; nothing is ever deleted
 *
 * Exit code   0 clean (or repaired), 1 damaged, 2 it could not be checked.
 * Output      a line a finding: the file, the bytes, whose they are, what is lost, what to do; then a summary.
 *             Progress goes to stderr, when that takes long.
 */
#ifndef SERVER_STORE_TOOL_H
#define SERVER_STORE_TOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "server/store_view.h"

enum tool_exit { TOOL_CLEAN = 0, TOOL_DAMAGED = 1, TOOL_CANNOT = 2 };

enum finding {
    FINDING_MENDABLE, /* nothing is lost: `repair` makes it whole */
    FINDING_LOST,     /* something is, or can not be told */
    FINDING_STRAY,    /* nobody names it; no damage */
    FINDING_NOTE,
};
#define FINDINGS 4

struct store_tool {
    struct store_view view;
    bool json;
    const char *messages; /* of which group dump prints the messages; NULL: none */
    uint64_t findings[FINDINGS];
    uint64_t repaired;
    uint64_t bytes_all; /* that check will read, about */
    uint64_t told_ms;   /* when progress was told last */
    uint64_t begun_ms;
};

/* argv from "check" on. */
int store_tool_main(int argc, char **argv);

/* A finding: file is relative to the store; to == 0: of the whole file. The format says what and what to do. */
void tool_found(struct store_tool *t, enum finding kind, const char *file, uint64_t from,
                uint64_t to, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* The parts of check; repair needs what some of them find, too. */
int tool_check(struct store_tool *t);
int tool_dump(struct store_tool *t);
int tool_repair(struct store_tool *t);

/* Files in a group's folder that no checkpoint names. */
typedef void tool_stray_fn(struct store_tool *t, const char *file);
void tool_visit_strays(struct store_tool *t, tool_stray_fn *visit);

/* Why something is not whole, in words. */
const char *tool_why(int status);

#endif
