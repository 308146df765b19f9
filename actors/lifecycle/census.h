/* SPDX-License-Identifier: Apache-2.0 */
/* census.h -- which actors are alive, by class: what an end that takes long still waits for. */
#ifndef ACTORS_LIFECYCLE_CENSUS_H
#define ACTORS_LIFECYCLE_CENSUS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/msg.h"

struct system;

#define CENSUS_CLASSES_MAX 16
#define CENSUS_TEXT_SIZE 512

struct census {
    struct actor_ref apart[2]; /* not counted */
    uint32_t cursor;
    uint32_t class_count;
    struct {
        const char *name; /* borrowed, static */
        uint32_t count;
    } classes[CENSUS_CLASSES_MAX]; /* those past it are not told of */
};

void census_begin(struct census *census, struct actor_ref first, struct actor_ref second);

/* Looks at a slice of the system's actors; false when it was the last. */
bool census_go_on(struct census *census, struct system *system);

/* "2 client, 1 account"; "nobody". Cut off at CENSUS_TEXT_SIZE. */
void census_text(const struct census *census, char ret_text[CENSUS_TEXT_SIZE]);

#endif
